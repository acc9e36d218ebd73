"""The price of a batch's tokens, from the price lists that come with genai-prices.

A batch has a price of its own, usually half of the standard one, and that is never assumed: where
the list has none for a model, the answer is `NoBatchPrice`, which says why, and knows the standard
price if there is one. Whoever has the provider's own numbers gives them with `price.given_price`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from .price import Price, Rate

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, PriceVariant, Provider, TieredPrices

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BATCH = {"processing": "batch"}
_LISTED_AS = {
    "input": "input_mtok",
    "output": "output_mtok",
    "cached_input": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
}
_FREE = Decimal(0)


@dataclass(frozen=True, slots=True)
class NoBatchPrice:
    """The list does not say what a batch costs."""

    reason: str
    """A sentence without its full stop."""
    standard: Price | None = None
    """What the model asks outside a batch, where that is known: no statement about batches."""


def batch_price(
    model: str, at: datetime, *, api_url: str | None, provider_id: str | None = None
) -> Price | NoBatchPrice:
    """What `model` asks for a batch that is made `at` that time.

    Whose price it is follows from the address of the API, or from the price list's own name for
    the provider where that is given. A time without a zone is UTC. Takes 0.2 s the first time.
    A server on this machine, with or without an address, has no price.
    """
    if not provider_id and (api_url is None or urlsplit(api_url).hostname in _LOOPBACK):
        return NoBatchPrice("a server on this machine has no price")
    if not model:
        return NoBatchPrice("requests that name no model have no price")
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
