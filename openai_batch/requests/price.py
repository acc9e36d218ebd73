"""What a batch costs, in US dollars, from the price lists that come with genai-prices.

A batch has a price of its own, usually half of the standard one, and that is never assumed: where
the list has none for a model, the answer is `NoBatchPrice`, which says why, and knows the standard
price if there is one. Whoever has the provider's own numbers gives them with `given_price`.

Money is Decimal, rounded by whoever shows it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..errors import UsageError

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider, TieredPrices

_BATCH = {"processing": "batch"}
_LISTED_AS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
_FREE = Decimal(0)


class Rate(NamedTuple):
    """US dollars for a million tokens of one sort."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()
    """(so many tokens, price), ascending: where one request's input has more, all its tokens of
    this sort have that price."""

    def at(self, input_tokens: int) -> Decimal:
        """The price for a request with so many input tokens."""
        prices = [price for start, price in self.tiers if input_tokens > start]
        return prices[-1] if prices else self.base


class Cost(NamedTuple):
    """Bounds of what a request costs, in US dollars."""

    low: Decimal
    high: Decimal | None
    """None where its answer has no ceiling."""


@dataclass(frozen=True, slots=True)
class Price:
    """What one model asks for tokens."""

    model: str
    """As the price list calls it, which may be broader than what was asked for."""
    processing: Literal["batch", "standard"]
    input: Rate
    output: Rate
    cached_input: Rate | None = None
    """For input found in the provider's cache; None where the list has no such price, and it is
    taken to cost what other input does."""
    cache_write: Rate | None = None
    """For input put into the provider's cache; None as above."""
    since: date | None = None
    """The day from which the list has this price; None where it does not say."""
    source: str = "given"
    """The price list with its version; `given` for the user's own numbers."""
    standard: "Price | None" = None
    """What the same model asks outside a batch; None where that is not known."""

    @property
    def has_tiers(self) -> bool:
        """Whether a long request costs more a token; sums of tokens then have no price."""
        rates = (self.input, self.output, self.cached_input, self.cache_write)
        return any(rate is not None and rate.tiers for rate in rates)

    def cost(self, input: int, output: int, cached: int = 0, cache_written: int = 0) -> Decimal:
        """US dollars for one request, or for the sum of several where `has_tiers` is false.

        `cached` and `cache_written` are parts of `input`, reasoning is part of `output`. What a
        provider reports beyond its own `input` is not believed.
        """
        cached = min(cached, input)
        cache_written = min(cache_written, input - cached)
        amount = self.input.at(input) * (input - cached - cache_written)
        amount += (self.cached_input or self.input).at(input) * cached
        amount += (self.cache_write or self.input).at(input) * cache_written
        amount += self.output.at(input) * output
        return amount.scaleb(-6)

    def bounds(self, input: int, output_max: int | None) -> Cost:
        """The least and the most that one request can cost; sums as with `cost`.

        The least: all of its input was cached, where that has a price, and nothing came back. The
        most: nothing was cached, all of it was written to a cache, where that has a price (newer
        models do it unasked), and the answer is as long as it may be.
        """
        fresh = self.input.at(input)
        cached = self.cached_input.at(input) if self.cached_input else fresh
        written = self.cache_write.at(input) if self.cache_write else fresh
        low = min(fresh, cached) * input
        if output_max is None:
            return Cost(low.scaleb(-6), None)
        high = max(fresh, written) * input + self.output.at(input) * output_max
        return Cost(low.scaleb(-6), high.scaleb(-6))


@dataclass(frozen=True, slots=True)
class NoBatchPrice:
    """The list does not say what a batch costs."""

    reason: str
    """A sentence without its full stop."""
    standard: Price | None = None
    """What the model asks outside a batch, where that is known: no statement about batches."""


def batch_price(
    model: str, at: datetime, *, api_url: str, provider_id: str | None = None
) -> Price | NoBatchPrice:
    """What `model` asks for a batch that is made `at` that time.

    Whose price it is follows from the address of the API, or from the price list's own name for
    the provider where that is given. A time without a zone is UTC. Takes 0.2 s the first time.
    """
    from genai_prices.data_snapshot import get_snapshot

    try:
        provider, listed = get_snapshot().find_provider_model(
            model, None, provider_id, None if provider_id else api_url
        )
    except LookupError:
        return NoBatchPrice(f"{_list()} has no price of {model} at {provider_id or api_url}")
    standard_rates = _rates(listed.get_prices(at))
    standard = _price(listed.id, "standard", standard_rates)
    variants = _batch_variants(provider, listed)
    active = [one for one in variants if one.constraint is None or one.constraint.active(at)]
    if not active:
        when = f" on {at:%Y-%m-%d}" if variants else ""
        reason = f"{_list()} has no price of batches of {model} at {provider.name}{when}"
        return NoBatchPrice(reason, standard)
    rates: dict[str, Rate] = {}
    for variant in reversed(active):  # the first one that names a price decides it
        rates |= _rates(variant.prices)
    batch = _price(listed.id, "batch", rates, since=_since(active), standard=standard)
    missing = (standard_rates.keys() & {"input", "output"}) - rates.keys()
    if batch is None or missing:
        reason = f"{_list()} has no full price of batches of {model} at {provider.name}"
        return NoBatchPrice(reason, standard)
    return batch


def given_price(input: str | Decimal, output: str | Decimal) -> Price:
    """The user's own price of a batch, in US dollars for a million tokens.

    Raises UsageError where a price is no number of 0 or more.
    """
    return Price("", "batch", Rate(_dollars(input)), Rate(_dollars(output)))


def _dollars(value: str | Decimal) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise UsageError(
            f"a price must be US dollars for a million tokens, as in 0.15, not {str(value)!r}"
        )
    return amount


def _batch_variants(provider: "Provider", listed: "ModelInfo") -> "list[PriceVariant]":
    # A provider that resells a model may be listed at that one's standard price, never at what the
    # original provider asks for batches.
    if not any(listed is own for own in provider.models):
        return []
    return [one for one in listed.price_variants or () if one.when == _BATCH]


def _since(variants: "Sequence[PriceVariant]") -> date | None:
    """The day from which the input price holds that the first of `variants` to name one has."""
    for variant in variants:
        if "input" in _rates(variant.prices):
            return getattr(variant.constraint, "start_date", None)
    return None


def _rates(prices: "ModelPrice") -> dict[str, Rate]:
    """The token prices of a list's entry, by the names that `Price` has for them."""
    rates = {}
    for name, key in _LISTED_AS.items():
        price = getattr(prices, key)
        if price is not None:
            rates[name] = _rate(price)
    return rates


def _rate(price: "Decimal | TieredPrices") -> Rate:
    if isinstance(price, Decimal):
        return Rate(price)
    return Rate(price.base, tuple((tier.start, tier.price) for tier in price.tiers))


def _price(
    model: str,
    processing: Literal["batch", "standard"],
    rates: Mapping[str, Rate],
    *,
    since: date | None = None,
    standard: Price | None = None,
) -> Price | None:
    """A price, or None where the input has none for its tokens; without one, output is free."""
    if "input" not in rates:
        return None
    with_output = {"output": Rate(_FREE), **rates}
    return Price(model, processing, **with_output, since=since, source=_list(), standard=standard)


def _list() -> str:
    from importlib.metadata import version

    return f"genai-prices {version('genai-prices')}"
