"""Lines drawn at random from an input of any length, in one pass."""

import math
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from random import Random
from typing import BinaryIO

from .. import jsonl
from .wrong_file import unbroken

_IN_MEMORY_BYTES = 64 << 20
_BELOW_ONE = 1 - 2.0**-53


class Drawing:
    """Draws lines from one input, and counts them.

    Lines are what `jsonl.lines` takes for them: blank ones are none, and a byte order mark, `\\r`
    before `\\n` and blanks around a line are left off. The same seed draws the same lines, whether
    they come from a file or a pipe. Both ways of drawing raise InputInvalid where the input is no
    text, or breaks off in the middle of a line.
    """

    def __init__(
        self, stream: BinaryIO | Iterable[bytes], seed: int, input_name: str | None = None
    ):
        self._lines = jsonl.lines(unbroken(stream, input_name))
        self._random = Random(seed).random  # the one method that no version of Python changes
        self.lines = 0
        """How many there were so far."""
        self.drawn = 0
        """How many of them were drawn."""

    def exactly(self, number: int) -> Iterator[bytes]:
        """Draw `number` lines, or all where there are fewer; each set of lines is as likely.

        Nothing comes before the input's end, then the lines in their order. Takes 24 bytes of
        memory for each; the lines themselves wait in a temporary file unless they are few.
        """
        numbers, offsets, lengths = array("Q"), array("Q"), array("Q")
        end = 0
        with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as kept:
            for slot, content in self._choices(number):
                if slot == len(numbers):
                    for column in (numbers, offsets, lengths):
                        column.append(0)
                numbers[slot], offsets[slot], lengths[slot] = self.lines, end, len(content)
                end += kept.write(content)
            self.drawn = len(numbers)
            for slot in sorted(range(self.drawn), key=numbers.__getitem__):
                kept.seek(offsets[slot])
                yield kept.read(lengths[slot])

    def _choices(self, number: int) -> Iterator[tuple[int, bytes]]:
        """Each line that is chosen for the time being, and its slot, which may be another's so far.

        Algorithm L (Li, "Reservoir-sampling algorithms of time complexity O(n(1+log(N/n)))", 1994)
        draws how many lines to pass over, and looks at none of those.
        """
        highest, following = 1.0, 0
        for _, content in self._lines:
            self.lines += 1
            if self.lines <= number:
                yield self.lines - 1, content
            elif self.lines == following:
                yield int(self._random() * number), content
            else:
                continue
            if self.lines >= number:
                highest = min(highest * math.exp(-self._exponential() / number), _BELOW_ONE)
                following = self.lines + 1 + int(self._exponential() / -math.log1p(-highest))

    def share(self, fraction: float) -> Iterator[bytes]:
        """Draw each line with the probability `fraction`, and hand it on as it comes."""
        for _, content in self._lines:
            self.lines += 1
            if self._random() < fraction:
                self.drawn += 1
                yield content

    def _exponential(self) -> float:
        """A number of the standard exponential distribution."""
        return -math.log1p(-self._random())
