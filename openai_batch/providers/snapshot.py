"""A provider's raw answers, made into the shapes of `interface`. Pure functions.

What is tolerated here was seen at real servers: statuses in any case and spelling, `""` for null,
timestamps as numbers or ISO text, counts that are missing, null or at the top level, errors as a
list, an object or one string.
"""

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from .interface import (
    BatchPage,
    BatchProblem,
    BatchSnapshot,
    BatchStatus,
    RemoteFile,
    RequestCounts,
)
from .text import printable

# Other words for OpenAI's statuses, by who uses them.
_SYNONYMS = {
    "queued": BatchStatus.VALIDATING,  # Zhipu, Mistral
    "scheduling": BatchStatus.VALIDATING,  # AIBrix
    "pending": BatchStatus.VALIDATING,  # Gemini
    "running": BatchStatus.IN_PROGRESS,  # Zhipu, Mistral, Gemini
    "progress": BatchStatus.IN_PROGRESS,  # Novita
    "success": BatchStatus.COMPLETED,  # Mistral
    "succeeded": BatchStatus.COMPLETED,  # Gemini
    "timeout_exceeded": BatchStatus.EXPIRED,  # Mistral
    "canceling": BatchStatus.CANCELLING,  # Together, Cohere
    "cancellation_requested": BatchStatus.CANCELLING,  # Mistral
    "canceled": BatchStatus.CANCELLED,  # Cohere
}
_STATUSES = {status.value: status for status in BatchStatus} | _SYNONYMS


def batch(raw: Mapping[str, Any], batch_id: str = "") -> BatchSnapshot:
    """One look at a batch. `batch_id` stands in where the answer does not repeat the id."""
    raw_status = _text(raw.get("status")) or ""
    status = _STATUSES.get(raw_status.strip().lower().replace("-", "_").replace(" ", "_"))
    return BatchSnapshot(
        id=identifier(raw) or batch_id,
        status=status or BatchStatus.IN_PROGRESS,
        raw_status=printable(raw_status),
        known=status is not None,
        endpoint=_text(raw.get("endpoint")),
        completion_window=_text(raw.get("completion_window")),
        input_file_id=_text(raw.get("input_file_id")),
        output_file_id=_text(raw.get("output_file_id")),
        error_file_id=_text(raw.get("error_file_id")),
        counts=_counts(raw),
        problems=tuple(_problems(raw)),
        created_at=timestamp(raw.get("created_at")),
        expires_at=timestamp(raw.get("expires_at")),
        metadata=_metadata(raw.get("metadata")),
        usage=_mapping(raw.get("usage")) or None,
        raw=raw,
    )


def remote_file(raw: Mapping[str, Any], file_id: str = "") -> RemoteFile:
    """What is told of a file. `file_id` stands in where the answer does not repeat the id."""
    return RemoteFile(
        id=identifier(raw) or file_id,
        name=_text(raw.get("filename")),
        size_bytes=_count(raw.get("bytes")),
        created_at=timestamp(raw.get("created_at")),
    )


def batch_page(raw: Any, after: str | None, page_size: int) -> BatchPage:
    """One page of a listing that was asked for with `after` and at most `page_size` batches."""
    batches = tuple(batch(item) for item in _items(raw))
    return BatchPage(batches, next_after(raw, after, page_size))


def file_page(raw: Any, after: str | None) -> tuple[tuple[RemoteFile, ...], str | None]:
    """One page of a listing of files, and what to ask for next."""
    return tuple(remote_file(item) for item in _items(raw)), next_after(raw, after, None)


def next_after(raw: Any, after: str | None, page_size: int | None) -> str | None:
    """The cursor of the next page, or None at the end.

    Where `has_more` is absent, a full page is taken for a sign of more. A server that ignores
    `after` sends the same page for ever: the same cursor twice is an end.
    """
    ids = [identifier(item) for item in _items(raw)]
    if not ids:
        return None
    listing = _mapping(raw)
    has_more = listing.get("has_more")
    if has_more is None:
        has_more = page_size is not None and len(ids) >= page_size
    cursor = _text(listing.get("last_id")) or ids[-1]
    return cursor if has_more and cursor != after else None


def identifier(raw: Mapping[str, Any]) -> str | None:
    """The object's id, or None where it has none."""
    return _text(raw.get("id"))


def timestamp(value: Any) -> float | None:
    """Unix seconds from a number, a number in text, or ISO text (taken as UTC without an offset).

    Zero and before is None: Go servers send their zero time where they mean null.
    """
    if isinstance(value, str):
        try:
            seconds = float(value)
        except ValueError:
            return _iso(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _iso(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text.strip())
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def _items(raw: Any) -> list[Mapping[str, Any]]:
    """The listed objects that have an id. Together lists as a bare array."""
    data = raw if isinstance(raw, list) else _mapping(raw).get("data")
    if not isinstance(data, list):
        return []
    return [item for item in data if isinstance(item, Mapping) and identifier(item)]


def _counts(raw: Mapping[str, Any]) -> RequestCounts | None:
    nested = _mapping(raw.get("request_counts"))
    source = nested or raw  # Zhipu has them at the top level
    total, completed, failed = (_count(source.get(key)) for key in ("total", "completed", "failed"))
    if total is None and completed is None and failed is None:
        return None
    return RequestCounts(total or 0, completed or 0, failed or 0)


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        return int(value)
    if isinstance(value, int | float) and math.isfinite(value):
        return max(int(value), 0)
    return None


def _problems(raw: Mapping[str, Any]) -> Iterator[BatchProblem]:
    """`errors` as OpenAI sends it, as a bare list, as one object or text; or Together's `error`."""
    errors = raw.get("errors") or raw.get("error")
    if isinstance(errors, Mapping) and "data" in errors:
        errors = errors["data"]
    for entry in errors if isinstance(errors, list) else [errors]:
        if isinstance(entry, str) and entry.strip():
            yield BatchProblem(code="unknown", message=printable(entry))
        elif isinstance(entry, Mapping) and (entry.get("code") or entry.get("message")):
            yield BatchProblem(
                code=printable(_text(entry.get("code")) or "unknown"),
                message=printable(_text(entry.get("message")) or ""),
                line=_count(entry.get("line")),
                param=_text(entry.get("param")),
            )


def _metadata(value: Any) -> dict[str, str]:
    return {str(key): str(item) for key, item in _mapping(value).items() if item is not None}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    """Text that says something: `""` means null at Novita and OpenAI alike; numbers become text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None
