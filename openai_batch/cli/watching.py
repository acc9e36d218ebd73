"""`status --watch`: look again and again, and show what changes."""

import sys
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Protocol

from ..clock import Clock
from ..errors import Error
from ..providers.text import printable
from . import console
from .console import TextStream
from .reporting import Reporter

Records = list[dict[str, Any]]
Say = Callable[[str], None]

_DIM = 2


class Looker(Protocol):
    """What is watched."""

    running: bool
    """Whether another look may show anything else."""

    def look(self, fail: Say) -> Records:
        """A record of each run as it is now; `fail` is told of runs that cannot be answered for.

        Raises Error where that is the only one.
        """


def watch(
    looker: Looker, reporter: Reporter, clock: Clock, every_s: float, *, quiet: bool
) -> Records:
    """Look until nothing runs any more; return the records of the last look.

    On a terminal a table is drawn in place. Piped, each record that has changed is a line of
    standard output, and where standard error is a terminal it has the table, unless `quiet`.
    """
    reporter.close()
    with _view(reporter, clock, quiet=quiet) as view:
        while True:
            view.looking()
            try:
                records = looker.look(view.fail)
            except Error as error:
                if not error.retryable:
                    raise
                view.fail(f"{error}; looking again in {every_s:.0f} s")
            else:
                view.show(records)
                if not looker.running:
                    return records
            view.waiting(every_s)
            clock.wait(SimpleQueue[None](), every_s)


class _Changes:
    """Prints each record that has changed."""

    def __init__(self, reporter: Reporter):
        self._reporter = reporter
        self._records: Records = []

    def looking(self) -> None:
        """The provider is asked."""

    def show(self, records: Records) -> None:
        """That is how runs are now."""
        news = [record for record in records if record not in self._records]
        self._records = records
        if console.is_terminal(sys.stdout):
            from .tables import print_table

            print_table(news)
        else:
            console.print_records(news)

    def waiting(self, wait_s: float) -> None:
        """So many seconds until the next look."""

    def fail(self, message: str) -> None:
        """Tell of a look that failed."""
        self._reporter.fail(message)

    def __enter__(self) -> "_Changes":
        return self

    def __exit__(self, *ignored: object) -> None:
        """Nothing is open."""


class _Table(_Changes):
    """Draws a table in place; prints changes, too, where standard output is piped."""

    def __init__(self, reporter: Reporter, clock: Clock, stream: TextStream):
        from .screen import Block, Screen

        super().__init__(reporter)
        self._clock = clock
        self._looked_at = ""
        self._again_at: float | None = None
        self._screen = Screen(stream)
        self._block = Block(self._screen, self._draw)
        self._piped = not console.is_terminal(sys.stdout)

    def looking(self) -> None:
        self._again_at = None
        self._block.redraw()

    def show(self, records: Records) -> None:
        if self._piped:
            super().show(records)
        self._records = records
        self._looked_at = time.strftime("%H:%M:%S", time.localtime(self._clock.now()))

    def waiting(self, wait_s: float) -> None:
        self._again_at = self._clock.monotonic() + wait_s
        self._block.redraw()

    def fail(self, message: str) -> None:
        self._block.say(printable(message))

    def __enter__(self) -> "_Table":
        self._block.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._block.close()
        if any(error) and not self._piped and self._records:
            from .tables import print_table

            print_table(self._records)  # what was seen last stays, whatever ends the watch

    def _draw(self, width: int, height: int) -> list[str]:
        from .tables import table

        told = [f"looked at {self._looked_at}"] if self._looked_at else []
        if self._again_at is None:
            told.append("looking now")
        else:
            told.append(f"again in {max(self._again_at - self._clock.monotonic(), 0):.0f} s")
        lines = table(self._records, self._screen, width, cut_ids=True) if self._records else []
        if len(lines) >= height:
            kept = lines[: max(height - 2, 0)]
            more = f"and {len(lines) - len(kept)} lines more in a taller window"
            lines = [*kept, self._screen.fit(more, width)]
        last = self._screen.fit(", ".join(told), width)
        return [*lines, self._screen.styled(last, _DIM)]


def _view(reporter: Reporter, clock: Clock, *, quiet: bool) -> _Changes:
    on_terminal = console.is_terminal(sys.stdout)
    stream = console.STDOUT if on_terminal else console.STDERR
    if (on_terminal or not quiet) and stream.isatty():
        from .screen import obeys

        if obeys(stream):
            return _Table(reporter, clock, stream)
    return _Changes(reporter)
