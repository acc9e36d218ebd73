"""Inputs with faults, each with all that is found: data for test_bad_requests.

`found` holds code, param and line of each fault. `also_at_the_provider`: whether a provider tells
of it when it validates the file; of the rest it tells in a result of 400, one for each request.
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

CHAT, RESPONSES, EMBEDDINGS = "/v1/chat/completions", "/v1/responses", "/v1/embeddings"
COMPLETIONS, IMAGES = "/v1/completions", "/v1/images/generations"
MODEL = "gpt-4o-mini"

Found = tuple[str, str | None, int | None]


@dataclass(frozen=True)
class Bad:
    """An input that is refused."""

    name: str
    content: bytes
    found: tuple[Found, ...]
    also_at_the_provider: bool = False
    url: str = CHAT


def line(body: Any, url: Any = CHAT, custom_id: Any = "bad", **fields: Any) -> bytes:
    """One request; a field that is `...` is left out."""
    request = {"custom_id": custom_id, "method": "POST", "url": url, "body": body} | fields
    kept = {name: value for name, value in request.items() if value is not ...}
    return json.dumps(kept, ensure_ascii=False).encode() + b"\n"


def user(content: Any = "x") -> dict[str, Any]:
    return {"role": "user", "content": content}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    """The body of a chat; a field that is `...` is left out."""
    whole = {"model": MODEL, "messages": list(messages) or [user()]} | fields
    return {name: value for name, value in whole.items() if value is not ...}


GOOD = line(chat(), custom_id="good")


def at_once(name: str, second: bytes, code: str, param: str | None) -> Bad:
    """A good chat, and one that the provider refuses the whole file for."""
    return Bad(name, GOOD + second, ((code, param, 2),), True)


def of_chat(name: str, param: str, *messages: Any, **fields: Any) -> Bad:
    """A good chat, and one that is refused for its `param`."""
    second = line(chat(*messages, **fields))
    return Bad(name, GOOD + second, (("invalid_request", f"body.{param}", 2),))


def other(name: str, url: str, param: str, **fields: Any) -> Bad:
    """A request to another endpoint, on line 1, that is refused for its `param`."""
    content = line({"model": MODEL} | fields, url)
    return Bad(name, content, (("invalid_request", f"body.{param}", 1),), url=url)


ENVELOPE = [
    at_once("broken JSON", b'{"custom_id": "bad"\n', "invalid_json_line", None),
    at_once("a number", b"5\n", "invalid_json_line", None),
    at_once("an array", b"[1, 2]\n", "invalid_json_line", None),
    at_once("NaN", line(chat(top_p=float("nan"))), "invalid_json_line", None),
    at_once(
        "Latin-1", line(chat(user("é"))).replace(b"\xc3\xa9", b"\xe9"), "invalid_json_line", None
    ),
    at_once("two on a line", GOOD[:-1] + GOOD, "invalid_json_line", None),
    at_once("no id", line(chat(), custom_id=...), "missing_required_parameter", "custom_id"),
    at_once(
        "an id of null", line(chat(), custom_id=None), "missing_required_parameter", "custom_id"
    ),
    at_once("an empty id", line(chat(), custom_id=""), "invalid_request", "custom_id"),
    at_once("a number as id", line(chat(), custom_id=7), "invalid_request", "custom_id"),
    at_once("a list as id", line(chat(), custom_id=["a"]), "invalid_request", "custom_id"),
    at_once("an id again", line(chat(), custom_id="good"), "duplicate_custom_id", "custom_id"),
    at_once("no method", line(chat(), method=...), "missing_required_parameter", "method"),
    at_once("GET", line(chat(), method="GET"), "invalid_method", "method"),
    at_once("an empty method", line(chat(), method=""), "invalid_method", "method"),
    at_once("no url", line(chat(), url=...), "missing_required_parameter", "url"),
    at_once("an empty url", line(chat(), url=""), "invalid_url", "url"),
    at_once("an unknown url", line(chat(), url="/v1/chat"), "invalid_url", "url"),
    at_once("no body", line(...), "missing_required_parameter", "body"),
    at_once("a text as body", line("{}"), "invalid_request", "body"),
    at_once("a list as body", line([]), "invalid_request", "body"),
    at_once("another model", line(chat(model="gpt-4o")), "mismatched_model", "body.model"),
    at_once("no model", line(chat(model=...)), "invalid_request", "body.model"),
    at_once("no messages", line(chat(messages=...)), "invalid_request", "body.messages"),
    at_once("a stream", line(chat(stream=True)), "streaming_unsupported", "body.stream"),
    Bad("nothing", b"\n", (("empty_file", None, None),)),
    Bad(
        "faults on three lines",
        GOOD + b"\n{\n" + line(chat(), method="PUT") + line(chat(stream=True), custom_id="c"),
        (
            ("invalid_json_line", None, 3),
            ("invalid_method", "method", 4),
            ("streaming_unsupported", "body.stream", 5),
        ),
        True,
    ),
    Bad(
        "no input for embeddings",
        line({"model": "m"}, EMBEDDINGS),
        (("invalid_request", "body.input", 1),),
        True,
        EMBEDDINGS,
    ),
    Bad(
        "no prompt for an image",
        line({"model": "m"}, IMAGES),
        (("invalid_request", "body.prompt", 1),),
        True,
        IMAGES,
    ),
    Bad("a prompt", GOOD + b'{"prompt": "x"}\n', (("invalid_json_line", None, 2),)),
    Bad(
        "a result",
        GOOD + b'{"custom_id": "a", "response": {}, "error": null}\n',
        (("invalid_json_line", None, 2),),
    ),
]

PARAMETERS = [
    of_chat("too hot", "temperature", temperature=2.1),
    of_chat("too cold", "temperature", temperature=-0.1),
    of_chat("a text as temperature", "temperature", temperature="0.5"),
    of_chat("true as temperature", "temperature", temperature=True),
    of_chat("top_p above 1", "top_p", top_p=1.5),
    of_chat("no answers", "n", n=0),
    of_chat("too many answers", "n", n=129),
    of_chat("half an answer", "n", n=1.5),
    of_chat("a large penalty", "presence_penalty", presence_penalty=3),
    of_chat("a small penalty", "frequency_penalty", frequency_penalty=-2.5),
    of_chat("a text as seed", "seed", seed="1"),
    of_chat("no tokens", "max_tokens", max_tokens=0),
    of_chat("tokens by two names", "max_tokens", max_tokens=5, max_completion_tokens=5),
    of_chat("five stops", "stop", stop=list("abcde")),
    of_chat("a number as stop", "stop", stop=[1]),
    of_chat("a number as logprobs", "logprobs", logprobs=1),
    of_chat("top_logprobs alone", "top_logprobs", top_logprobs=5),
    of_chat("too many top_logprobs", "top_logprobs", logprobs=True, top_logprobs=21),
    of_chat("a large bias", "logit_bias", logit_bias={"50256": 101}),
    of_chat("a number in metadata", "metadata", metadata={"row": 1}),
    of_chat("a long key", "metadata", metadata={"x" * 65: "y"}),
    of_chat("a long value", "metadata", metadata={"x": "y" * 513}),
    of_chat("seventeen keys", "metadata", metadata={str(n): "x" for n in range(17)}),
    of_chat("options of a stream", "stream_options", stream_options={"include_usage": True}),
    of_chat("a number as effort", "reasoning_effort", reasoning_effort=2),
    of_chat("a text as modalities", "modalities", modalities="text"),
    of_chat("a long identifier", "safety_identifier", safety_identifier="x" * 65),
    of_chat("a number as user", "user", user=7),
    of_chat("a slip of the pen", "temprature", temprature=1),
    of_chat("a singular", "max_token", max_token=1),
    of_chat("camel case", "maxTokens", maxTokens=1),
    of_chat("another endpoint's name", "max_output_tokens", max_output_tokens=1),
    other("too few tokens", RESPONSES, "max_output_tokens", input="x", max_output_tokens=15),
    other("chat's name in a response", RESPONSES, "max_tokens", input="x", max_tokens=20),
    other("chat's format", RESPONSES, "response_format", input="x", response_format={}),
    other("a text as store", RESPONSES, "store", input="x", store="yes"),
    other("six logprobs", COMPLETIONS, "logprobs", prompt="x", logprobs=6),
    other("the best of fewer", COMPLETIONS, "best_of", prompt="x", best_of=2, n=3),
    other("minus one token", COMPLETIONS, "max_tokens", prompt="x", max_tokens=-1),
    other("eleven images", IMAGES, "n", prompt="x", n=11),
    other("compressed by 101", IMAGES, "output_compression", prompt="x", output_compression=101),
]

MESSAGES = [
    of_chat("no messages at all", "messages", messages=[]),
    of_chat("a text as message", "messages[0]", "x"),
    of_chat("no role", "messages[0].role", {"content": "x"}),
    of_chat("an unknown role", "messages[1].role", user(), {"role": "bot", "content": "x"}),
    of_chat("no content", "messages[0].content", {"role": "user"}),
    of_chat("a number as content", "messages[0].content", user(5)),
    of_chat("an object as content", "messages[0].content", user({"text": "x"})),
    of_chat("no parts", "messages[0].content", user([])),
    of_chat("a text as part", "messages[0].content[0]", user(["x"])),
    of_chat("a part without type", "messages[0].content[0].type", user([{"text": "x"}])),
    of_chat(
        "a part of responses",
        "messages[0].content[0].type",
        user([{"type": "input_text", "text": "x"}]),
    ),
    of_chat("a part without text", "messages[0].content[0].text", user([{"type": "text"}])),
    of_chat(
        "an image of the system",
        "messages[0].content[0]",
        {
            "role": "system",
            "content": [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}],
        },
    ),
    of_chat(
        "an assistant who says nothing",
        "messages[0].content",
        {"role": "assistant", "content": None},
    ),
    of_chat("a tool for no call", "messages[0].tool_call_id", {"role": "tool", "content": "x"}),
    of_chat(
        "arguments as an object",
        "messages[0].tool_calls[0].function.arguments",
        {
            "role": "assistant",
            "tool_calls": [
                {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": {}}}
            ],
        },
    ),
    other(
        "an unknown role in items",
        RESPONSES,
        "input[0].role",
        input=[{"role": "bot", "content": "x"}],
    ),
    other("an item without content", RESPONSES, "input[0].content", input=[{"role": "user"}]),
    other("a text as item", RESPONSES, "input[0]", input=["x"]),
    other(
        "a part of chats",
        RESPONSES,
        "input[0].content[0].type",
        input=[user([{"type": "text", "text": "x"}])],
    ),
    other(
        "chat's image in a response",
        RESPONSES,
        "input[0].content[0].image_url",
        input=[user([{"type": "input_image", "image_url": {"url": "https://example.com/a"}}])],
    ),
]

PNG = b"\x89PNG\r\n\x1a\n" + bytes(30)


def of_image(name: str, url: Any) -> Bad:
    """A chat with an image that is refused."""
    part = {"type": "image_url", "image_url": {"url": url}}
    return of_chat(name, "messages[0].content[0].image_url.url", user([part]))


def data_url(content: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


ATTACHMENTS = [
    of_image("a path", "/tmp/a.png"),
    of_image("a path of Windows", "C:\\a.png"),
    of_image("a file's URL", "file:///tmp/a.png"),
    of_image("a number as URL", 5),
    of_image("bare base64", base64.b64encode(PNG).decode()),
    of_image("base64 that is none", "data:image/png;base64,%%%%"),
    of_image("base64 cut off", data_url(PNG)[:-3]),
    of_image("no image", data_url(b"Hello, this is a text.")),
    of_image("nothing inside", "data:image/png;base64,"),
    of_image("a PDF", data_url(b"%PDF-1.7 ...", "application/pdf")),
    of_image("a bitmap", data_url(b"BM" + bytes(30), "image/bmp")),
    of_image("no MIME type", data_url(PNG, "")),
    of_image("no base64", "data:image/svg+xml,<svg/>"),
    of_chat(
        "a URL as image",
        "messages[0].content[0].image_url",
        user([{"type": "image_url", "image_url": "https://example.com/a"}]),
    ),
    of_chat(
        "audio that is none",
        "messages[0].content[0].input_audio.data",
        user([{"type": "input_audio", "input_audio": {"data": "!", "format": "wav"}}]),
    ),
    of_chat(
        "a file that is none",
        "messages[0].content[0].file.file_data",
        user([{"type": "file", "file": {"file_data": "data:application/pdf;base64,!"}}]),
    ),
    other(
        "a path in a response",
        RESPONSES,
        "input[0].content[0].image_url",
        input=[user([{"type": "input_image", "image_url": "a.png"}])],
    ),
]

OBJECT = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}


def of_schema(name: str, param: str, schema: Any) -> Bad:
    """A chat with a strict schema that is refused."""
    inner = {"name": "answer", "strict": True, "schema": schema}
    format_ = {"type": "json_schema", "json_schema": inner}
    return of_chat(name, f"response_format.json_schema.schema{param}", response_format=format_)


def of_property(name: str, param: str, schema: Any) -> Bad:
    """The same with a property that is refused."""
    return of_schema(name, f".properties.age{param}", OBJECT | {"properties": {"age": schema}})


def of_tool(name: str, param: str, tool: Any) -> Bad:
    """A chat with a tool that is refused."""
    return of_chat(name, f"tools[0]{param}", tools=[tool])


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f"} | fields}


def nested(levels: int) -> dict[str, Any]:
    """Objects in objects."""
    inner = {} if levels == 1 else {"a": nested(levels - 1)}
    return {
        "type": "object",
        "properties": inner,
        "required": list(inner),
        "additionalProperties": False,
    }


TOOLS = {"tools": [function()]}
FORMATS = [
    of_chat("an unknown format", "response_format.type", response_format={"type": "json"}),
    of_chat("a text as format", "response_format", response_format="json_object"),
    of_chat("no word of JSON", "messages", response_format={"type": "json_object"}),
    of_chat("no schema", "response_format.json_schema", response_format={"type": "json_schema"}),
    of_chat(
        "a name with a space",
        "response_format.json_schema.name",
        response_format={"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
    ),
    of_schema("a list at the root", ".type", {"type": "array", "items": {"type": "string"}}),
    of_schema("a choice at the root", ".anyOf", OBJECT | {"anyOf": [OBJECT]}),
    of_schema("open to more", ".additionalProperties", {**OBJECT, "additionalProperties": True}),
    of_schema("not all required", ".required", {**OBJECT, "required": []}),
    of_schema("too much required", ".required", {**OBJECT, "required": ["age", "name"]}),
    of_property("all of", ".allOf", {"allOf": [{"type": "string"}]}),
    of_property("one of", ".oneOf", {"oneOf": [{"type": "string"}]}),
    of_property("an unknown type", ".type", {"type": "float"}),
    of_property("no type", "", {"description": "x"}),
    of_property("no items", "", {"type": "array"}),
    of_property("an empty enum", ".enum", {"type": "string", "enum": []}),
    of_property("a reference to nothing", ".$ref", {"$ref": "#/$defs/age"}),
    of_property("a reference elsewhere", ".$ref", {"$ref": "https://example.com/age.json"}),
    of_property(
        "a long enum", ".enum", {"type": "string", "enum": [f"{n:060}" for n in range(251)]}
    ),
    of_schema("twelve levels", "", nested(12)),
    of_schema(
        "1001 values",
        "",
        OBJECT | {"properties": {"age": {"type": "integer", "enum": list(range(1001))}}},
    ),
    of_tool("a tool without type", ".type", {"name": "f"}),
    of_tool("a tool of responses", ".function", {"type": "function", "name": "f"}),
    of_tool("a function without name", ".function.name", {"type": "function", "function": {}}),
    of_tool("a name with a dot", ".function.name", function(name="a.b")),
    of_tool("a text as parameters", ".function.parameters", function(parameters="{}")),
    of_tool(
        "a strict function open to more",
        ".function.parameters.additionalProperties",
        function(strict=True, parameters={"type": "object", "properties": {}}),
    ),
    of_chat("129 tools", "tools", tools=[function(name=f"f{n}") for n in range(129)]),
    of_chat("an unknown choice", "tool_choice", **TOOLS, tool_choice="any"),
    of_chat("another tool's choice", "tool_choice", **TOOLS, tool_choice=function(name="g")),
    other("a tool of chats", RESPONSES, "tools[0].function", input="x", tools=[function()]),
    other(
        "chat's schema",
        RESPONSES,
        "text.format.json_schema",
        input="x",
        text={"format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
    ),
    other(
        "a strict schema open to more",
        RESPONSES,
        "text.format.schema.additionalProperties",
        input="x",
        text={
            "format": {
                "type": "json_schema",
                "name": "a",
                "strict": True,
                "schema": {"type": "object", "properties": {}},
            }
        },
    ),
]

SMALL, LARGE, ADA = "text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"
EMBEDDED = [
    other("an empty text", EMBEDDINGS, "input", input=""),
    other("no texts", EMBEDDINGS, "input", input=[]),
    other("an empty text among others", EMBEDDINGS, "input[1]", input=["x", ""]),
    other("2049 texts", EMBEDDINGS, "input", input=["x"] * 2049),
    other("texts and tokens", EMBEDDINGS, "input[1]", input=["x", 1]),
    other("half a token", EMBEDDINGS, "input[1]", input=[1, 1.5]),
    other("an empty list of tokens", EMBEDDINGS, "input[1]", input=[[1], []]),
    other("objects", EMBEDDINGS, "input[0]", input=[{"text": "x"}]),
    other("no dimensions", EMBEDDINGS, "dimensions", input="x", dimensions=0),
    other(
        "more dimensions than it has",
        EMBEDDINGS,
        "dimensions",
        model=SMALL,
        input="x",
        dimensions=1537,
    ),
    other(
        "more than the large one has",
        EMBEDDINGS,
        "dimensions",
        model=LARGE,
        input="x",
        dimensions=3073,
    ),
    other(
        "dimensions of an old model", EMBEDDINGS, "dimensions", model=ADA, input="x", dimensions=8
    ),
    other("an unknown encoding", EMBEDDINGS, "encoding_format", input="x", encoding_format="int8"),
]

BAD_REQUESTS = [*ENVELOPE, *PARAMETERS, *MESSAGES, *ATTACHMENTS, *FORMATS, *EMBEDDED]
