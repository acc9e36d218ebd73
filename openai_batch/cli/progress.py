"""The engine's events as text on standard error: a live display, plain lines, or silence.

A reporter is an `OnEvent` that is also told what commands themselves have to say. Faults of the
input and errors reach people through every reporter; the rest is silent with `--quiet`.

Numbers: a line has plain digits, errors too, because scripts read lines. What only a screen shows
(the live display and tables) has its thousands grouped.
"""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from ..engine import events
from ..errors import Fault
from . import console

FAULTS_SHOWN = 100
"""How many faults `run` prints; `run --dry-run` prints all."""

_COUNTS_EVERY_S = 10.0
"""Plain lines tell changed counts no more often than this."""


class Reporter(Protocol):
    """Where a command's messages go. Close it before anything else writes to a terminal."""

    def __call__(self, event: events.Event) -> None:
        """Take note of an event."""

    def about(self, run_id: str) -> None:
        """From here on it is about this run."""

    def say(self, message: str) -> None:
        """Tell people one line that is no error."""

    def fail(self, message: str) -> None:
        """Tell people one line that is an error, or what one came of: with `--quiet`, too."""

    def close(self) -> None:
        """Leave nothing on the screen that moves. May be repeated; `say` still works."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def reporter(
    input_name: str | None = None, *, quiet: bool = False, all_faults: bool = False
) -> Reporter:
    """The reporter for standard error as it is. `input_name` stands before each fault's line."""
    faults = FaultLines(input_name or "stdin", None if all_faults else FAULTS_SHOWN)
    if quiet:
        return Silence(faults)
    if console.STDERR.isatty():
        from .screen import Screen, obeys

        if obeys(console.STDERR):
            from .live import LiveDisplay

            return LiveDisplay(faults, Screen(console.STDERR))
    return PlainLines(faults)


class FaultLines:
    """Prints the faults of an input, one a line, up to a limit; then says how many more."""

    def __init__(self, input_name: str, limit: int | None):
        self._input_name = input_name
        self._limit = limit
        self._found = 0

    def show(self, fault: Fault, say: Callable[[str], None]) -> None:
        """Print one fault, unless there were enough."""
        self._found += 1
        if self._limit is None or self._found <= self._limit:
            say(fault.at(self._input_name))

    def end(self, say: Callable[[str], None]) -> None:
        """Say how many were not printed. May be repeated."""
        if self._limit is not None and self._found > self._limit:
            more = self._found - self._limit
            say(f"and {more:,} more: openai-batch run --dry-run lists every one")
        self._found = 0


class Lines:
    """What all reporters do."""

    def __init__(self, faults: FaultLines):
        self._faults = faults

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ignored: object) -> None:
        self.close()

    def about(self, run_id: str) -> None:
        """Lines name the run where that matters."""

    def say(self, message: str) -> None:
        console.say(message)

    def fail(self, message: str) -> None:
        console.say(message)

    def close(self) -> None:
        self._faults.end(console.say)


class Silence(Lines):
    """`--quiet`: faults only."""

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.FaultFound):
            self._faults.show(event.fault, console.say)

    def say(self, message: str) -> None:
        """Nothing is said."""


class PlainLines(Lines):
    """One line for each change; changes of counts alone are gathered for some seconds."""

    def __init__(self, faults: FaultLines, now: Callable[[], float] = time.monotonic):
        super().__init__(faults)
        self._now = now
        self._last_line: str | None = None
        self._statuses: dict[str, str] = {}
        self._counts: tuple[int, int] | None = None
        self._counts_at = -_COUNTS_EVERY_S

    def __call__(self, event: events.Event) -> None:
        if isinstance(event, events.FaultFound):
            self._faults.show(event.fault, self.say)
        elif self._is_news(event) and (line := describe(event)):
            self.say(line)

    def say(self, message: str) -> None:
        if message != self._last_line:
            console.say(message)
        self._last_line = message

    def _is_news(self, event: events.Event) -> bool:
        match event:
            case events.BatchProgress(batch_id=batch_id, status=status):
                changed = self._statuses.get(batch_id) != status
                self._statuses[batch_id] = status
                return changed
            case events.RunProgress(completed=completed, failed=failed):
                counts = (completed, failed)
                due = self._now() >= self._counts_at + _COUNTS_EVERY_S
                over = event.batches_running == 0  # the lines of the shards say how it ended
                if counts == self._counts or not due or over or not any(counts):
                    return False
                self._counts, self._counts_at = counts, self._now()
                return True
        return True


def describe(event: events.Event) -> str | None:
    """The event as one line; None for those that only move a display."""
    match event:
        case events.Planned():
            return (
                f"planned {event.run_id}: {many(event.requests, 'request')} "
                f"({size(event.size_bytes)}) in {many(event.shards, 'shard')}"
            )
        case events.BatchStarted():
            verb = "found again" if event.adopted else "started"
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return (
                f"{_shard(event)}: batch {event.batch_id} {verb} "
                f"({many(event.requests, 'request')}{again})"
            )
        case events.BatchProgress():
            return f"batch {event.batch_id}: {event.status}{_counted(event)}"
        case events.RunProgress():
            return (
                f"{event.completed + event.failed} of {many(event.requests, 'request')} done, "
                f"{many(event.batches_running, 'batch', 'batches')} running"
            )
        case events.ShardHarvested():
            return (
                f"{_shard(event)}: {event.succeeded} succeeded, {event.failed} failed, "
                f"{event.missing} missing"
            )
        case events.RetryScheduled():
            return (
                f"{_shard(event)}: {many(event.rows, 'request')} sent again, "
                f"attempt {event.attempt}"
            )
        case events.QuotaReached():
            when = "as batches end" if event.wait_s is None else f"in {event.wait_s:.0f} s"
            return f"{_shard(event)}: the queue is full, tried again {when}: {event.message}"
        case events.Trouble():
            return f"{event.what}: {event.message}; tried again in {event.wait_s:.0f} s"
        case events.Looking():
            return (
                f"a reply was lost: looking for {many(event.shards, 'batch', 'batches')} at the "
                f"provider for {event.wait_s:.0f} s"
            )
        case events.FilesDeleted():
            unused = " that no batch used" if event.orphans else ""
            return f"deleted {many(event.files, 'file')} at the provider{unused}"
        case events.Warned():
            return f"warning: {event.message}"
        case events.Finished():
            return finished(event)
    return None


def finished(event: events.Finished) -> str:
    """The closing line: the sum, and where the results are."""
    line = (
        f"{many(event.requests, 'request')}: {event.succeeded} succeeded, "
        f"{event.failed} failed, {event.missing} missing"
    )
    if pending := event.requests - event.succeeded - event.failed - event.missing:
        line += f", {pending} not finished"
    if event.resent_unconfirmed:
        line += f" ({event.resent_unconfirmed} sent again that may have been executed before)"
    if event.output_file:
        line += f"; results in {event.output_file}"
    if event.error_file:
        empty = event.failed + event.missing == 0
        line += f", {'nothing' if empty else 'failed requests'} in {event.error_file}"
    return line


def size(size_bytes: int) -> str:
    """A size for people, in decimal units."""
    amount = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def many(number: int, thing: str, things: str | None = None, *, group: bool = False) -> str:
    """A number with its noun; `things` where the plural is not the usual one."""
    shown = grouped(number) if group else str(number)
    return f"{shown} {thing if number == 1 else things or thing + 's'}"


def grouped(number: int) -> str:
    """A number as a screen shows it, its thousands apart."""
    return f"{number:,}"


def _shard(
    event: events.BatchStarted
    | events.ShardHarvested
    | events.RetryScheduled
    | events.QuotaReached,
) -> str:
    return f"shard {event.shard}/{event.shards}"


def _counted(event: events.BatchProgress) -> str:
    if event.completed is None or event.total is None:
        return ""
    return f" {event.completed + (event.failed or 0)}/{event.total}"
