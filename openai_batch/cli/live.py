"""The live display: one block of at most four lines at the bottom of a terminal.

Loaded only where standard error is a terminal.
"""

import time
from collections.abc import Callable

from ..engine import events
from ..providers.text import printable
from .progress import FaultLines, Lines
from .quantities import grouped, many
from .screen import Block, Screen
from .wording import describe

_WIDEST = 100
"""Columns that the bar and its numbers take where there are more."""

_NARROW = 44
"""Below so many columns the run's id, which is in the lines above, makes room for numbers."""

_TRUSTED_AFTER_S = 20.0
_TRUSTED_SHARE = 0.05
"""Time and share of the run that must have been watched before the rest is foretold."""

_GREEN, _RED, _DIM, _BOLD = 32, 31, 2, 1

# What stays on the screen, above the block. The rest is its last line until something newer comes.
_KEPT = (events.Planned, events.Warned, events.FilesDeleted, events.Finished)

# Where the display goes while this is the latest, it stays, too.
_TROUBLE = (events.Trouble, events.QuotaReached, events.Looking)


class LiveDisplay(Lines):
    """A reporter for a terminal. The block goes when it is closed; the lines above it stay."""

    def __init__(
        self, faults: FaultLines, screen: Screen, now: Callable[[], float] = time.monotonic
    ):
        super().__init__(faults)
        self._now = now
        self._started_at = now()
        self._run_id = ""
        self._message = ""
        self._trouble: str | None = None
        self._queue_was_full = False
        self._progress = events.RunProgress(0, 0, 0, 0, 0, 0)
        self._pace = Pace(now)
        self._screen = screen
        self._block = Block(screen, self.draw)

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.FaultFound(fault=fault):
                self._faults.show(fault, self.fail)
                return
            case events.Planning(requests=requests):
                self._message = f"reading the input: {many(requests, 'request', group=True)}"
            case events.Planned(run_id=run_id, requests=requests, shards=shards):
                self.about(run_id)
                self._progress = events.RunProgress(requests, 0, 0, 0, 0, shards)
            case events.RunProgress():
                self._progress = event
                self._pace.note(event.completed + event.failed)
            case events.Delivering(done=done, requests=requests):
                of = many(requests, "request", group=True)
                self._message = f"writing results: {grouped(done)} of {of}"
            case events.BatchProgress(batch_id=batch_id, status=status):
                self._message = f"batch {batch_id}: {status}"  # its counts are in the bar
            case _ if not isinstance(event, _KEPT):
                self._message = describe(event) or self._message
        self._queue_was_full |= isinstance(event, events.QuotaReached)
        self._trouble = describe(event) if isinstance(event, _TROUBLE) else None
        if isinstance(event, _KEPT) and (line := describe(event)):
            self.say(line)
        else:
            self._block.start()

    def about(self, run_id: str) -> None:
        self._run_id = run_id

    def say(self, message: str) -> None:
        self._block.say(printable(message))

    def fail(self, message: str) -> None:
        self.say(message)

    def close(self) -> None:
        self._block.close()
        if self._trouble:  # why it has come no further
            self.say(self._trouble)
            self._trouble = None
        super().close()

    def draw(self, width: int, height: int) -> list[str]:
        """The block for a window in which lines may have `width` columns, in `height` rows."""
        told = self._progress
        elapsed = _clock(self._now() - self._started_at)
        message = self._screen.fit(printable(self._message), width)
        if not told.requests:
            return [self._screen.fit(f"{elapsed}  {printable(self._message)}", width)]
        done = min(told.completed + told.failed, told.requests)
        numbers = f"{100 * done // told.requests:3}%  {grouped(done)}/{grouped(told.requests)}"
        state = (
            f"{many(told.batches_running, 'batch', 'batches', group=True)} running, "
            f"{grouped(told.shards_done)}/{grouped(told.shards)} shards done, "
            f"{grouped(told.failed)} failed"
        )
        waiting = told.shards - told.shards_done - told.batches_running
        if self._queue_was_full and waiting > 0:
            state += f", {grouped(waiting)} waiting for room"
        if width < _NARROW:
            lines = [self._screen.fit(f"{elapsed} {numbers.lstrip()}", width), self._bar(width)]
        else:
            left_s = self._pace.left_s(told.requests - done)
            left = f"{_about(left_s)} left at this pace" if left_s is not None else ""
            title = "   ".join(part for part in (self._run_id, elapsed, left) if part)
            numbers = self._screen.fit(numbers, width // 2)
            columns = min(width, _WIDEST) - len(numbers) - 2
            lines = [self._screen.fit(title, width), f"{self._bar(columns)}  {numbers}"]
        return [*lines, self._screen.fit(state, width), message][:height]

    def _bar(self, columns: int) -> str:
        """The share that is done, and in it the share that failed, in `columns` columns."""
        told = self._progress
        done = min(told.completed + told.failed, told.requests)
        filled = columns * done // told.requests
        # One failure of a million is worth a column: it is what people look for.
        failed = min(filled, -(-columns * told.failed // told.requests))
        full, empty = self._screen.glyph("━", "#"), self._screen.glyph("─", "-")
        bad = full if self._screen.coloured else self._screen.glyph("╍", "!")
        return (
            self._screen.styled(full * (filled - failed), _GREEN)
            + self._screen.styled(bad * failed, _RED)
            + self._screen.styled(empty * (columns - filled), _DIM)
        )


class Pace:
    """How fast requests come back, as far as it was watched here."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self._first: tuple[float, int] | None = None
        self._latest = (0.0, 0)

    def note(self, done: int) -> None:
        """So many are done by now."""
        if self._first is None or done < self._first[1]:
            self._first = (self._now(), done)
        if done != self._latest[1]:
            self._latest = (self._now(), done)

    def left_s(self, remaining: int) -> float | None:
        """Seconds that the rest takes at this pace; None where too little was seen to tell."""
        if self._first is None or remaining <= 0:
            return None
        (began, before), (at, done) = self._first, self._latest
        seen = done - before
        if at - began < _TRUSTED_AFTER_S or seen < _TRUSTED_SHARE * (seen + remaining):
            return None
        return max(remaining * (at - began) / seen - (self._now() - at), 0)


def _clock(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _about(seconds: float) -> str:
    for unit, unit_s in (("h", 3600), ("min", 60)):
        if seconds >= 2 * unit_s:
            return f"about {seconds / unit_s:.0f} {unit}"
    return f"about {max(seconds, 1):.0f} s"
