"""From parameters to a request: what kind it is, where it goes, and what its body holds.

The messages of the ValueErrors here are part of the library's contract: programs match them.
"""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from .. import jsonl
from . import model_names
from .endpoints import Kind, url_of

TRANSFUSION_MODEL = "Shitao/OmniGen-v1"

_EMBEDDING_ONLY = frozenset({"dimensions", "encoding_format", "input_type"})
_RESPONSES_ONLY = frozenset(
    {
        "background",
        "conversation",
        "include",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "parallel_tool_calls",
        "previous_response_id",
        "prompt",
        "reasoning",
        "store",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_p",
    }
)
_IMAGE_ONLY = frozenset(
    {
        "background",
        "output_compression",
        "output_format",
        "partial_images",
        "quality",
        "size",
        "style",
    }
)

# The score endpoint refuses parameters that it does not know, so only these are passed on.
_SCORE_PARAMETERS = ("model", "text_1", "text_2", "priority", "truncate_prompt_tokens")
_RERANK_PARAMETERS = (
    "model",
    "query",
    "documents",
    "top_n",
    "priority",
    "truncate_prompt_tokens",
)

_NAMES = {
    Kind.CHAT_COMPLETION: "chat completion",
    Kind.EMBEDDING: "embedding",
    Kind.SCORE: "score request",
    Kind.RERANK: "rerank request",
    Kind.TRANSFUSION: "transfusion request",
    Kind.RESPONSE: "response request",
    Kind.COMPLETION: "completion",
    Kind.MODERATION: "moderation",
    Kind.IMAGE_GENERATION: "image generation",
    Kind.IMAGE_EDIT: "image edit",
}


def classify(params: Mapping[str, Any]) -> Kind:
    """Tell what a request asks for from its parameters, and where they fit several, its model.

    Raises ValueError where the model is missing, or the parameters fit no kind or several.
    """
    if "model" not in params:
        raise ValueError("Model must be specified in arguments")
    return classify_without_model(params)


def classify_without_model(params: Mapping[str, Any]) -> Kind:
    """As `classify`, for parameters whose model may be chosen later, by their kind."""
    given = params.get("model")
    model = given if isinstance(given, str) else ""
    kinds = []
    if "input" in params:
        kinds.append(_kind_of_input(params, model))
    if "messages" in params:
        kinds.append(Kind.CHAT_COMPLETION)
    if "documents" in params:
        kinds.append(Kind.RERANK)
    if "text_1" in params:
        kinds.append(Kind.SCORE)
    if _is_transfusion(params, model):
        kinds.append(Kind.TRANSFUSION)
    if not kinds and "prompt" in params:
        kinds.append(_kind_of_prompt(params, model))
    if not kinds:
        raise ValueError(
            "Request must include either 'input' for embeddings, 'messages' for chat completions, "
            "'documents' for rerank, or 'text_1' for score"
        )
    if len(kinds) > 1:
        raise ValueError(
            "Request cannot include multiple types of parameters. Use only one of: "
            "'input', 'messages', 'documents', or 'text_1'"
        )
    return kinds[0]


def _kind_of_input(params: Mapping[str, Any], model: str) -> Kind:
    if model_names.moderates(model):
        return Kind.MODERATION
    if model_names.embeds(model) or not _EMBEDDING_ONLY.isdisjoint(params):
        return Kind.EMBEDDING
    if (
        not _RESPONSES_ONLY.isdisjoint(params)
        or _holds_messages(params["input"])
        or model_names.chats_at_openai(model)
    ):
        return Kind.RESPONSE
    return Kind.EMBEDDING


def _holds_messages(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(item, dict) and ("role" in item or "type" in item) for item in value)
    )


def _is_transfusion(params: Mapping[str, Any], model: str) -> bool:
    if model == TRANSFUSION_MODEL:
        return True
    # OpenAI's image models share the shape, but refuse the `response_format` this kind needs.
    return params.keys() >= {"prompt", "size", "image"} and not (
        model_names.is_openai_image_model(model)
    )


def _kind_of_prompt(params: Mapping[str, Any], model: str) -> Kind:
    if isinstance(params["prompt"], dict):
        return Kind.RESPONSE
    if "image" in params or "images" in params:
        return Kind.IMAGE_EDIT
    if model_names.draws(model) or not _IMAGE_ONLY.isdisjoint(params):
        return Kind.IMAGE_GENERATION
    return Kind.COMPLETION


def build_body(
    params: Mapping[str, Any], kind: Kind | None = None, endpoints: Collection[str] = ()
) -> tuple[str, dict[str, Any]]:
    """The `url` and `body` of a request with these parameters, in their order.

    `kind` is what `classify` said, where that is known already; `endpoints` are the provider's, for
    their spelling. Raises ValueError where a parameter that this kind needs is missing.
    """
    kind = kind or classify(params)
    match kind:
        case Kind.SCORE:
            body = _score_body(params)
        case Kind.RERANK:
            body = _rerank_body(params)
        case Kind.TRANSFUSION:
            body = _transfusion_body(params)
        case _:
            body = dict(params)
    return url_of(kind, endpoints), body


def _score_body(params: Mapping[str, Any]) -> dict[str, Any]:
    if "text_2" not in params:
        raise ValueError("'text_2' is required for score requests")
    return {name: params[name] for name in _SCORE_PARAMETERS if name in params}


def _rerank_body(params: Mapping[str, Any]) -> dict[str, Any]:
    documents = params["documents"]
    if isinstance(documents, str):
        documents = [documents]
    if not isinstance(documents, list):
        raise ValueError("Rerank 'documents' must be a list of strings.")
    if "query" not in params:
        raise ValueError("'query' is required for rerank requests")
    body = {name: params[name] for name in _RERANK_PARAMETERS if name in params}
    body["documents"] = documents
    return body


def _transfusion_body(params: Mapping[str, Any]) -> dict[str, Any]:
    missing = [
        name for name in ("prompt", "size", "image", "response_format") if name not in params
    ]
    if missing:
        raise ValueError(
            f"Missing required parameters for transfusion requests: {', '.join(missing)}"
        )
    body = dict(params)
    if isinstance(body["image"], str):
        body["image"] = [body["image"]]
    return body


def request_line(custom_id: str, url: str, body: Mapping[str, Any]) -> bytes:
    """One request as a line of an input file, without the newline.

    Raises TypeError where the body holds something that JSON cannot.
    """
    return jsonl.dumps({"custom_id": custom_id, "method": "POST", "url": url, "body": body})


class ProviderRules(Protocol):
    """What `RequestKinds` asks of a provider."""

    @property
    def name(self) -> str:
        """What messages call it; empty where only its address is known."""

    @property
    def requires_consistency(self) -> bool:
        """Whether all requests of a file must name the same model."""

    @property
    def endpoints(self) -> Collection[str]:
        """The URLs it knows; empty where any may be tried."""


class RequestKinds:
    """Holds a batch to its first request: to its kind, and where the provider asks, its model.

    Both may be set before it.
    """

    def __init__(self) -> None:
        self.kind: Kind | None = None
        self.model: Any = None

    def build(
        self, params: Mapping[str, Any], provider: ProviderRules
    ) -> tuple[str, dict[str, Any]]:
        """As `build_body`. A request that is refused with ValueError leaves no trace."""
        kind = classify(params)
        model = params["model"]
        if self.kind not in (None, kind):
            assert self.kind is not None
            raise ValueError(f"Cannot add {_NAMES[kind]} to a {self.kind.value} batch")
        if provider.requires_consistency and self.model not in (None, model):
            raise ValueError(
                f"Model mismatch. Provider {provider.name or provider} requires model consistency. "
                f"First request determines model for batch and is {self.model} "
                f"and subsequent request is {model}"
            )
        url, body = build_body(params, kind, provider.endpoints)
        self.kind = self.kind or kind
        if self.model is None:
            self.model = model
        return url, body
