"""What happens beside a run: another key, another input, another process."""

from collections import Counter
from collections.abc import Sequence

import pytest
from fault_bench import GAVE_UP, OK, REFUSED, Benches, Line, every_n
from fault_calls import html_after, meanwhile, status
from fault_stranger import Stranger

TIMED_OUT = GAVE_UP


@pytest.mark.parametrize("worked", [False, True], ids=["before the work", "its reply is lost"])
def test_another_organisations_key_from_any_call_on(
    new_bench: Benches, undisturbed: Sequence[Line], worked: bool
) -> None:
    """From the n-th call on the key is another one's, for every n: nothing is paid for twice.

    What was made with either key is only to be had with it, so both are tried in turn.
    """

    def case(number: int) -> bool:
        with new_bench(6, shard_requests=2) as bench:
            ours, theirs = bench.proxy.account, Stranger(bench.upstream.base_url)

            def key_is_replaced() -> None:
                bench.proxy.account = theirs

            fault = meanwhile(key_is_replaced, worked=worked, answers=not worked)
            rule = bench.proxy.fail(fault, number=number)
            ended = bench.go()
            said = [ended.stderr]
            for account in (ours, theirs, ours):
                if ended.code == OK:
                    break
                assert ended.code in (GAVE_UP, REFUSED), f"{said}\n{bench.proxy.story()}"
                bench.proxy.account = account
                ended = bench.go()
                said.append(ended.stderr)
            assert ended.code == OK, f"{said}\n{bench.proxy.story()}"
            assert bench.lines() == undisturbed
            executed = ours.executed() + theirs.executed()
            assert executed == Counter(line[0] for line in undisturbed), bench.proxy.story()
            return rule.fired > 0

    assert every_n(case) >= 11


def test_the_input_is_edited_and_deleted_meanwhile(
    new_bench: Benches, undisturbed: Sequence[Line]
) -> None:
    """A run is of the input as it was: what becomes of the file later does not matter."""
    with new_bench(6, shard_requests=2) as bench:
        assert bench.command("run", "-c", "input.jsonl", "--shard-requests=2").code == OK
        bench.input.write_bytes(b"something else\n")
        bench.proxy.fail(status(503), on="download", times=1)
        assert bench.resume("--timeout=1").code == TIMED_OUT
        bench.input.unlink()
        bench.assert_complete(bench.resume(), undisturbed)


def test_two_machines_at_once_cancel_what_both_have_made(
    new_bench: Benches, undisturbed: Sequence[Line]
) -> None:
    """Another machine makes a batch for each shard as well: one of two counts, the other ends."""
    with new_bench(6, shard_requests=2) as bench:
        bench.proxy.account.looks_before_end = 8
        assert bench.command("run", "-c", "input.jsonl", "--shard-requests=2").code == OK
        bench.proxy.account.make_again()
        ended = bench.go()
        assert ended.code == OK, ended.stderr
        assert bench.lines() == undisturbed
        kept, others = ended.record["batch_ids"], ended.record["duplicate_batch_ids"]
        assert (len(kept), len(others)) == (3, 3)
        assert {*kept, *others} == set(bench.proxy.account.batches)
        bench.assert_paid_once()


def test_web_pages_in_place_of_every_answer(
    new_bench: Benches, undisturbed: Sequence[Line]
) -> None:
    """A captive portal answers everything with 200 and HTML: exit 7, and later all is well."""
    with new_bench(6, shard_requests=2, speed=6000.0) as bench:
        bench.proxy.fail(html_after(), number=5, times=None)
        ended = bench.go()
        assert ended.code == GAVE_UP, ended.stderr
        assert "an HTML page '200 from a proxy'" in ended.stderr
        bench.proxy.mend()
        bench.speed = 100.0
        bench.assert_complete(bench.go(), undisturbed)
