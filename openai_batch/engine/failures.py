"""The requests of a run that came back without a success, and why."""

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import BinaryIO

from .. import jsonl
from .results import reasons
from .spool import Outcome, ResultIndex, Spool
from .states import RunState, Shard


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that did not succeed: the line that was sent, and what to call the reason.

    `reasons` holds its HTTP status as text, its error code, and `missing` where nothing came back.
    """

    request: bytes
    reasons: frozenset[str]


def failures(state: RunState, spool: Spool, only: Collection[str] = ()) -> Iterator[Failure]:
    """Every failed request of a settled run in input order; with `only`, those for such reasons.

    Memory holds one shard's index. Raises RunDamaged where the spool does not hold the run.
    """
    wanted = frozenset(only)
    for shard in state.in_order():
        for failure in _of_shard(shard, spool):
            if not wanted or wanted & failure.reasons:
                yield failure


_MISSING = frozenset({"missing"})


def _of_shard(shard: Shard, spool: Spool) -> Iterator[Failure]:
    number, harvested = shard.plan.index, shard.last_harvest
    if harvested:
        index = ResultIndex.load(spool.index_path(number, harvested.attempt))
    else:
        index = ResultIndex(shard.plan.rows)
    opened: dict[int, BinaryIO] = {}
    with ExitStack() as stack:
        requests = stack.enter_context(spool.open_requests(number))
        for row, (_, request) in enumerate(jsonl.lines(requests)):
            outcome = index.outcomes[row]
            if outcome == Outcome.MISSING:
                yield Failure(request, _MISSING)
            elif outcome != Outcome.SUCCEEDED:
                source = index.sources[row]
                if source not in opened:
                    opened[source] = stack.enter_context(spool.open_results(number, source))
                opened[source].seek(index.offsets[row])
                yield Failure(request, reasons(opened[source].read(index.lengths[row])))
