"""Real processes that are killed at every point, and a new one that goes on: nothing is lost,
nothing is executed twice, and the results are those of an undisturbed run."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from engine_processes import NO_FILE, Child, Server, anonymous, until, write_input

REQUESTS = 9
SHARD_REQUESTS = 4
SHARDS = 3
EXECUTED = sorted([str(NO_FILE), *(f"r{number}" for number in range(1, 10) if number != 8)])


@dataclass
class Case:
    """One run: its input, its state directory, its files, and its server."""

    folder: Path
    server: Server

    @property
    def output(self) -> Path:
        return self.folder / "output.jsonl"

    @property
    def errors(self) -> Path:
        return self.folder / "errors.jsonl"

    @property
    def run_ids(self) -> list[str]:
        return sorted(path.name for path in (self.folder / "state" / "runs").iterdir())

    def start(self, run_id: str | None = None, **settings: Any) -> Child:
        """Begin a run of the input, or go on with one."""
        files = {"output": str(self.output), "errors": str(self.errors)}
        if run_id is not None:
            return Child(self.server, self.folder / "state", run_id=run_id, **files, **settings)
        source = write_input(self.folder / "input.jsonl", REQUESTS)
        begun = {"input": str(source), "shard_requests": SHARD_REQUESTS}
        return Child(self.server, self.folder / "state", **begun | files | settings)

    def finish(self) -> None:
        """Go on with the one run there is, to its end."""
        (run_id,) = self.run_ids
        assert self.start(run_id).finish()[-1] == "done"

    def check(self, undisturbed: tuple[bytes, bytes]) -> None:
        """The results are those of an undisturbed run, and nothing was executed twice."""
        assert (anonymous(self.output), anonymous(self.errors)) == undisturbed
        assert self.server.executed == EXECUTED
        assert self.server.carried_out("create") == SHARDS
        assert sorted(path.name for path in self.folder.iterdir() if path.is_file()) == [
            "errors.jsonl",
            "input.jsonl",
            "output.jsonl",
        ]
        assert not list(self.folder.glob("state/runs/*/spool"))


@pytest.fixture
def case(tmp_path: Path) -> Iterator[Case]:
    with Server(tmp_path / "server") as server:
        yield Case(tmp_path, server)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """What the output and the error file hold when nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Server(folder / "server") as server:
        case = Case(folder, server)
        assert case.start().finish()[-1] == "done"
        results = anonymous(case.output), anonymous(case.errors)
        case.check(results)
    ids = [json.loads(line)["custom_id"] for line in results[0].splitlines()]
    assert ids == ["r1", "r2", "r3", "r4", "r5", "r6", "r7", "r9"]
    assert [json.loads(line)["custom_id"] for line in results[1].splitlines()] == ["r8"]
    return results


@pytest.mark.parametrize(
    ("event", "number"),
    [
        ("BatchStarted", 2),
        ("ShardHarvested", 2),
        ("Delivering", 2),
    ],
)
def test_killed_at_an_event(
    case: Case, undisturbed: tuple[bytes, bytes], event: str, number: int
) -> None:
    """At whatever moment people are told of, the process may die."""
    child = case.start(stop_at=event, stop_number=number)
    child.read_until("standing still")
    child.kill()
    case.finish()
    case.check(undisturbed)


@pytest.mark.parametrize("call", ["upload", "create", "download"])
def test_killed_while_a_call_is_answered(
    case: Case, undisturbed: tuple[bytes, bytes], call: str
) -> None:
    """The provider has done its part, and nobody heard of it: a batch is found, not made again."""
    case.server.hold(call)
    child = case.start()
    until(lambda: case.server.carried_out(call))
    child.kill()
    case.server.release(call)
    case.finish()
    case.check(undisturbed)


def test_killed_while_planning(case: Case, undisturbed: tuple[bytes, bytes]) -> None:
    """Half an input read is no run: it is removed by the next one, and nothing was sent."""
    source = write_input(case.folder / "input.jsonl", REQUESTS).read_text()
    child = case.start(input="-")
    assert child.process.stdin is not None
    child.process.stdin.write(source[: len(source) // 2])
    child.process.stdin.flush()
    until(lambda: list(case.folder.glob("state/runs/*/spool")))
    child.kill()
    (dead,) = case.run_ids
    assert case.start().finish()[-1] == "done"
    assert dead not in case.run_ids
    assert case.server.carried_out("upload") == SHARDS
    case.check(undisturbed)


@pytest.mark.parametrize("at", ["append", "rename"])
def test_killed_again_and_again(case: Case, undisturbed: tuple[bytes, bytes], at: str) -> None:
    """Each life dies later than the one before: just before, or after, an entry or a rename."""
    lives = 0
    ended: list[str] = []
    while not ended or ended[-1] != "done":
        lives += 1
        assert lives < 40
        begun = [path.parent.name for path in case.folder.glob("state/runs/*/journal.db")]
        death = {"die_at": at, "die_number": lives, "die_after": lives % 2 == 0}
        ended = case.start(begun[0] if begun else None, **death).finish()
    assert lives > 4
    case.check(undisturbed)


def test_the_second_process_is_told_who_drives(case: Case) -> None:
    """While one process drives, another one learns its number, and changes nothing."""
    first = case.start(stop_at="BatchStarted")
    first.read_until("standing still")
    (run_id,) = case.run_ids
    told = case.start(run_id).finish()[-1]
    assert told.startswith(f"RunLocked: {run_id} is driven by process {first.process.pid} on ")
    first.kill()


def test_a_run_goes_on_where_only_its_record_is(
    case: Case, undisturbed: tuple[bytes, bytes]
) -> None:
    """On an empty state directory, over real HTTP: from the record, the run's and a batch's id."""
    printed = case.start(submit_only=True).finish()
    record = json.loads(printed[-2])
    references = (record, record["run_id"], record["batch_ids"][1])
    machines = [Case(case.folder / str(number), case.server) for number in range(3)]
    children = [
        Child(
            case.server,
            elsewhere.folder / "state",
            recover=reference,
            output=str(elsewhere.output),
            errors=str(elsewhere.errors),
        )
        for elsewhere, reference in zip(machines, references, strict=True)
    ]
    for elsewhere, child in zip(machines, children, strict=True):
        assert child.finish()[-1] == "done"
        assert (anonymous(elsewhere.output), anonymous(elsewhere.errors)) == undisturbed
    assert case.server.executed == EXECUTED
    assert case.server.carried_out("create") == SHARDS


def test_a_delivered_run_is_downloaded_again(case: Case, undisturbed: tuple[bytes, bytes]) -> None:
    """After delivery the results can be had once more, from the provider, byte for byte."""
    assert case.start().finish()[-1] == "done"
    case.check(undisturbed)
    first = case.output.read_bytes(), case.errors.read_bytes()
    case.output.unlink()
    case.errors.unlink()
    case.finish()
    assert (case.output.read_bytes(), case.errors.read_bytes()) == first
    case.check(undisturbed)


def test_a_batch_made_elsewhere_comes_in_its_inputs_order(case: Case) -> None:
    """A batch that the SDK made is fetched as a run of one shard, and never sent again."""
    import openai

    source = write_input(case.folder / "input.jsonl", REQUESTS)
    with openai.OpenAI(base_url=case.server.base_url, api_key=case.server.token) as sdk:
        file = sdk.files.create(file=("theirs.jsonl", source.read_bytes()), purpose="batch")
        batch = sdk.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
    settings = {"recover": batch.id, "output": str(case.output)}
    assert Child(case.server, case.folder / "state", **settings).finish()[-1] == "done"
    results = [json.loads(line) for line in case.output.read_bytes().splitlines()]
    assert [line["custom_id"] for line in results] == [f"r{n}" for n in range(1, 10)]
    assert [line["response"]["status_code"] for line in results] == [200] * 7 + [400, 200]
    assert case.server.carried_out("create") == 1
    assert case.server.executed == EXECUTED


if sys.platform == "win32":
    del test_killed_again_and_again  # files take their names by another call there
