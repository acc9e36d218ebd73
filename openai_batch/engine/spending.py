"""What a run has used and cost so far: the sum over its attempts, each once.

Of an attempt's tokens its batch's own sum is believed where the provider gives one, else what its
results add up to. Their price follows from what results say wherever that is all of it, because
only they tell models, tiers and cache writes apart; a cost that would be too low is not known.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from ..providers.interface import BatchSnapshot
from ..requests.price import GIVEN, Price
from .entries import ModelUsage
from .journal import RunInfo
from .states import Attempt, RunState
from .tokens import Tokens, added, told_by_batch


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars, at the prices for which the run was planned."""

    batch: Decimal
    realtime: Decimal | None
    """What the same would have cost outside a batch; None where that is not known."""

    def __add__(self, other: Self) -> "Cost":
        unknown = self.realtime is None or other.realtime is None
        realtime = None if unknown else self.realtime + other.realtime  # type: ignore[operator]
        return Cost(self.batch + other.batch, realtime)


@dataclass(frozen=True, slots=True)
class Spent:
    """What is known of a run's spending. What nobody has told yet is not in it."""

    tokens: Tokens | None
    """None where nothing says anything of tokens."""
    by_model: Mapping[str, Tokens]
    """As far as results tell."""
    known: Cost
    """Of all attempts whose cost is known."""
    unmetered: tuple[tuple[int, int], ...]
    """Harvested attempts (shard, number) that took more tokens than anybody says, or may have."""
    unpriced: tuple[tuple[int, int], ...]
    """Harvested attempts whose cost is not known, those among them."""
    began: bool
    """Whether there is anything yet that has a cost, be it nothing."""

    @property
    def cost(self) -> Cost | None:
        """What the run has cost; None where that is not known of every attempt that has ended."""
        return self.known if self.began and not self.unpriced else None


def prices_of(info: RunInfo) -> dict[str, Price]:
    """The prices that the run was planned with, by model."""
    return {model: Price.from_fields(fields) for model, fields in info.prices.items()}


def own_price(info: RunInfo) -> Price | None:
    """The price that the user gave for the run; None where it was looked up, or there is none."""
    return next((price for price in prices_of(info).values() if price.source == GIVEN), None)


def spent(info: RunInfo, state: RunState, live: Mapping[str, BatchSnapshot] | None = None) -> Spent:
    """Sum what the run's attempts took, `live` being looks that the journal has not seen.

    It is about the batches that count: what duplicates and batches that were given up have cost is
    nowhere said.
    """
    prices = prices_of(info)
    known = Cost(_NOTHING, _NOTHING)
    taken: list[Tokens] = []
    by_model: dict[str, Tokens] = {}
    unmetered, unpriced = [], []
    began = False
    for shard in state.in_order():
        for attempt in shard.attempts:
            words = _words_about(attempt, (live or {}).get(attempt.batch_id or ""))
            if tokens := words.tokens:
                taken.append(tokens)
            for model, part in words.by_model(info.model):
                by_model[model] = added(by_model[model], part) if model in by_model else part
            # A batch that was given up and sent again may have been paid, too.
            certain = prices and not attempt.resubmitted
            cost = words.cost(info.model, prices) if certain else None
            if cost is not None:
                known, began = known + cost, True
            if attempt.harvested:
                name = (shard.plan.index, attempt.number)
                unmetered += [] if words.told or words.complete else [name]
                unpriced += [name] if cost is None else []
    total = added(*taken) if taken else None
    return Spent(total, by_model, known, tuple(unmetered), tuple(unpriced), began)


_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Words:
    """What is said of one attempt: by its batch, and by its results."""

    told: Tokens | None
    parts: tuple[ModelUsage, ...] | None
    """None where the results are not here, or nobody looked."""
    complete: bool
    """Whether the results are here and say all that they took."""

    @property
    def summed(self) -> Tokens | None:
        """What the results add up to; None where none of them says anything."""
        if self.parts or self.complete:
            return added(Tokens(0, 0, 0), *map(_as_tokens, self.parts or ()))
        return None

    @property
    def tokens(self) -> Tokens | None:
        """What the attempt took, as far as anybody says."""
        told, summed = self.told, self.summed
        if told is None or summed is None:
            return told or summed
        # Not every batch object has the details, and none has those of caches that were written.
        return told._replace(
            cached=told.cached or summed.cached,
            cache_written=told.cache_written or summed.cache_written,
            reasoning=told.reasoning or summed.reasoning,
        )

    def by_model(self, model: str | None) -> list[tuple[str, Tokens]]:
        """The same apart for each model, as far as results tell; `model` is the only one."""
        if model is None:
            return [(part.model or "unknown", _as_tokens(part)) for part in self.parts or ()]
        return [(model, self.tokens)] if self.tokens else []

    def cost(self, model: str | None, prices: Mapping[str, Price]) -> Cost | None:
        """What the attempt cost; None where that is not known."""
        told, summed = self.told, self.summed
        enough = told is None or (
            summed is not None and told.input <= summed.input and told.output <= summed.output
        )
        if self.complete and enough:
            return self._cost_of_results(prices)
        price = prices.get(model or "")
        tokens = self.tokens
        if told is None or tokens is None or price is None or price.tier_starts:
            return None
        return _priced(price, tokens)

    def _cost_of_results(self, prices: Mapping[str, Price]) -> Cost | None:
        cost = Cost(_NOTHING, _NOTHING)
        for part in self.parts or ():
            price = prices.get(part.model or "")
            if price is None:
                return None
            cost += _priced(price.beyond(part.above), _as_tokens(part))
        return cost


def _words_about(attempt: Attempt, snapshot: BatchSnapshot | None) -> _Words:
    seen, harvested = attempt.seen, attempt.harvested
    told = told_by_batch(snapshot.usage if snapshot else seen and seen.usage)
    parts = harvested.usage if harvested else None
    complete = harvested is not None and parts is not None and not harvested.unmetered
    return _Words(told, parts, complete)


def _as_tokens(part: ModelUsage) -> Tokens:
    return Tokens(
        part.input_tokens,
        part.output_tokens,
        part.total_tokens,
        part.cached_tokens,
        part.cache_write_tokens,
        part.reasoning_tokens,
    )


def _priced(price: Price, tokens: Tokens) -> Cost:
    taken = (tokens.input, tokens.output, tokens.cached, tokens.cache_written)
    return Cost(price.cost(*taken), price.standard.cost(*taken) if price.standard else None)
