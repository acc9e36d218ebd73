"""Results to where they are wanted: whole, once, and never over somebody else's file."""

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import Bench, answers, failure, success

from openai_batch.cli.delivery import Destination, deliver_together
from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import Delivering, Event
from openai_batch.errors import RunDamaged, StillRunning, StorageError, UsageError


@pytest.fixture
def run_id(bench: Bench) -> str:
    """A settled run: r1 and r3 succeeded, r2 failed for good."""
    bench.server.behaviours = [answers(success("r3"), failure("r2", 400), success("r1"))]
    run_id = bench.plan(3)
    bench.settle(run_id)
    return run_id


def ids(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_bytes().splitlines()]


def deliver(bench: Bench, run_id: str, *targets: Any, **options: Any) -> None:
    with bench.open(run_id) as run:
        run.deliver(Delivery(*targets, **options))


def test_two_files_or_one_stream(bench: Bench, run_id: str, tmp_path: Path) -> None:
    """Failures stand in their place, or apart; the files are private, and nothing else is left."""
    output, errors = tmp_path / "o.jsonl", tmp_path / "e.jsonl"
    deliver(bench, run_id, output, errors)
    assert (ids(output), ids(errors)) == (["r1", "r3"], ["r2"])
    stream = io.BytesIO()
    deliver(bench, run_id, stream)
    lines = [json.loads(line)["custom_id"] for line in stream.getvalue().splitlines()]
    assert lines == ["r1", "r2", "r3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.jsonl", "o.jsonl", "state"]
    if os.name == "posix":
        assert output.stat().st_mode & 0o777 == 0o600
    assert bench.record(run_id)["output_file"] is None


def test_an_unfinished_run_is_not_delivered(bench: Bench, tmp_path: Path) -> None:
    """Without `partial` there are all results or none."""
    run_id = bench.plan(1)
    with pytest.raises(StillRunning, match=f"{run_id} is not finished"):
        deliver(bench, run_id, tmp_path / "o")
    deliver(bench, run_id, tmp_path / "o", partial=True)
    assert (tmp_path / "o").read_bytes() == b""
    bench.settle(run_id)
    with pytest.raises(StorageError):
        deliver(bench, run_id, tmp_path / "o")


def test_a_file_that_appeared_is_left_alone(bench: Bench, run_id: str, tmp_path: Path) -> None:
    """Somebody else's file stays as it is, the results are kept, and where to is said."""
    output = tmp_path / "o.jsonl"
    output.write_text("theirs")
    with pytest.raises(StorageError, match=f"`openai-batch download {run_id} -o OTHER`"):
        deliver(bench, run_id, output)
    with pytest.raises(StorageError, match="was left alone"):
        deliver(bench, run_id, output)
    assert output.read_text() == "theirs"
    deliver(bench, run_id, tmp_path / "other.jsonl")
    assert ids(tmp_path / "other.jsonl") == ["r1", "r2", "r3"]
    deliver(bench, run_id, output, force=True)
    assert ids(output) == ["r1", "r2", "r3"]


def test_an_error_file_is_dropped_where_nothing_failed(bench: Bench, tmp_path: Path) -> None:
    """A name that the user did not choose is not taken for nothing."""
    run_id = bench.plan(2)
    bench.settle(run_id)
    deliver(bench, run_id, tmp_path / "o", tmp_path / "e", drop_empty_errors=True)
    assert not (tmp_path / "e").exists()
    assert bench.record(run_id)["error_file"] is None
    deliver(bench, run_id, tmp_path / "o2", tmp_path / "e2")
    assert (tmp_path / "e2").read_bytes() == b""


@pytest.mark.parametrize("dies", [False, True])
def test_failures_of_before_do_not_stand_beside_new_results(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    """Where nothing failed and files are replaced, an old error file goes, and goes first.

    Without `force` it may be somebody else's, and stays.
    """
    run_id = bench.plan(2)
    bench.settle(run_id)
    output, errors = tmp_path / "o", tmp_path / "e"
    errors.write_text("old")
    deliver(bench, run_id, tmp_path / "o1", errors, partial=True, drop_empty_errors=True)
    assert errors.read_text() == "old"
    output.write_text("old")
    rename = Path.replace

    def dying(source: Path, target: Path) -> Path:
        if dies and target == output:
            raise KeyboardInterrupt
        return rename(source, target)

    monkeypatch.setattr(Path, "replace", dying)
    with contextlib.suppress(KeyboardInterrupt):
        deliver(bench, run_id, output, errors, force=True, drop_empty_errors=True)
    assert not errors.exists()
    assert output.read_text() == "old" if dies else ids(output) == ["r1", "r2"]


@pytest.mark.skipif(os.name != "posix", reason="files take their names by os.link there")
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_death_around_each_publish(
    bench: Bench,
    run_id: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
    when: str,
) -> None:
    """Killed before or after either file has its name, the next delivery ends as if undisturbed."""

    class Died(BaseException):
        pass

    link, calls = os.link, []

    def dying(*arguments: Any, **options: Any) -> None:
        calls.append(1)
        if len(calls) == call and when == "before":
            raise Died
        link(*arguments, **options)
        if len(calls) == call:
            raise Died

    output, errors = tmp_path / "o.jsonl", tmp_path / "e.jsonl"
    monkeypatch.setattr(os, "link", dying)
    with pytest.raises(Died):
        deliver(bench, run_id, output, errors)
    monkeypatch.undo()
    assert bench.record(run_id)["status"] == "completed"
    deliver(bench, run_id, output, errors)
    assert (ids(output), ids(errors)) == (["r1", "r3"], ["r2"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["e.jsonl", "o.jsonl", "state"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux tells which files are open")
def test_a_file_is_closed_before_it_gets_its_name(
    bench: Bench, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows renames no open file."""
    link, still_open = os.link, []

    def watching(source: Any, *arguments: Any, **options: Any) -> None:
        descriptors = (Path(f"/proc/self/fd/{number}") for number in range(3, 50))
        names = (path.readlink() for path in descriptors if path.is_symlink())
        still_open.extend(name for name in names if name == Path(source))
        link(source, *arguments, **options)

    monkeypatch.setattr(os, "link", watching)
    deliver(bench, run_id, tmp_path / "o.jsonl", tmp_path / "e.jsonl")
    assert still_open == []


def test_results_and_errors_need_two_files(tmp_path: Path) -> None:
    """One name for both would let the second replace the first."""
    with pytest.raises(UsageError, match="cannot both go to"):
        Delivery(tmp_path / "o", tmp_path / "o", force=True)


def test_another_file_in_our_place_after_a_death(bench: Bench, run_id: str, tmp_path: Path) -> None:
    """Our own intent to publish does not make somebody else's file ours."""
    output = tmp_path / "o.jsonl"
    with bench.open(run_id) as run:
        from openai_batch.engine.entries import Publishing

        run._journal.append(Publishing(str(output), None), at=0.0)
    output.write_text("theirs")
    with pytest.raises(StorageError, match="was left alone"):
        deliver(bench, run_id, output)
    assert output.read_text() == "theirs"


def test_a_folder_that_is_gone_keeps_the_results(bench: Bench, run_id: str, tmp_path: Path) -> None:
    """What cannot be written is named, and everything is still there for another try."""
    gone = tmp_path / "gone" / "o.jsonl"
    with pytest.raises(StorageError, match=r"cannot write .*o\.jsonl: No such file .* are kept"):
        deliver(bench, run_id, gone)
    gone.parent.mkdir()
    deliver(bench, run_id, gone)
    assert ids(gone) == ["r1", "r2", "r3"]


DELIVER_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_fakes import Bench
from openai_batch.cli.delivery import Destination, deliver_together
from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import Delivering, Event
from openai_batch.errors import StorageError
bench = Bench(Path(sys.argv[1]))
run_id = bench.plan(3000)
bench.settle(run_id)
limit = lambda soft: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, resource.RLIM_INFINITY))
output, errors = Path(sys.argv[1], "o"), Path(sys.argv[1], "e")
with bench.open(run_id) as run:
    limit(200_000)
    try:
        run.deliver(Delivery(output, errors))
    except StorageError as error:
        print(error)
    print(sorted(path.name for path in Path(sys.argv[1]).iterdir()))
    limit(resource.RLIM_INFINITY)
    print(run.deliver(Delivery(output, errors)).succeeded)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a file's size cannot be limited there")
def test_a_disk_that_fills_up_keeps_the_results(tmp_path: Path) -> None:
    """No half file appears, the files are named, and with room it works."""
    support = str(Path(__file__).parent)
    command = [sys.executable, "-c", DELIVER_ON_A_FULL_DISK, str(tmp_path), support]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.stdout.splitlines() == [
        f"cannot write {tmp_path / 'o'} and {tmp_path / 'e'}: File too large; the results are kept",
        "['state']",
        "3000",
    ]


def test_damage_in_the_spool_is_no_file(bench: Bench, run_id: str, tmp_path: Path) -> None:
    """Where results are missing from the spool, nothing appears under the user's name."""
    next(bench.place.spool(run_id).folder.glob("*.output.jsonl")).write_bytes(b"")
    with pytest.raises(RunDamaged):
        deliver(bench, run_id, tmp_path / "o")
    assert [path.name for path in tmp_path.iterdir()] == ["state"]


def test_several_runs_in_one_file_are_delivered_once_it_has_its_name(
    bench: Bench, tmp_path: Path
) -> None:
    """Where the name is taken meanwhile, no run counts as delivered, and nothing may be deleted."""
    target = tmp_path / "all.jsonl"
    first, second = bench.plan(1), bench.plan(2)
    for run_id in (first, second):
        bench.settle(run_id)

    def takes_the_name(event: Event) -> None:
        if isinstance(event, Delivering):
            target.write_bytes(b"somebody else's\n")

    bench.place = replace(bench.place, on_event=takes_the_name)
    with (
        bench.open(first) as one,
        bench.open(second) as other,
        pytest.raises(StorageError, match="has appeared meanwhile"),
    ):
        deliver_together([(one, False), (other, False)], Destination(target, None))
    assert target.read_bytes() == b"somebody else's\n"
    target.unlink()
    bench.place = replace(bench.place, on_event=bench.events.append)
    with bench.open(first) as one, bench.open(second) as other:
        with pytest.raises(UsageError, match="its files are still needed"):
            one.delete_remote_files()
        deliver_together([(one, False), (other, False)], Destination(target, None))
        one.delete_remote_files()
    assert [json.loads(line)["custom_id"] for line in target.read_bytes().splitlines()] == [
        "r1",
        "r1",
        "r2",
    ]
