"""How amounts are distributed over any number of lines, in little memory."""

from collections.abc import Iterator

_EXACT_BITS = 7
"""Amounts below 128 have a bucket each; above, each power of two has 64: within 1.6 %."""


class Distribution:
    """Counts amounts, whole numbers of 0 or more, in buckets that grow with them.

    The least, the most and the mean are exact; a percentile is the least amount of its bucket, at
    most 1.6 % below the true one. `weight`: how many lines an amount stands for.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, float] = {}
        self._count = 0.0
        self.total = 0.0
        """The sum of all amounts."""
        self._min: int | None = None
        self._max = 0

    def add(self, amount: int, weight: float = 1) -> None:
        """Take note of an amount."""
        shift = max(amount.bit_length() - _EXACT_BITS, 0)
        bucket = amount >> shift << shift
        self._buckets[bucket] = self._buckets.get(bucket, 0.0) + weight
        self._count += weight
        self.total += amount * weight
        self._min = amount if self._min is None else min(self._min, amount)
        self._max = max(self._max, amount)

    def percentile(self, percent: float) -> int:
        """The least amount that so many percent of all are not above."""
        wanted, seen = self._count * percent / 100, 0.0
        for amount in sorted(self._buckets):
            seen += self._buckets[amount]
            if seen >= wanted:
                return max(amount, self._min or 0)
        return self._max

    def summary(self) -> dict[str, float | None]:
        """The figures of a record; None where there were no amounts."""
        if not self._count:
            return dict.fromkeys(("min", "median", "p90", "p99", "max", "mean"))
        return {
            "min": self._min,
            "median": self.percentile(50),
            "p90": self.percentile(90),
            "p99": self.percentile(99),
            "max": self._max,
            "mean": round(self.total / self._count, 1),
        }

    def by_powers_of_two(self) -> Iterator[tuple[int, int, float]]:
        """For each power of two from the least to the most: from, below, and how many."""
        counts: dict[int, float] = {}
        for amount, count in self._buckets.items():
            counts[amount.bit_length()] = counts.get(amount.bit_length(), 0.0) + count
        for bits in range(min(counts, default=0), max(counts, default=-1) + 1):
            yield (1 << bits) >> 1, 1 << bits, counts.get(bits, 0.0)
