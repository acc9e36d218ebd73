"""The process dies, by kill -9, anywhere: the next one goes on, and nothing is paid for twice."""

import json
from collections.abc import Callable, Sequence

import pytest
from fault_account import Quota
from fault_bench import OK, Bench, Benches, Ended, Line, every_n
from fault_calls import KILL, meanwhile
from fault_endings import expires

GRACE_S = 0.3
"""Seconds after which this provider's listing surely shows a batch."""


AFTER_PLANNING = 26
"""Planning is much the same in every run: so many things are done in it."""


def was_killed(ended: Ended) -> bool:
    return ended.code in (-KILL, KILL)


@pytest.mark.parametrize("worked", [False, True], ids=["before the work", "after the work"])
def test_killed_at_any_call(new_bench: Benches, undisturbed: Sequence[Line], worked: bool) -> None:
    """The real command is killed at the n-th call, for every n, when it was carried out or not."""

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2, provider={"listing_grace_s": GRACE_S}) as bench:
            kill = meanwhile(bench.kill, worked=worked, answers=False)
            rule = bench.proxy.fail(kill, number=number)
            ended = bench.run()
            assert was_killed(ended) == (rule.fired > 0), f"{ended.stderr}\n{bench.proxy.story()}"
            if rule.fired:
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 10


def test_killed_before_anything_it_does(new_bench: Benches, undisturbed: Sequence[Line]) -> None:
    """The real command is killed before the n-th thing it does here or there, for every n.

    That is any transaction's begin or commit, any file opened for writing or renamed, any call.
    """
    deaths: list[str] = []

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2, provider={"listing_grace_s": GRACE_S}) as bench:
            ended = bench.run(die_at=number)
            killed = was_killed(ended)
            if killed:
                deaths.extend(ended.stderr.splitlines())
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            assert sorted(path.name for path in bench.folder.glob(".*")) == []
            return killed

    assert every_n(case) >= 60
    # What happens once only is not the n-th thing in every run: calls come back in any order.
    for what in ("BEGIN", "COMMIT", "open", "os.rename", "socket"):
        assert any(death.startswith(f"died before: {what}") for death in deaths), what


def rows_expire(bench: Bench) -> None:
    bench.proxy.account.endings = [(expires(2),)]


def queue_is_too_small(bench: Bench) -> None:
    bench.proxy.account.quota = Quota(requests=3)


@pytest.mark.parametrize("arrange", [rows_expire, queue_is_too_small])
def test_killed_while_plans_change(
    new_bench: Benches, undisturbed: Sequence[Line], arrange: Callable[[Bench], None]
) -> None:
    """Killed anywhere in a run that has to plan a retry, or to halve a shard: it goes on."""

    def case(number: int) -> bool:
        with new_bench(6) as bench:
            arrange(bench)
            ended = bench.go(die_at=number)
            killed = was_killed(ended)
            if killed:
                ended = bench.go()
            bench.assert_complete(ended, undisturbed)
            return killed

    assert every_n(case, first=AFTER_PLANNING) >= 60


def test_killed_while_cancelling(new_bench: Benches, undisturbed: Sequence[Line]) -> None:
    """Killed anywhere in `cancel`: it can be repeated, and the run taken up again."""

    def case(number: int) -> bool:
        with new_bench(6) as bench:
            bench.proxy.account.cancelling_leaves = 2
            bench.proxy.account.looks_before_end = 20
            ended = bench.command("run", "-c", "input.jsonl", "--shard-requests=3")
            assert ended.code == OK, ended.stderr
            run_id = json.loads(ended.stdout)["run_id"]
            cancel = ("cancel", "--wait", run_id, "--interval=0.05")
            ended = bench.command(*cancel, die_at=number)
            killed = was_killed(ended)
            if killed:
                ended = bench.command(*cancel)
            assert ended.code == OK, ended.stderr
            assert json.loads(ended.stdout)["status"] == "cancelled"
            bench.proxy.account.looks_before_end = 0
            bench.assert_complete(bench.resume(run_id), undisturbed)
            return killed

    assert every_n(case) >= 10
