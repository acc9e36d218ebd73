"""Requests beside their results, by custom_id, in the order of the requests.

Everything is read twice. First the requests' ids, then the results', of which it is noted by row
where each one stands; so all that is wrong is found before anything is written. Then the pairs are
written, line by line as they are. Kept in memory are 16 bytes a request, and 28 where results are
in another order than requests: hashes of ids, and places of results. A pair is made where the ids
are the same, whatever their hashes.
"""

from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from itertools import compress
from operator import lt
from typing import BinaryIO, NamedTuple

from .. import jsonl
from ..errors import Fault, InputInvalid
from ..requests import wrong_file
from ..requests.faults import Faults, shown
from ..requests.named import NamedLines, Rows, named_lines
from .results import Result, parse_result, reasons, succeeded
from .spool import Outcome


class Source(NamedTuple):
    """A file that can be read again, from where it stands, and what messages call it."""

    stream: BinaryIO
    name: str


OnFault = Callable[[str, Fault], None]
"""Takes note of something in the file of this name."""

_AHEAD_BYTES = 64 << 20


class Join:
    """Pairs the requests of one file with the results of others.

    Where a request has several results, the first that succeeded counts, or else the last.
    """

    def __init__(
        self,
        requests: Source,
        results: Sequence[Source],
        on_fault: OnFault,
        on_repeated: OnFault,
        key: Callable[[str], int] = hash,
    ):
        self._requests = requests
        self._results = results
        self._on_fault = on_fault
        self._on_repeated = on_repeated
        self._start = requests.stream.tell()
        self._starts = [source.stream.tell() for source in results]
        self._rows = Rows(key)
        # Where each row's result stands, counted through all files; 0 where there is none.
        self._places = array("Q")
        self._bases = array("Q", [1])
        self.counts: Counter[Outcome] = Counter()
        """How many requests have succeeded, failed, or have no result."""
        self._known = 0
        self.unknown = 0
        """How many results belong to no request."""
        self.first_unknown = ""
        """Where the first of them stands."""

    def look(self) -> None:
        """Read all files, and note where results stand.

        Raises InputInvalid, with every fault told, where a line is not what it should be, an id
        stands for two requests, or no result belongs to any request.
        """
        faults = Faults()
        name, stream = self._requests.name, self._requests.stream

        def refuse(fault: Fault) -> None:
            faults.add(fault)
            self._on_fault(name, fault)

        if wrong := _wrong_kind(stream, wrong_file.results):
            refuse(wrong)
        else:
            self._rows.read(stream, refuse)
            if not len(self._rows) and not faults.count:
                refuse(Fault("empty_file", "there are no requests; is it the right file?"))
        _raise(faults, name)
        self._places.frombytes(bytes(8 * len(self._rows)))
        for index in range(len(self._results)):
            self._look_at_results(index)
        if self.unknown and not self._known:
            raise InputInvalid(
                f"no result belongs to any request of {name}: are they of the same run?"
            )

    def _look_at_results(self, index: int) -> None:
        source = self._results[index]
        faults = Faults()

        def refuse(fault: Fault) -> None:
            faults.add(fault)
            self._on_fault(source.name, fault)

        if wrong := _wrong_kind(source.stream, wrong_file.requests):
            refuse(wrong)
        else:
            expected = 0
            for lines in named_lines(source.stream, refuse):
                expected = self._place_all(lines, source, expected)
        _raise(faults, source.name)
        self._bases.append(self._bases[index] + source.stream.tell() - self._starts[index])

    def _place_all(self, lines: NamedLines, source: Source, expected: int) -> int:
        """Note where these results stand; returns the row of which the next one is expected."""
        base = self._bases[-1]
        end = expected + len(lines.ids)
        in_order = self._rows.follow(expected, lines.ids)
        if in_order and not any(self._places[expected:end]):
            self._places[expected:end] = array("Q", [base + offset for offset in lines.offsets])
            self._known += len(lines.ids)
            return end
        for custom_id, number, offset in zip(lines.ids, lines.numbers, lines.offsets, strict=True):
            row = self._rows.find(custom_id, expected)
            if row is None:
                self.unknown += 1
                self.first_unknown = self.first_unknown or f"{source.name}:{number}"
                continue
            if self._is_next(row, custom_id, source, number):
                self._places[row] = base + offset
            self._known += 1
            expected = row + 1
        return expected

    def _is_next(self, row: int, custom_id: str, source: Source, number: int) -> bool:
        """Whether a result takes the place of what its row has so far; tells of a second one."""
        value = self._rows.hash_of(row)
        if value in self._rows.ambiguous:
            return False
        if not self._places[row]:
            return True
        at = source.stream.tell()
        earlier = parse_result(self._line(self._places[row]))
        source.stream.seek(at)
        if earlier is None or earlier.custom_id != custom_id:
            self._rows.ambiguous.add(value)
            return False
        counts = earlier.outcome is not Outcome.SUCCEEDED
        which = "failed, so this one counts" if counts else "succeeded, so that one counts"
        message = f"another result for {shown(custom_id)}; the one before {which}"
        self._on_repeated(source.name, Fault("repeated_result", message, number, "custom_id"))
        return counts

    def write(self, target: BinaryIO, only: Collection[Outcome] = ()) -> None:
        """Write a line for each request, or for those whose outcome is one of `only`."""
        self._requests.stream.seek(self._start)
        row = 0
        for lines in named_lines(self._requests.stream, lambda fault: None):
            ids = jsonl.dumps_each(list(lines.ids))
            outcomes, results = self._results_of(row, lines.ids)
            for outcome in Outcome:
                self.counts[outcome] += outcomes.count(outcome)
            pairs = zip(ids, lines.contents, results, strict=True)
            kept = compress(pairs, [outcome in only for outcome in outcomes]) if only else pairs
            target.writelines(map(_PAIR.__mod__, kept))
            row += len(ids)

    def _results_of(self, first: int, ids: list[str]) -> tuple[list[Outcome], list[bytes]]:
        """The outcomes and results of the rows from `first` on."""
        together = self._read_together(self._places[first : first + len(ids)], ids)
        if together is not None:
            return [Outcome.SUCCEEDED] * len(ids), together
        found = [self._result_of(row, custom_id) for row, custom_id in enumerate(ids, first)]
        return [outcome for outcome, _ in found], [line for _, line in found]

    def _read_together(self, places: "array[int]", ids: list[str]) -> list[bytes] | None:
        """The results at `places`, where they are successes that stand one after another.

        Reading them at once takes a third of the time.
        """
        if not places or not places[0] or not all(map(lt, places, places[1:])):
            return None
        if places[-1] - places[0] > _AHEAD_BYTES:
            return None
        stream = self._stream_at(places[0])
        block = stream.read(places[-1] - places[0]) + stream.readline()
        found = succeeded(block)
        if found is None or found[0] != ids:
            return None
        return block.split(b"\n")[:-1]

    def _result_of(self, row: int, custom_id: str) -> tuple[Outcome, bytes]:
        if self._rows.hash_of(row) in self._rows.ambiguous:
            return self._search(custom_id)
        if not self._places[row]:
            return _NONE
        line = self._line(self._places[row])
        result = parse_result(line)
        if result is None or result.custom_id != custom_id:  # its hash is the same
            return self._search(custom_id)
        return _outcome(result, line), line

    def _search(self, custom_id: str) -> tuple[Outcome, bytes]:
        """The result for an id of which the hash says nothing: all of them are looked through."""
        found = _NONE
        for source, start in zip(self._results, self._starts, strict=True):
            source.stream.seek(start)
            for _, line in jsonl.lines(source.stream):
                result = parse_result(line)
                is_better = found[0] is not Outcome.SUCCEEDED
                if result is not None and result.custom_id == custom_id and is_better:
                    found = _outcome(result, line), line
        return found

    def _line(self, place: int) -> bytes:
        return self._stream_at(place).readline().strip(b" \t\r\n")

    def _stream_at(self, place: int) -> BinaryIO:
        index = bisect_right(self._bases, place) - 1
        stream = self._results[index].stream
        stream.seek(self._starts[index] + place - self._bases[index])
        return stream


_PAIR = b'{"custom_id":%b,"request":%b,"result":%b}\n'
_NONE = (Outcome.MISSING, b"null")


def _outcome(result: Result, line: bytes) -> Outcome:
    if result.outcome is Outcome.SUCCEEDED:
        return Outcome.SUCCEEDED
    return Outcome.MISSING if "missing" in reasons(line) else Outcome.FAILED


def _wrong_kind(stream: BinaryIO, other: Callable[[bytes], Fault | None]) -> Fault | None:
    """The fault of a file of another kind altogether, told from how it begins."""
    start = stream.tell()
    head = stream.read(jsonl.BLOCK_BYTES)
    stream.seek(start)
    return wrong_file.not_text(head) or wrong_file.spread_json(head) or other(head)


def _raise(faults: Faults, name: str) -> None:
    if invalid := faults.verdict(name, "nothing was joined"):
        raise invalid
