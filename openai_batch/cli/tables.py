"""Records as a table, for terminals. Loaded only there, because rich takes a while to load."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..providers.text import printable

Records = Sequence[Mapping[str, Any]]


_WIDE_COLUMNS = 90
"""Narrower terminals show no provider and no time: an id must stay whole to be copied."""


def print_table(records: Records) -> None:
    """Draw records on standard output."""
    screen = Console(highlight=False)
    screen.print(_table(records, screen.width))


@contextlib.contextmanager
def live_table() -> Iterator[Callable[[Records], None]]:
    """A table that the function it gives draws anew; the last one stays."""
    with Live(console=Console(highlight=False), auto_refresh=False) as live:
        yield lambda records: live.update(_table(records, live.console.width), refresh=True)


def _table(records: Records, width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("run", no_wrap=True)
    table.add_column("status")
    table.add_column("done", justify="right")
    table.add_column("failed", justify="right")
    if width >= _WIDE_COLUMNS:
        table.add_column("provider")
        table.add_column("created")
    for record in records:
        counts = record.get("request_counts") or {}
        failed = counts.get("failed", 0) + counts.get("missing", 0)
        done = counts.get("completed", 0) + failed
        name = record.get("run_id") or ", ".join(record.get("batch_ids") or ())
        cells = [
            name,
            record.get("status"),
            f"{done:,}/{counts.get('total', 0):,}",
            f"{failed:,}",
        ]
        if width >= _WIDE_COLUMNS:
            cells.append(record.get("provider") or record.get("base_url"))
            cells.append(_when(record.get("created_at")))
        table.add_row(*(Text(printable(str(cell or ""))) for cell in cells))
    return table


def _when(created_at: object) -> str:
    if not isinstance(created_at, int | float):
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(created_at))
