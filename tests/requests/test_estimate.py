"""What a run will need: sums, the bounds they lie between, and what has no bound."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from openai_batch import jsonl
from openai_batch.requests.estimate import Estimator, Needs
from openai_batch.requests.price import Price, Rate, given_price
from openai_batch.requests.price_list import NoBatchPrice

MODEL = "gpt-4o-mini"
PRICE = given_price("1", "10")


def line(
    content: Any = "one two three", *, url: str = "/v1/chat/completions", **body: Any
) -> bytes:
    """A request whose text has three tokens, and ten with what surrounds it."""
    whole = {"model": MODEL, "messages": [{"role": "user", "content": content}], **body}
    return jsonl.dumps({"custom_id": "a", "method": "POST", "url": url, "body": whole})


def needs(*lines: bytes, price: Price | NoBatchPrice = PRICE, **settings: Any) -> Needs:
    """What requests need, one taken after the other, from line 1 on."""
    estimator = Estimator(lambda model: price, **settings)
    for number, content in enumerate(lines, 1):
        estimator.take(number, content)
    return estimator.finish()


def test_what_is_counted_is_known() -> None:
    """Tokens of each request, its ceiling, and the least and the most that they cost."""
    found = needs(line(max_completion_tokens=100), line(max_completion_tokens=50))
    assert (found.input_tokens, found.input_max, found.output_max) == (20, 20, 150)
    assert (found.exact, found.error_percent, found.tokens_max) == (True, 0, 170)
    assert (found.cost_low, found.cost_high) == (Decimal("0.00002"), Decimal("0.00152"))
    assert found.to_fields() == {
        "tokens": {"input": 20, "input_max": 20, "output_max": 150, "estimate": False},
        "cost_usd": {"low": 0.00002, "high": 0.00152},
    }


def test_blocks_are_taken_like_lines() -> None:
    """Several requests at once have the sum, and the first line without a ceiling is found."""
    with_ceiling, without = line(max_completion_tokens=1), line()
    estimator = Estimator(lambda model: PRICE)
    estimator.take(1, with_ceiling)
    estimator.take(7, b"\n".join([with_ceiling, without, without]), 3)
    found = estimator.finish()
    assert (found.requests, found.input_tokens) == (4, 40)
    assert found.open_ended_line == 8


@pytest.mark.parametrize(
    ("model", "settings"),
    [("mistral-7b", {}), (MODEL, {"names_are_true": False})],
    ids=["a model of another encoding", "a server that answers to any name"],
)
def test_what_is_estimated_lies_between_bounds(model: str, settings: Any) -> None:
    """Half of what was found; a token a byte, and 64 that a chat template may add."""
    found = needs(line(model=model, max_completion_tokens=100), **settings)
    assert (found.input_tokens, found.input_max, found.output_max) == (10, 87, 100)
    assert found.exact is False
    assert (found.cost_low, found.cost_high) == (Decimal("0.000005"), Decimal("0.001087"))
    assert found.to_fields()["tokens"]["estimate"] is True


def test_an_answer_without_a_ceiling_has_no_upper_bound() -> None:
    """Its line is named; the input, and the least cost, are known all the same."""
    found = needs(line(max_completion_tokens=5), line())
    assert (found.input_max, found.output_max, found.tokens_max) == (20, None, None)
    assert (found.cost_low, found.cost_high) == (Decimal("0.00002"), None)
    assert found.open_ended_line == 2


def test_an_image_has_no_upper_bound() -> None:
    """What its size in tokens is, only the provider knows."""
    image = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
    found = needs(line(max_completion_tokens=5), line(image, max_completion_tokens=5))
    assert (found.uncounted, found.uncounted_line) == (1, 2)
    assert (found.tokens_max, found.cost_high, found.exact) == (None, None, False)
    assert found.to_fields()["tokens"]["uncounted_parts"] == 1
    assert found.to_fields()["tokens"]["input_max"] is None


def test_without_a_price_there_is_no_cost() -> None:
    """Not even where one of two models has one: half a sum is none."""
    prices = {MODEL: PRICE, "gpt-4o": NoBatchPrice("no price of gpt-4o")}
    estimator = Estimator(lambda model: prices[model])
    estimator.take(1, line(max_completion_tokens=5))
    estimator.take(2, line(model="gpt-4o", max_completion_tokens=5))
    found = estimator.finish()
    assert (found.cost_low, found.cost_high) == (None, None)
    assert found.to_fields()["cost_usd"] is None
    assert (found.prices, found.unpriced) == ({MODEL: PRICE}, {"gpt-4o": prices["gpt-4o"]})
    assert found.tokens_max == 30


def test_long_requests_and_caches_have_prices_of_their_own() -> None:
    """The least is all of it found in a cache, the most all of it written to one, tier by tier."""
    price = Price(
        "m",
        "batch",
        Rate(Decimal(1), ((15, Decimal(2)),)),
        Rate(Decimal(10)),
        cached_input=Rate(Decimal("0.1")),
        cache_write=Rate(Decimal("1.25"), ((15, Decimal("2.5")),)),
        since=date(2026, 1, 1),
    )
    short = line(max_completion_tokens=1)
    long = line("one two three " * 3 + "four", max_completion_tokens=1)
    found = needs(short, long, price=price)
    assert found.input_tokens == 10 + 17
    assert found.cost_low == Decimal("0.0000027")
    assert found.cost_high == Decimal("0.000075")  # 10 at 1.25, 17 at 2.50, and 2 out


def test_a_sample_states_its_error_within_the_bounds() -> None:
    """The sum is off by some percent, which the bounds of cost include."""
    lines = [line("word " * (number % 50), max_completion_tokens=10) for number in range(2_000)]
    exact, sampled = needs(*lines), needs(*lines, whole_bytes=100_000)
    assert exact.error_percent == 0
    assert 0 < sampled.error_percent < 10
    assert sampled.requests == 2_000
    assert sampled.cost_low is not None
    assert sampled.cost_high is not None
    assert exact.cost_high is not None
    assert sampled.cost_low < exact.cost_low < exact.cost_high < sampled.cost_high  # type: ignore[operator]
    assert sampled.to_fields()["tokens"]["estimate"] is True


def test_nothing_needs_nothing() -> None:
    """An input of which no line is good has sums, too."""
    found = needs()
    assert (found.input_tokens, found.output_max, found.cost_low, found.cost_high) == (0, 0, 0, 0)
