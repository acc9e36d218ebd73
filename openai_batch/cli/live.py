"""The live display: one block of four short lines at the bottom of a terminal.

Loaded only where standard error is a terminal, because rich takes a while to load. No line of the
block is wider than about 55 columns, so that a terminal made narrower does not fold it.
"""

import time
from typing import IO, cast

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ..engine import events
from ..providers.text import printable
from . import console
from .progress import FaultLines, Lines, describe, many

_BAR_COLUMNS = 24
_REFRESHES_PER_S = 4.0

# What stays on the screen, above the block. The rest is its last line until something newer comes.
_KEPT = (events.Planned, events.Warned, events.FilesDeleted, events.Finished)


class LiveDisplay(Lines):
    """A reporter for a terminal. The block goes when it is closed; the lines above it stay."""

    def __init__(self, faults: FaultLines):
        super().__init__(faults)
        self._started_at = time.monotonic()
        self._title = ""
        self._message = ""
        self._progress = events.RunProgress(0, 0, 0, 0, 0, 0)
        self._closed = False
        self._screen = Console(file=cast(IO[str], console.Stderr()), highlight=False)
        self._live = Live(
            console=self._screen,
            get_renderable=self._block,
            refresh_per_second=_REFRESHES_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __call__(self, event: events.Event) -> None:
        match event:
            case events.FaultFound(fault=fault):
                self._faults.show(fault, self.say)
                return
            case events.Planning(requests=requests):
                self._message = f"reading the input: {many(requests, 'request')}"
            case events.Planned(run_id=run_id, requests=requests, shards=shards):
                self._title = run_id
                self._progress = events.RunProgress(requests, 0, 0, 0, 0, shards)
            case events.RunProgress():
                self._progress = event
            case events.Delivering(done=done, requests=requests):
                self._message = f"writing results: {done:,} of {many(requests, 'request')}"
            case events.BatchProgress(batch_id=batch_id, status=status):
                self._message = f"batch {batch_id}: {status}"  # its counts are in the bar
            case _ if not isinstance(event, _KEPT):
                self._message = describe(event) or self._message
        if isinstance(event, _KEPT) and (line := describe(event)):
            self.say(line)
        elif not self._closed:
            self._live.start()

    def say(self, message: str) -> None:
        self._screen.print(Text(printable(message)), soft_wrap=True)

    def close(self) -> None:
        self._closed = True
        self._live.stop()
        super().close()

    def _block(self) -> Group:
        elapsed_s = int(time.monotonic() - self._started_at)
        elapsed = f"{elapsed_s // 3600}:{elapsed_s // 60 % 60:02}:{elapsed_s % 60:02}"
        lines = [_line(f"{self._title}  {elapsed}".lstrip())]
        told = self._progress
        if told.requests:
            done = told.completed + told.failed
            row = Table.grid(padding=(0, 1))
            row.add_row(
                ProgressBar(total=told.requests, completed=done, width=_BAR_COLUMNS),
                _line(f"{100 * done // told.requests:3}%  {done:,}/{told.requests:,}"),
            )
            state = (
                f"{many(told.batches_running, 'batch', 'batches')} running, "
                f"{told.shards_done}/{told.shards} shards done, {told.failed:,} failed"
            )
            return Group(*lines, row, _line(state), _line(self._message))
        return Group(*lines, _line(self._message))


def _line(text: str) -> Text:
    return Text(printable(text), no_wrap=True, overflow="crop")
