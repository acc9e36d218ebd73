"""What is wrong with the messages of a chat, and with the items that a response is made from."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .attachments import base64_fault, file_fault, image_fault
from .faults import shown

Flaw = tuple[str, str]
"""Which parameter is wrong, as in `messages[0].role`, and what is wrong with it."""

CHAT_ROLES = ("system", "developer", "user", "assistant", "tool", "function")
INPUT_ROLES = ("user", "assistant", "system", "developer")

_SAID_OTHERWISE = ("tool_calls", "function_call", "refusal", "audio")
"""Fields of an assistant's message that may stand for its content."""


class _Part(NamedTuple):
    """A kind of content part: the field it needs, and the fields one of which that needs."""

    field: str
    inner: tuple[str, ...] = ()


_CHAT_PARTS = {
    "text": _Part("text"),
    "image_url": _Part("image_url", ("url",)),
    "input_audio": _Part("input_audio", ("data",)),
    "file": _Part("file", ("file_id", "file_data")),
    "refusal": _Part("refusal"),
    "audio": _Part(""),  # named in the API's refusals, described nowhere
}

_INPUT_NAMES = {"text": "input_text", "image_url": "input_image", "file": "input_file"}
"""Chat's names of content parts, and what they are called in /responses."""


def chat_flaws(messages: list[Any], strict: bool) -> Iterator[Flaw]:
    """Every flaw of a chat's messages; unless `strict`, those that no server can read."""
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if not isinstance(message, dict):
            yield where, f"is {shown(message)}; a message is an object with `role` and `content`"
        elif strict:
            yield from _chat_message_flaws(where, message)
        else:
            yield from _lenient_flaws(where, message)


def input_flaws(items: list[Any], strict: bool) -> Iterator[Flaw]:
    """The same of the items in a response's `input`."""
    for index, item in enumerate(items):
        where = f"input[{index}]"
        if not isinstance(item, dict):
            yield where, f"is {shown(item)}; an item is an object, such as one with `role`"
        elif strict and item.get("type") in (None, "message") and not _is_reference(item):
            yield from _role_flaws(where, item, INPUT_ROLES)
            yield from _input_content_flaws(f"{where}.content", item.get("content"))


def _is_reference(item: dict[str, Any]) -> bool:
    """Whether an item names another by its id, for which it may leave out its type."""
    said = (item.get(name) for name in ("type", "role", "content"))
    return isinstance(item.get("id"), str) and not any(one is not None for one in said)


def _lenient_flaws(where: str, message: dict[str, Any]) -> Iterator[Flaw]:
    content = message.get("content")
    if isinstance(content, bool | int | float):
        yield f"{where}.content", f"is {shown(content)}; it must be a text or a list of parts"
    for index, part in enumerate(content if isinstance(content, list) else ()):
        image = part.get("image_url") if isinstance(part, dict) else None
        url = image.get("url") if isinstance(image, dict) else image
        if isinstance(url, str) and (fault := image_fault(url, False)):
            yield f"{where}.content[{index}].image_url", fault


def _role_flaws(where: str, message: dict[str, Any], known: tuple[str, ...]) -> Iterator[Flaw]:
    role = message.get("role")
    if role is None:
        yield f"{where}.role", f"is missing; it is one of {', '.join(known)}"
    elif role not in known:
        yield f"{where}.role", f"is {shown(role)}; it must be one of {', '.join(known)}"


def _chat_message_flaws(where: str, message: dict[str, Any]) -> Iterator[Flaw]:
    yield from _role_flaws(where, message, CHAT_ROLES)
    role, content = message.get("role"), message.get("content")
    place = f"{where}.content"
    if content is None:
        may_lack = role == "function" or any(message.get(name) for name in _SAID_OTHERWISE)
        if role not in ("assistant", "function") or not may_lack:
            yield place, "is missing; give the text of the message"
    elif isinstance(content, list):
        yield from _chat_parts_flaws(place, content, role)
    elif not isinstance(content, str):
        yield place, f"is {shown(content)}; it must be a text or a list of parts"
    if role == "tool" and not isinstance(message.get("tool_call_id"), str):
        yield f"{where}.tool_call_id", "is missing; name the call that this message answers"
    yield from _tool_call_flaws(f"{where}.tool_calls", message.get("tool_calls"))


def _tool_call_flaws(where: str, calls: Any) -> Iterator[Flaw]:
    if calls is not None and not isinstance(calls, list):
        yield where, f"is {shown(calls)}; it must be a list of calls"
        return
    for index, call in enumerate(calls or ()):
        place = f"{where}[{index}]"
        if not isinstance(call, dict):
            yield place, f"is {shown(call)}; a call is an object with `id`, `type` and `function`"
            continue
        if not isinstance(call.get("id"), str):
            yield f"{place}.id", "is missing; a tool's message names it as `tool_call_id`"
        function = call.get("function")
        if call.get("type", "function") != "function":
            continue
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            yield f"{place}.function", "is missing; name the function and its arguments"
        elif not isinstance(function.get("arguments"), str):
            given = shown(function.get("arguments"))
            message = f"is {given}; it must be a text that holds JSON, as from json.dumps"
            yield f"{place}.function.arguments", message


def _chat_parts_flaws(where: str, parts: list[Any], role: Any) -> Iterator[Flaw]:
    if not parts:
        yield where, "is []; give a text, or a list with a part at least"
    for index, part in enumerate(parts):
        place = f"{where}[{index}]"
        kind = part.get("type") if isinstance(part, dict) else None
        known = _CHAT_PARTS.get(kind) if isinstance(kind, str) else None
        if known is None:
            yield from _unknown_part(place, part, kind)
            continue
        if kind == "image_url" and role not in ("user", None):
            of = shown(role)
            yield place, f"is an image, which only messages of the user may hold, not of {of}"
        yield from _part_flaws(place, part, known)


def _unknown_part(where: str, part: Any, kind: Any) -> Iterator[Flaw]:
    if not isinstance(part, dict):
        yield where, f"is {shown(part)}; a part is an object with `type`"
    elif kind is None:
        yield f"{where}.type", f"is missing; it is one of {', '.join(_CHAT_PARTS)}"
    else:
        yield f"{where}.type", f"is {shown(kind)}; it must be one of {', '.join(_CHAT_PARTS)}"


def _part_flaws(where: str, part: dict[str, Any], known: _Part) -> Iterator[Flaw]:
    if not known.field:
        return
    place, value = f"{where}.{known.field}", part.get(known.field)
    if not known.inner:
        if not isinstance(value, str):
            yield place, _not_a_text(value)
        return
    if not isinstance(value, dict):
        names = " or ".join(f"`{name}`" for name in known.inner)
        yield place, f"is {shown(value)}; it must be an object with {names}"
        return
    name = next((name for name in known.inner if value.get(name) is not None), known.inner[0])
    inner = value.get(name)
    if not isinstance(inner, str):
        yield f"{place}.{name}", _not_a_text(inner)
    elif fault := _content_fault(name, inner):
        yield f"{place}.{name}", fault


def _content_fault(name: str, value: str) -> str | None:
    match name:
        case "url" | "image_url":
            return image_fault(value, True)
        case "file_data":
            return file_fault(value)
        case "data":
            return base64_fault(value, 0)
    return None


def _input_content_flaws(where: str, content: Any) -> Iterator[Flaw]:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        yield (
            where,
            "is missing; give the text of the message"
            if content is None
            else (f"is {shown(content)}; it must be a text or a list of parts"),
        )
        return
    for index, part in enumerate(content):
        place = f"{where}[{index}]"
        if not isinstance(part, dict):
            yield place, f"is {shown(part)}; a part is an object with `type`"
            continue
        kind = part.get("type")
        if kind is None:
            yield f"{place}.type", "is missing; it is input_text, input_image or the like"
        elif isinstance(kind, str) and kind in _INPUT_NAMES:
            yield f"{place}.type", f"is '{kind}', which in /responses is {_INPUT_NAMES[kind]}"
        elif kind in ("input_text", "output_text"):
            if not isinstance(part.get("text"), str):
                yield f"{place}.text", _not_a_text(part.get("text"))
        elif kind == "input_image":
            yield from _input_image_flaws(place, part)
        elif kind == "input_file":
            data = part.get("file_data")
            if isinstance(data, str) and (fault := file_fault(data)):
                yield f"{place}.file_data", fault


def _input_image_flaws(where: str, part: dict[str, Any]) -> Iterator[Flaw]:
    url = part.get("image_url")
    if url is None:
        if part.get("file_id") is None:
            yield f"{where}.image_url", "is missing; name the image's URL, or a `file_id`"
    elif not isinstance(url, str):
        yield f"{where}.image_url", f"is {shown(url)}; in /responses it is the URL itself"
    elif fault := image_fault(url, True):
        yield f"{where}.image_url", fault


def _not_a_text(value: Any) -> str:
    return "is missing; give a text" if value is None else f"is {shown(value)}; it must be a text"
