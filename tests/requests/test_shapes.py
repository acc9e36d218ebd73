"""Requests of the usual shape are recognised fast, and only where a closer look would pass them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.errors import Fault
from openai_batch.requests.usual import Checked, Usual
from openai_batch.requests.validate import Rules, Validator

PNG = "data:image/png;base64,iVBORw0KGgo="
JPEG = "data:image/jpeg;base64,/9j/4AAQ"
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA, "strict": True}}
USER = {"role": "user", "content": "x"}

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [USER]}),
    (
        "/v1/chat/completions",
        {
            "messages": [{"role": "system", "content": "y"}, USER],
            "temperature": 0.5,
            "top_p": 1,
            "n": 2,
            "seed": 3,
            "stop": ["a", "b"],
            "max_tokens": 5,
            "logprobs": True,
            "top_logprobs": 3,
            "logit_bias": {"50256": -100},
            "metadata": {"row": "1"},
            "user": "u",
        },
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "json"}], "response_format": {"type": "text"}},
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [{"role": "user", "content": "say JSON"}],
            "response_format": {"type": "json_object"},
            "max_completion_tokens": 7,
        },
    ),
    (
        "/v1/chat/completions",
        {"messages": [USER], "tools": [TOOL], "tool_choice": "auto", "stream": False},
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image_url", "image_url": {"url": PNG}},
                    ],
                }
            ]
        },
    ),
    (
        "/v1/responses",
        {
            "input": "x",
            "max_output_tokens": 16,
            "text": {
                "format": {"type": "json_schema", "name": "a", "strict": True, "schema": SCHEMA}
            },
        },
    ),
    (
        "/v1/responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "x"},
                        {"type": "input_image", "image_url": JPEG},
                    ],
                }
            ],
            "instructions": "y",
            "reasoning": {"effort": "low"},
        },
    ),
    ("/v1/embeddings", {"input": "x"}),
    ("/v1/embeddings", {"input": ["x", "y"], "dimensions": 8, "encoding_format": "base64"}),
    ("/v1/embeddings", {"input": [1, 2, 3]}),
    ("/v1/embeddings", {"input": [[1, 2], [3]]}),
    ("/v1/completions", {"prompt": "x", "n": 2, "best_of": 3, "max_tokens": 0, "logprobs": 5}),
    ("/v1/moderations", {"input": ["x"]}),
    ("/v1/images/generations", {"prompt": "x", "n": 2, "size": "auto"}),
    ("/v1/images/edits", {"prompt": "x", "images": [PNG], "mask": PNG}),
    ("/v1/score", {"text_1": "x", "text_2": ["y"], "truncate_prompt_tokens": 9}),
    ("/v1/score", {"query": "x", "documents": ["y"]}),
    ("/v1/rerank", {"query": "x", "documents": ["y"]}),
    ("/v1/responses", {"previous_response_id": "resp_1"}),
    ("/v1/responses", {"conversation": {"id": "conv_1"}}),
    ("/v1/responses", {"prompt": {"id": "pmpt_1"}}),
    ("/v1/responses", {"prompt": {"id": "pmpt_1"}, "input": "x", "previous_response_id": "r"}),
]
"""Bodies without faults, but for the model, by which they are recognised."""

BODIES = {url: [body for to, body in GOOD if to == url] for url, _ in GOOD}

VALUES = [
    *(None, True, False, 0, 1, -1, 2, 17, 129, 2**63, 2**70, 0.5, 2.5, -100.5, 1.0, 1e300),
    *("", "x", "json", "auto", "float", "user", "bot", "x" * 65, "x" * 513),
    *(PNG, PNG[:-2], "data:image/png;base64,AAAA", "https://example.com/a.png", "/tmp/a.png"),
    *([], [1], ["x"], ["x"] * 5, [[]], [[1.5]], [None], [USER], [TOOL]),
    *({}, {"a": 1}, {"a": "b"}, {"a": 101}, {str(n): "x" for n in range(17)}),
    *({"type": "json_object"}, {"type": "text"}, {"type": "function"}, SCHEMA),
    *({"role": "tool", "content": "x"}, {"role": "user", "content": None}, {"role": "user"}),
    *({"type": "image_url", "image_url": PNG}, {"type": "text"}, {"type": "input_text"}),
]
NAMES = [
    *("temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "logprobs"),
    *("top_logprobs", "logit_bias", "metadata", "response_format", "tools", "tool_choice"),
    *("stream", "stream_options", "temprature", "top_k", "user", "text", "dimensions", "best_of"),
    *("content", "role", "type", "text", "image_url", "url", "tool_calls", "name", "strict"),
    *("input", "messages", "prompt", "instructions", "seed", "größe", "model"),
    *("previous_response_id", "conversation", "query", "text_1", "images"),
]


def encoded(url: str, body: dict[str, Any], model: Any) -> bytes:
    """The request, compact, without the model where that is `...`."""
    named = body if model is ... else {"model": model, **body}
    request = {"custom_id": "a", "method": "POST", "url": url, "body": named}
    return json.dumps(request, separators=(",", ":")).encode()


@st.composite
def mutants(draw: st.DrawFn, url: str) -> dict[str, Any]:
    """A good body for that url with one to three changes, wherever in it."""
    body = copy.deepcopy(draw(st.sampled_from(BODIES[url])))
    for _ in range(draw(st.integers(1, 3))):
        places: list[Any] = [body]
        for place in places:
            inner = place.values() if isinstance(place, dict) else place
            places += [one for one in inner if isinstance(one, dict | list)]
        place = draw(st.sampled_from(places))
        value = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(place, dict):
            name = draw(st.sampled_from([*place, *NAMES]))
            place[name] = value
            if draw(st.booleans()) and draw(st.booleans()):
                del place[name]
        elif place and draw(st.booleans()):
            place[draw(st.integers(0, len(place) - 1))] = value
        else:
            place.append(value)
    return body


SMALL = "text-embedding-3-small"
MODELS = ["gpt-4o-mini", SMALL, "text-embedding-ada-002", None, "", 7, ...]


@st.composite
def lines_of_one_url(draw: st.DrawFn) -> list[bytes]:
    """Good requests, and then others that differ from good ones in a little, all to one url."""
    url = draw(st.sampled_from(sorted(BODIES)))
    good = draw(st.lists(st.sampled_from(BODIES[url]), max_size=3))
    changed = draw(st.lists(mutants(url), min_size=1, max_size=3))
    first = draw(st.sampled_from(MODELS))
    models = st.one_of(st.just(first), st.sampled_from(MODELS))
    return [encoded(url, body, draw(models)) for body in [*good, *changed, *changed]]


# There is no shape for requests about nothing but a model, so that after one nothing is recognised.
NAMES_A_MODEL = encoded("/v1/audio/translations", {}, SMALL)


@settings(max_examples=400, deadline=None)
@given(lines_of_one_url(), st.booleans(), st.booleans())
def test_a_recognised_line_would_pass(lines: list[bytes], strict: bool, mixed_models: bool) -> None:
    """Whatever was good before it, a line that passes then also passes on its own, and alike."""
    rules = Rules(mixed_models=mixed_models, mixed_urls=True, strict_parameters=strict)
    validator = Validator(rules, lambda fault: None)
    validator.check(1, NAMES_A_MODEL)
    for number, line in enumerate(lines, 2):
        other = Validator(rules, lambda fault: None)
        other.check(1, NAMES_A_MODEL)
        alone = other.check(2, line)
        assert validator.check(number, line) == alone
        block = validator.check_block(line + b"\n")
        assert block is None or block == alone


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("url", "body"), GOOD)
def test_the_second_of_two_alike_needs_no_closer_look(
    url: str, body: dict[str, Any], strict: bool
) -> None:
    """Every good body is recognised once another like it has passed."""
    line = encoded(url, body, "m")
    usual = Usual(False, strict)
    assert usual.recognise(line) is None
    first = usual.remember(json.loads(line), line)
    assert usual.recognise(line) == first


def test_two_shapes_in_turn_are_both_recognised() -> None:
    """Parameters that come and go, and two schemas, are known once each has been seen."""
    url = "/v1/chat/completions"
    bodies: list[dict[str, Any]] = [
        {"messages": [USER], "temperature": 1},
        {"messages": [USER], "tools": [TOOL]},
        {"messages": [USER], "seed": 2, "max_tokens": 3},
        {"messages": [USER], "tools": [], "top_k": 4},
    ]
    usual = Usual(False, True)
    lines = [encoded(url, body, "m") for body in bodies]
    for _ in range(2):
        for line in lines:
            usual.remember(json.loads(line), line)
    assert all(map(usual.recognise, lines))


Bodies = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("url", "bodies"),
    [
        (
            "/v1/responses",
            [{"input": "x", "previous_response_id": "r"}, {"previous_response_id": "r"}],
        ),
        ("/v1/responses", [{"input": "x", "conversation": "c"}, {"conversation": "c"}]),
        ("/v1/responses", [{"input": "x", "prompt": {"id": "p"}}, {"prompt": {"id": "p"}}]),
        (
            "/v1/score",
            [{"text_1": "x", "query": "y", "text_2": "z"}, {"query": "y", "text_2": "z"}],
        ),
    ],
)
def test_what_a_request_is_about_may_change_its_name(url: str, bodies: Bodies) -> None:
    """A field that stood beside another may take its place, and the other way round."""
    faults: list[Fault] = []
    validator = Validator(Rules(), faults.append)
    checked = [validator.check(1, encoded(url, body, "m")) for body in [*bodies, *bodies]]
    assert checked == [Checked(["a"], url, ["m"], 1)] * 4
    assert faults == []


def test_models_that_may_be_left_out_are_compared() -> None:
    """Moderations that name no model pass beside those of one model, not beside another's."""
    faults: list[Fault] = []
    rules = Rules(strict_parameters=True)
    validator = Validator(rules, faults.append)
    models = [..., None, "", "B", ..., "C", 7]
    lines = [encoded("/v1/moderations", {"input": "x"}, model) for model in models]
    checked = [validator.check(number, line) for number, line in enumerate(lines, 1)]
    assert [one and one.models for one in checked] == [[], [], [], ["B"], [], None, None]
    assert [(fault.code, fault.line) for fault in faults] == [
        ("mismatched_model", 6),
        ("invalid_request", 7),
    ]


def test_null_says_nothing_of_what_may_stand_in_its_place() -> None:
    """`stream_options` may be null, and nothing else, in a request that does not stream."""
    validator = Validator(Rules(strict_parameters=True), lambda fault: None)
    bodies = ({"stream_options": None}, {"stream_options": [None]}, {"stream_options": {}})
    messages = [{"role": "user", "content": "x"}]
    checked = [
        validator.check(1, encoded("/v1/chat/completions", {"messages": messages, **body}, "m"))
        for body in bodies
    ]
    assert [one is not None for one in checked] == [True, False, False]
