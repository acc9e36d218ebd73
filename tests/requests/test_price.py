"""What a batch costs, and that nobody is told a price that is not one of batches.

The models named here have published prices that these tests type out: a new price list that changes
one of them should be looked at.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from genai_prices.data_snapshot import DataSnapshot, set_custom_snapshot
from genai_prices.types import ClauseEquals, ModelInfo, ModelPrice, PriceVariant, Provider

from openai_batch.errors import UsageError
from openai_batch.requests.price import Price, Rate, given_price
from openai_batch.requests.price_list import NoBatchPrice, batch_price

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com/v1"
GOOGLE = "https://generativelanguage.googleapis.com/v1beta/openai"
MISTRAL = "https://api.mistral.ai/v1"
NOVEMBER = datetime(2026, 11, 26, tzinfo=UTC)
MILLION = 1_000_000


def priced(model: str, api_url: str = OPENAI, at: datetime = NOVEMBER) -> Price:
    """A price that must be there."""
    price = batch_price(model, at, api_url=api_url)
    assert isinstance(price, Price)
    return price


def unpriced(model: str, api_url: str = OPENAI, at: datetime = NOVEMBER) -> NoBatchPrice:
    """An answer that must say that there is none."""
    price = batch_price(model, at, api_url=api_url)
    assert isinstance(price, NoBatchPrice)
    return price


@pytest.mark.parametrize("model", ["gpt-4o-mini", "gpt-4o-mini-2024-07-18"])
def test_a_batch_has_its_own_price(model: str) -> None:
    """Half of the standard one for this model, which is known beside it."""
    price = priced(model)
    assert (price.model, price.processing) == ("gpt-4o-mini", "batch")
    assert (price.input, price.output) == (Rate(Decimal("0.075")), Rate(Decimal("0.30")))
    assert price.standard is not None
    assert price.standard.processing == "standard"
    assert price.standard.input == Rate(Decimal("0.15"))
    assert price.standard.output == Rate(Decimal("0.60"))
    assert price.source.startswith("genai-prices 0.")


def test_a_fine_tuned_model_has_its_own_price() -> None:
    """It costs more than the model it was made from."""
    assert priced("ft:gpt-4o-mini-2024-07-18:org::abc").input == Rate(Decimal("0.15"))


def test_cached_input_has_only_a_price_of_batches() -> None:
    """The standard price of cached input says nothing about batches."""
    price = priced("gpt-4.1")
    assert price.standard is not None
    assert price.standard.cached_input == Rate(Decimal("0.5"))
    assert price.cached_input is None
    assert price.cost(MILLION, 0, cached=MILLION) == Decimal("1.00")


@pytest.mark.parametrize(
    ("model", "api_url", "standard"),
    [
        ("text-embedding-3-small", OPENAI, "0.02"),
        # Listed with a batch price that is empty.
        ("gpt-3.5-turbo-1106", OPENAI, "1.00"),
        # OpenAI's batch price is not that of who resells the model.
        ("gpt-4o-mini", "https://resource.openai.azure.com/openai/v1", "0.15"),
        ("llama-3.1-8b-instant", "https://api.groq.com/openai/v1", "0.05"),
    ],
)
def test_the_standard_price_is_never_passed_for_one_of_batches(
    model: str, api_url: str, standard: str
) -> None:
    """Where the list has none for batches the answer says so, and what it would cost otherwise."""
    answer = unpriced(model, api_url)
    assert answer.standard is not None
    assert answer.standard.processing == "standard"
    assert answer.standard.input == Rate(Decimal(standard))
    assert " price " in answer.reason
    assert f" of batches of {model} at " in answer.reason


@pytest.mark.parametrize(
    ("model", "api_url"),
    [
        ("gpt-nobody-made", OPENAI),
        ("gpt-4o-mini", "http://gateway:8000/v1"),
        ("meta-llama/Meta-Llama-3-8B-Instruct", "https://api.parasail.io/v1"),
    ],
)
def test_what_is_unknown_has_no_price(model: str, api_url: str) -> None:
    """A model's name alone is not enough: another server may ask anything for it."""
    answer = unpriced(model, api_url)
    assert answer.reason.endswith(f" has no price of {model} at {api_url}")
    assert answer.standard is None


def test_models_without_token_prices_have_none() -> None:
    """A price list that knows a model and no price of its tokens makes nothing free."""
    assert unpriced("omni-moderation-latest").standard is None


def test_half_a_batch_price_is_none() -> None:
    """Where only the input of a batch has a price, the standard one of the output is not put in."""
    model = ModelInfo(
        id="half",
        match=ClauseEquals("half"),
        prices=ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(8)),
        price_variants=[PriceVariant({"processing": "batch"}, ModelPrice(input_mtok=Decimal(1)))],
    )
    listed = Provider("some", "Some", r"https://api\.some\.example", models=[model])
    set_custom_snapshot(DataSnapshot([listed], from_auto_update=False))
    try:
        answer = unpriced("half", "https://api.some.example/v1")
    finally:
        set_custom_snapshot(None)
    assert answer.reason.endswith("has no full price of batches of half at Some")


def test_a_provider_may_be_named() -> None:
    """An address that the list does not know can still be somebody it knows."""
    price = batch_price(
        "gpt-4o-mini", NOVEMBER, api_url="https://gateway.example/v1", provider_id="openai"
    )
    assert isinstance(price, Price)
    assert price.input == Rate(Decimal("0.075"))


@pytest.mark.parametrize(
    ("day", "input_price", "output_price"),
    [(14, "0.34", "1.045"), (19, "0.34", "1.045"), (20, "0.68", "2.09"), (29, "0.35", "1.05")],
)
def test_a_price_has_its_days(day: int, input_price: str, output_price: str) -> None:
    """The price is that of the day, in UTC, on which the batch is made."""
    for at in (datetime(2026, 10, day, tzinfo=UTC), datetime(2026, 10, day, 23, 59)):
        price = priced("mistral-large-4", MISTRAL, at)
        assert price.input == Rate(Decimal(input_price))
        assert price.output == Rate(Decimal(output_price))
        assert price.since == date(2026, 10, 14 if day == 19 else day)


def test_before_its_first_day_there_is_no_price() -> None:
    """The list does not know what batches cost before it took note of them."""
    answer = unpriced("gpt-4o-mini", at=datetime(2026, 10, 13, 23, 59, tzinfo=UTC))
    assert answer.reason.endswith("of batches of gpt-4o-mini at OpenAI on 2026-10-13")


@pytest.mark.parametrize(
    ("model", "api_url", "usual", "long"),
    [
        # A million tokens out, and 200,000 or one more in.
        ("claude-sonnet-4-5", ANTHROPIC, "7.800000", "11.850003"),
        ("gemini-2.5-pro", GOOGLE, "5.125000", "7.75000125"),
    ],
)
def test_a_long_request_pays_its_tier(model: str, api_url: str, usual: str, long: str) -> None:
    """One token beyond the threshold makes all tokens of that request dearer."""
    price = priced(model, api_url)
    assert price.has_tiers
    assert price.cost(200_000, MILLION) == Decimal(usual)
    assert price.cost(200_001, MILLION) == Decimal(long)
    assert price.bounds(200_001, MILLION).high >= Decimal(long)


def test_costs_add_up_without_tiers() -> None:
    """Where no tier counts, sums of tokens have a price too."""
    price = priced("gpt-4o-mini")
    assert not price.has_tiers
    one = price.cost(1_000, 200)
    assert one == Decimal("0.000135")
    assert price.cost(1_000_000, 200_000) == 1_000 * one
    assert price.standard is not None
    assert price.standard.cost(1_000_000, 200_000) == Decimal("0.27")


LUNA = Price(
    "luna",
    "batch",
    input=Rate(Decimal("0.10"), ((272_000, Decimal("0.20")),)),
    output=Rate(Decimal("0.60"), ((272_000, Decimal("0.90")),)),
    cached_input=Rate(Decimal("0.01"), ((272_000, Decimal("0.02")),)),
    cache_write=Rate(Decimal("0.125"), ((272_000, Decimal("0.25")),)),
)


def test_each_sort_of_input_has_its_price() -> None:
    """What was read from the cache, what was written to it, and the rest, each once."""
    cost = LUNA.cost(100_000, 10_000, cached=50_000, cache_written=20_000)
    assert cost == Decimal("0.0120")  # 30,000 at 0.10; 50,000 at 0.01; 20,000 at 0.125; and 0.006


@pytest.mark.parametrize(
    ("cached", "written", "cost"),
    [(200, 0, "0.000001"), (200, 200, "0.000001"), (60, 200, "0.0000056")],
)
def test_more_cached_than_sent_is_not_believed(cached: int, written: int, cost: str) -> None:
    """Parts of the input are never more than the whole."""
    assert LUNA.cost(100, 0, cached=cached, cache_written=written) == Decimal(cost)


def test_bounds_hold_whatever_the_cache_does() -> None:
    """Low: all was cached and nothing came back. High: all was written to the cache."""
    bounds = LUNA.bounds(100_000, 10_000)
    assert bounds == (Decimal("0.001"), Decimal("0.0185"))
    for cached in (0, 40_000, 100_000):
        for written in (0, 60_000):
            for output in (0, 10_000):
                assert bounds.low <= LUNA.cost(100_000, output, cached, written) <= bounds.high
    assert LUNA.bounds(300_000, 10_000) == (Decimal("0.006"), Decimal("0.084"))


def test_newer_models_write_to_the_cache_unasked() -> None:
    """The list has that price, so the most that a batch can cost counts with it."""
    price = priced("gpt-5.6-luna")
    assert price.cache_write == Rate(Decimal("0.125"), ((272_000, Decimal("0.25")),))
    assert price.bounds(100_000, 0).high == Decimal("0.0125")


def test_without_a_ceiling_there_is_no_most() -> None:
    """An answer of any length can cost anything."""
    assert priced("gpt-4o-mini").bounds(1_000_000, None) == (Decimal("0.075"), None)
    assert priced("gpt-4o-mini").bounds(1_000_000, 0) == (Decimal("0.075"), Decimal("0.075"))


def test_users_give_prices() -> None:
    """For what no list knows: dollars for a million tokens."""
    price = given_price("0.10", Decimal("0.4"))
    assert (price.processing, price.source, price.standard) == ("batch", "given", None)
    assert price.cost(3_000_000, 500_000) == Decimal("0.5")


@pytest.mark.parametrize("given", ["", "free", "-1", "nan", "inf", "0,15", "$1"])
def test_a_price_is_a_number(given: str) -> None:
    """What is no amount is refused with an example."""
    with pytest.raises(UsageError, match=r"as in 0\.15"):
        given_price("0.1", given)


def test_a_price_survives_storing() -> None:
    """With its tiers, its date, and the standard price beside it; as JSON, which has no Decimal."""
    price = Price(
        "m",
        "batch",
        Rate(Decimal("0.625"), ((200_000, Decimal("1.25")),)),
        Rate(Decimal(5)),
        cached_input=Rate(Decimal("0.0625")),
        since=date(2026, 10, 14),
        source="a list",
        standard=Price("m", "standard", Rate(Decimal("1.25")), Rate(Decimal(10))),
    )
    stored = json.loads(json.dumps(price.to_fields()))
    assert stored["input"] == ["0.625", [200_000, "1.25"]]
    assert Price.from_fields(stored) == price


@pytest.mark.parametrize(
    "api_url", [None, "http://localhost:8000/v1", "http://127.0.0.1/v1", "http://[::1]:9/v1"]
)
def test_a_server_on_this_machine_has_no_price(api_url: str | None) -> None:
    """Whatever its models are called, unless the provider says whose they are."""
    price = batch_price("gpt-4o", NOVEMBER, api_url=api_url)
    assert price == NoBatchPrice("a server on this machine has no price")
    assert isinstance(batch_price("gpt-4o", NOVEMBER, api_url=api_url, provider_id="openai"), Price)
