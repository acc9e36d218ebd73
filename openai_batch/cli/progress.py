"""The engine's events as plain lines on standard error, and silence."""

import time
from collections.abc import Callable
from typing import Self

from ..engine import events
from ..errors import Fault
from . import console
from .wording import describe

_COUNTS_EVERY_S = 10.0
"""Plain lines tell changed counts no more often than this."""


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
