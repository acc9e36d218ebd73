"""Records for people: tables on a terminal. Loaded only there."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from rich.cells import cell_len

from ..providers.text import printable
from . import console
from .quantities import grouped, money
from .screen import Screen

Record = Mapping[str, Any]

_GAP = "  "
_LONGEST_NAME = 40
"""Columns of a model's or a file's name; more are cut off, because no command reads them here."""

_BOLD, _DIM, _RED, _GREEN, _YELLOW = 1, 2, 31, 32, 33
_COLOURS = {"completed": _GREEN, "failed": _RED, "resumable": _YELLOW}


class _Column(NamedTuple):
    title: str
    cell: Callable[[Record], str]
    right: bool = False
    longest: int | None = None


def print_table(records: Sequence[Record]) -> None:
    """Draw records of runs on standard output."""
    screen = Screen(console.STDOUT)
    _print(table(records, screen, screen.width))


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Write names and what they stand for on standard output, one a line."""
    screen = Screen(console.STDOUT)
    fields = [(name, printable(value)) for name, value in fields]
    width = max(len(name) for name, _ in fields)
    _print(f"{screen.styled(name.ljust(width), _DIM)}{_GAP}{value}" for name, value in fields)


def table(
    records: Sequence[Record], screen: Screen, width: int, *, cut_ids: bool = False
) -> list[str]:
    """Records as lines of at most `width` columns; only an id may be longer, unless `cut_ids`.

    The wider the window, the more columns. Where it is too narrow for the first four, each run
    takes two lines.
    """
    shown = [_cells(column, records, screen) for column in _COLUMNS]
    widths = [max(cell_len(cell) for cell in cells) for cells in shown]
    chosen = list(range(_NEEDED))
    if _sum(widths, chosen) > width:
        return _stacked(records, screen, width, cut_ids)
    for index in _BY_USE:
        if _sum(widths, [*chosen, index]) <= width and any(shown[index][1:]):
            chosen.append(index)
    lines = []
    for row in range(len(records) + 1):
        cells = []
        for index in sorted(chosen):
            cell = shown[index][row]
            blank = " " * (widths[index] - cell_len(cell))
            styled = _styled(cell, index, row, screen)
            cells.append(blank + styled if _COLUMNS[index].right else styled + blank)
        lines.append(_GAP.join(cells).rstrip())
    return lines


def _stacked(records: Sequence[Record], screen: Screen, width: int, cut_ids: bool) -> list[str]:
    lines = []
    for record in records:
        name = screen.fit(_name(record), width) if cut_ids else _name(record)
        lines.append(screen.styled(name, _BOLD))
        told = f"  {_status(record)} {_done(record)}, {_failed(record)} failed"
        lines.append(screen.fit(told, width))
    return lines


def _cells(column: _Column, records: Sequence[Record], screen: Screen) -> list[str]:
    cells = [printable(column.cell(record)) for record in records]
    if column.longest:
        cells = [screen.fit(cell, column.longest) for cell in cells]
    return [column.title, *cells] if any(cells) else ["", *cells]


def _sum(widths: Sequence[int], chosen: Sequence[int]) -> int:
    return sum(widths[index] for index in chosen) + len(_GAP) * (len(chosen) - 1)


def _styled(cell: str, index: int, row: int, screen: Screen) -> str:
    title = _COLUMNS[index].title
    if row == 0:
        return screen.styled(cell, _BOLD)
    if title == "status" and cell in _COLOURS:
        return screen.styled(cell, _COLOURS[cell])
    return screen.styled(cell, _RED) if title == "failed" and cell != "0" else cell


def _name(record: Record) -> str:
    return printable(record.get("run_id") or ", ".join(record.get("batch_ids") or ()))


def _status(record: Record) -> str:
    return str(record.get("status") or "")


def _counts(record: Record) -> tuple[int, int, int]:
    """Done, failed and total."""
    counts = record.get("request_counts") or {}
    failed = counts.get("failed", 0) + counts.get("missing", 0)
    return counts.get("completed", 0) + failed, failed, counts.get("total", 0)


def _done(record: Record) -> str:
    done, _, total = _counts(record)
    return f"{grouped(done)}/{grouped(total)}"


def _failed(record: Record) -> str:
    return grouped(_counts(record)[1])


def _batches(record: Record) -> str:
    """The one batch's id, by which people find it at the provider; of several their number."""
    batch_ids = record.get("batch_ids") or []
    return str(batch_ids[0]) if len(batch_ids) == 1 else grouped(len(batch_ids))


def _input(record: Record) -> str:
    return PurePath(record.get("input_file") or "").name


def _tokens(record: Record) -> str:
    usage = record.get("usage") or {}
    total = usage.get("total_tokens")
    return grouped(total) if isinstance(total, int) else ""


def _cost(record: Record) -> str:
    cost = record.get("cost_usd")
    return money(cost) if isinstance(cost, int | float) else ""


def _when(record: Record) -> str:
    created_at = record.get("created_at")
    if not isinstance(created_at, int | float):
        return ""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(created_at))


_COLUMNS = (
    _Column("run", _name),
    _Column("status", _status),
    _Column("done", _done, right=True),
    _Column("failed", _failed, right=True),
    _Column("created", _when),
    _Column("provider", lambda record: record.get("provider") or record.get("base_url") or ""),
    _Column("model", lambda record: record.get("model") or "", longest=_LONGEST_NAME),
    _Column("batches", _batches),
    _Column("tokens", _tokens, right=True),
    _Column("cost", _cost, right=True),
    _Column("input", _input, longest=_LONGEST_NAME),
)
_NEEDED = 4
_BY_USE = (4, 10, 9, 6, 5, 8, 7)
"""Which further columns a wider window gets, the more useful ones first."""


def _print(lines: Iterable[str]) -> None:
    for line in lines:
        console.STDOUT.write(line + "\n")
