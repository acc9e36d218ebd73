"""Sums over many lines of which only some are looked at, with the error that this brings."""

import random
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import zip_longest
from math import log, sqrt
from typing import NamedTuple

WHOLE_BYTES = 16_000_000
"""Inputs up to this size are looked at line by line."""
_SHARE = 8
"""Of each further stretch one byte in so many of the first is looked at."""
_FEWEST = 30
"""Lines of a stretch from which its variance can be told."""
_NORMAL_95 = 1.96

Amount = int


class Estimate(NamedTuple):
    """A sum over all lines."""

    amount: Decimal
    """The sum itself where every line was looked at."""
    half_width_percent: float
    """With 95 % confidence the sum is within so many percent of `amount`; 0 where it is known.
    For few lines that are most uneven it is a little too narrow: nine in ten are within it."""


class Sample:
    """Sums amounts over lines of any number, in one pass, from a sample that never grows large.

    The first `whole_bytes` are taken completely. From there on each stretch is as long as all
    before it and gives about as many lines as the last, drawn at random; so the work grows with
    the logarithm of the input, and a file whose lines change from its beginning to its end is
    sampled all along. Within a stretch an amount is taken to be so much a line and so much a byte,
    which suits tokens as well as ceilings. A seed makes it the same sample each time.

    Use: `if sample.takes(len(line)): sample.add(len(line), amount, …)`, for every line, always with
    as many amounts.
    """

    def __init__(self, whole_bytes: int = WHOLE_BYTES, seed: int = 0):
        self._whole_bytes = whole_bytes
        self._random = random.Random(seed).random
        self._ends_at = whole_bytes
        self._rate = 1.0
        self._stretches = [_Stretch()]
        self._skips: float = 0
        """Lines to pass over before the next one that is taken."""
        self.bytes = 0
        """Of all lines so far."""
        self.lines = 0
        """All lines so far."""

    @property
    def taken(self) -> int:
        """Lines that were looked at."""
        return sum(stretch.taken for stretch in self._stretches)

    @property
    def weight(self) -> float:
        """How many lines the one that was just taken stands for."""
        return 1 / self._rate

    def takes(self, line_bytes: int) -> bool:
        """Take note of one more line; whether it is in the sample, and `add` must follow."""
        return bool(self.choose(line_bytes, 1))

    def choose(self, size_bytes: int, lines: int) -> Sequence[int]:
        """Take note of several lines at once; which of them, counted from 0, are in the sample."""
        if self.bytes >= self._ends_at:
            self._begin_stretch()
        self.bytes += size_bytes
        self.lines += lines
        stretch = self._stretches[-1]
        stretch.bytes += size_bytes
        stretch.lines += lines
        if self._rate >= 1:
            return range(lines)
        chosen = []
        while self._skips < lines:
            chosen.append(int(self._skips))
            self._skips += 1 + self._next_skips()
        self._skips -= lines
        return chosen

    def add(self, line_bytes: int, *amounts: Amount) -> None:
        """Add the amounts of a line that was just taken, each to its own sum."""
        self._stretches[-1].add(line_bytes, amounts)

    def totals(self) -> list[Estimate]:
        """The sums over all lines so far, in the order of the amounts; none before the first."""
        stretches = self._stretches[:1]
        for stretch in self._stretches[1:]:
            # The last one may have just begun; another may hold but a few lines, far longer than
            # those before it.
            fewest = _FEWEST if stretch is self._stretches[-1] else 2
            if stretch.taken < fewest:
                stretches[-1] = stretches[-1].joined(stretch)
            else:
                stretches.append(stretch)
        return [
            _estimate([stretch.estimate(index) for stretch in stretches])
            for index in range(len(stretches[0].sums))
        ]

    def _begin_stretch(self) -> None:
        length = self._ends_at
        self._ends_at *= 2
        # Long lines are few: more of them are taken, so that their variance can be told.
        expected_lines = max(1.0, length * self.lines / self.bytes)
        by_bytes = self._whole_bytes / (_SHARE * length)
        self._rate = min(1.0, max(by_bytes, 4 * _FEWEST / expected_lines))
        self._skips = self._next_skips()
        self._stretches.append(_Stretch())

    def _next_skips(self) -> float:
        """Failures before the next success, where each line is taken at the same rate."""
        return 0 if self._rate >= 1 else log(1 - self._random()) // log(1 - self._rate)


class _Stretch:
    """Consecutive lines, of which some were taken at random."""

    def __init__(self) -> None:
        self.bytes = 0
        self.lines = 0
        self.taken = 0
        self.taken_bytes = 0
        self.squared_bytes = 0
        self.sums: list[_Sums] = []

    def add(self, line_bytes: int, amounts: tuple[Amount, ...]) -> None:
        self.taken += 1
        self.taken_bytes += line_bytes
        self.squared_bytes += line_bytes * line_bytes
        if not self.sums:
            self.sums = [_Sums() for _ in amounts]
        for sums, amount in zip(self.sums, amounts, strict=True):
            sums.plain += amount
            sums.squared += amount * amount
            sums.by_bytes += amount * line_bytes

    def joined(self, other: "_Stretch") -> "_Stretch":
        """Both as one."""
        both = _Stretch()
        for name in ("bytes", "lines", "taken", "taken_bytes", "squared_bytes"):
            setattr(both, name, getattr(self, name) + getattr(other, name))
        both.sums = [
            mine.joined(its) for mine, its in zip_longest(self.sums, other.sums, fillvalue=_Sums())
        ]
        return both

    def estimate(self, index: int) -> tuple[Fraction, float]:
        """The sum over all lines, and its variance: the textbook's regression estimator.

        In fractions, because terms nearly cancel.
        """
        sums, taken = self.sums[index], self.taken
        plain, by_bytes = Fraction(sums.plain), Fraction(sums.by_bytes)
        if taken == self.lines:
            return plain, 0.0
        spread_bytes = self.squared_bytes - Fraction(self.taken_bytes**2, taken)
        spread_both = by_bytes - plain * self.taken_bytes / taken
        slope = spread_both / spread_bytes if spread_bytes else Fraction(0)
        scale = Fraction(self.lines, taken)
        total = scale * plain + slope * (self.bytes - scale * self.taken_bytes)
        residual = Fraction(sums.squared) - plain * plain / taken - slope * spread_both
        unseen = self.lines - taken
        variance = self.lines * unseen * float(residual) / (taken * max(1, taken - 2))
        return total, max(0.0, variance)


class _Sums:
    """Of one amount over the taken lines."""

    __slots__ = ("by_bytes", "plain", "squared")

    def __init__(self, plain: Amount = 0, squared: Amount = 0, by_bytes: Amount = 0):
        self.plain = plain
        self.squared = squared
        self.by_bytes = by_bytes

    def joined(self, other: "_Sums") -> "_Sums":
        return _Sums(
            self.plain + other.plain,
            self.squared + other.squared,
            self.by_bytes + other.by_bytes,
        )


def _estimate(stretches: list[tuple[Fraction, float]]) -> Estimate:
    amount = sum((amount for amount, _ in stretches), Fraction(0))
    half_width = _NORMAL_95 * sqrt(sum(variance for _, variance in stretches))
    decimal = Decimal(amount.numerator) / Decimal(amount.denominator)
    return Estimate(decimal, 100 * half_width / float(amount) if amount else 0.0)
