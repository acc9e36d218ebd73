"""Results: one line for each request, and the log that finished requests survive in."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import jsonl

_UNEXECUTED = {
    "batch_cancelled": "The batch was cancelled before this request was executed.",
    "batch_expired": "The completion window ended before this request was executed.",
}


def result_line(custom_id: str, status_code: int, body: dict[str, Any]) -> bytes:
    """The line for a request that was executed, with its newline.

    Raises TypeError or ValueError where `body` is not JSON.
    """
    number = secrets.token_hex(12)
    line = {
        "id": "batch_req_" + number,
        "custom_id": custom_id,
        "response": {"status_code": status_code, "request_id": "req_" + number, "body": body},
        "error": None,
    }
    return jsonl.dumps(line) + b"\n"


def unexecuted_line(custom_id: str, code: str) -> bytes:
    """The line for a request that was not executed: `batch_cancelled` or `batch_expired`."""
    line = {
        "id": "batch_req_" + secrets.token_hex(12),
        "custom_id": custom_id,
        "response": None,
        "error": {"code": code, "message": _UNEXECUTED[code]},
    }
    return jsonl.dumps(line) + b"\n"


class ResultLog:
    """An append-only file of result lines, for one thread at a time; `sync` may run meanwhile.

    A line that `append` returned from survives the death of the process; after `sync`, that of the
    machine.
    """

    def __init__(self, path: Path):
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        self._dirty = False
        self.size_bytes = 0

    def recover(self) -> Iterator[dict[str, Any]]:
        """Yield the results that an earlier process left, then cut off what is not a whole line.

        To be run through once, before the first `append`.
        """
        self._file.seek(0)
        with open(self._file.fileno(), "rb", closefd=False) as stream:
            for line in stream:
                entry = _whole(line)
                if entry is None:
                    break
                yield entry
                self.size_bytes += len(line)
        self._file.truncate(self.size_bytes)

    def append(self, line: bytes) -> None:
        """Write one line: all of it, or nothing, and OSError."""
        view = memoryview(line)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError:
            # On a full disk a shorter line may still find room, and must not join half of this one.
            self._file.truncate(self.size_bytes)
            raise
        self.size_bytes += len(line)
        self._dirty = True

    def sync(self) -> None:
        """Make what was appended durable. Costs nothing where nothing was."""
        if self._dirty:
            self._dirty = False
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close without syncing. May be repeated."""
        self._file.close()


def _whole(line: bytes) -> dict[str, Any] | None:
    """The parsed line, or None where a crash left only a part of it, or a power cut zeros."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = jsonl.parse(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and "custom_id" in entry else None
