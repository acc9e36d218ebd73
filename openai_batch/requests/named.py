"""Lines that have a custom_id, whatever else is in them, and in which row of a file each stands."""

import io
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Annotated, BinaryIO, NamedTuple

import msgspec

from .. import jsonl
from ..blocks import decode_block
from ..errors import Fault
from .faults import invalid_json, shown
from .unique import UniqueIds

OnFault = Callable[[Fault], None]


class NamedLines(NamedTuple):
    """Some lines that follow one another, each with its id, its number and where it begins."""

    ids: list[str]
    contents: list[bytes]
    numbers: list[int]
    offsets: list[int]


def named_lines(stream: BinaryIO, on_fault: OnFault) -> Iterator[NamedLines]:
    """Yield all lines that are not blank, many at a time; a line without an id is a fault.

    Offsets count from where the stream stands.
    """
    number, offset = 1, 0
    for block in jsonl.blocks(stream):
        named = decode_block(_NAMED, block)
        if named is None:
            lines = NamedLines([], [], [], [])
            count = _take_each(block, number, offset, lines, on_fault)
        else:
            *contents, _ = block.split(b"\n")
            count = len(contents)
            *offsets, _ = accumulate((len(content) + 1 for content in contents), initial=offset)
            numbers = list(range(number, number + count))
            lines = NamedLines([line.custom_id for line in named], contents, numbers, offsets)
        yield lines
        number += count
        offset += len(block)


class _Named(msgspec.Struct, gc=False):
    custom_id: Annotated[str, msgspec.Meta(min_length=1)]


_NAMED = msgspec.json.Decoder(_Named)


def _take_each(block: bytes, number: int, offset: int, lines: NamedLines, on_fault: OnFault) -> int:
    """Add the lines of a block that want a closer look to `lines`; returns how many there are."""
    count = 0
    for line in io.BytesIO(block):
        for at, content in jsonl.lines([line], number + count):
            custom_id = _id_of(content, at, on_fault)
            if custom_id is not None:
                lines.ids.append(custom_id)
                lines.contents.append(content)
                lines.numbers.append(at)
                lines.offsets.append(offset + line.index(content))
        count += 1
        offset += len(line)
    return count


def _id_of(content: bytes, number: int, on_fault: OnFault) -> str | None:
    try:
        line = jsonl.parse(content)
    except ValueError as error:
        on_fault(invalid_json(number, content, error))
        return None
    custom_id = line.get("custom_id") if isinstance(line, dict) else None
    if custom_id is not None and not (isinstance(custom_id, str) and custom_id):
        message = f"custom_id must be a string that is not empty, not {shown(custom_id)}"
        on_fault(Fault("invalid_request", message, number, "custom_id"))
        return None
    if custom_id is None:
        message = "the line has no `custom_id`, which tells what belongs together"
        on_fault(Fault("missing_required_parameter", message, number, "custom_id"))
    return custom_id


class Rows:
    """In which row of a file each id stands: rows count from 0, and only lines with an id.

    Takes 8 bytes a row, and 20 once one was asked for that is not the next. What is kept are 64-bit
    hashes: who has found a row has yet to see that its id is the one wanted.
    """

    def __init__(self, key: Callable[[str], int] = hash):
        self._key = key
        self._hashes = array("q")
        self._sorted: list[tuple[array[int], array[int]]] = []
        self.ambiguous: set[int] = set()
        """Hashes that stand for several ids, next to never any: their rows cannot be found."""

    def __len__(self) -> int:
        return len(self._hashes)

    def read(self, stream: BinaryIO, on_fault: OnFault) -> None:
        """Take note of all ids from where the stream stands; one that repeats is a fault."""
        start = stream.tell()
        unique = UniqueIds(self._key)
        for lines in named_lines(stream, on_fault):
            unique.update(lines.ids)
            self._hashes.extend(map(self._key, lines.ids))
        self.ambiguous = unique.suspects()
        if self.ambiguous:
            stream.seek(start)
            ids = (
                pair
                for lines in named_lines(stream, lambda fault: None)
                for pair in zip(lines.numbers, lines.ids, strict=True)
            )
            for fault in unique.confirm(self.ambiguous, ids):
                on_fault(fault)

    def hash_of(self, row: int) -> int:
        """The hash of a row's id."""
        return self._hashes[row]

    def follow(self, first: int, ids: list[str]) -> bool:
        """Whether `ids` are, by their hashes, those of as many rows from `first` on."""
        hashes = array("q", map(self._key, ids))
        return not self.ambiguous and self._hashes[first : first + len(ids)] == hashes

    def find(self, custom_id: str, expected: int) -> int | None:
        """The row that may have this id, `expected` if it is that one; None where no row has it."""
        value = self._key(custom_id)
        if expected < len(self._hashes) and self._hashes[expected] == value:
            return expected
        if not self._sorted:
            self._sort()
        hashes, rows = self._sorted[value & _LAST_PART]
        at = bisect_left(hashes, value)
        return rows[at] if at < len(hashes) and hashes[at] == value else None

    def _sort(self) -> None:
        # In parts, because sorting takes many times the memory of what is sorted.
        parts = [array("I") for _ in range(_LAST_PART + 1)]
        for row, value in enumerate(self._hashes):
            parts[value & _LAST_PART].append(row)
        for part in parts:
            rows = array("I", sorted(part, key=self._hashes.__getitem__))
            self._sorted.append((array("q", map(self._hashes.__getitem__, rows)), rows))


_LAST_PART = 255
