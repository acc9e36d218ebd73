"""Sums from a sample, and whether the error they state holds."""

import random
from collections.abc import Iterator
from decimal import Decimal

import pytest

from openai_batch.requests.sampling import Sample


def lines(seed: int, count: int) -> Iterator[tuple[int, int]]:
    """Bytes and tokens: lengths and ratios scatter, and later lines have more tokens a byte."""
    scatter = random.Random(seed)
    for number in range(count):
        size = int(scatter.lognormvariate(6, 0.7)) + 50
        ratio = (0.22 + 0.15 * number / count) * scatter.lognormvariate(0, 0.2)
        yield size, int(size * ratio)


def test_a_small_input_is_summed_exactly() -> None:
    """Up to its size every line is taken, and there is no error."""
    sample = Sample(whole_bytes=1_000)
    for tokens in range(10):
        assert sample.takes(100)
        sample.add(100, tokens, 3 * tokens)
    assert sample.totals() == [(45, 0.0), (135, 0.0)]
    assert (sample.bytes, sample.lines, sample.taken) == (1_000, 10, 10)


def test_nothing_sums_to_nothing() -> None:
    """Without a line there is no sum; lines without amounts sum to 0."""
    sample = Sample()
    assert sample.totals() == []
    assert sample.takes(10)
    sample.add(10, 0)
    assert sample.totals() == [(0, 0.0)]


def test_the_stated_error_holds() -> None:
    """Of 60 inputs, the true sum is within the stated 95 % bound of at least 53."""
    within, bounds, errors = 0, [], []
    for seed in range(60):
        sample, total = Sample(whole_bytes=200_000, seed=1000 + seed), 0
        for size, tokens in lines(seed, 6_000):
            total += tokens
            if sample.takes(size):
                sample.add(size, tokens)
        (estimate,) = sample.totals()
        error = 100 * (float(estimate.amount) / total - 1)
        within += abs(error) <= estimate.half_width_percent
        bounds.append(estimate.half_width_percent)
        errors.append(error)
    assert within >= 53
    assert 0.5 < min(bounds) <= max(bounds) < 6
    assert abs(sum(errors) / len(errors)) < 0.5  # no side is favoured


def test_what_each_line_has_is_not_scaled_by_bytes() -> None:
    """A ceiling that all lines share, however long they are, sums up without an error."""
    sample = Sample(whole_bytes=100_000)
    for size, _ in lines(1, 3_000):
        if sample.takes(size):
            sample.add(size, 100, 100 + 2 * size)
    assert sample.taken < 1_000
    assert sample.totals() == [(300_000, 0.0), (300_000 + 2 * sample.bytes, 0.0)]


def test_work_grows_slowly() -> None:
    """Sixteen times the lines are less than twice the work, and they are the same each time."""
    taken = []
    for count in (6_000, 96_000, 96_000):
        sample = Sample(whole_bytes=400_000)
        for _ in range(count):
            if sample.takes(100):
                sample.add(100, 25)
        taken.append(sample.taken)
        (estimate,) = sample.totals()
        assert estimate == (25 * count, 0.0)  # the ratio never varies
    assert taken[0] < taken[1] < 2 * taken[0]
    assert taken[2] == taken[1]


@pytest.mark.parametrize("after", [1, 5, 50, 150])
def test_a_short_end_is_summed_with_what_precedes(after: int) -> None:
    """A few lines beyond a stretch are no reason for an estimate without a bound."""
    sample = Sample(whole_bytes=100_000)
    sizes = [100] * 1_000 + [100] * after
    scatter = random.Random(after)
    for size in sizes:
        if sample.takes(size):
            sample.add(size, scatter.randrange(20, 30))
    (estimate,) = sample.totals()
    assert estimate.amount == pytest.approx(Decimal(24.5 * len(sizes)), rel=Decimal("0.02"))
    assert estimate.half_width_percent < 1


def test_long_lines_are_all_looked_at() -> None:
    """Lines so long that a stretch has few of them are taken while they tell too little."""
    sample = Sample(whole_bytes=1_000_000)
    for number in range(100):
        assert sample.takes(100_000)
        sample.add(100_000, number)
    assert sample.totals() == [(4_950, 0.0)]


def test_amounts_of_any_size_have_an_error() -> None:
    """Sums that nearly cancel, of numbers with many digits, leave no negative variance."""
    sample = Sample(whole_bytes=10_000)
    for number in range(5_000):
        if sample.takes(100 + number % 3):
            sample.add(100 + number % 3, 551_724_137_931 * (100 + number % 3), 10**40)
    steep, flat = sample.totals()
    assert steep.half_width_percent == pytest.approx(0, abs=1e-6)
    assert flat == (5_000 * 10**40, 0.0)
