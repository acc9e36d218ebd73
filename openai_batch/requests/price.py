"""What a batch costs, in US dollars, once the price of its tokens is known.

Money is Decimal; records have it as a number (`dollars`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Literal, NamedTuple, Self

from ..errors import UsageError

GIVEN = "given"
"""The source of a price that is the user's own."""


class Rate(NamedTuple):
    """US dollars for a million tokens of one sort."""

    base: Decimal
    tiers: tuple[tuple[int, Decimal], ...] = ()
    """(so many tokens, price), ascending: where one request's input has more, all its tokens of
    this sort have that price."""

    def at(self, input_tokens: int) -> Decimal:
        """The price for a request with so many input tokens."""
        if not self.tiers:
            return self.base
        prices = [price for start, price in self.tiers if input_tokens > start]
        return prices[-1] if prices else self.base

    def to_fields(self) -> list[Any]:
        """As plain values, for storing: the base, and each tier's start and price."""
        return [str(self.base), *([start, str(price)] for start, price in self.tiers)]

    @classmethod
    def from_fields(cls, fields: list[Any]) -> Self:
        """The rate that `to_fields` came from. Raises what Decimal does for what it cannot be."""
        base, *tiers = fields
        return cls(Decimal(base), tuple((start, Decimal(price)) for start, price in tiers))


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
    source: str = GIVEN
    """The price list with its version, or GIVEN."""
    standard: "Price | None" = None
    """What the same model asks outside a batch; None where that is not known."""

    @property
    def has_tiers(self) -> bool:
        """Whether a long request costs more a token; sums of tokens then have no price."""
        rates: Iterable[Rate | None] = (getattr(self, name) for name in _RATES)
        return any(rate is not None and rate.tiers for rate in rates)

    @property
    def tier_starts(self) -> tuple[int, ...]:
        """The numbers of input tokens beyond which anything here costs another price, ascending."""
        prices = [self, self.standard] if self.standard else [self]
        rates = [getattr(price, name) for price in prices for name in _RATES]
        return tuple(sorted({start for rate in rates if rate for start, _ in rate.tiers}))

    def beyond(self, input_tokens: int) -> Self:
        """The price without tiers that requests with more input tokens have, up to the next tier;
        sums of such requests have it, too."""
        rates = {name: getattr(self, name) for name in _RATES}
        flat: Any = {name: rate and Rate(rate.at(input_tokens + 1)) for name, rate in rates.items()}
        standard = self.standard and self.standard.beyond(input_tokens)
        return replace(self, **flat, standard=standard)

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

    def bounds(self, input: int, output_max: int | None, input_max: int | None = None) -> Cost:
        """The least and the most that one request can cost; sums as with `cost`.

        The least: all of its `input` was cached, where that has a price, and nothing came back. The
        most: nothing was cached, all of it was written to a cache, where that has a price (newer
        models do it unasked), and the answer is as long as it may be. `input_max` is for an input
        that is only known to be between `input` and that.
        """
        fresh = self.input.at(input)
        cached = self.cached_input.at(input) if self.cached_input else fresh
        low = (min(fresh, cached) * input).scaleb(-6)
        if output_max is None:
            return Cost(low, None)
        most = input if input_max is None else input_max
        fresh = self.input.at(most)
        written = self.cache_write.at(most) if self.cache_write else fresh
        high = max(fresh, written) * most + self.output.at(most) * output_max
        return Cost(low, high.scaleb(-6))

    def to_fields(self) -> dict[str, Any]:
        """As plain values, for storing."""
        rates = {name: getattr(self, name) for name in _RATES}
        return {
            "model": self.model,
            "processing": self.processing,
            **{name: rate and rate.to_fields() for name, rate in rates.items()},
            "since": self.since and self.since.isoformat(),
            "source": self.source,
            "standard": self.standard and self.standard.to_fields(),
        }

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The price that `to_fields` came from. Raises ValueError, KeyError or TypeError for what
        it cannot be."""
        rates = {name: fields[name] and Rate.from_fields(fields[name]) for name in _RATES}
        since, standard = fields["since"], fields["standard"]
        return cls(
            **{
                **fields,
                **rates,
                "since": since and date.fromisoformat(since),
                "standard": standard and cls.from_fields(standard),
            }
        )


_RATES = ("input", "output", "cached_input", "cache_write")


MOST_DOLLARS = 10**9
"""No price and no ceiling is as high."""


def given_price(input: str | Decimal, output: str | Decimal) -> Price:
    """The user's own price of a batch, in US dollars for a million tokens.

    Raises UsageError where a price is no number from 0 to MOST_DOLLARS.
    """
    return Price("", "batch", Rate(_amount(input)), Rate(_amount(output)))


def dollars(amount: Decimal | None) -> float | None:
    """Money as a record has it: a number, to a billionth, because of what a single token costs."""
    return None if amount is None else round(float(amount), _DIGITS)


_DIGITS = 9


def _amount(value: str | Decimal) -> Decimal:
    try:
        amount = Decimal(value)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < MOST_DOLLARS:
        raise UsageError(
            f"a price must be US dollars for a million tokens, as in 0.15, not {str(value)!r}"
        )
    return amount
