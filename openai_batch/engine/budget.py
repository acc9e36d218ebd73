"""What the user's ceilings leave for further attempts, when something has been spent already.

First attempts were weighed when the run was planned (`ceilings`). Before any further one, what the
ended attempts used, the most that those under way may use, and the most that it may use itself are
added up. Requests are counted from the files that are, or were, uploaded.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Self

from .. import jsonl
from ..errors import CeilingExceeded
from ..requests.estimate import Estimator, Needs
from ..requests.price import Price
from ..requests.price_list import NoBatchPrice
from .ceilings import Ceilings, shown_dollars, why_unpriced
from .entries import Harvested, RetryPlanned
from .journal import RunInfo
from .spending import prices_of, spent
from .spool import Spool
from .states import Phase, RunState, advance

Further = tuple[int, int]
"""A shard and the number of the attempt at it that is to be sent."""


@dataclass(frozen=True, slots=True)
class _Amount:
    """Money and tokens; None where there is no knowing, and why that is."""

    cost: Decimal | None = Decimal(0)
    tokens: int | None = 0
    why: str = ""

    def __add__(self, other: Self) -> "_Amount":
        cost = None if self.cost is None or other.cost is None else self.cost + other.cost
        unknown = self.tokens is None or other.tokens is None
        tokens = None if unknown else self.tokens + other.tokens  # type: ignore[operator]
        return _Amount(cost, tokens, self.why or other.why)


_UNSENT = (Phase.PLANNED, Phase.UPLOADING, Phase.UPLOADED)


class Budget:
    """Says whether further attempts pass a ceiling. Used from the thread that owns the journal."""

    def __init__(self, info: RunInfo, spool: Spool):
        cost = None if info.max_cost_usd is None else Decimal(info.max_cost_usd)
        self._ceilings = Ceilings(cost, info.max_tokens)
        self._info = info
        self._spool = spool
        self._counted: dict[Further, _Amount] = {}

    def refusal(self, state: RunState, harvested: Harvested, retry: RetryPlanned) -> str | None:
        """Why what an attempt left open is not sent again; None where it may be.

        Its requests stay failed then, as after the last attempt.
        """
        reason = self.reason_against(advance(state, harvested), [(retry.shard, retry.attempt)])
        rows = "1 failed request is" if retry.rows == 1 else f"{retry.rows} failed requests are"
        return reason and (
            f"{rows} not sent again: {reason}; `openai-batch retry {self._info.run_id}` sends "
            "them as a run of its own"
        )

    def reason_against(self, state: RunState, further: Iterable[Further]) -> str | None:
        """Why these may not be sent in addition to what `state` has; None where they may.

        Their requests are on disk. One that is in `state` already is thought to be paid for twice.
        """
        further = list(further)
        return self._reason(state, further) if self._ceilings.of_size and further else None

    def require_for(self, state: RunState, further: Iterable[Further]) -> None:
        """Raise CeilingExceeded where `reason_against` has one."""
        if reason := self.reason_against(state, further):
            raise self._error("nothing of", "is sent again", reason)

    def require_for_rest(self, state: RunState) -> None:
        """Raise CeilingExceeded where what was never sent of `state` may not be."""
        if state.cancel_requested:
            return
        unsent = [
            (index, shard.current.number)
            for index, shard in state.shards.items()
            if shard.current.phase in _UNSENT
        ]
        handed_over = {
            index: replace(
                shard, attempts=tuple(a for a in shard.attempts if a.phase not in _UNSENT)
            )
            for index, shard in state.shards.items()
        }
        if reason := self.reason_against(replace(state, shards=handed_over), unsent):
            raise self._error("nothing more of", "is sent", reason)

    def _error(self, begin: str, end: str, reason: str) -> CeilingExceeded:
        run_id = self._info.run_id
        return CeilingExceeded(f"{begin} {run_id} {end}: {reason}")

    def _reason(self, state: RunState, further: Sequence[Further]) -> str | None:
        used = self._used(state)
        more = _sum(self._at_most(*one) for one in further)
        whole = used + more
        cost, tokens = self._ceilings.cost, self._ceilings.tokens
        if cost is not None and whole.cost is None:
            return f"--max-cost cannot be kept: {whole.why}"
        if cost is not None and whole.cost is not None and whole.cost > cost:
            return (
                f"that may cost {_dollars(more.cost)}, and {_dollars(used.cost)} of --max-cost "
                f"${cost:f} may be used"
            )
        if tokens is not None and whole.tokens is None:
            return f"--max-tokens cannot be kept: {whole.why}"
        if tokens is not None and whole.tokens is not None and whole.tokens > tokens:
            return (
                f"that may take {_tokens(more.tokens)}, and {_tokens(used.tokens)} of --max-tokens "
                f"{tokens:,} may be used"
            )
        return None

    def _used(self, state: RunState) -> _Amount:
        """What the run's attempts used, and may use while nobody knows; a batch that was given up
        and sent again may have been paid, too."""
        ended = {
            index: replace(shard, attempts=tuple(a for a in shard.attempts if a.harvested))
            for index, shard in state.shards.items()
        }
        told = spent(self._info, replace(state, shards=ended))
        open_ones = {
            (index, attempt.number)
            for index, shard in state.shards.items()
            for attempt in shard.attempts
            if not attempt.harvested
        }
        again = [
            (index, attempt.number)
            for index, shard in state.shards.items()
            for attempt in shard.attempts
            if attempt.resubmitted
            for _ in attempt.refused_batch_ids or (None,)
        ]
        tokens = told.tokens.total if told.tokens else 0
        costs = _sum(self._at_most(*one) for one in {*told.unpriced, *open_ones})
        sizes = _sum(self._at_most(*one) for one in {*told.unmetered, *open_ones})
        given_up = _sum(self._at_most(*one) for one in again)
        return _Amount(told.known.batch, tokens) + _Amount(costs.cost, sizes.tokens) + given_up

    def _at_most(self, shard: int, attempt: int) -> _Amount:
        found = self._counted.get((shard, attempt))
        if found is None:
            found = self._counted[shard, attempt] = self._count(shard, attempt)
        return found

    def _count(self, shard: int, attempt: int) -> _Amount:
        prices = prices_of(self._info)

        def price_of(model: str) -> Price | NoBatchPrice:
            return prices.get(model) or NoBatchPrice(f"no price of batches of {model} is known")

        # A server without an address of its own answers to any name.
        estimator = Estimator(price_of, sys.maxsize, names_are_true=self._info.base_url is not None)
        try:
            with self._spool.requests(shard, attempt).open("rb") as stream:
                for number, content in jsonl.lines(stream):
                    estimator.take(number, content)
        except FileNotFoundError:  # a run that was rebuilt may not have them
            return _Amount(None, None, "its requests are not on this machine")
        needs = estimator.finish()
        return _Amount(needs.cost_high, needs.tokens_max, _why_unknown(needs))


def _why_unknown(needs: Needs) -> str:
    if needs.uncounted:
        return "what images, files and searches take, only the provider knows"
    if needs.output_max is None:
        return "some requests have no ceiling for their answers"
    return why_unpriced(needs) if needs.unpriced else ""


def _sum(amounts: Iterable[_Amount]) -> _Amount:
    return sum(amounts, _Amount())


def _dollars(amount: Decimal | None) -> str:
    return f"up to ${shown_dollars(amount or Decimal(0))}"


def _tokens(number: int | None) -> str:
    return f"up to {number or 0:,} tokens"
