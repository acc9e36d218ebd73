"""OpenAI's Files and Batches protocol, through the official SDK, whose only importer this is.

The SDK forms and sends requests. It never retries here, and its models never decide what an answer
means: answers are taken raw and read by `snapshot`, failures are judged by `failures`.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import urlsplit

from ..errors import (
    CredentialsMissing,
    CredentialsRefused,
    NotFound,
    StorageError,
    UsageError,
)
from ..jsonl import parse
from . import failures, snapshot, transfer
from .failures import Call
from .interface import BatchPage, BatchSnapshot, RemoteFile
from .provider import Provider

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI
    from openai.types import Batch
    from openai.types.batch_create_params import OutputExpiresAfter as ExpiresAfter

PAGE_SIZE = 100
"""Batches in one page of a listing: the most that OpenAI allows."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of silence after which a call has failed. A call that makes progress may take longer.

    `answer_s` is for each read or write; `upload_answer_s` for the answer to an upload, because the
    provider reads through a large file before it says anything.
    """

    connect_s: float = 10.0
    answer_s: float = 60.0
    upload_answer_s: float = 600.0


def open_client(provider: Provider, *, state_dir: Path | None = None) -> "OpenAIClient":
    """A client for `provider`. Close it when done: a server may have been started for it.

    `state_dir` is where the local server keeps its files, where it is not the usual place.

    Raises CredentialsMissing where no key is set, UsageError where no address is known, GaveUp
    where a server had to be started and did not start.
    """
    if provider.starts_server:
        from .local import LocalClient, data_folder

        return LocalClient(provider, data_folder(state_dir))
    return OpenAIClient(provider, open_sdk(provider))


def open_sdk(provider: Provider) -> "OpenAI":
    """The SDK's client at the provider's address. It never retries.

    Raises CredentialsMissing where no key is set, UsageError where no address is known.
    """
    if provider.base_url is None:
        raise UsageError(f"no address is known for {provider}: name one with --base-url")
    key = _usable_key(provider)

    import openai

    sdk = openai.OpenAI(
        base_url=provider.base_url,
        api_key=key,
        max_retries=0,
        default_headers=provider.extra_headers,
        default_query=provider.extra_query,
        http_client=_transport(bypass_proxies=_is_loopback(provider.base_url)),
    )
    if provider.api_key_env_var not in (None, "OPENAI_API_KEY"):
        # The SDK sends OpenAI's account names from the environment to whichever server it is given.
        sdk.organization = sdk.project = None
    return sdk


def sdk_models() -> list[str]:
    """The names of models that the SDK knows: those of embeddings, then those of chats."""
    from typing import get_args

    from openai.types import ChatModel, EmbeddingModel

    return [*get_args(EmbeddingModel), *get_args(ChatModel)]


def _usable_key(provider: Provider) -> str:
    key = provider.find_key()
    if not key:
        raise CredentialsMissing(f"{provider} needs a key: set {provider.key_variable}")
    if not (key.isascii() and key.isprintable()):
        raise CredentialsRefused(
            f"the key for {provider} has characters that no key has; copy it again into "
            f"{provider.key_variable}"
        )
    return key


def _transport(*, bypass_proxies: bool) -> "httpx2.Client":
    import httpx2
    import openai

    class Transport(openai.DefaultHttpxClient):
        def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
            # A redirected POST would turn into a GET, or be sent twice. Downloads may be redirected
            # to a storage service.
            options.setdefault("follow_redirects", request.method == "GET")
            return super().send(request, **options)

    # Each call has its own connection. The server may close a kept one at the very moment it is
    # used again, and then nobody can tell whether a batch was created.
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=0)
    return Transport(limits=limits, trust_env=not bypass_proxies)


def _is_loopback(base_url: str) -> bool:
    """Whether it is plain HTTP on this machine, which no proxy can reach."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    return parts.scheme == "http" and (host in ("localhost", "::1") or host.startswith("127."))


class OpenAIClient:
    """A `BatchClient` for providers that speak OpenAI's protocol."""

    def __init__(self, provider: Provider, sdk: "OpenAI", timeouts: Timeouts | None = None):
        self._provider = provider
        self._sdk = sdk
        self._timeouts = timeouts or Timeouts()

    @property
    def sdk(self) -> "OpenAI":
        """The SDK's client below."""
        return self._sdk

    def upload(self, path: Path, name: str) -> RemoteFile:
        import openai

        if not name.endswith(".jsonl"):
            raise ValueError(f"{name!r} must end in .jsonl: several servers refuse anything else")
        with _reading(path) as content, self._calling("upload an input file") as call:
            # From an open file the SDK streams; given a path it would hold the whole file.
            answer = self.sdk.files.with_raw_response.create(
                file=(name, content, "application/jsonl"),
                purpose="batch",
                expires_after=self._expiry() or openai.omit,
                timeout=self._timeout(self._timeouts.upload_answer_s),
            )
            return snapshot.remote_file(_new_object(answer.http_response, call))

    def create_batch(
        self,
        *,
        input_file_id: str,
        endpoint: str,
        completion_window: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> BatchSnapshot:
        import openai

        header = self._provider.idempotency_header
        with self._calling("create a batch", creates=True) as call:
            answer = self.sdk.batches.with_raw_response.create(
                input_file_id=input_file_id,
                # The SDK's types know OpenAI's own endpoints and window only.
                endpoint=cast(Any, endpoint),
                completion_window=cast(Any, completion_window),
                metadata=dict(metadata) if self._provider.supports_metadata else openai.omit,
                output_expires_after=self._expiry() or openai.omit,
                extra_headers={header: idempotency_key} if header else None,
                timeout=self._timeout(),
            )
            return snapshot.batch(_new_object(answer.http_response, call))

    def retrieve_batch(self, batch_id: str) -> BatchSnapshot:
        with self._calling(f"look up batch {batch_id}") as call:
            _require_id(batch_id, call)
            answer = self.sdk.batches.with_raw_response.retrieve(batch_id, timeout=self._timeout())
            return snapshot.batch(_object(answer.http_response, call, "status"), batch_id)

    def list_batches(self, after: str | None = None) -> BatchPage:
        import openai

        with self._calling("list batches") as call:
            answer = self.sdk.batches.with_raw_response.list(
                after=after or openai.omit, limit=PAGE_SIZE, timeout=self._timeout()
            )
            return snapshot.batch_page(_listing(answer.http_response, call), after, PAGE_SIZE)

    def cancel_batch(self, batch_id: str) -> BatchSnapshot:
        with self._calling(f"cancel batch {batch_id}") as call:
            _require_id(batch_id, call)
            answer = self.sdk.batches.with_raw_response.cancel(batch_id, timeout=self._timeout())
            return snapshot.batch(_object(answer.http_response, call, "status"), batch_id)

    def download(self, file_id: str, path: Path) -> int:
        with self._calling(f"download file {file_id}") as call:
            _require_id(file_id, call)
            streaming = self.sdk.files.with_streaming_response.content(
                file_id,
                # Only plain content proves by its length that it is whole.
                extra_headers={"Accept-Encoding": "identity"},
                timeout=self._timeout(),
            )
            with streaming as answer:
                return transfer.store(transfer.whole_content(answer.http_response, call), path)

    def retrieve_file(self, file_id: str) -> RemoteFile:
        with self._calling(f"look up file {file_id}") as call:
            _require_id(file_id, call)
            answer = self.sdk.files.with_raw_response.retrieve(file_id, timeout=self._timeout())
            return snapshot.remote_file(_object(answer.http_response, call, "filename"), file_id)

    def delete_file(self, file_id: str) -> None:
        with self._calling(f"delete file {file_id}") as call:
            _require_id(file_id, call)
            answer = self.sdk.files.with_raw_response.delete(file_id, timeout=self._timeout())
            if answer.http_response.content:  # some answer 204, without a word
                _json(answer.http_response, call)

    def list_files(self, after: str | None = None) -> tuple[tuple[RemoteFile, ...], str | None]:
        import openai

        with self._calling("list files") as call:
            answer = self.sdk.files.with_raw_response.list(
                after=after or openai.omit, purpose="batch", timeout=self._timeout()
            )
            return snapshot.file_page(_listing(answer.http_response, call), after)

    def close(self) -> None:
        self._sdk.close()

    def _expiry(self) -> "ExpiresAfter | None":
        seconds = self._provider.files_expire_after_s
        return {"anchor": "created_at", "seconds": seconds} if seconds else None

    def _timeout(self, read_s: float | None = None) -> "httpx2.Timeout":
        import httpx2

        limits = self._timeouts
        return httpx2.Timeout(
            limits.answer_s, connect=limits.connect_s, read=read_s or limits.answer_s
        )

    @contextlib.contextmanager
    def _calling(self, action: str, *, creates: bool = False) -> Iterator[Call]:
        """Turn whatever the SDK raises inside into one of our errors."""
        import openai

        foreign: tuple[type[Exception], ...] = (openai.OpenAIError, *failures.transport_errors())
        call = Call(str(self._provider), action, key=self.sdk.api_key, creates=creates)
        try:
            yield call
        except foreign as error:
            # Not `from error`: the SDK's own text may repeat the key.
            raise failures.of_exception(error, call) from None


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        with path.open("rb") as content:
            yield content
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror or error}") from error


def _require_id(value: str, call: Call) -> None:
    """Refuse what is no id before it becomes part of an address."""
    if value.strip(" .") == "":
        raise NotFound(f"{call.provider} was not asked to {call.action}: {value!r} is no id")


def _json(response: "httpx2.Response", call: Call) -> Any:
    """The answer, parsed. This and what follows raise ProviderUnavailable for anything else."""
    try:
        return parse(response.content)
    except ValueError:
        raise failures.of_response(response, call) from None


def _object(response: "httpx2.Response", call: Call, key: str) -> Mapping[str, Any]:
    """The answer where it is what was asked for: it has an id, or `key` and no error."""
    answer = _json(response, call)
    if isinstance(answer, Mapping) and (
        snapshot.identifier(answer) or (answer.get(key) and not answer.get("error"))
    ):
        return answer
    raise failures.of_response(response, call)


def _new_object(response: "httpx2.Response", call: Call) -> Mapping[str, Any]:
    """The answer to a creation, which is worth nothing without an id."""
    return _object(response, call, "id")


def _listing(response: "httpx2.Response", call: Call) -> Any:
    answer = _json(response, call)
    if isinstance(answer, list) or (isinstance(answer, Mapping) and "data" in answer):
        return answer
    raise failures.of_response(response, call)


def to_openai_batch(mapping: Mapping[str, Any]) -> "Batch":
    """An OpenAI `Batch` from a provider's object or our own sums, whatever is missing in it."""
    from openai.types import Batch

    seen = snapshot.batch(mapping)
    required = {
        "id": seen.id,
        "object": "batch",
        "completion_window": seen.completion_window or "24h",
        "created_at": int(seen.created_at or 0),
        "endpoint": seen.endpoint or "",
        "input_file_id": seen.input_file_id or "",
        "status": seen.status.value,
        "output_file_id": seen.output_file_id,
        "error_file_id": seen.error_file_id,
    }
    return Batch.construct(**{**mapping, **required})
