"""Whichever call fails, in whichever way: nothing is lost, and nothing is paid for twice."""

from collections.abc import Sequence

import pytest
from fault_bench import GAVE_UP, OK, SPEED, Benches, Line, every_n
from fault_calls import (
    Fault,
    early_end,
    empty_after,
    html_after,
    reset_after,
    reset_before,
    stall,
    status,
    status_after,
    truncated,
)

WAYS: dict[str, Fault] = {
    "500 before the work": status(500),
    "503 with Retry-After": status(503, retry_after=1),
    "429": status(429),
    "reset before the work": reset_before(),
    "reset after the work": reset_after(),
    "500 after the work": status_after(500),
    "truncated": truncated(),
    "chunks that end early": early_end(),
    "200 with HTML": html_after(),
    "200 with nothing": empty_after(),
    "half a minute of silence": stall(0.3),
}


@pytest.mark.parametrize("fault", WAYS.values(), ids=WAYS)
def test_any_one_call_may_fail(
    new_bench: Benches, undisturbed: Sequence[Line], fault: Fault
) -> None:
    """The n-th call fails once, for every n: the results are the same, each paid for once."""

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2) as bench:
            bench.proxy.account.looks_before_end = 1
            rule = bench.proxy.fail(fault, number=number)
            ended = bench.go(interval_s=5.0)
            if ended.code == GAVE_UP:
                ended = bench.go()
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 11


OUTAGE_SPEED = 6000.0
"""An hour, after which the engine gives up, takes 0.6 s."""


def test_from_any_call_on_nothing_may_work(new_bench: Benches, undisturbed: Sequence[Line]) -> None:
    """From the n-th call on every reply is lost, for every n: exit 7, and `resume` mends it all."""

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2, speed=OUTAGE_SPEED) as bench:
            rule = bench.proxy.fail(reset_after(), number=number, times=None)
            ended = bench.go()
            if rule.fired:
                assert ended.code == GAVE_UP, f"{ended.stderr}\n{bench.proxy.story()}"
                assert "`openai-batch resume run_" in ended.stderr
                bench.proxy.mend()
                bench.speed = SPEED
                ended = bench.go()
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 11


UNDONE, DONE = status(500), reset_after()


@pytest.mark.parametrize(
    ("kinds", "fault", "code"),
    [
        pytest.param(["upload"], UNDONE, GAVE_UP, id="no upload works"),
        pytest.param(["upload"], DONE, GAVE_UP, id="no upload is answered"),
        pytest.param(["create"], UNDONE, GAVE_UP, id="no create works"),
        pytest.param(["create"], DONE, OK, id="no create is answered: its batch is found"),
        pytest.param(["create", "list"], DONE, GAVE_UP, id="no create is answered, no list works"),
        pytest.param(["create"], html_after(), OK, id="create is answered by a web page"),
        pytest.param(["retrieve", "list"], UNDONE, GAVE_UP, id="no look works"),
        pytest.param(["download"], UNDONE, GAVE_UP, id="no download works"),
        pytest.param(["download"], truncated(), GAVE_UP, id="no download is whole"),
    ],
)
def test_one_kind_of_call_may_always_fail(
    new_bench: Benches,
    undisturbed: Sequence[Line],
    kinds: Sequence[str],
    fault: Fault,
    code: int,
) -> None:
    """A kind of call that never works ends in exit 7 or another way, and in no second batch."""
    with new_bench(6, shard_requests=2, speed=OUTAGE_SPEED) as bench:
        for kind in kinds:
            bench.proxy.fail(fault, on=kind, times=None)
        ended = bench.go()
        assert ended.code == code, f"{ended.stderr}\n{bench.proxy.story()}"
        if code == GAVE_UP:
            assert not bench.paid_twice()
            bench.proxy.mend()
            bench.speed = SPEED
            ended = bench.go()
        bench.assert_complete(ended, undisturbed)
