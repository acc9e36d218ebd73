"""What the store keeps of a file and of a batch, and how the API shows them."""

import dataclasses
import secrets
from typing import Any

from .. import jsonl
from .lifecycle import Status
from .usage import Usage


def new_file_id() -> str:
    """An id that no file has yet."""
    return "file-" + secrets.token_hex(12)


def new_batch_id() -> str:
    """An id that no batch has yet."""
    return "batch_" + secrets.token_hex(16)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A file. Times are unix seconds; `size_bytes` is the size of its content."""

    id: str
    filename: str
    purpose: str
    size_bytes: int
    created_at: int
    expires_at: int

    def as_object(self) -> dict[str, Any]:
        """The API's file object."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": self.size_bytes,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """A batch. Times are unix seconds.

    `output_log_id` and `error_log_id` are reserved at creation: results are collected under these
    ids, and `output_file_id` and `error_file_id` take them over when the files are published.
    `faults` are the entries of `errors.data`.
    """

    id: str
    status: Status
    endpoint: str
    input_file_id: str
    completion_window: str
    created_at: int
    expires_at: int
    output_log_id: str
    error_log_id: str
    output_expires_after_s: int
    metadata: dict[str, str] | None = None
    model: str | None = None
    faults: list[dict[str, Any]] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    usage: dict[str, Any] = dataclasses.field(default_factory=lambda: Usage().as_object())
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None

    def moved(self, status: Status, now_s: int, changes: dict[str, Any]) -> "BatchRecord":
        """This record with `changes`, in `status`, which it enters at `now_s` if it is new."""
        if status is not self.status:
            changes = {**changes, f"{status.value}_at": now_s}
        return dataclasses.replace(self, status=status, **changes)

    def with_progress(self, progress: dict[str, Any] | None) -> "BatchRecord":
        """This record with the counts of a moment before it was read, unless it has its last ones.

        In this order, counts never fall back when a batch ends between the two looks.
        """
        if progress is None or self.status.final:
            return self
        return dataclasses.replace(self, **progress)

    def to_json(self) -> bytes:
        """For the store."""
        return jsonl.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, content: bytes) -> "BatchRecord":
        """From the store."""
        fields = jsonl.parse(content)
        return cls(**{**fields, "status": Status(fields["status"])})

    def as_object(self) -> dict[str, Any]:
        """The API's batch object."""
        errors = None if self.faults is None else {"object": "list", "data": self.faults}
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "model": self.model,
            "errors": errors,
            "input_file_id": self.input_file_id,
            "completion_window": self.completion_window,
            "status": self.status.value,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            "created_at": self.created_at,
            "in_progress_at": self.in_progress_at,
            "expires_at": self.expires_at,
            "finalizing_at": self.finalizing_at,
            "completed_at": self.completed_at,
            "failed_at": self.failed_at,
            "expired_at": self.expired_at,
            "cancelling_at": self.cancelling_at,
            "cancelled_at": self.cancelled_at,
            "request_counts": {
                "total": self.total,
                "completed": self.completed,
                "failed": self.failed,
            },
            "usage": self.usage,
            "metadata": self.metadata,
        }
