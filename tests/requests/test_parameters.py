"""The table of parameters agrees with the official SDK, and refuses nothing that is good."""

import json
import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
from openai.types import (
    completion_create_params,
    embedding_create_params,
    image_edit_params,
    image_generate_params,
    moderation_create_params,
)
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params

from openai_batch.errors import Fault
from openai_batch.requests.bodies import slip
from openai_batch.requests.parameters import ELSEWHERE, KNOWN, PARAMETERS, Parameter
from openai_batch.requests.validate import Rules, Validator

SDK: dict[str, Any] = {
    "/chat/completions": chat_create_params.CompletionCreateParamsNonStreaming,
    "/responses": response_create_params.ResponseCreateParamsNonStreaming,
    "/completions": completion_create_params.CompletionCreateParamsNonStreaming,
    "/embeddings": embedding_create_params.EmbeddingCreateParams,
    "/moderations": moderation_create_params.ModerationCreateParams,
    "/images/generations": image_generate_params.ImageGenerateParamsNonStreaming,
    "/images/edits": image_edit_params.ImageEditParamsNonStreaming,
}
NEEDED: dict[str, dict[str, Any]] = {
    "/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "x"}]},
    "/responses": {"model": "m", "input": "x"},
    "/completions": {"model": "m", "prompt": "x"},
    "/embeddings": {"model": "m", "input": "x"},
    "/moderations": {"input": "x"},
    "/images/generations": {"model": "m", "prompt": "x"},
    "/images/edits": {"model": "m", "prompt": "x"},
}
TOGETHER = {"tools", "tool_choice", "stream", "stream_options", "top_logprobs", "best_of"}
"""What is good only beside something else, or not at all in a batch."""


def faults(path: str, body: dict[str, Any], *, strict: bool = True) -> list[Fault]:
    """What is found in one request."""
    found: list[Fault] = []
    validator = Validator(Rules(strict_parameters=strict), found.append)
    request = {"custom_id": "a", "method": "POST", "url": f"/v1{path}", "body": body}
    validator.check(1, json.dumps(request).encode())
    return found


@pytest.mark.parametrize("path", SDK)
def test_every_parameter_of_the_sdk_is_known(path: str) -> None:
    """Nothing that the official SDK can send is a slip; nor is a name that is only new."""
    assert [slip(path, name) for name in SDK[path].__annotations__ if slip(path, name)] == []
    assert {name for name in KNOWN[path] if slip(path, name)} == set()
    assert slip(path, "a_parameter_of_tomorrow") is None
    assert not ELSEWHERE.get(path, {}).keys() & SDK[path].__annotations__.keys()


def samples(hint: Any) -> list[Any]:
    """Some values of an annotation, of those that are simple."""
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return [value for one in get_args(hint) for value in samples(one)]
    if origin is Literal:
        return list(get_args(hint))
    if origin is list:
        return [samples(get_args(hint)[0])]
    if origin is dict:
        return [{"50256": 1}] if get_args(hint)[1] is int else [{"a": "b"}]
    simple: dict[Any, list[Any]] = {bool: [True, False], str: ["x"], float: [1, 0.5]}
    return {**simple, int: [1, 2], types.NoneType: [None]}.get(hint, [])


@pytest.mark.parametrize("path", SDK)
def test_every_value_of_the_sdk_is_taken(path: str) -> None:
    """Each parameter may be each of the values that the official SDK names."""
    tried = 0
    for name, hint in get_type_hints(SDK[path]).items():
        if name in NEEDED[path] or name in TOGETHER:
            continue
        for value in samples(hint):
            least = 16 if name == "max_output_tokens" else value
            assert faults(path, NEEDED[path] | {name: least}) == [], name
            tried += 1
    assert tried > 2


@pytest.mark.parametrize(
    ("path", "name"), [(path, name) for path, table in PARAMETERS.items() for name in table]
)
def test_null_is_as_good_as_nothing(path: str, name: str) -> None:
    """A program may write every parameter it has, null where it is not set."""
    assert faults(path, NEEDED[path] | {name: None}) == []


EVERYWHERE: list[dict[str, Any]] = [
    {"temperature": 3},
    {"temperature": "0.7"},
    {"n": 500},
    {"top_k": 40},
    {"temprature": 1},
    {"max_tokens": -1},
    {"max_tokens": 5, "max_completion_tokens": 5},
    {"guided_json": {"type": "object"}},
    {"stop": ["a", "b", "c", "d", "e"]},
    {"top_logprobs": -1},
    {"response_format": {"type": "regex", "pattern": "x"}},
    {"tools": [{"type": "retrieval"}], "tool_choice": "any"},
    {"messages": [{"role": "bot", "content": [{"type": "video_url", "video_url": "x"}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "/a.png"}]}]},
    {"stream_options": {"include_usage": True}},
    {"metadata": {"number": 1180591620717411303424}},
]


@pytest.mark.parametrize("fields", EVERYWHERE, ids=str)
def test_other_servers_may_take_more(fields: dict[str, Any]) -> None:
    """What some server takes is a fault only where a provider checks as OpenAI does."""
    body = NEEDED["/chat/completions"] | fields
    assert faults("/chat/completions", body, strict=False) == []


NOWHERE: list[tuple[dict[str, Any], str]] = [
    ({"temperature": [1]}, "body.temperature"),
    ({"temperature": "hot"}, "body.temperature"),
    ({"n": -1}, "body.n"),
    ({"stop": {"a": 1}}, "body.stop"),
    ({"tools": "f"}, "body.tools"),
    ({"metadata": ["a"]}, "body.metadata"),
    ({"messages": ["x"]}, "body.messages[0]"),
    ({"messages": [{"role": "user", "content": 5}]}, "body.messages[0].content"),
    (
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,a"}}
                    ],
                }
            ]
        },
        "body.messages[0].content[0].image_url",
    ),
]


@pytest.mark.parametrize(("fields", "param"), NOWHERE, ids=str)
def test_some_things_no_server_takes(fields: dict[str, Any], param: str) -> None:
    """A list for a number, a count below nothing, base64 that is none: faults everywhere."""
    found = faults("/chat/completions", NEEDED["/chat/completions"] | fields, strict=False)
    assert [(fault.code, fault.param) for fault in found] == [("invalid_request", param)]


PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
GOOD_IMAGES = [
    "https://example.com/a.png",
    "HTTP://example.com/a.png",
    f"data:image/png;base64,{PNG}",
    f"data:image/jpeg;base64,{PNG}",
    f"data:image/jpg;base64,{PNG}",
    f"data:image/png;charset=utf-8;base64,{PNG}",
    f"data:image/png;base64,{PNG[:40]}\n{PNG[40:]}\n",
    f"data:image/png;base64,{PNG.rstrip('=')}",
    "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7",
    "data:image/webp;base64,UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA==",
]


@pytest.mark.parametrize("url", GOOD_IMAGES)
@pytest.mark.parametrize("path", ["/chat/completions", "/responses"])
def test_good_images_are_taken(path: str, url: str) -> None:
    """Web addresses, and data URLs in any dialect of base64, whatever image they call it."""
    chat = {"type": "image_url", "image_url": {"url": url}}
    if path == "/chat/completions":
        body = {"model": "m", "messages": [{"role": "user", "content": [chat]}]}
    else:
        image = {"type": "input_image", "image_url": url}
        body = {"model": "m", "input": [{"role": "user", "content": [image]}]}
    assert faults(path, body) == []


CONVERSATION = [
    {"role": "developer", "content": [{"type": "text", "text": "Be brief."}]},
    {"role": "user", "name": "ann", "content": ""},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{"}},
            {"id": "c2", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
    {"role": "assistant", "refusal": "No."},
    {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"role": "assistant", "audio": {"id": "audio_1"}},
    {"role": "function", "name": "f", "content": None},
    {"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]},
    {
        "role": "user",
        "content": [{"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}],
    },
]


def test_a_long_conversation_is_taken() -> None:
    """Every kind of message that the API describes."""
    assert faults("/chat/completions", {"model": "m", "messages": CONVERSATION}) == []


RECURSIVE = {
    "type": "object",
    "properties": {
        "name": {"type": ["string", "null"], "enum": ["a", None]},
        "child": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "self": {"$ref": "#"},
        "kind": {"const": "x"},
        "many": {"type": "array", "items": {"$ref": "#/$defs/node"}, "minItems": 1},
        "when": {"type": "string", "format": "date-time", "pattern": "x", "default": "y"},
    },
    "required": ["name", "child", "self", "kind", "many", "when"],
    "additionalProperties": False,
    "$defs": {
        "node": {
            "type": "object",
            "properties": {},
            "required": [],
            "additionalProperties": False,
        }
    },
}


def test_a_schema_with_all_that_strict_mode_has_is_taken() -> None:
    """References, recursion, unions with null, constants, and what only describes."""
    schema = {"name": "tree-1_A", "strict": True, "schema": RECURSIVE}
    formats = {"type": "json_schema", "json_schema": schema}
    tools = [
        {"type": "function", "function": {"name": "f", "strict": True, "parameters": RECURSIVE}},
        {"type": "function", "function": {"name": "g"}},
        {"type": "custom", "custom": {"name": "h"}},
    ]
    choice = {"type": "function", "function": {"name": "g"}}
    body = NEEDED["/chat/completions"]
    assert faults("/chat/completions", body | {"response_format": formats}) == []
    assert faults("/chat/completions", body | {"tools": tools, "tool_choice": choice}) == []
    flat = {"format": {"type": "json_schema", **schema}, "verbosity": "low"}
    assert faults("/responses", NEEDED["/responses"] | {"text": flat}) == []
    tool = {"type": "function", "name": "f", "strict": True, "parameters": RECURSIVE}
    assert faults("/responses", NEEDED["/responses"] | {"tools": [tool, {"type": "mcp"}]}) == []


def test_any_depth_is_looked_at_without_failing() -> None:
    """A schema nested as deeply as JSON may be has faults, and raises nothing."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(400):
        schema = {"type": "array", "items": schema}
    strict = {"name": "a", "strict": True, "schema": schema}
    formats = {"type": "json_schema", "json_schema": strict}
    assert faults("/chat/completions", NEEDED["/chat/completions"] | {"response_format": formats})


def test_words_are_made_of_the_figures() -> None:
    """What a parameter must be is said as the table has it."""
    assert Parameter((int,), 1, 10).words == "a whole number from 1 to 10"
    assert Parameter((float,), -2, 2).words == "a number from -2 to 2"
    assert Parameter((int,), 16).words == "a whole number, 16 or more"
    assert Parameter((str, dict)).words == "a text or an object"
    assert Parameter((str,), choices=("a", "b")).words == '"a" or "b"'
    assert Parameter((str,), longest=64).words == "a text of at most 64 characters"
