"""What is found wrong with requests before anything is sent."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.errors import Fault
from openai_batch.requests.usual import Checked
from openai_batch.requests.validate import Rules, Validator

OPENAI = Rules(endpoints=("/v1/chat/completions", "/v1/embeddings"))


def request(**changes: Any) -> dict[str, Any]:
    """A chat request without faults, with `changes` (None takes a key away)."""
    whole = {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "x"}]},
    }
    return {key: value for key, value in (whole | changes).items() if value is not None}


def check(*lines: Any, rules: Rules = OPENAI) -> tuple[list[Checked | None], list[Fault]]:
    """What a validator says of `lines`, which are numbered from 10."""
    faults: list[Fault] = []
    validator = Validator(rules, faults.append)
    checked = [
        validator.check(number, line if isinstance(line, bytes) else json.dumps(line).encode())
        for number, line in enumerate(lines, 10)
    ]
    validator.finish()
    return checked, faults


def test_good_requests_pass() -> None:
    """A request without faults is summed up, and nothing is reported."""
    checked, faults = check(request(), request(custom_id="b"), request(custom_id="请求 3"))
    assert checked == [
        Checked(["a"], "/v1/chat/completions", ["gpt-4o-mini"], 1),
        Checked(["b"], "/v1/chat/completions", ["gpt-4o-mini"], 1),
        Checked(["请求 3"], "/v1/chat/completions", ["gpt-4o-mini"], 1),
    ]
    assert faults == []


@pytest.mark.parametrize(
    ("value", "inputs"),
    [("x", 1), ("", 1), (["x", "y", "z"], 3), ([1, 2, 3, 4], 1), ([[1, 2], [3]], 2)],
)
def test_embedding_inputs_are_counted(value: Any, inputs: int) -> None:
    """Texts are counted, whether they come as text or as token numbers."""
    line = request(url="/v1/embeddings", body={"model": "m", "input": value})
    checked, faults = check(line, line)
    assert faults == []
    assert [one.inputs for one in checked if one] == [inputs, inputs]


def test_several_inputs_count_only_for_embeddings() -> None:
    """A list of inputs to another endpoint is one request's matter."""
    line = request(url="/v1/moderations", body={"input": ["x", "y"]})
    assert check(line, line, rules=Rules())[0] == [Checked(["a"], "/v1/moderations", [], 1)] * 2


@pytest.mark.parametrize(
    "damage",
    [
        (b'"a"', b'"a\xff"'),
        (b'"content": "x"', b'"content": "\xff"'),
        (b'"content": "x"', b'"content": "\\q"'),
        (b'"content": "x"', b'"content": 01'),
        (b"}}", b'}, "more": "\xff"}'),
        (b"}}", b"}}}"),
    ],
)
def test_damage_is_found_in_every_part_of_a_request(damage: tuple[bytes, bytes]) -> None:
    """A line like all others is read to its end, also where nothing of interest stands."""
    good = json.dumps(request()).encode()
    checked, faults = check(good, good.replace(*damage))
    assert [one is None for one in checked] == [False, True]
    assert [(fault.code, fault.line) for fault in faults] == [("invalid_json_line", 11)]


BODY_OF_NO_MODEL = {"messages": [{"role": "user", "content": "x"}]}


@pytest.mark.parametrize(
    ("line", "code", "param", "message"),
    [
        (
            b'{"custom_id": "a"',
            "invalid_json_line",
            None,
            "not valid JSON: unexpected end of data at column 18 "
            "(is it cut off, or spread over several lines?)",
        ),
        (
            b'{"custom_id": "a"}{"custom_id": "b"}',
            "invalid_json_line",
            None,
            "several JSON objects on one line; each request needs a line of its own",
        ),
        (
            b'{"custom_id": "a\xff"}',
            "invalid_json_line",
            None,
            "not valid UTF-8 at byte 17; save the input as UTF-8",
        ),
        (
            b"[1]",
            "invalid_json_line",
            None,
            "a JSON array, not a request; `openai-batch create` makes requests out of prompts",
        ),
        (
            json.dumps([request(), request()]).encode(),
            "invalid_json_line",
            None,
            "a JSON array of requests; each needs a line of its own: `jq -c '.[]'` does that",
        ),
        (
            b'"a text"',
            "invalid_json_line",
            None,
            "plain text, not a request; `openai-batch create` makes requests out of prompts",
        ),
        (
            {"custom_id": "a", "prompt": "x"},
            "invalid_json_line",
            None,
            "a prompt, not a request; `openai-batch create` makes requests out of prompts",
        ),
        (
            {"id": "batch_req_1", "custom_id": "a", "response": None, "error": {}},
            "invalid_json_line",
            None,
            "a result, not a request; `openai-batch retry RUN_ID` sends what failed again",
        ),
        (
            {"object": "run", "run_id": "run_1"},
            "invalid_json_line",
            None,
            "the record of a run; `openai-batch status` and `download` read it",
        ),
        (
            b"{'custom_id': 'a'}",
            "invalid_json_line",
            None,
            "a dict as Python prints it, not JSON; write it with json.dumps",
        ),
        (
            b'{"custom_id": "a", "body": {"top_p": NaN}}',
            "invalid_json_line",
            None,
            "not valid JSON: NaN is no number in JSON: write null, or leave it out",
        ),
        (
            request(custom_id=None),
            "missing_required_parameter",
            "custom_id",
            'the request has no `custom_id`; give it one, such as "line-1"',
        ),
        (
            request(custom_id=7),
            "invalid_request",
            "custom_id",
            "custom_id must be a string that is not empty, not 7",
        ),
        (
            request(custom_id=""),
            "invalid_request",
            "custom_id",
            "custom_id must be a string that is not empty, not ''",
        ),
        (
            request(method=None),
            "missing_required_parameter",
            "method",
            'the request has no `method`; give it one, such as "POST"',
        ),
        (request(method="GET"), "invalid_method", "method", "method must be \"POST\", not 'GET'"),
        (
            request(url=None),
            "missing_required_parameter",
            "url",
            'the request has no `url`; give it one, such as "/v1/chat/completions"',
        ),
        (
            request(url="/v1/audio/speech"),
            "invalid_url",
            "url",
            "url is '/v1/audio/speech'; this provider takes /v1/chat/completions, /v1/embeddings",
        ),
        (
            request(url="https://api.openai.com/v1/chat/completions"),
            "invalid_url",
            "url",
            "url is 'https://api.openai.com/v1/chat/completions'; "
            "this provider takes /v1/chat/completions, /v1/embeddings",
        ),
        (
            request(url=["/v1/embeddings"]),
            "invalid_url",
            "url",
            "url is ['/v1/embeddings']; this provider takes /v1/chat/completions, /v1/embeddings",
        ),
        (
            request(body=None),
            "missing_required_parameter",
            "body",
            'the request has no `body`; give it one, such as {"model": …, "messages": […]}',
        ),
        (request(body=[]), "invalid_request", "body", "body must be an object, not []"),
        (
            request(body=BODY_OF_NO_MODEL),
            "invalid_request",
            "body.model",
            "the body has no `model`, which /chat/completions needs",
        ),
        (
            request(body={"model": "", **BODY_OF_NO_MODEL}),
            "invalid_request",
            "body.model",
            "`model` is ''; /chat/completions wants the name of a model",
        ),
        (
            request(body={"model": "m"}),
            "invalid_request",
            "body.messages",
            "the body has no `messages`, which /chat/completions needs",
        ),
        (
            request(body={"model": "m", "messages": []}),
            "invalid_request",
            "body.messages",
            "`messages` is []; /chat/completions wants a list with a message at least",
        ),
        (
            request(body={"model": "m", "messages": "x"}),
            "invalid_request",
            "body.messages",
            "`messages` is 'x'; /chat/completions wants a list with a message at least",
        ),
        (
            request(url="/v1/embeddings", body={"model": "m"}),
            "invalid_request",
            "body.input",
            "the body has no `input`, which /embeddings needs",
        ),
        (
            request(url="/v1/embeddings", body={"model": "m", "input": []}),
            "invalid_request",
            "body.input",
            "`input` is []; /embeddings wants a text, or a list with a text at least",
        ),
        (
            request(body={"model": "m", "stream": True, **BODY_OF_NO_MODEL}),
            "streaming_unsupported",
            "body.stream",
            "a batch cannot stream; leave `stream` out of the body",
        ),
    ],
)
def test_faults_are_named(line: Any, code: str, param: str | None, message: str) -> None:
    """Each fault has the provider's code, the parameter, the line, and what to do about it."""
    assert check(line) == ([None], [Fault(code, message, 10, param)])


def test_several_faults_of_one_line_are_all_reported() -> None:
    """A line that is wrong in three ways is mended once."""
    faults = check({"method": "PUT", "url": "/v1/embeddings", "body": {"stream": True}})[1]
    assert [(fault.code, fault.param) for fault in faults] == [
        ("missing_required_parameter", "custom_id"),
        ("invalid_method", "method"),
        ("invalid_request", "body.model"),
        ("invalid_request", "body.input"),
        ("streaming_unsupported", "body.stream"),
    ]


def test_one_url_for_all() -> None:
    """A second URL is a fault that names the first one's line."""
    other = request(url="/v1/embeddings", body={"model": "gpt-4o-mini", "input": "x"})
    checked, faults = check(request(), other, request())
    assert [one is None for one in checked] == [False, True, False]
    assert faults == [
        Fault(
            "invalid_url",
            "url is /v1/embeddings, but line 10 has /v1/chat/completions; "
            "a run has one url: send the others as a run of their own",
            11,
            "url",
        )
    ]
    assert check(request(), other, rules=Rules(mixed_urls=True))[1] == []


def test_one_model_for_all() -> None:
    """A second model is a fault where the provider does not take two."""
    other = request(body={"model": "gpt-4o", "messages": [{"role": "user", "content": "x"}]})
    assert check(request(), other)[1] == [
        Fault(
            "mismatched_model",
            "model is 'gpt-4o', but line 10 has 'gpt-4o-mini'; "
            "this provider takes one model a batch: send the others as a run of their own",
            11,
            "body.model",
        )
    ]
    checked, faults = check(request(), other, other, rules=Rules(mixed_models=True))
    assert [one.models for one in checked if one] == [["gpt-4o-mini"], ["gpt-4o"], ["gpt-4o"]]
    assert faults == []


def test_large_requests_are_refused_by_their_size() -> None:
    """The limit is in bytes of the line, and a line of just that size passes."""
    line = json.dumps(request()).encode()
    assert check(line, rules=Rules(max_request_bytes=len(line)))[1] == []
    assert check(line, rules=Rules(max_request_bytes=140))[1] == [
        Fault(
            "request_too_large",
            "the request has 149 bytes, and at most 140 can be sent; shorten it or split it",
            10,
        )
    ]


def test_a_request_with_more_texts_than_a_batch_may_have_is_refused() -> None:
    """No shard is small enough for it, whether it is the first of its kind or one of many."""
    rules = Rules(max_inputs=3)
    fits = request(url="/v1/embeddings", body={"model": "m", "input": ["x"] * 3})
    large = request(url="/v1/embeddings", body={"model": "m", "input": ["x"] * 4})
    message = (
        "`input` has 4 texts, and the provider takes 3 in a whole batch; make several requests "
        "of it"
    )
    for number, lines in ((10, (large, fits)), (11, (fits, large))):
        faults = [Fault("too_many_inputs", message, number, "body.input")]
        assert check(*lines, rules=rules)[1] == faults


def test_empty_input_is_a_fault() -> None:
    """An input without requests is reported at its end."""
    message = "the input holds no requests; is it the right one, and did what writes it succeed?"
    assert check() == ([], [Fault("empty_file", message)])


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/responses", {"prompt": {"id": "pmpt_1"}}),
        ("/v1/responses", {"model": "m", "previous_response_id": "resp_1"}),
        ("/v1/images/generations", {"prompt": "x"}),
        ("/v1/score", {"model": "m", "text_1": "x", "text_2": ["y"]}),
        ("/v1/score", {"model": "m", "query": "x", "documents": ["y"]}),
        ("/v1/rerank", {"model": "m", "query": "x", "documents": ["y"]}),
        ("/v4/chat/completions", {"model": "m", "messages": [{}]}),
        ("/somewhere/else", {}),
        ("/v1/chat/completions", {"model": "m", "messages": [{}], "stream": False}),
    ],
)
def test_other_shapes_pass(url: str, body: dict[str, Any]) -> None:
    """Where a provider's endpoints are not known any may be tried, by the rules of the known."""
    line = request(url=url, body=body)
    assert check(line, line, rules=Rules())[1] == []


def test_lone_surrogates_and_big_integers_pass() -> None:
    """JSON that orjson cannot hold is JSON all the same."""
    line = (
        b'{"custom_id":"\\ud800","method":"POST","url":"/v1/chat/completions",'
        b'"body":{"model":"m","seed":1180591620717411303424,"messages":[{"content":"\\udfff"}]}}'
    )
    assert check(line, line) == ([Checked(["\ud800"], "/v1/chat/completions", ["m"], 1)] * 2, [])


fields = st.sampled_from(["custom_id", "method", "url", "body", "model", "messages", "stream"])
values: st.SearchStrategy[Any] = st.recursive(
    st.sampled_from([None, "", "a", "POST", "/v1/embeddings", 0, 1.5, True, [], {}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(fields, inner, max_size=4),
    max_leaves=12,
)
nearly_good: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "custom_id": st.just("a") | values,
        "method": st.just("POST") | values,
        "url": st.just("/v1/chat/completions") | values,
        "body": st.fixed_dictionaries(
            {},
            optional={
                "model": st.just("gpt-4o-mini") | values,
                "messages": st.just([{}]) | values,
                "stream": values,
            },
        )
        | values,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary() | (nearly_good | values).map(lambda v: json.dumps(v).encode())))
def test_anything_is_checked_or_reported(lines: list[bytes]) -> None:
    """Nothing that can stand on a line makes the validator raise, and no fault goes unreported."""
    checked, faults = check(*lines)
    faulty = {fault.line for fault in faults if fault.line is not None}
    assert faulty == {number for number, one in enumerate(checked, 10) if one is None}


@settings(max_examples=300, deadline=None)
@given(nearly_good)
def test_a_quick_look_passes_no_more_than_a_close_one(line: dict[str, Any]) -> None:
    """What passes after a good request, whose shape is known by then, also passes as the first."""
    rules = Rules()
    after, _ = check(request(), line, rules=rules)
    first, _ = check(line, rules=rules)
    if after[1] is not None:
        assert after[1] == first[0]


STRICT = Rules(strict_parameters=True)


def response(**fields: Any) -> dict[str, Any]:
    """A request for a response to "x", but for `fields` (None takes a field away)."""
    body = {"model": "gpt-5", "input": "x"} | fields
    whole = {name: value for name, value in body.items() if value is not None}
    return request(url="/v1/responses", body=whole)


LOOK = {"type": "function", "name": "look"}
SPACE = {"type": "namespace", "name": "crm", "description": "x", "tools": [LOOK]}
OUTPUT = {"type": "tool_search_output", "tools": [LOOK]}


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [LOOK]},
        {"tools": [SPACE]},
        {"prompt": {"id": "pmpt_1"}},
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1", "tools": [{"type": "web_search"}]},
        {"input": [{"role": "user", "content": "x"}, OUTPUT]},
        {"input": [{"type": "additional_tools", "role": "developer", "tools": [SPACE]}]},
    ],
)
def test_a_tool_may_come_from_elsewhere(fields: dict[str, Any]) -> None:
    """A function that must be called is one of a namespace, or of what is stored or found."""
    assert check(response(**fields, tool_choice=LOOK), rules=STRICT)[1] == []


def test_a_tool_from_elsewhere_is_looked_for_in_every_request() -> None:
    """What a stored prompt has is not what a request without one has."""
    other = {"type": "function", "name": "other"}
    stored = response(tools=[other], tool_choice=LOOK, prompt={"id": "pmpt_1"})
    bare = response(tools=[other], tool_choice=LOOK)
    faults = check(stored, stored, bare, rules=STRICT)[1]
    assert [(fault.param, fault.line) for fault in faults] == [("body.tool_choice", 12)]


def test_an_item_may_be_a_reference() -> None:
    """Whether or not it says so; one that says more is a message."""
    items = [{"id": "msg_1"}, {"id": "msg_2", "type": None}, {"id": "m", "type": "item_reference"}]
    assert check(response(input=items), rules=STRICT)[1] == []
    (fault,) = check(response(input=[{"id": "msg_1", "role": "user"}]), rules=STRICT)[1]
    assert fault.param == "body.input[0].content"


def deep(levels: int, inner: bytes) -> bytes:
    return b"[" * levels + inner + b"]" * levels


def line_of(url: str, body: bytes) -> bytes:
    return b'{"custom_id":"a","method":"POST","url":"/v1%s","body":{"model":"m",%s}}' % (
        url.encode(),
        body,
    )


@pytest.mark.parametrize("strict", [True, False])
def test_what_is_nested_deeply_is_read(strict: bool) -> None:
    """JSON that a parser takes is checked, however deep its values lie."""
    body = b'"response_format":{"type":"json_object"},"messages":[{"role":"tool",%s,"x":%s}]'
    said = line_of(
        "/chat/completions", body % (b'"tool_call_id":"1","content":""', deep(900, b'"json"'))
    )
    assert check(said, said, rules=Rules(strict_parameters=strict))[1] == []
    hot = b'"messages":[{"role":"user","content":"x"}],"temperature":' + deep(1000, b"1")
    (fault,) = check(line_of("/chat/completions", hot), rules=Rules(strict_parameters=strict))[1]
    assert fault.param == "body.temperature"
    assert "[[[[[[" in fault.message
    assert len(fault.message) < 200


def test_a_role_may_be_nested_deeply() -> None:
    """Beside an image, too, a role that is a list of lists is a fault and quoted in short."""
    image = b'[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]'
    body = b'"messages":[{"role":%s,"content":%s}]' % (deep(1000, b"1"), image)
    faults = check(line_of("/chat/completions", body), rules=STRICT)[1]
    params = [fault.param for fault in faults]
    assert params == ["body.messages[0].role", "body.messages[0].content[0]"]
    assert all(len(fault.message) < 250 for fault in faults)


def test_a_reference_may_count_to_any_number() -> None:
    """A schema's `$ref` to an item beyond all others is a fault, whatever its digits."""
    far = {"$ref": "#/anyOf/" + "9" * 5000}
    schema = {
        "type": "object",
        "anyOf": [],
        "properties": {"a": far, "b": {"$ref": "#/required/1"}},
        "required": ["a", "b"],
        "additionalProperties": False,
    }
    text = {"format": {"type": "json_schema", "name": "x", "strict": True, "schema": schema}}
    params = [fault.param for fault in check(response(text=text), rules=STRICT)[1]]
    assert params == [
        "body.text.format.schema.anyOf",
        "body.text.format.schema.properties.a.$ref",
    ]


# --- odd requests -------------------------------------------------------------------------------

STRICTEST = Rules(strict_parameters=True)


@pytest.mark.parametrize(
    ("url", "bodies"),
    [
        (
            "/v1/responses",
            [
                {"model": "m", "input": "x", "previous_response_id": "r"},
                {"model": "m", "previous_response_id": "r"},
            ],
        ),
        (
            "/v1/responses",
            [{"model": "m", "input": "x", "prompt": {"id": "p"}}, {"prompt": {"id": "p"}}],
        ),
        (
            "/v1/score",
            [
                {"model": "m", "text_1": "a", "text_2": "b", "query": "c"},
                {"model": "m", "query": "c", "text_2": "b"},
            ],
        ),
    ],
)
def test_what_one_request_is_about_may_be_a_detail_of_another(
    url: str, bodies: list[dict[str, Any]]
) -> None:
    """The same field is required here and optional there, and no line is a surprise."""
    lines = [request(url=url, body=body) for body in bodies * 3]
    checked, faults = check(*lines, rules=STRICTEST)
    assert (faults, None in checked) == ([], False)


def test_a_model_is_compared_where_it_need_not_be_named() -> None:
    """Moderations may do without; two that name different ones are a fault all the same."""
    bodies: list[dict[str, Any]] = [
        {"input": "x"},
        {"input": "x", "model": None},
        {"input": "x", "model": "B"},
        {"input": "x", "model": "C"},
        {"input": "x", "model": 7},
    ]
    lines = [request(url="/v1/moderations", body=body) for body in bodies]
    checked, faults = check(*lines, rules=STRICTEST)
    assert [one.models if one else None for one in checked] == [[], [], ["B"], None, None]
    assert [(fault.code, fault.line) for fault in faults] == [
        ("mismatched_model", 13),
        ("invalid_request", 14),
    ]
