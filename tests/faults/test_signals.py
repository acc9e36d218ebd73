"""Ctrl-C and SIGTERM, at any moment: it ends at once, says how to go on, and `resume` ends it."""

import os
import signal
from collections.abc import Sequence

import pytest
from fault_bench import Bench, Benches, Ended, Line, every_n
from fault_calls import meanwhile

ENDINGS = {signal.SIGINT: (130, "interrupted"), signal.SIGTERM: (143, "terminated")}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


def assert_stopped(ended: Ended, number: signal.Signals, bench: Bench) -> None:
    """The exit code is the signal's, and the last lines say that, and how to go on."""
    code, word = ENDINGS[number]
    assert ended.code == code, f"exit {ended.code}: {ended.stderr}\n{bench.proxy.story()}"
    command = f"the run is safe; continue with: openai-batch resume {bench.run_id}"
    way_on = command if bench.run_id else "nothing was sent"
    assert ended.stderr.splitlines()[-2:] == [word, way_on]


@pytest.mark.parametrize(
    ("number", "worked"), [(signal.SIGINT, False), (signal.SIGTERM, True)], ids=str
)
def test_stopped_at_any_call(
    new_bench: Benches, undisturbed: Sequence[Line], number: signal.Signals, worked: bool
) -> None:
    """While it uploads, creates, waits or downloads: at the n-th call, for every n."""

    def case(call: int) -> bool:
        with new_bench(6, shard_requests=2, provider={"listing_grace_s": 0.3}) as bench:
            stop = meanwhile(lambda: bench.kill(number), worked=worked, answers=False)
            rule = bench.proxy.fail(stop, number=call)
            ended = bench.run()
            if rule.fired:
                assert_stopped(ended, number, bench)
                assert not bench.output.exists()
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    assert every_n(case) >= 10


def test_stopped_before_anything_it_does(new_bench: Benches, undisturbed: Sequence[Line]) -> None:
    """While it reads, validates, plans, calls, or writes results: before the n-th thing it does.

    That is any file opened for writing or renamed, and any connection; by Ctrl-C and SIGTERM in
    turn.
    """

    def case(thing: int) -> bool:
        number = signal.SIGTERM if thing % 2 else signal.SIGINT
        with new_bench(6, shard_requests=2, provider={"listing_grace_s": 0.3}) as bench:
            ended = bench.run(die_at=thing, die_by=number)
            stopped = "died before: " in ended.stderr
            if stopped:
                assert_stopped(ended, number, bench)
                if bench.output.exists():  # it was just being told that it has its name
                    assert bench.lines() == undisturbed
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            assert sorted(path.name for path in bench.folder.glob(".*")) == []
            return stopped

    assert every_n(case) >= 30
