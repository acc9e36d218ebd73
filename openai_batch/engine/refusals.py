"""What a refusal means: that the queue is full, that a bill is open, or that the input is bad."""

import re
from collections.abc import Collection

from ..clock import Clock
from ..errors import GaveUp, ProviderRefused
from ..providers.interface import BatchSnapshot
from . import entries
from .events import OnEvent, QuotaReached
from .halving import halve
from .journal import Journal
from .patience import Patience
from .scheduler import Create, Halve, Quota
from .spool import Spool
from .states import Attempt, Phase, Shard
from .watching import Progress

RATE_TRIES = 3
"""Plain 429s with none of our batches queued before the shard is taken for too large."""

PATIENT_TRIES = 10
"""Refusals of a shard alone where its size need not be the reason. They take about ten minutes.

Where it is smaller than the limit that they name, others fill the queue, and a smaller shard would
wait as well. Where a `create` of it is in doubt, its own batch may fill the queue unseen, and would
execute what the halves do; but to wait for ever would end nothing.
"""

BYTES_PER_TOKEN = 3
"""Text has at least so many bytes a token, so that this counts too many tokens rather than few."""

BILLING_CODES = {"billing_hard_limit_reached", "insufficient_quota"}
"""Refusals that look like quota and do not clear by waiting."""

TOKEN_LIMIT_CODE = "token_limit_exceeded"


def refusal(attempt: Attempt) -> ProviderRefused:
    """The error for an attempt that was refused, from what is recorded of it."""
    reason = attempt.reason or "the provider gives no reason"
    if attempt.batch_id:
        reason = f"{attempt.batch_id} was refused, nothing was executed: {reason}"
    return ProviderRefused(reason, code=attempt.code)


class Refusals:
    """Records refusals of whole shards. None of them is an attempt: nothing was executed."""

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        *,
        clock: Clock,
        tell: OnEvent,
        patience: Patience,
        quota: Quota,
        progress: Progress,
        search_after_s: float,
    ):
        self._journal = journal
        self._spool = spool
        self._clock = clock
        self._tell = tell
        self._patience = patience
        self._quota = quota
        self._progress = progress
        self._search_after_s = search_after_s
        self.to_halve: set[int] = set()
        """Shards that are too large alone. A batch that nobody knows of may be what fills the
        queue, and would execute what the halves do: it is searched for before."""

    def of_batch(self, shard: Shard, snapshot: BatchSnapshot) -> None:
        """The input was refused after `create`. Raises GaveUp or ProviderRefused but for quota."""
        index, number = shard.plan.index, shard.current.number
        codes = {problem.code for problem in snapshot.problems}
        reasons = "; ".join(
            f"line {p.line}: {p.message}" if p.line else p.message for p in snapshot.problems
        )
        reason = reasons or "the provider gives no reason"
        if TOKEN_LIMIT_CODE in codes:
            self._record(entries.QuotaRefused(index, number, reason))
            self.no_room(self._journal.state.shards[index], reason, None, TOKEN_LIMIT_CODE)
            return
        if codes & BILLING_CODES:
            self._record(entries.QuotaRefused(index, number, reason))
            self.raise_if_unpaid(codes, f"{snapshot.id}: {reason}")
        code = next(iter(sorted(codes)), "failed")
        self._record(entries.Refused(index, number, code, reason))
        raise refusal(self._journal.state.shards[index].current)

    def raise_if_unpaid(self, codes: Collection[str | None], message: str) -> None:
        """Raise GaveUp where the provider waits for the user, not for room."""
        if BILLING_CODES.intersection(codes):
            raise GaveUp(
                f"{message}; once that is settled, "
                f"`openai-batch resume {self._journal.info.run_id}` goes on"
            )

    def no_room(
        self, shard: Shard, message: str, retry_after_s: float | None, code: str | None
    ) -> None:
        """Hold back until a batch ends, or for as long as the provider says.

        With none of ours queued, wait, then halve the shard.
        """
        call = Create(shard.plan.index)
        queued = [
            s.current.size_bytes
            for s in self._journal.state.shards.values()
            if s.current.phase is Phase.RUNNING
        ]
        wait_s: float | None = None
        if queued and retry_after_s is None:
            self._quota.refused(sum(queued))
        else:
            wait_s = self._patience.failed(call, message, retry_after_s)
            tries = self._patience.failures(call)
            too_large = tries >= _tries_before_halving(shard.current, code, message)
            divisible = shard.current.number == 1 and shard.plan.rows > 1
            if too_large and divisible and not queued:
                self.to_halve.add(shard.plan.index)
                wait_s = self._search_after_s
                self._patience.postpone(Halve(shard.plan.index), wait_s)
        self._tell(QuotaReached(*self._progress.place(shard), message, wait_s))

    def halve(self, shard: Shard) -> None:
        """Cut a shard in two."""
        self._record(halve(shard, self._journal.state, self._spool))
        self.to_halve.discard(shard.plan.index)

    def _record(self, *facts: entries.Entry) -> None:
        self._journal.append(*facts, at=self._clock.now())


_LIMIT = re.compile(r"limit\W{1,3}([\d,_]+)\s+(?:enqueued\s+)?tokens", re.IGNORECASE)


def _tries_before_halving(attempt: Attempt, code: str | None, message: str) -> int:
    """How often a shard is refused alone before it is cut in two."""
    if attempt.doubted:
        return PATIENT_TRIES
    if code != TOKEN_LIMIT_CODE:
        return RATE_TRIES
    limit = _LIMIT.search(message)
    fits = limit and attempt.size_bytes / BYTES_PER_TOKEN <= int(re.sub(r"\D", "", limit[1]) or 0)
    return PATIENT_TRIES if fits else 1
