"""Percentiles of any number of amounts, within what is stated."""

import random

import pytest

from openai_batch.requests.distribution import Distribution


def test_percentiles_are_within_the_stated_bounds() -> None:
    """At most 1.6 % too low, never too high; least, most and mean are exact."""
    scatter = random.Random(1)
    amounts = sorted(int(scatter.lognormvariate(7, 1.5)) for _ in range(20_001))
    distribution = Distribution()
    for amount in amounts:
        distribution.add(amount)
    for percent, index in ((50, 10_000), (90, 18_000), (99, 19_800)):
        assert 0.984 * amounts[index] <= distribution.percentile(percent) <= amounts[index]
    summary = distribution.summary()
    assert (summary["min"], summary["max"]) == (amounts[0], amounts[-1])
    assert summary["mean"] == pytest.approx(sum(amounts) / 20_001, abs=0.05)


def test_small_amounts_are_exact_and_weights_count() -> None:
    """An amount that stands for several lines counts as several."""
    distribution = Distribution()
    distribution.add(3, weight=8)
    distribution.add(100)
    distribution.add(0)
    assert (distribution.percentile(50), distribution.percentile(90)) == (3, 3)
    assert distribution.percentile(99) == 100
    assert distribution.total == 124
    assert [row for row in distribution.by_powers_of_two() if row[2]] == [
        (0, 1, 1),
        (2, 4, 8),
        (64, 128, 1),
    ]


def test_nothing_has_no_figures() -> None:
    """Neither a least nor a median."""
    assert set(Distribution().summary().values()) == {None}
    assert list(Distribution().by_powers_of_two()) == []
