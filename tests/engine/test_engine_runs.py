"""Which runs there are, who drives them, and what a death while planning leaves."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_fakes import Bench, FakeRun, completes, fails, outcome

from openai_batch.engine.runs import (
    Place,
    driving,
    find_run,
    list_runs,
    new_run_id,
    sweep,
    unfinished,
)
from openai_batch.errors import ProviderRefused, RunLocked, UsageError

HOLD = """
import sys
from pathlib import Path
from openai_batch.engine.runs import Place, driving
with driving(Place(Path(sys.argv[1])), sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holding() -> Iterator[object]:
    """Start a process that holds a run's lock."""
    started: list[subprocess.Popen[bytes]] = []

    def hold(place: Place, run_id: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(place.state_dir), run_id],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        started.append(process)
        assert process.stdout is not None and process.stdout.readline().strip() == b"held"
        return process

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_a_second_process_is_told_who_drives(bench: Bench, holding: object) -> None:
    """RunLocked names the process; kill -9 frees the run at once."""
    run_id = bench.plan(1)
    process = holding(bench.place, run_id)  # type: ignore[operator]
    with pytest.raises(
        RunLocked, match=rf"{run_id} is driven by process {process.pid} on \S+ since"
    ):
        bench.open(run_id)
    process.kill()
    process.wait(10)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_one_process_cannot_drive_twice(bench: Bench) -> None:
    """Two objects for one run in one process are as bad as two processes."""
    run_id = bench.plan(1)
    with bench.open(run_id), pytest.raises(RunLocked):
        bench.open(run_id)
    bench.open(run_id).close()


def test_what_died_while_planning_is_removed(bench: Bench) -> None:
    """Shards without a journal are no run, and the next one planned removes them."""
    dead = bench.place.folder("run_20200101_000000_dead0000")
    (dead / "spool").mkdir(parents=True)
    (dead / "spool" / "shard-00001-attempt-1.requests.jsonl").write_bytes(b"{}")
    other = bench.place.runs / "README"
    other.write_text("not ours")
    assert list_runs(bench.place) == []
    run_id = bench.plan(1)
    assert not dead.exists()
    assert other.exists()
    assert list_runs(bench.place) == [run_id]


def test_what_is_being_planned_is_left_alone(bench: Bench, holding: object) -> None:
    """Another process that is reading its input right now keeps its folder."""
    name = "run_20200101_000000_alive000"
    holding(bench.place, name)  # type: ignore[operator]
    sweep(bench.place)
    assert bench.place.folder(name).is_dir()


def test_what_was_just_planned_is_left_alone(bench: Bench) -> None:
    """A run that is finished planning between the sweep's look and its lock is not removed."""
    run_id = bench.plan(1)
    path = bench.place.journal_path(run_id)
    aside = path.rename(path.with_name("aside"))

    class Contested(Place):
        looks = 0

        def folder(self, run_id: str) -> Path:
            Contested.looks += 1
            if Contested.looks == 2 and aside.exists():
                aside.rename(path)
            return super().folder(run_id)

    sweep(Contested(bench.place.state_dir))
    assert list_runs(bench.place) == [run_id]


def test_many_may_plan_and_drive_at_the_same_time(bench: Bench) -> None:
    """Sweeps, locks and new folders of eight threads do not get into each other's way."""
    failures: list[BaseException] = []
    rows = iter(range(1, 1000))
    lock = threading.Lock()

    def work() -> None:
        try:
            for _ in range(6):
                with lock:
                    count = next(rows)
                run_id = bench.plan(count)
                FakeRun(run_id, bench.place, bench.row, client=bench.server).close()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert len(list_runs(bench.place)) == 48


def test_a_run_is_found_by_its_id_and_by_its_batches(bench: Bench) -> None:
    """Any batch of a run means the run; what is nobody's is None, however long its name."""
    run_id = bench.plan(2, shard_requests=1)
    bench.settle(run_id)
    assert find_run(bench.place, run_id) == run_id
    assert find_run(bench.place, "batch_2") == run_id
    assert find_run(bench.place, "batch_9") is None
    assert find_run(bench.place, "batch_" + "x" * 1000) is None
    assert find_run(bench.place, "run_nope") is None


def test_damage_of_one_run_hides_no_other(bench: Bench) -> None:
    """A journal that cannot be read is passed over when others are looked for."""
    damaged = bench.plan(1)
    bench.place.journal_path(damaged).write_bytes(b"x" * 5000)
    run_id = bench.plan(2)
    assert [run.run_id for run in unfinished(bench.place)] == [run_id]


def test_a_run_that_was_refused_in_part_is_unfinished(bench: Bench) -> None:
    """Only a run of which nothing was executed is done with: the others hold paid results."""
    bench.server.behaviours = [fails("invalid_request")]
    refused = bench.plan(1)
    with pytest.raises(ProviderRefused):
        bench.settle(refused)
    assert unfinished(bench.place) == []
    bench.server.behaviours = [completes, fails("invalid_request")]
    in_part = bench.plan(2, shard_requests=1)
    with pytest.raises(ProviderRefused):
        bench.settle(in_part)
    with bench.open(in_part) as run, pytest.raises(ProviderRefused, match="nothing was executed"):
        run.harvest()
    assert [run.run_id for run in unfinished(bench.place)] == [in_part]
    with pytest.raises(UsageError, match=f"{in_part} has the same input"):
        bench.plan(2)
    assert outcome(bench.deliver(in_part, partial=True)) == [("r1", "200")]


def test_ids_sort_by_time() -> None:
    """The second in UTC, and eight characters that two machines do not share."""
    assert new_run_id(1_800_000_000).startswith("run_20270115_080000_")
    assert len({new_run_id(5.0) for _ in range(100)}) == 100
    ids = [new_run_id(1_800_000_000 + number / 500) for number in range(500)]
    assert ids == sorted(ids)


def test_a_lock_can_be_let_go_by_another_thread(bench: Bench) -> None:
    """Whoever collects the garbage may close a run."""
    run_id = bench.plan(1)
    context = driving(bench.place, run_id)
    context.__enter__()
    thread = threading.Thread(target=context.__exit__, args=(None, None, None))
    thread.start()
    thread.join()
    with driving(bench.place, run_id):
        pass
