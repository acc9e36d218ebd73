"""Numbering requests, where prompts may bring ids of their own."""

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable

from ..errors import Fault
from .faults import shown

_OWN = -1


class CustomIds:
    """Gives the n-th request the id `PREFIX-n`, and reports where a prompt brings that id itself.

    Ids that prompts bring are not compared with each other here: validation does that for all.
    Memory grows with the changes between given and brought ids and with gaps between lines, not
    with requests.
    """

    def __init__(self, prefix: str, on_fault: Callable[[Fault], None]):
        self.count = 0
        """Requests so far."""
        self._prefix = prefix
        self._on_fault = on_fault
        self._looks_given = re.compile(re.escape(prefix) + r"-([1-9][0-9]{0,17})")
        # Stretches of requests: the number of the first, and how far its line is from its number,
        # or _OWN where the prompts brought ids. Between two changes nothing is stored.
        self._starts = array("q")
        self._distances = array("q")
        self._distance: int | None = None
        self._brought_early: dict[int, int] = {}

    def give(self, line_number: int) -> int:
        """Count a request without an id of its own and return its number."""
        number = self.count = self.count + 1
        if line_number - number != self._distance:
            self._begin_stretch(line_number - number)
        if number in self._brought_early:
            self._report(number, line_number, self._brought_early[number])
        return number

    def bring(self, custom_id: str, line_number: int) -> None:
        """Count a request with an id of its own."""
        self.count += 1
        if self._distance != _OWN:
            self._begin_stretch(_OWN)
        self._brought_early.pop(self.count, None)  # this number is not given any more
        match = self._looks_given.fullmatch(custom_id)
        if match is None:
            return
        number = int(match[1])
        if number > self.count:
            self._brought_early.setdefault(number, line_number)
        elif number < self.count and (earlier := self._line_given(number)):
            self._report(number, line_number, earlier)

    def _begin_stretch(self, distance: int) -> None:
        self._distance = distance
        self._starts.append(self.count)
        self._distances.append(distance)

    def _line_given(self, number: int) -> int | None:
        distance = self._distances[bisect_right(self._starts, number) - 1]
        return None if distance == _OWN else number + distance

    def _report(self, number: int, line_number: int, earlier: int) -> None:
        custom_id = shown(f"{self._prefix}-{number}")
        message = (
            f"lines {earlier} and {line_number} would both be {custom_id}: one brings that "
            "custom_id, the other is given it; choose another --custom-id-prefix"
        )
        self._on_fault(Fault("duplicate_custom_id", message, line_number, "custom_id"))
