"""Cutting a shard in two, when a provider's queue does not even take it alone."""

from .. import jsonl
from ..files import replacing
from .entries import ShardPlan, ShardSplit
from .spool import Spool
from .states import RunState, Shard


def halve(shard: Shard, state: RunState, spool: Spool) -> ShardSplit:
    """Write both halves to the spool and return the entry that puts them in the shard's place.

    The halves are durable on return, and mean nothing until the entry is recorded. May be repeated:
    the same names are written again.
    """
    plan = shard.plan
    index = max(state.shards) + 1
    ids = spool.ids(plan.index)
    middle = plan.rows // 2
    parts = []
    with spool.open_requests(plan.index) as requests:
        lines = jsonl.lines(requests)
        for number, first, last in ((index, 0, middle), (index + 1, middle, plan.rows)):
            size = 0
            with replacing(spool.requests(number, 1)) as stream:
                for _ in range(first, last):
                    size += stream.write(next(lines)[1] + b"\n")
            spool.save_ids(number, ids[first:last])
            parts.append(ShardPlan(number, plan.first_row + first, last - first, size))
    return ShardSplit(plan.index, tuple(parts))
