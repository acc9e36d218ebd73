"""A provider: where requests go, with which key, and by which rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from .. import settings

if TYPE_CHECKING:
    from openai import OpenAI

    from .client import OpenAIClient

ADAPTERS = ("openai", "local")
"""Ways to speak to one: OpenAI's protocol at an address, or a server that we find or start."""


@dataclass
class Provider:
    """Who executes a batch, where, and by which rules.

    The first fields are the public ones of openai-batch 0.3. The defaults suit an unknown server
    that speaks OpenAI's protocol; rows of the catalog say what is known better.
    """

    name: str = ""
    """What `--provider` calls it. Empty for a server of which only the address is known."""
    display_name: str | None = None
    """What messages call it."""
    base_url: str | None = None
    """Ends before `/batches`. None where the address is found when a client is opened."""
    api_key: str | None = field(default=None, repr=False)
    """Never printed, stored or logged."""
    api_key_env_var: str | None = None

    batch_input_max_requests: int = 50_000
    """Requests in one input file."""
    batch_input_max_bytes: int = 100 * 1024 * 1024
    """Bytes of one input file."""

    default_chat_model: str | None = "meta-llama/Meta-Llama-3-8B-Instruct"
    default_embedding_model: str | None = "intfloat/e5-mistral-7b-instruct"

    requires_consistency: bool = True
    """Whether every request of one input file must name the same model."""

    base_url_env_var: str | None = None
    """The variable that overrides `base_url`."""
    max_embedding_inputs: int | None = None
    """Embedding inputs in one file, summed over its requests; None where there is no limit."""
    max_request_bytes: int | None = None
    """Bytes of one line; None where there is no limit."""
    endpoints: tuple[str, ...] = ()
    """The URLs that a request may have; empty where any may be tried."""
    strict_parameters: bool = False
    """Whether it refuses parameters that OpenAI's API description does not have."""
    completion_windows: tuple[str, ...] = ("24h",)
    """Windows that may be asked for, the usual one first."""
    supports_metadata: bool = True
    """Whether a batch keeps the metadata it was created with."""
    can_list: bool = True
    """Whether batches can be listed: a batch whose id was lost can be found again."""
    can_list_files: bool = True
    """Whether files can be listed: an upload whose id was lost can be found again."""
    listing_grace_s: float = 15.0
    """Seconds after which a batch that was created surely shows in the listing."""
    files_expire_after_s: int | None = None
    """Seconds after which the provider is asked to delete input and result files; None where it
    does so by itself, or has no such call."""
    idempotency_header: str | None = None
    """The header under which `POST /batches` honours an idempotency key; None without one."""
    models: tuple[str, ...] = ()
    """Shell-style patterns of the model names that mean this provider."""
    other_models: tuple[str, ...] = ()
    """Patterns of names that `models` would catch wrongly."""
    price_list: str | None = None
    """What genai-prices calls it, for the price of a batch. None: it is known by its address."""
    adapter: str = "openai"
    """How it is spoken to: one of ADAPTERS."""

    extra_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Sent with every call, as a gateway may want it. Never printed, stored or logged."""
    extra_query: Mapping[str, object] = field(default_factory=dict, repr=False)
    """Added to the address of every call. Never printed, stored or logged."""

    def __post_init__(self) -> None:
        # No field: what copies a provider, or takes it for a dictionary, leaves connections alone.
        self._client: OpenAIClient | None = None

    def __str__(self) -> str:
        return self.display_name or self.name or self.base_url or "the provider"

    @property
    def starts_server(self) -> bool:
        """Whether opening a client finds a server on this machine or starts one, which then ends
        with the client. A recorded address of such a server is worth nothing."""
        return self.adapter == "local" and self.base_url is None

    @property
    def key_variable(self) -> str:
        """The variable that is looked at for a key; the SDK's own where none is named."""
        return self.api_key_env_var or "OPENAI_API_KEY"

    def find_key(self) -> str | None:
        """The key that is sent: `api_key`, else what the variable holds now."""
        return (self.api_key or "").strip() or settings.environment(self.key_variable)

    def get_client(self) -> "OpenAI":
        """The official SDK's client for this provider, made once and then reused.

        It never retries by itself: the SDK would create a batch twice when a reply is lost.
        Raises CredentialsMissing where no key is set.
        """
        if self._client is None:
            from .client import open_client

            self._client = open_client(self)
        return self._client.sdk

    def claims(self, model: str) -> bool:
        """Whether this model's name alone means this provider."""
        return _matches(model, self.models) and not _matches(model, self.other_models)


def _matches(model: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(model, pattern) for pattern in patterns)
