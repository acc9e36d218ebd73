"""Moves batches from creation to their end: workers execute, one clerk does everything else.

A worker takes the next request of the oldest batch that has one, so that the workers stay busy
across the end of a batch, and many small batches run side by side. The clerk validates, notices
ends (drained, cancelled, past the window), publishes, and syncs the logs once a second.
"""

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

from ..clock import Clock
from ..files import fsync_dir
from .executor import Answer, Executor
from .lifecycle import Event, Status
from .open_batch import OpenBatch, Request
from .records import BatchRecord, FileRecord
from .refusal import error_body
from .results import result_line
from .store import Store
from .validate import Limits, Verdict, missing_file, over_quota, validate

_LOOK_INTERVAL_S = 1.0
_MAX_LOGGED = 20
_log = logging.getLogger(__name__)

_Job = tuple[str, str]  # what to do (`validate`, `settle`, `stop`), and the batch's id


class Runner:
    """Executes the batches of one store. Create it, `start` it once, `stop` it once.

    `on_failure` is called, from any thread, where the server cannot go on: the disk is full, or
    there is a bug. What was finished until then is safe.
    """

    def __init__(
        self,
        store: Store,
        executor: Executor,
        clock: Clock,
        *,
        limits: Limits,
        on_failure: Callable[[BaseException], None],
    ):
        self._store = store
        self._executor = executor
        self._clock = clock
        self._limits = limits
        self._on_failure = on_failure
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._open: dict[str, OpenBatch] = {}
        self._work = threading.Condition()  # guards _open and _stopping; notified when either grows
        self._stopping = False
        self._logged: set[str] = set()
        self._clerk = threading.Thread(target=self._guarded, args=(self._run_clerk,), daemon=True)
        # Daemons, because a request may take minutes and nobody waits for it when the server stops.
        self._workers = [
            threading.Thread(target=self._guarded, args=(self._run_worker,), daemon=True)
            for _ in range(executor.parallel)
        ]

    def start(self) -> None:
        """Take up every unfinished batch of the store, and begin."""
        for record in self._store.unfinished():
            if record.total:
                self._open_batch(record)
            else:
                self.validate(record.id)
        self._clerk.start()
        for worker in self._workers:
            worker.start()

    def stop(self, timeout_s: float) -> bool:
        """Stop within `timeout_s` seconds or so. True where no thread of ours is left running.

        Finished requests are durable on return; those in flight are executed again by the next
        server.
        """
        with self._work:
            self._stopping = True
            self._work.notify_all()
        self._jobs.put(("stop", ""))
        deadline = self._clock.monotonic() + timeout_s
        for thread in (self._clerk, *self._workers):
            thread.join(max(0.0, deadline - self._clock.monotonic()))
        for batch in list(self._open.values()):
            batch.close()
        return not any(thread.is_alive() for thread in (self._clerk, *self._workers))

    def validate(self, batch_id: str) -> None:
        """Begin with a batch that the store has as `validating`."""
        self._jobs.put(("validate", batch_id))

    def cancel(self, batch_id: str) -> BatchRecord:
        """Ask for a batch to end early. May be repeated.

        Raises KeyError where there is none, IllegalMove where it has ended.
        """
        record = self._store.advance(batch_id, Event.CANCEL)
        batch = self._open.get(batch_id)
        if batch:
            batch.stop()
        return record

    def progress(self) -> dict[str, dict[str, Any]]:
        """The counts of this moment, by batch, for `BatchRecord.with_progress`."""
        with self._work:
            batches = list(self._open.values())
        return {batch.id: batch.progress() for batch in batches}

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except BaseException as error:
            if self._stopping:
                return  # what was closed under a request in flight
            if not isinstance(error, (OSError, sqlite3.Error)):
                _log.error("the server has a bug", exc_info=error)
            self._on_failure(error)

    # Workers

    def _run_worker(self) -> None:
        while True:
            with self._work:
                found = self._next()
                while found is None and not self._stopping:
                    self._work.wait()
                    found = self._next()
                if self._stopping:
                    return
            if found:
                self._execute(*found)

    def _next(self) -> tuple[OpenBatch, Request] | None:
        for batch in self._open.values():
            request = batch.take()
            if request:
                return batch, request
        return None

    def _execute(self, batch: OpenBatch, request: Request) -> None:
        answer = self._answer(batch.endpoint, request.body)
        try:
            line = result_line(request.custom_id, *answer)
        except (TypeError, ValueError) as error:  # the executor's body is not JSON
            answer = self._broken(error)
            line = result_line(request.custom_id, *answer)
        batch.finish(line, *answer)

    def _answer(self, url: str, body: dict[str, Any]) -> Answer:
        try:
            return self._executor.execute(url, body)
        except Exception as error:
            return self._broken(error)

    def _broken(self, error: Exception) -> Answer:
        """What a request gets when its execution broke, which is no fault of the request's."""
        message = f"{type(error).__name__}: {error}"
        # Each once, and not without end: nobody may be reading the other side of stderr.
        if message not in self._logged and len(self._logged) < _MAX_LOGGED:
            self._logged.add(message)
            _log.error("a request could not be executed", exc_info=error)
        text = f"The server could not execute the request: {message}"
        return 500, error_body(text, kind="server_error")

    # The clerk

    def _run_clerk(self) -> None:
        looked_at = self._clock.monotonic()
        while True:
            job = self._clock.wait(self._jobs, _LOOK_INTERVAL_S if self._open else None)
            if self._clock.monotonic() - looked_at >= _LOOK_INTERVAL_S:
                looked_at = self._clock.monotonic()
                self._look()
            if job is None:
                continue
            task, batch_id = job
            if task == "stop":
                return
            if task == "validate":
                self._validate(batch_id)
            else:
                self._settle(self._open[batch_id])

    def _look(self) -> None:
        """Sync what was finished, and end the windows that are over."""
        now = self._clock.now()
        for batch in self._open.values():
            batch.sync()
            if batch.expires_at <= now:
                batch.stop()

    def _validate(self, batch_id: str) -> None:
        verdict = self._verdict(self._store.get_batch(batch_id))
        if verdict.faults:
            self._store.advance(batch_id, Event.REFUSED, faults=verdict.faults)
            return
        self._open_batch(
            self._store.advance(batch_id, Event.ACCEPTED, total=verdict.total, model=verdict.model)
        )

    def _verdict(self, record: BatchRecord) -> Verdict:
        file = self._store.get_file(record.input_file_id)
        path = self._store.content_path(record.input_file_id)
        if file is None or file.purpose != "batch" or not path.exists():
            return Verdict(faults=[missing_file(record.input_file_id)])
        verdict = validate(path, record.endpoint, self._limits)
        if not verdict.faults:
            enqueued_bytes = sum(batch.input_bytes for batch in self._open.values())
            verdict.faults = over_quota(enqueued_bytes + file.size_bytes, self._limits)
        return verdict

    def _open_batch(self, record: BatchRecord) -> None:
        batch = OpenBatch(
            record, self._store.content_path, lambda batch_id: self._jobs.put(("settle", batch_id))
        )
        with self._work:
            self._open[record.id] = batch
            # Asked of the store again: a cancellation since `record` was read did not see `batch`.
            cancelled = self._store.get_batch(record.id).status is Status.CANCELLING
            if cancelled or record.expires_at <= self._clock.now():
                batch.stop()
            self._work.notify_all()

    def _settle(self, batch: OpenBatch) -> None:
        """End a drained batch. May be repeated after a crash at any line of it."""
        record = self._store.get_batch(batch.id)
        event = Event.PUBLISHED
        if record.status is Status.CANCELLING:
            batch.mark_rest("batch_cancelled")
        elif batch.mark_rest("batch_expired"):
            event = Event.RAN_OUT
        else:
            self._store.advance(batch.id, Event.DRAINED)
        batch.close()
        self._publish(record, batch, event)
        with self._work:
            del self._open[batch.id]

    def _publish(self, record: BatchRecord, batch: OpenBatch, event: Event) -> None:
        fsync_dir(self._store.content_path(record.output_log_id).parent)
        output = self._result_file(
            record, "output", record.output_log_id, batch.output_log.size_bytes
        )
        errors = self._result_file(record, "error", record.error_log_id, batch.error_log.size_bytes)
        self._store.advance(
            batch.id,
            event,
            files=[file for file in (output, errors) if file],
            output_file_id=output.id if output else None,
            error_file_id=errors.id if errors else None,
            **batch.progress(),
        )

    def _result_file(
        self, record: BatchRecord, kind: str, log_id: str, size_bytes: int
    ) -> FileRecord | None:
        if not size_bytes:
            return None
        now_s = self._store.now_s()
        return FileRecord(
            id=log_id,
            filename=f"{record.id}_{kind}.jsonl",
            purpose="batch_output",
            size_bytes=size_bytes,
            created_at=now_s,
            expires_at=now_s + record.output_expires_after_s,
        )
