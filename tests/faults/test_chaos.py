"""Everything at once, by the dice: odd batches, failing calls, full queues, and kill -9.

OPENAI_BATCH_CHAOS=1000 rolls so many instead of a few.
"""

import os
from random import Random

import pytest
from fault_account import Listing, Quota
from fault_bench import GAVE_UP, OK, USAGE, Benches
from fault_dice import ending, failing, quirks
from fault_endings import expires
from test_kill import was_killed

SEEDS = range(int(os.environ.get("OPENAI_BATCH_CHAOS", "8")))
PROCESSES = 30
FAULTS = 8
GRACE = {"listing_grace_s": 40.0}


@pytest.mark.parametrize("machines", ["one machine", "many machines"])
@pytest.mark.parametrize("seed", SEEDS)
def test_chaos(new_bench: Benches, seed: int, machines: str) -> None:
    """However often it has to be started: in the end every row is there, and was paid for once."""
    dice = Random(seed)
    rows, shard_requests = dice.randint(3, 12), dice.randint(2, 5)
    with new_bench(rows, shard_requests=shard_requests, max_attempts=9, provider=GRACE) as bench:
        account = bench.proxy.account
        account.endings = [ending(dice) for _ in range(6)] + [(expires(1),), (expires(2),)]
        account.quirks = quirks(dice)
        account.looks_before_end = dice.randint(0, 3)
        # Nobody gets to another machine before the listing shows what was done on this one.
        lag_s = dice.choice([0, 0.05]) if machines == "one machine" else 0
        account.listing = Listing(page_size=dice.choice([1, 2, 100]), lag_s=lag_s)
        if dice.random() < 0.3:
            account.quota = Quota(dice.randint(shard_requests // 2, rows), late=dice.random() < 0.5)
        bench.proxy.fail(failing(dice, bench.kill, faults=FAULTS), times=None)
        run_id: str | None = None
        codes: list[int | str] = []
        for _ in range(PROCESSES):
            ended = bench.go(lost=run_id)
            codes.append(ended.code)
            if ended.code == OK:
                break
            nothing_sent = ended.code == USAGE and not account.executed()
            assert ended.code == GAVE_UP or was_killed(ended) or nothing_sent, (
                f"seed {seed}, {codes}: {ended.stderr}\n{bench.proxy.story()}"
            )
            if nothing_sent:
                run_id = None
            elif machines == "many machines" and bench.run_id and dice.random() < 0.4:
                run_id = bench.lose_state()
                codes.append("lost")
        bench.assert_all_came(ended)
        bench.assert_paid_once()
