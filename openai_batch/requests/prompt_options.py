"""What the user says about prompts as a whole, and what it makes of a single one."""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .. import jsonl
from ..errors import UsageError
from . import model_names
from .build import build_body, classify_without_model
from .endpoints import Kind
from .faults import shown

_RESERVED = {
    "model": "say --model",
    "custom_id": "say --custom-id-prefix",
    **dict.fromkeys(
        ("method", "url", "body"), "a request holds it beside its parameters, not among them"
    ),
    **dict.fromkeys(
        ("prompt", "messages", "input", "text_1", "text_2", "query", "documents"),
        "it is read from the input",
    ),
}

_CONTENT = ("prompt", "messages", "input", "text_1", "text_2", "query", "documents")
"""Parameters that hold what a request is about."""

_CONTENT_OF = {
    Kind.EMBEDDING: ("input",),
    Kind.RESPONSE: ("input", "prompt"),
    Kind.SCORE: ("text_1", "text_2"),
    Kind.RERANK: ("query", "documents"),
}
"""What each kind that can be asked for is about."""


class PromptOptions(NamedTuple):
    """How prompts become requests."""

    default_chat_model: str | None = None
    default_embedding_model: str | None = None
    """Models for requests that name none; None where the provider has no default."""
    endpoints: Collection[str] = ()
    """The provider's endpoints, for how it spells them."""
    model: str | None = None
    system: str | None = None
    """A system message for requests that bring none."""
    params: Mapping[str, Any] = MappingProxyType({})
    """Parameters for every request; a prompt's own come first."""
    asked: Kind | None = None
    """The kind that was asked for; None where each prompt tells it."""
    subject: str = ""
    """`text_1` of score requests, `query` of rerank requests."""
    plain_text: bool = False
    """Whether every line is plain text, whatever it looks like."""
    custom_id_prefix: str = "line"


def parse_params(assignments: Iterable[str]) -> dict[str, Any]:
    """Parameters from `KEY=VALUE` texts; a VALUE that is not JSON is a string.

    Raises UsageError where a text has no key, or its key is set in another way.
    """
    params: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise UsageError(f"--param {shown(assignment)}: write KEY=VALUE, as in temperature=0")
        if key in _RESERVED:
            raise UsageError(f"--param cannot set {key!r}: {_RESERVED[key]}")
        try:
            params[key] = jsonl.parse_exactly(value.encode())
        except ValueError:
            params[key] = value
    return params


def build_from_prompt(
    prompt: Mapping[str, Any], options: PromptOptions
) -> tuple[str, dict[str, Any]]:
    """The `url` and `body` of the request that one prompt asks for.

    `prompt` holds parameters of the request; its text may stand under `prompt` or `input` whatever
    the kind. Raises ValueError where no request can be made of it.
    """
    params = {**options.params, **prompt}
    model = params.pop("model", options.model)
    if model is not None and not (isinstance(model, str) and model):
        raise ValueError(f"`model` must be a name, not {shown(model)}")
    if options.asked is None:
        kind = _told(params, model or "")
    else:
        kind = _asked(params, options.asked, options.subject)
    if options.system is not None:
        _add_system(params, kind, options.system)
    model = model or _default_model(kind, options)
    return build_body({"model": model, **params}, kind, options.endpoints)


def _told(params: dict[str, Any], model: str) -> Kind:
    """Tell the kind from the prompt, and give its text the name that this kind has for it."""
    if params.keys().isdisjoint(_CONTENT):
        raise ValueError(
            "none of `prompt`, `messages`, `input`, `text_1` and `documents` is there: "
            "name one of them, or say --text if the line is plain text"
        )
    kind = classify_without_model({"model": model, **params})
    if kind is not Kind.COMPLETION:
        _refuse_two_texts(params)
        return kind
    text = params.pop("prompt")
    if model_names.moderates(model):
        params["input"] = text
        return Kind.MODERATION
    if model_names.embeds(model):
        params["input"] = text
        return Kind.EMBEDDING
    if not isinstance(text, str | list):
        raise ValueError(f"`prompt` must be text, not {shown(text)}")
    params["messages"] = [{"role": "user", "content": text}]
    return Kind.CHAT_COMPLETION


def _refuse_two_texts(params: dict[str, Any]) -> None:
    other = next((name for name in _CONTENT if name != "prompt" and name in params), None)
    # A `prompt` that is an object is a stored template of the Responses API, not a text.
    if other and isinstance(params.get("prompt"), str):
        raise ValueError(f"`prompt` and `{other}` are both there, and a request takes one of them")


def _asked(params: dict[str, Any], kind: Kind, subject: str) -> Kind:
    """Give the prompt's text the name that the kind asked for has for it."""
    match kind:
        case Kind.SCORE:
            _rename_text(params, "text_2")
            params.setdefault("text_1", subject)
        case Kind.RERANK:
            _rename_text(params, "documents")
            params.setdefault("query", subject)
        case _:
            _rename_text(params, "input")
    content = _CONTENT_OF[kind]
    foreign = [name for name in _CONTENT if name in params and name not in content]
    if foreign:
        raise ValueError(
            f"`{foreign[0]}` does not belong into {kind.value} requests, which were asked for"
        )
    if params.keys().isdisjoint(content):
        raise ValueError(f"neither `prompt` nor `{content[0]}` is there")
    return kind


def _rename_text(params: dict[str, Any], name: str) -> None:
    for given in ("prompt", "input"):
        if given in params and name not in params and not isinstance(params[given], dict):
            params[name] = params.pop(given)


def _add_system(params: dict[str, Any], kind: Kind, system: str) -> None:
    if kind is Kind.RESPONSE:
        params.setdefault("instructions", system)
    elif kind is Kind.CHAT_COMPLETION:
        messages = params["messages"]
        if isinstance(messages, list) and not any(map(_is_system, messages)):
            params["messages"] = [{"role": "system", "content": system}, *messages]
    else:
        raise ValueError(f"--system does not go with {kind.value} requests")


def _is_system(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in ("system", "developer")


def _default_model(kind: Kind, options: PromptOptions) -> str:
    match kind:
        case Kind.CHAT_COMPLETION | Kind.RESPONSE:
            model = options.default_chat_model
        case Kind.EMBEDDING | Kind.SCORE | Kind.RERANK:
            model = options.default_embedding_model
        case _:
            model = None
    if not model:
        raise ValueError(f"there is no default model for {kind.value} requests: say --model")
    return model
