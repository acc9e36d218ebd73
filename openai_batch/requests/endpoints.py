"""Every endpoint a request can name: one table, for those who build requests and who check them."""

import enum
from collections.abc import Collection
from typing import Any, NamedTuple


class Kind(enum.Enum):
    """What a request asks for. The values are words that callers of the library compare with."""

    CHAT_COMPLETION = "chat_completion"
    """An answer to `messages`."""
    EMBEDDING = "embedding"
    """Vectors for `input`."""
    SCORE = "score"
    """How well `text_2` goes with `text_1`."""
    RERANK = "rerank"
    """How well each of `documents` answers `query`; sent to the score endpoint."""
    TRANSFUSION = "transfusion"
    """An image made from `prompt` and `image`, as Parasail's multi-image models take it."""
    RESPONSE = "response"
    """An answer to `input`, in the shape of OpenAI's Responses API."""
    COMPLETION = "completion"
    """A continuation of `prompt`."""
    MODERATION = "moderation"
    """Whether `input` is harmful."""
    IMAGE_GENERATION = "image_generation"
    """An image made from `prompt`."""
    IMAGE_EDIT = "image_edit"
    """An image made from `prompt` and `image` or `images`."""

    def __str__(self) -> str:
        """As callers of the library know it, who import this class by that name."""
        return f"BatchType.{self.name}"


class Endpoint(NamedTuple):
    """One endpoint, without its version prefix (`/v1`, which other providers spell differently).

    `required` names what a body must hold: of each group at least one field, the usual one first.
    """

    path: str
    required: tuple[tuple[str, ...], ...]
    kinds: tuple[Kind, ...] = ()


_MODEL = ("model",)

ENDPOINTS = (
    Endpoint("/chat/completions", (_MODEL, ("messages",)), (Kind.CHAT_COMPLETION,)),
    Endpoint(
        "/responses",
        # A stored prompt template brings its own model, and may need no input.
        (("model", "prompt"), ("input", "prompt", "conversation", "previous_response_id")),
        (Kind.RESPONSE,),
    ),
    Endpoint("/embeddings", (_MODEL, ("input",)), (Kind.EMBEDDING,)),
    Endpoint("/completions", (_MODEL, ("prompt",)), (Kind.COMPLETION,)),
    Endpoint("/moderations", (("input",),), (Kind.MODERATION,)),
    Endpoint("/images/generations", (("prompt",),), (Kind.IMAGE_GENERATION,)),
    Endpoint("/images/edits", (("prompt",),), (Kind.TRANSFUSION, Kind.IMAGE_EDIT)),
    Endpoint("/videos", (("prompt",),)),
    Endpoint(
        "/score",
        # vLLM takes several spellings; `query` and `documents` are what reranking sends here.
        (
            _MODEL,
            ("text_1", "query", "queries", "data_1"),
            ("text_2", "documents", "items", "data_2"),
        ),
        (Kind.SCORE, Kind.RERANK),
    ),
    Endpoint("/rerank", (_MODEL, ("query",), ("documents",))),
    Endpoint("/messages", (_MODEL, ("messages",))),
    Endpoint("/audio/transcriptions", (_MODEL,)),
    Endpoint("/audio/translations", (_MODEL,)),
)

FIELD_TYPES: dict[str, tuple[type, ...]] = {
    "model": (str,),
    "messages": (list,),
    "input": (str, list),
    "prompt": (str, list, dict),
    "documents": (str, list, dict),
}
"""The JSON types a required field may have. A field that is not listed may have any."""

FIELD_WORDS = {
    "model": "the name of a model",
    "messages": "a list with a message at least",
    "input": "a text, or a list with a text at least",
    "prompt": "a text, or a list or an object that is not empty",
    "documents": "a text, or a list or an object that is not empty",
}
"""The same for people, of those fields that are listed."""

_BY_PATH = {endpoint.path: endpoint for endpoint in ENDPOINTS}
_BY_KIND = {kind: endpoint for endpoint in ENDPOINTS for kind in endpoint.kinds}


def endpoint_of(url: str) -> Endpoint | None:
    """The endpoint that a request's `url` names, whatever its version prefix, or None."""
    return _BY_PATH.get(path_of(url))


def given(group: tuple[str, ...], body: dict[str, Any]) -> str | None:
    """Which field of a group of `Endpoint.required` a body holds; None where it is none of them."""
    return next((name for name in group if body.get(name) is not None), None)


def url_of(kind: Kind, endpoints: Collection[str] = ()) -> str:
    """The `url` of a request of this kind, spelled as in the provider's `endpoints` if there."""
    path = _BY_KIND[kind].path
    for url in endpoints:
        if path_of(url) == path:
            return url
    return f"/v1{path}"


def path_of(url: str) -> str:
    """`url` without its version prefix."""
    root, slash, path = url.removeprefix("/v").partition("/")
    has_version = url.startswith("/v") and root[:1].isdigit() and root.replace("_", "").isalnum()
    return slash + path if has_version and slash else url
