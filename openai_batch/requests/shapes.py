"""Types that read requests of one shape and refuse any other: what `bodies` checks, for msgspec.

Every type here is as narrow as the closer look: where it is in doubt it refuses, and the closer
look decides.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, reduce
from itertools import takewhile
from operator import attrgetter, or_
from typing import Annotated, Any, Literal, NamedTuple

import msgspec

from .bodies import MOST_EMBEDDED
from .endpoints import FIELD_TYPES, endpoint_of, path_of
from .messages import CHAT_ROLES, INPUT_ROLES
from .parameters import PARAMETERS, WHOLLY_LOOKED_AT, Parameter

ANY_MODEL = ""

_CONVERSATIONS = ("/chat/completions", "/responses")

_FILLED = msgspec.Meta(min_length=1)
_TEXT: Any = Annotated[str, _FILLED]
# Parsers read longer integers as floats.
_LEAST, _MOST = -(2**63), 2**63 - 1


class Outline(NamedTuple):
    """What tells one shape from another."""

    url: str
    model: str | None
    """The one that requests name; None where they name none, ANY_MODEL where it may be any."""
    field: str
    """What the request is about."""
    content: str
    """How that stands there: see `content_of`."""
    others: tuple[str, ...]
    """Further required fields."""
    names: frozenset[str]
    """Fields that may be there or not, as far as the above leaves them open."""
    strict: bool


class Shape(NamedTuple):
    """Reads requests of one outline."""

    decoder: "msgspec.json.Decoder[Any]"
    whole: Callable[[Any], tuple[Any, ...]] | None
    """Takes from a request the values that count as they stand; None where there are none."""
    layout: tuple[str, ...]
    """The names of those, in their order."""
    has_parts: bool
    model: str | None
    """As in the outline."""
    is_one_text: bool
    """Whether what it is about is a single text."""


class _Text(msgspec.Struct, tag="text", gc=False):
    text: str


class _Url(msgspec.Struct, gc=False):
    url: str


class Image(msgspec.Struct, tag="image_url", gc=False):
    """An image in a chat's message."""

    image_url: _Url


class _InputText(msgspec.Struct, tag="input_text", gc=False):
    text: str


class InputImage(msgspec.Struct, tag="input_image", gc=False):
    """An image in an item of a response's input."""

    image_url: str


_CHAT_PARTS = Annotated[list[_Text | Image], _FILLED]
_INPUT_PARTS = Annotated[list[_InputText | InputImage], _FILLED]


def content_of(field: str, value: Any) -> str:
    """How what a request is about stands there: "text", the word for what is in a list, or ""."""
    if not isinstance(value, list) or not value:
        return "text" if isinstance(value, str) else ""
    first = value[0]
    if isinstance(first, dict) and field in ("messages", "input"):
        has_parts = any(isinstance(one, dict) and type(one.get("content")) is list for one in value)
        return "parts" if has_parts else "messages"
    return {str: "texts", int: "tokens", list: "token lists"}.get(type(first), "")


@lru_cache(maxsize=64)
def shape(outline: Outline) -> Shape | None:
    """What reads requests of this outline; None where a name is beyond what decoders take."""
    null = _null(outline)
    names = sorted(outline.names - null - {outline.field, *outline.others, "model"})
    if not all(map(_is_plain, (outline.url, outline.model or "", *names))):
        return None
    path = path_of(outline.url)
    whole = WHOLLY_LOOKED_AT.get(path, frozenset()) | {"stream", "stream_options"}
    known = PARAMETERS.get(path, {})
    fields: list[Any] = [(outline.field, _payload(outline, path))]
    fields += [(name, _required(name, path)) for name in outline.others]
    if outline.model is not None:
        named = _TEXT if outline.model == ANY_MODEL else Literal[outline.model]
        fields.append(("model", named))
    fields += [(name, None, None) for name in sorted(null)]
    attributes = {name: f"p{number}" for number, name in enumerate(names)}
    for name, attribute in attributes.items():
        if name in whole or name not in known:
            fields.append((attribute, msgspec.Raw, None))  # in a union it takes null only
        else:
            fields.append((attribute, parameter_type(known[name], outline.strict) | None, None))
    body = msgspec.defstruct(
        "Body",
        fields,
        gc=False,
        forbid_unknown_fields=True,
        rename={attribute: name for name, attribute in attributes.items()},
    )
    request = msgspec.defstruct(
        "Request",
        [
            ("custom_id", _TEXT),
            ("method", Literal["POST"]),
            ("url", Literal[outline.url]),
            ("body", body),
        ],
        gc=False,
    )
    taken = [name for name in names if name in whole]
    # The model decides what some of them may be. The url is there to make a tuple even of one.
    decisive = ("url", "body.model") if outline.model is not None else ("url",)
    return Shape(
        msgspec.json.Decoder(request),
        attrgetter(*decisive, *(f"body.{attributes[name]}" for name in taken)) if taken else None,
        (*decisive, *taken),
        outline.content == "parts" and path in _CONVERSATIONS,
        outline.model,
        outline.strict and outline.content == "text",
    )


def _null(outline: Outline) -> set[str]:
    """Fields that would change what the request is about, or its model, were they not null."""
    settled = {outline.field, *outline.others}
    settled |= {"model"} if outline.model is not None else set()
    null = {"model"} - settled
    endpoint = endpoint_of(outline.url)
    for group in endpoint.required if endpoint else ():
        null.update(takewhile(lambda name: name not in settled, group))
    return null


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isprintable() and not {'"', "\\"} & set(name)


def _payload(outline: Outline, path: str) -> Any:
    if path == "/chat/completions":
        return _messages(outline)
    if path == "/responses" and outline.field == "input":
        return str if outline.content == "text" else _items(outline)
    if path == "/embeddings" and outline.strict:
        return _embedded(outline.content)
    return _required(outline.field, path)


def _required(name: str, path: str) -> Any:
    """What a required field may be where it is not looked into."""
    types: dict[type, Any] = {
        str: _TEXT,
        list: Annotated[list[Any] if name == "input" else list[msgspec.Raw], _FILLED],
        dict: Annotated[dict[str, msgspec.Raw], _FILLED],
    }
    forms = FIELD_TYPES.get(name, (str, list))
    if parameter := PARAMETERS.get(path, {}).get(name):
        forms = parameter.forms  # some are parameters beside another field, and narrower
    return reduce(or_, map(types.__getitem__, forms))


def _messages(outline: Outline) -> Any:
    roles = [role for role in CHAT_ROLES if role not in ("tool", "function")]
    return _said(_one_of(roles) if outline.strict else str, outline, _CHAT_PARTS)


def _items(outline: Outline) -> Any:
    return _said(_one_of(INPUT_ROLES), outline, _INPUT_PARTS)


def _said(role: Any, outline: Outline, parts: Any) -> Any:
    content = str | parts if outline.content == "parts" else str
    message = msgspec.defstruct(
        "Message",
        [
            ("role", role),
            ("content", content),
            ("tool_calls", None, None),
            ("type", Literal["message"], "message"),
        ],
        gc=False,
    )
    return Annotated[list[message], _FILLED]  # type: ignore[valid-type]


def _one_of(texts: Iterable[str]) -> Any:
    return Literal[tuple(texts)]


def _embedded(content: str) -> Any:
    many = msgspec.Meta(min_length=1, max_length=MOST_EMBEDDED)
    token = Annotated[int, msgspec.Meta(ge=_LEAST, le=_MOST)]
    return {
        "texts": Annotated[list[_TEXT], many],
        "tokens": Annotated[list[token], many],
        "token lists": Annotated[list[Annotated[list[token], _FILLED]], many],
    }.get(content, _TEXT)


def parameter_type(parameter: Parameter, strict: bool) -> Any:
    """The values that fit a parameter (`Parameter.fits`), as far as a type can say; never more."""
    return reduce(or_, (_form_type(form, parameter, strict) for form in parameter.forms))


def _form_type(form: type, parameter: Parameter, strict: bool) -> Any:
    least = parameter.least if strict else parameter.least_anywhere
    most = parameter.most if strict else None
    if form is int:
        least = _LEAST if least is None else int(least)
        return Annotated[int, msgspec.Meta(ge=least, le=_MOST if most is None else int(most))]
    if form is float:
        return Annotated[float, msgspec.Meta(ge=least, le=most)]
    if form is str and strict:
        if parameter.choices:
            return _one_of(parameter.choices)
        return Annotated[str, msgspec.Meta(max_length=parameter.longest)]
    if form not in (list, dict):
        return form
    each: Any = msgspec.Raw
    if strict and parameter.each is not None:
        each = parameter_type(parameter.each, strict)
    items = msgspec.Meta(max_length=parameter.most_items if strict else None)
    if form is list:
        return Annotated[list[each], items]
    key = Annotated[str, msgspec.Meta(max_length=parameter.longest_key if strict else None)]
    return Annotated[dict[key, each], items]
