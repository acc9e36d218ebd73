"""How far a run is, told to whoever watches. For display only: nothing is decided by it."""

from typing import Any

from .entries import BatchSeen
from .events import BatchProgress, OnEvent, RunProgress
from .journal import Journal
from .states import Phase, Shard


class Progress:
    """Remembers the latest look at each batch, most of which are not worth a journal entry."""

    def __init__(self, journal: Journal, tell: OnEvent):
        self._journal = journal
        self._tell = tell
        self._latest: dict[int, BatchSeen] = {}

    def place(self, shard: Shard) -> tuple[int, int]:
        """Which one a shard is, from 1 in the order of rows, and of how many."""
        plans = [s.plan for s in self._journal.state.shards.values()]
        before = sum(plan.first_row < shard.plan.first_row for plan in plans)
        return before + 1, len(plans)

    def seen(self, shard: Shard, look: BatchSeen, batch_id: str) -> None:
        """Take in a look at a shard's batch, and tell of it where it shows something new."""
        before = self._latest.get(look.shard, shard.current.seen)
        if before is not None and _order(look) < _order(before):
            return  # asked for before a call that has come back since, such as to cancel it
        self._latest[look.shard] = look
        if before is None or _display(before) != _display(look):
            counts = (look.completed, look.failed, look.total)
            self._tell(BatchProgress(*self.place(shard), batch_id, look.status, *counts))

    def forget(self, index: int) -> None:
        """The shard's batch counts no more: its rows are sent again."""
        self._latest.pop(index, None)

    def tell_sum(self) -> None:
        """Tell of the whole run."""
        completed = failed = running = done = 0
        for shard in self._journal.state.shards.values():
            harvested = shard.last_harvest
            if harvested:
                completed += harvested.succeeded
            current = shard.current
            if current.phase is Phase.HARVESTED and harvested:
                failed += harvested.failed + harvested.missing
                done += 1
            elif look := self._latest.get(shard.plan.index, current.seen):
                completed += look.completed or 0
                failed += look.failed or 0
            running += current.phase is Phase.RUNNING
        requests = self._journal.info.requests
        shards = len(self._journal.state.shards)
        self._tell(RunProgress(requests, min(completed, requests), failed, running, done, shards))


_STEPS = {"validating": 0, "in_progress": 1, "finalizing": 2, "cancelling": 3}
_ENDED = 4


def _order(look: BatchSeen) -> tuple[int, int]:
    """What only grows: the steps of a batch, and in each of them what is done."""
    return _STEPS.get(look.status, _ENDED), (look.completed or 0) + (look.failed or 0)


def _display(look: BatchSeen) -> tuple[Any, ...]:
    return look.status, look.completed, look.failed, look.total
