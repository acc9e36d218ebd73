"""What the engine asks of a provider: one small protocol, and the shapes that come back.

Answers are normalised here, once, so that nothing above this package ever looks at a raw answer.
A provider's answer is never trusted: statuses come in any case and spelling, ids may be null,
absent or `""`, counts may be missing, timestamps may be numbers, ISO text or absent.
"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol


class BatchStatus(enum.Enum):
    """Where a provider's batch stands. The value is OpenAI's word for it."""

    VALIDATING = "validating"
    """The input file is being checked."""
    FAILED = "failed"
    """The input file was refused; nothing was executed."""
    IN_PROGRESS = "in_progress"
    """Requests are being executed (also any status never seen before)."""
    FINALIZING = "finalizing"
    """Requests are done, the result files are being prepared."""
    COMPLETED = "completed"
    """Every request was tried; both result files are ready, or soon."""
    EXPIRED = "expired"
    """The completion window ended first; what was finished is in the output file, and paid."""
    CANCELLING = "cancelling"
    """Cancelled, and requests in flight are still finishing."""
    CANCELLED = "cancelled"
    """Cancelled; what was finished is in the output file, and paid."""

    @property
    def final(self) -> bool:
        """Whether the provider will not move the batch any more."""
        return self in _FINAL


_FINAL = {
    BatchStatus.FAILED,
    BatchStatus.COMPLETED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """The provider's own count of a batch's requests. For display; results are reconciled by id."""

    total: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class BatchProblem:
    """One entry of a batch's `errors.data`: why it was refused. `line` counts from 1."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True)
class BatchSnapshot:
    """One look at a provider's batch.

    `raw_status` is the provider's own word, `known` whether it is one we have seen before (an
    unknown one is taken for running). Times are unix seconds. `raw` is the provider's object.
    """

    id: str
    status: BatchStatus
    raw_status: str
    known: bool = True
    endpoint: str | None = None
    completion_window: str | None = None
    input_file_id: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: RequestCounts | None = None
    problems: tuple[BatchProblem, ...] = ()
    created_at: float | None = None
    expires_at: float | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    usage: Mapping[str, Any] | None = None
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file at the provider. What it does not say is None; `created_at` is unix seconds."""

    id: str
    name: str | None = None
    size_bytes: int | None = None
    created_at: float | None = None


@dataclass(frozen=True, slots=True)
class BatchPage:
    """One page of a listing, newest first as the provider sends it."""

    batches: tuple[BatchSnapshot, ...]
    next_after: str | None
    """Pass as `after` for the next page; None at the end."""


class Reader(Protocol):
    """The calls that change nothing at the provider."""

    def retrieve_batch(self, batch_id: str) -> BatchSnapshot:
        """One look at one batch. Raises NotFound, which may only mean another key."""

    def list_batches(self, after: str | None = None) -> BatchPage:
        """One page, as large as the provider allows."""

    def retrieve_file(self, file_id: str) -> RemoteFile:
        """Look up a file's name and size."""

    def download(self, file_id: str, path: Path) -> int:
        """Stream a file's content to `path` (replaced, not synced), and return its size in bytes.

        A body that is shorter than it claimed raises ProviderUnavailable. Empty files are fine.
        """


class BatchClient(Reader, Protocol):
    """The remote calls a run needs. Safe to use from several threads.

    Every method makes one HTTP call and never repeats it: the engine decides what may be repeated.
    All raise subclasses of `errors.ProviderError`, whose `executed` says whether the call may have
    been carried out all the same.
    """

    def upload(self, path: Path, name: str) -> RemoteFile:
        """Upload `path` under the file name `name`, streaming from disk.

        Repeating it leaves an orphan file, which costs nothing.
        """

    def create_batch(
        self,
        *,
        input_file_id: str,
        endpoint: str,
        completion_window: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> BatchSnapshot:
        """Start a batch. Costs money: never repeat it without knowing what became of it.

        `metadata` is left out where the provider does not support it, `idempotency_key` is sent
        only to a provider that documents one.
        """

    def cancel_batch(self, batch_id: str) -> BatchSnapshot:
        """Ask for a batch to be cancelled. May be repeated; raises ProviderRefused if it ended."""

    def delete_file(self, file_id: str) -> None:
        """Delete a file. Raises NotFound if it is gone already."""

    def list_files(self, after: str | None = None) -> tuple[tuple[RemoteFile, ...], str | None]:
        """One page of the files with purpose `batch`, and what to pass as `after` for the next."""

    def close(self) -> None:
        """Let connections go, and a server that was started for this client. May be repeated."""
