"""One batch in execution: which request is next, what came back, what is left."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .. import jsonl
from .records import BatchRecord
from .results import ResultLog, unexecuted_line
from .usage import Usage


class Request(NamedTuple):
    """One request of a batch, for a worker."""

    custom_id: str
    body: dict[str, Any]


class OpenBatch:
    """A validated batch with its input and its two logs open. Safe to use from several threads.

    Requests that an earlier server finished are in the logs: they are counted, and not handed out
    again. `on_drained` is called once, when nothing is in flight and nothing more will be handed
    out; it must not block.
    """

    def __init__(
        self,
        record: BatchRecord,
        content_path: Callable[[str], Path],
        on_drained: Callable[[str], None],
    ):
        self.id = record.id
        self.endpoint = record.endpoint
        self.expires_at = record.expires_at
        self._on_drained = on_drained
        self._lock = threading.Lock()
        self._in_flight = 0
        self._stopped = False
        self._exhausted = False
        self._drained = False
        self._completed = 0
        self._failed = 0
        self._unexecuted = 0
        self._usage = Usage()
        self._finished: set[str] = set()
        self.output_log = ResultLog(content_path(record.output_log_id))
        self.error_log = ResultLog(content_path(record.error_log_id))
        self._recover()
        input_path = content_path(record.input_file_id)
        self.input_bytes = input_path.stat().st_size
        self._requests = self._read(input_path)

    def _recover(self) -> None:
        for entry in self.output_log.recover():
            self._finished.add(entry["custom_id"])
            self._completed += 1
            self._usage.add(entry["response"]["body"])
        for entry in self.error_log.recover():
            self._finished.add(entry["custom_id"])
            if entry["response"] is None:
                self._unexecuted += 1
            else:
                self._failed += 1

    def _read(self, path: Path) -> Iterator[Request]:
        with path.open("rb") as stream:
            for _, content in jsonl.lines(stream):
                line = jsonl.parse(content)
                if line["custom_id"] not in self._finished:
                    yield Request(line["custom_id"], line["body"])

    def take(self) -> Request | None:
        """The next request to execute, to be given back by `finish`; None where there is none."""
        with self._lock:
            if self._stopped or self._exhausted:
                return None
            request = next(self._requests, None)
            if request is None:
                self._exhausted = True
                self._look_drained()
            else:
                self._in_flight += 1
            return request

    def finish(self, line: bytes, status_code: int, body: dict[str, Any]) -> None:
        """Record what came back for a request that was taken; `line` is the result line for it.

        The request is not executed again after this. Raises OSError where the disk refuses; then
        it is in flight still.
        """
        succeeded = 200 <= status_code < 300
        with self._lock:
            (self.output_log if succeeded else self.error_log).append(line)
            if succeeded:
                self._completed += 1
                self._usage.add(body)
            else:
                self._failed += 1
            self._in_flight -= 1
            self._look_drained()

    def stop(self) -> None:
        """Hand out no more requests. May be repeated."""
        with self._lock:
            self._stopped = True
            self._look_drained()

    def _look_drained(self) -> None:
        if not self._drained and not self._in_flight and (self._stopped or self._exhausted):
            self._drained = True
            self._on_drained(self.id)

    def mark_rest(self, code: str) -> bool:
        """Write a line with `code` for every request that has none. To be called when drained.

        True where any request of the batch ends unexecuted, be it by an earlier call.
        """
        with self._lock:
            for request in self._requests:
                self.error_log.append(unexecuted_line(request.custom_id, code))
                self._unexecuted += 1
            return self._unexecuted > 0

    def progress(self) -> dict[str, Any]:
        """The counts and usage so far, as fields of a BatchRecord."""
        with self._lock:
            return {
                "completed": self._completed,
                "failed": self._failed,
                "usage": self._usage.as_object(),
            }

    def sync(self) -> None:
        """Make every finished request durable."""
        self.output_log.sync()
        self.error_log.sync()

    def close(self) -> None:
        """Sync, and close the logs. Nothing may be recorded after it."""
        with self._lock:
            self.sync()
            self.output_log.close()
            self.error_log.close()
