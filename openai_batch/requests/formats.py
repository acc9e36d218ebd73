"""What is wrong with the form that answers shall have, and with the tools a model may call."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import Any

from .faults import shown
from .messages import Flaw
from .strict_schema import schema_flaws

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_NAME_WORDS = "1 to 64 of a-z, A-Z, 0-9, _ and -"
_FORMATS = ("text", "json_object", "json_schema")
_CHAT_TOOLS = ("function", "custom")
_CHOICES = ("none", "auto", "required")
_STORED = ("prompt", "conversation", "previous_response_id")
"""Fields of a response that may bring tools with them, which nobody here can see."""


def chat_format_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    """The flaws of a chat's `response_format`."""
    given = body.get("response_format")
    if not isinstance(given, dict):
        return
    where = "response_format"
    yield from _format_type_flaws(where, given)
    if given.get("type") == "json_schema":
        inner = given.get("json_schema")
        if isinstance(inner, dict):
            yield from _json_schema_flaws(f"{where}.json_schema", inner)
        else:
            yield f"{where}.json_schema", "is missing; give an object with `name` and `schema`"
    if given.get("type") == "json_object" and not says_json(body.get("messages")):
        yield "messages", _NEVER_SAYS_JSON


def response_format_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    """The flaws of `text.format` in the body of a response."""
    text = body.get("text")
    given = text.get("format") if isinstance(text, dict) else None
    if given is None:
        return
    where = "text.format"
    if not isinstance(given, dict):
        yield where, f"is {shown(given)}; it must be an object with `type`"
        return
    yield from _format_type_flaws(where, given)
    if given.get("type") != "json_schema":
        return
    if "json_schema" in given and "schema" not in given:
        mend = "in /responses `name`, `schema` and `strict` stand beside `type`"
        yield f"{where}.json_schema", f"is chat's form; {mend}"
        return
    yield from _json_schema_flaws(where, given)
    if given.get("schema") is None and given.get("strict") is not True:
        yield f"{where}.schema", "is missing; give a JSON Schema"


def wants_word_json(body: dict[str, Any]) -> bool:
    """Whether the messages have to say "json", as the API asks with `json_object`."""
    given = body.get("response_format")
    return isinstance(given, dict) and given.get("type") == "json_object"


_NEVER_SAYS_JSON = 'never say "json", which `json_object` asks for; say it in one of them'


def says_json(value: Any) -> bool:
    """Whether the word stands in any text within `value`, in capitals or not."""
    values = [value]  # not by recursion: parsers take values nested deeper than Python's stack
    for one in values:
        if isinstance(one, str):
            if "json" in one.lower():
                return True
        elif isinstance(one, list | dict):
            values += one.values() if isinstance(one, dict) else one
    return False


def _format_type_flaws(where: str, given: dict[str, Any]) -> Iterator[Flaw]:
    kind = given.get("type")
    if kind is None:
        yield f"{where}.type", f"is missing; it is one of {', '.join(_FORMATS)}"
    elif kind not in _FORMATS:
        yield f"{where}.type", f"is {shown(kind)}; it must be one of {', '.join(_FORMATS)}"


def _json_schema_flaws(where: str, given: dict[str, Any]) -> Iterator[Flaw]:
    yield from _name_flaws(where, given)
    schema = given.get("schema")
    if given.get("strict") is True:
        if schema is None:
            yield f"{where}.schema", "is missing; give a JSON Schema"
        else:
            for inner, flaw in schema_flaws(schema):
                yield f"{where}.schema{inner}", flaw
    elif schema is not None and not isinstance(schema, dict):
        yield f"{where}.schema", f"is {shown(schema)}; it must be a JSON Schema, an object"


def _name_flaws(where: str, given: dict[str, Any]) -> Iterator[Flaw]:
    name = given.get("name")
    if name is None:
        yield f"{where}.name", f"is missing; give it a name: {_NAME_WORDS}"
    elif not isinstance(name, str) or not _NAME.match(name):
        yield f"{where}.name", f"is {shown(name)}; a name is {_NAME_WORDS}"


def tools_flaws(body: dict[str, Any], *, nested: bool) -> Iterator[Flaw]:
    """The flaws of `tools`, `functions` and `tool_choice`.

    `nested`: a function stands in a field of its tool, as in chats; in responses it is the tool.
    """
    tools = body.get("tools")
    for index, tool in enumerate(tools if isinstance(tools, list) else ()):
        where = f"tools[{index}]"
        if not isinstance(tool, dict):
            yield where, f"is {shown(tool)}; a tool is an object with `type`"
            continue
        kind = tool.get("type")
        if kind is None:
            yield f"{where}.type", 'is missing; most tools have the type "function"'
        elif kind == "function":
            yield from _tool_flaws(where, tool, nested=nested)
        elif nested and kind not in _CHAT_TOOLS:
            yield f"{where}.type", f"is {shown(kind)}; it must be one of {', '.join(_CHAT_TOOLS)}"
    functions = body.get("functions") if nested else None
    for index, function in enumerate(functions if isinstance(functions, list) else ()):
        yield from _function_flaws(f"functions[{index}]", function)
    yield from _choice_flaws(body, nested=nested)


def _tool_flaws(where: str, tool: dict[str, Any], *, nested: bool) -> Iterator[Flaw]:
    function = tool.get("function")
    if nested:
        yield from _function_flaws(f"{where}.function", function)
    elif tool.get("name") is None and isinstance(function, dict):
        mend = "in /responses `name` and `parameters` stand beside `type`"
        yield f"{where}.function", f"is chat's form; {mend}"
    else:
        yield from _function_flaws(where, tool)


def _function_flaws(where: str, function: Any) -> Iterator[Flaw]:
    if not isinstance(function, dict):
        given = "is missing" if function is None else f"is {shown(function)}"
        yield where, f"{given}; give an object with `name` and `parameters`"
        return
    yield from _name_flaws(where, function)
    parameters = function.get("parameters")
    if parameters is None:
        return
    if function.get("strict") is True:
        for inner, flaw in schema_flaws(parameters):
            yield f"{where}.parameters{inner}", flaw
    elif not isinstance(parameters, dict):
        yield f"{where}.parameters", f"is {shown(parameters)}; it must be a JSON Schema, an object"


def _choice_flaws(body: dict[str, Any], *, nested: bool) -> Iterator[Flaw]:
    choice = body.get("tool_choice")
    if choice is None:
        return
    if isinstance(choice, str) and choice not in _CHOICES:
        mend = f"it must be one of {', '.join(_CHOICES)}, or an object that names a tool"
        yield "tool_choice", f"is {shown(choice)}; {mend}"
    elif isinstance(choice, dict) and choice.get("type") == "function":
        function = choice.get("function") if nested else choice
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str):
            place = "tool_choice.function.name" if nested else "tool_choice.name"
            yield place, "is missing; name one of `tools`"
        elif name not in _function_names(body, nested=nested) and (nested or _has_all_tools(body)):
            yield "tool_choice", f"names {shown(name)}, which is not among `tools`"


def chooses_elsewhere(body: dict[str, Any]) -> bool:
    """Whether a response shall call a function that does not stand in `tools`."""
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) or choice.get("type") != "function":
        return False
    name = choice.get("name")
    return isinstance(name, str) and name not in _function_names(body, nested=False)


def _has_all_tools(body: dict[str, Any]) -> bool:
    """Whether those in `tools` are all that a response has."""
    stored = any(body.get(name) is not None for name in _STORED)
    return not (stored or any("tools" in item for item in _objects(body.get("input"))))


def _function_names(body: dict[str, Any], *, nested: bool) -> set[str]:
    tools = _objects(body.get("tools"))
    if nested:
        found = [tool.get("function") for tool in tools]
    else:
        spaces = [_objects(tool.get("tools")) for tool in tools]
        found = [*tools, *chain.from_iterable(spaces)]
    names = (one.get("name") for one in found if isinstance(one, dict))
    return {name for name in names if isinstance(name, str)}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
