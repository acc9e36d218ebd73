"""What is lost here is at the provider: runs are rebuilt and fetched again, come what may."""

import json
from collections.abc import Sequence

import pytest
from fault_bench import GAVE_UP, OK, Benches, Line, every_n
from fault_calls import Fault, early_end, status, truncated
from fault_endings import expires, shuffles

ROWS = 200

WAYS: dict[str, Fault] = {
    "500": status(500),
    "truncated": truncated(0.6),
    "chunks that end early, at a line's end": early_end(0.5),
    "chunks that end early, within a line": early_end(0.6),
}


def test_on_another_machine(new_bench: Benches) -> None:
    """Both batches have expired in part: the rest is sent from there, by the command line."""
    with new_bench(ROWS, shard_requests=100) as bench:
        bench.proxy.account.endings = [(expires(40),), (expires(80), shuffles())]
        ended = bench.command("run", "-c", "input.jsonl", "--shard-requests=100")
        assert ended.code == OK, ended.stderr
        run_id = json.loads(ended.stdout)["run_id"]
        assert bench.lose_state() == run_id
        bench.assert_all_came(bench.resume(run_id))
        bench.assert_paid_once()


def test_provider_is_out_while_a_run_is_rebuilt(new_bench: Benches) -> None:
    """Each call is made four times in all, then it is exit 7; the next try finds everything."""
    with new_bench(ROWS, shard_requests=100) as bench:
        ended = bench.command("run", "-c", "input.jsonl", "--shard-requests=100")
        run_id = bench.lose_state()
        for kind in ("list", "download_input"):
            rule = bench.proxy.fail(status(503), on=kind, times=None)
            ended = bench.go(lost=run_id)
            assert ended.code == GAVE_UP, ended.stderr
            assert rule.fired == 4
            bench.proxy.mend()
        bench.assert_all_came(bench.go(lost=run_id))
        bench.assert_paid_once()


@pytest.mark.parametrize("fault", WAYS.values(), ids=WAYS)
def test_any_one_call_may_fail_there(
    new_bench: Benches, undisturbed: Sequence[Line], fault: Fault
) -> None:
    """The n-th call on the other machine fails, for every n: it is made again, and all is well."""

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2) as bench:
            bench.proxy.account.endings = [(expires(1),), (shuffles(2),)]
            assert bench.command("run", "-c", "input.jsonl", "--shard-requests=2").code == OK
            run_id = bench.lose_state()
            rule = bench.proxy.fail(fault, number=len(bench.proxy.log) + number)
            bench.assert_complete(bench.go(lost=run_id), undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 10


@pytest.mark.parametrize("fault", WAYS.values(), ids=WAYS)
def test_any_one_call_may_fail_when_results_are_fetched_again(
    new_bench: Benches, undisturbed: Sequence[Line], fault: Fault
) -> None:
    """`download` of a delivered run brings what the provider has, and loses no row."""

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2) as bench:
            bench.proxy.account.endings = [(expires(1),), (shuffles(2),)]
            bench.assert_complete(bench.go(), undisturbed)
            bench.output.unlink()
            rule = bench.proxy.fail(fault, number=len(bench.proxy.log) + number)
            ended = bench.command("download", str(bench.run_id), "-o", str(bench.output))
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 6
