"""From lines of prompts to lines of requests."""

import io
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.errors import InputInvalid, UsageError
from openai_batch.requests.endpoints import Kind
from openai_batch.requests.prompt_options import PromptOptions, parse_params
from openai_batch.requests.prompts import write_requests


def made(source: str | bytes, **options: Any) -> list[dict[str, Any]]:
    """The requests made of `source`, parsed."""
    return [json.loads(line) for line in made_bytes(source, **options).split(b"\n")[:-1]]


def made_bytes(source: str | bytes, **options: Any) -> bytes:
    """The bytes written for `source`; text is encoded as UTF-8."""
    source = source if isinstance(source, bytes) else source.encode("utf-8", "surrogatepass")
    defaults = {"default_chat_model": "chatty", "default_embedding_model": "vectors"}
    target = io.BytesIO()
    count = write_requests(io.BytesIO(source), target, PromptOptions(**(defaults | options)))
    assert count == target.getvalue().count(b"\n")
    return target.getvalue()


def faults_of(source: str | bytes, **options: Any) -> list[str]:
    """The faults that are reported for `source`, as text."""
    with pytest.raises(InputInvalid) as refused:
        made_bytes(source, **options)
    return [str(fault) for fault in refused.value.faults]


def chat(content: Any, **params: Any) -> dict[str, Any]:
    """The body of a chat request with one user message."""
    return {"model": "chatty", **params, "messages": [{"role": "user", "content": content}]}


def test_plain_text_becomes_a_chat_request() -> None:
    """A line of text is a user's message to the default model."""
    assert made_bytes("Say Pong\n") == (
        b'{"custom_id":"line-1","method":"POST","url":"/v1/chat/completions",'
        b'"body":{"model":"chatty","messages":[{"role":"user","content":"Say Pong"}]}}\n'
    )


@pytest.mark.parametrize(
    ("line", "content"),
    [
        ("  indented  ", "  indented"),
        ('100 % of {it}, \\n and "that"', '100 % of {it}, \\n and "that"'),
        ('"a JSON string\\nof two lines"', "a JSON string\nof two lines"),
        ('"Hello," she said.', '"Hello," she said.'),
        ("[INST] old habits [/INST]", "[INST] old habits [/INST]"),
        ("[1, 2]", "[1, 2]"),
        ("42", "42"),
        ("true", "true"),
        ("null", "null"),
        ("a\u2028b\u0085c\rd", "a\u2028b\u0085c\rd"),
        ('{"prompt": "in an object"}', "in an object"),
        ('  {"prompt": "indented"}', "indented"),
        ('{"prompt": [{"type": "text", "text": "x"}]}', [{"type": "text", "text": "x"}]),
        ('[{"role": "user", "content": "an array"}]', "an array"),
        ('{"messages": [{"role": "user", "content": "messages"}]}', "messages"),
    ],
)
def test_lines_are_told_apart(line: str, content: Any) -> None:
    """What is JSON for a prompt is read as JSON, anything else as text."""
    [request] = made(line)
    assert request["body"] == chat(content)


def test_text_takes_every_line_as_it_is() -> None:
    """With `plain_text` nothing is JSON."""
    lines = ['{"prompt": "x"}', '"quoted"', "{broken", '[{"role": "user"}]']
    requests = made("\n".join(lines), plain_text=True)
    assert [request["body"] for request in requests] == [chat(line) for line in lines]


def test_empty_lines_and_line_ends() -> None:
    """A byte order mark, CRLF, blank lines and a missing last newline are no part of a prompt."""
    requests = made(b"\xef\xbb\xbfone\r\n\r\n  \t\ntwo\n\nthree")
    assert [(r["custom_id"], r["body"]["messages"][0]["content"]) for r in requests] == [
        ("line-1", "one"),
        ("line-2", "two"),
        ("line-3", "three"),
    ]


def test_nothing_in_nothing_out() -> None:
    """An empty input makes no requests and is no error."""
    assert made_bytes("") == b""


def test_parameters_of_prompts_come_first() -> None:
    """An object's own parameters override those for all, and its own model is used."""
    requests = made(
        'plain\n{"prompt": "x", "temperature": 1, "model": "own", "custom_id": "mine"}\n',
        params={"temperature": 0, "seed": 7},
        model="named",
    )
    assert [(request["custom_id"], request["body"]) for request in requests] == [
        ("line-1", chat("plain", temperature=0, seed=7) | {"model": "named"}),
        ("mine", chat("x", temperature=1, seed=7) | {"model": "own"}),
    ]


def test_system_message_goes_first_where_there_is_none() -> None:
    """`system` is added to prompts and to messages without a system message of their own."""
    lines = [
        "plain",
        {"messages": [{"role": "user", "content": "x"}]},
        {"messages": [{"role": "developer", "content": "own"}]},
        {"input": "x", "instructions": "own", "model": "gpt-5"},
        {"input": "x", "model": "gpt-5"},
    ]
    bodies = [
        request["body"] for request in made("\n".join(map(as_line, lines)), system="Be brief.")
    ]
    system = {"role": "system", "content": "Be brief."}
    assert bodies[0]["messages"] == [system, {"role": "user", "content": "plain"}]
    assert bodies[1]["messages"] == [system, {"role": "user", "content": "x"}]
    assert bodies[2]["messages"] == [{"role": "developer", "content": "own"}]
    assert [body["instructions"] for body in bodies[3:]] == ["own", "Be brief."]


def as_line(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize("line", ["x", '"x"', '{"prompt": "x"}', '{"input": "x"}'])
@pytest.mark.parametrize(
    ("options", "url", "body"),
    [
        ({"asked": Kind.EMBEDDING}, "/v1/embeddings", {"model": "vectors", "input": "x"}),
        ({"asked": Kind.RESPONSE}, "/v1/responses", {"model": "chatty", "input": "x"}),
        (
            {"asked": Kind.SCORE, "subject": "good?"},
            "/v1/score",
            {"model": "vectors", "text_1": "good?", "text_2": "x"},
        ),
        (
            {"asked": Kind.RERANK, "subject": "good?", "model": "m"},
            "/v1/score",
            {"model": "m", "query": "good?", "documents": ["x"]},
        ),
        (
            {"model": "text-embedding-3-small"},
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": "x"},
        ),
        (
            {"model": "omni-moderation-latest"},
            "/v1/moderations",
            {"model": "omni-moderation-latest", "input": "x"},
        ),
    ],
)
def test_one_text_serves_every_kind(
    line: str, options: dict[str, Any], url: str, body: dict[str, Any]
) -> None:
    """The text of a prompt stands where the kind of request wants it."""
    [request] = made(line, **options)
    assert (request["url"], request["body"]) == (url, body)


@pytest.mark.parametrize(
    ("prompt", "url"),
    [
        ({"input": "x"}, "/v1/embeddings"),
        ({"input": "x", "instructions": "y"}, "/v1/responses"),
        ({"prompt": "x", "model": "dall-e-3"}, "/v1/images/generations"),
        ({"text_1": "x", "text_2": "y"}, "/v1/score"),
        ({"query": "x", "documents": ["y"]}, "/v1/score"),
    ],
)
def test_objects_tell_their_kind(prompt: dict[str, Any], url: str) -> None:
    """Where nothing is asked for, an object's parameters say what it is."""
    assert [request["url"] for request in made(json.dumps(prompt))] == [url]


def test_default_model_goes_with_the_kind() -> None:
    """Objects that name no model get the default model for what they ask."""
    lines = '{"input": "x"}\n{"input": "x", "instructions": "y"}\n'
    assert [request["body"]["model"] for request in made(lines)] == ["vectors", "chatty"]


def test_whole_requests_are_passed_through() -> None:
    """A whole request leaves byte for byte as it came, whatever the options say."""
    line = b'{ "url":"/v1/x", "body":{"a":1180591620717411303424, "b":"\\ud800"},"custom_id":"A" }'
    assert made_bytes(line + b"\r\n", asked=Kind.EMBEDDING, system="s", model="m") == line + b"\n"


def test_big_integers_and_lone_surrogates_survive() -> None:
    """What orjson cannot hold reaches the request unchanged."""
    prompt = '{"prompt": "\\ud800 and \\u4e2d", "seed": 1180591620717411303424, "low": -1e-7}'
    [request] = made(prompt)
    assert request["body"] == chat("\ud800 and 中", seed=1180591620717411303424, low=-1e-7)
    assert made('"\\ud800"')[0]["body"] == chat("\ud800")


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            b'{"prompt": "x"',
            "line 2: not valid JSON: unexpected end of data at column 15 "
            "(is it cut off, or spread over several lines?); "
            "say --text if the lines are plain text [invalid_json_line]",
        ),
        (
            b'{"prompt": "x"} {"prompt": "y"}',
            "line 2: several JSON objects on one line; each request needs a line of its own; "
            "say --text if the lines are plain text [invalid_json_line]",
        ),
        (
            b'{"prompt": "x", "top_p": NaN}',
            "line 2: not valid JSON: NaN is no number in JSON: write null, or leave it out; "
            "say --text if the lines are plain text [invalid_json_line]",
        ),
        (
            b'{"prompt": "x", "top_p": 1e999}',
            "line 2: not valid JSON: 1e999 is too large a number; "
            "say --text if the lines are plain text [invalid_json_line]",
        ),
        (
            b"caf\xe9",
            "line 2: not valid UTF-8 at byte 4; save the input as UTF-8 [invalid_json_line]",
        ),
        (
            b'{"text": "x"}',
            "line 2: none of `prompt`, `messages`, `input`, `text_1` and `documents` is there: "
            "name one of them, or say --text if the line is plain text [invalid_request]",
        ),
        (
            b'{"prompt": "x", "input": "y"}',
            "line 2: `prompt` and `input` are both there, and a request takes one of them "
            "[invalid_request]",
        ),
        (b'{"prompt": 5}', "line 2: `prompt` must be text, not 5 [invalid_request]"),
        (
            b'{"prompt": "x", "model": 5}',
            "line 2: `model` must be a name, not 5 [invalid_request]",
        ),
        (
            b'{"prompt": "x", "custom_id": 5}',
            "line 2: custom_id must be a string that is not empty, not 5 [invalid_request]",
        ),
        (
            b'{"url": "/v1/embeddings", "body": {}}',
            'line 2: the request has no `custom_id`; give it one, such as "line-1" '
            "[missing_required_parameter]",
        ),
        (
            b'{"prompt": "x", "size": "64x64"}',
            "line 2: there is no default model for image_generation requests: say --model "
            "[invalid_request]",
        ),
        (
            b'{"text_1": "x"}',
            "line 2: 'text_2' is required for score requests [invalid_request]",
        ),
    ],
)
def test_faulty_lines_are_named(line: bytes, fault: str) -> None:
    """What cannot be made into a request is reported with its line and the way out."""
    assert faults_of(b"\n" + line + b"\n") == [fault]


def test_utf16_is_named() -> None:
    """A file that PowerShell wrote is told from any other that is not UTF-8."""
    assert faults_of("prompt".encode("utf-16")) == [
        "line 1: the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8 "
        "[invalid_json_line]"
    ]


def test_a_prompt_that_is_nested_too_deeply_is_a_fault() -> None:
    """Also where a line like it came before, and only its values are to be filled in."""
    nested = "[" * 1000 + "]" * 1000
    prompts = ['{"prompt": "x", "seed": 1}'] * 2 + [f'{{"prompt": "x", "seed": {nested}}}']
    assert faults_of("\n".join(prompts)) == ["line 3: nested too deeply [invalid_request]"]


def test_an_array_from_a_slow_pipe_is_no_list_of_prompts() -> None:
    """A program that writes JSON line by line is told from one that writes a prompt a line.

    Its first line alone, which is all that a pipe may have at first, looks like plain text.
    """
    lines = iter([b"\xef\xbb\xbf[\n", b'"one",\n', b'"two"\n', b"]\n"])
    target = io.BytesIO()
    with pytest.raises(InputInvalid) as refused:
        write_requests(lines, target, PromptOptions("chatty", "vectors"))
    (fault,) = refused.value.faults
    assert fault.message.startswith("the input is a JSON array over several lines")
    assert target.getvalue() == b""


def test_a_kind_that_was_not_asked_for_is_refused() -> None:
    """Where one kind is asked for, an object of another is a fault."""
    assert faults_of('{"messages": []}', asked=Kind.EMBEDDING) == [
        "line 1: `messages` does not belong into embedding requests, which were asked for "
        "[invalid_request]"
    ]
    assert faults_of('{"dimensions": 5}', asked=Kind.EMBEDDING) == [
        "line 1: neither `prompt` nor `input` is there [invalid_request]"
    ]


def test_every_fault_is_counted_and_the_first_are_kept() -> None:
    """All faulty lines are counted and a hundred kept; nothing is written after the first."""
    target = io.BytesIO()
    source = io.BytesIO(b"good\n" + b"{bad\n" * 150 + b"late\n")
    with pytest.raises(InputInvalid) as refused:
        write_requests(source, target, PromptOptions(default_chat_model="m"))
    assert refused.value.count == 150
    assert [fault.line for fault in refused.value.faults] == list(range(2, 102))
    assert str(refused.value) == (
        "150 faults in 150 lines of standard input; the requests were not written to their end: "
        "mend the lines named, and run this again"
    )
    assert b"late" not in target.getvalue()


def test_options_that_suit_no_text_are_wrong_usage() -> None:
    """Where no text at all could become a request, the options are to blame, not the lines."""
    for options, message in (
        ({"default_chat_model": None}, "there is no default model for chat_completion requests"),
        ({"asked": Kind.EMBEDDING, "system": "s"}, "--system does not go with embedding requests"),
    ):
        with pytest.raises(UsageError, match=f"^cannot make requests out of text: {message}"):
            made("text", **options)


def test_requests_are_numbered_by_request() -> None:
    """The n-th request is PREFIX-n, whether or not others bring ids of their own."""
    requests = made('a\n\n{"prompt": "b", "custom_id": "own"}\nc\n', custom_id_prefix="50%-中")
    assert [request["custom_id"] for request in requests] == ["50%-中-1", "own", "50%-中-3"]


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ('a\n\nb\n{"prompt": "c", "custom_id": "line-2"}', (3, 4)),
        ('{"prompt": "a", "custom_id": "line-3"}\nb\n\n\nc', (1, 5)),
        ('a\n{"custom_id": "line-1", "url": "/v1/x", "body": {}}', (1, 2)),
    ],
)
def test_brought_ids_must_not_be_given_again(source: str, line: tuple[int, int]) -> None:
    """An id that one line brings and another is given is a fault that names both lines."""
    first, second = line
    [fault] = faults_of(source)
    assert fault.startswith(f"line {second}: lines {first} and {second} would both be 'line-")
    assert fault.endswith("choose another --custom-id-prefix [duplicate_custom_id]")


def test_ids_that_are_not_given_may_be_brought() -> None:
    """Ids of the given form are free where every request brings one, in any order."""
    ids = ["line-3", "line-1", "line-2", "line-0", "line-04", "line-99"]
    lines = "\n".join(json.dumps({"prompt": "x", "custom_id": custom_id}) for custom_id in ids)
    assert [request["custom_id"] for request in made(lines)] == ids


def test_parameters_are_json_or_strings() -> None:
    """A value that is JSON is taken as such, any other as a string."""
    assert parse_params(
        [
            "temperature=0",
            'stop=["a"]',
            "effort=low",
            "user=a=b",
            "seed=1180591620717411303424",
            "nothing=",
            "flag=true",
            'text="1"',
        ]
    ) == {
        "temperature": 0,
        "stop": ["a"],
        "effort": "low",
        "user": "a=b",
        "seed": 1180591620717411303424,
        "nothing": "",
        "flag": True,
        "text": "1",
    }


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("temperature", "--param 'temperature': write KEY=VALUE, as in temperature=0"),
        ("=1", "--param '=1': write KEY=VALUE, as in temperature=0"),
        ("model=x", "--param cannot set 'model': say --model"),
        ("messages=[]", "--param cannot set 'messages': it is read from the input"),
    ],
)
def test_wrong_parameters_are_refused(assignment: str, message: str) -> None:
    """A parameter without a key, or with one that is set elsewhere, is wrong usage."""
    with pytest.raises(UsageError) as refused:
        parse_params([assignment])
    assert str(refused.value) == message


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), min_size=1)
        .map(lambda text: text.rstrip(" \t\r"))
        .filter(lambda text: text and not text.startswith("\ufeff"))
    )
)
def test_any_text_reaches_its_request(texts: list[str]) -> None:
    """Each line of text, whatever is in it, is the content of one request."""
    requests = made("\n".join(texts), plain_text=True)
    assert [request["body"] for request in requests] == [chat(text) for text in texts]
    assert [request["custom_id"] for request in requests] == [
        f"line-{number}" for number in range(1, len(texts) + 1)
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters()), json_values)
def test_any_json_reaches_its_request(text: str, value: Any) -> None:
    """The text and the parameters of an object arrive as they were, surrogates included."""
    [request] = made(json.dumps({"prompt": text, "extra": value}))
    assert request["body"] == chat(text, extra=value)


@settings(max_examples=200, deadline=None)
@given(st.binary() | st.lists(json_values.map(json.dumps)).map("\n".join).map(str.encode))
def test_any_bytes_become_requests_or_faults(source: bytes) -> None:
    """Whatever comes in, what goes out is requests or a report of faulty lines."""
    try:
        made(source)
    except InputInvalid as refused:
        assert refused.faults
