"""What survives: kill -9, a torn line, a restart, a cancellation at the wrong moment."""

import json
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from local_server import (
    CHAT,
    ServerProcess,
    chat_line,
    create,
    ended,
    jsonl,
    results,
    running,
    until,
    upload,
)

from openai_batch.clock import SystemClock
from openai_batch.local.echo import EchoExecutor
from openai_batch.local.lifecycle import Event, Status
from openai_batch.local.records import BatchRecord, FileRecord
from openai_batch.local.results import ResultLog, result_line
from openai_batch.local.runner import Runner
from openai_batch.local.store import Store
from openai_batch.local.validate import Limits

COUNTING = str(Path(__file__).with_name("counting_server.py"))


def test_a_killed_server_executes_no_finished_request_again(tmp_path: Path) -> None:
    """After a kill -9 the next server does the rest; only what was in flight is executed twice."""
    data, notes = tmp_path / "data", tmp_path / "notes"
    rows = 120
    server = ServerProcess([COUNTING, str(data), str(notes), "0.01"])
    try:
        batch = create(server.client, [chat_line(f"row-{n}", f"row-{n}") for n in range(rows)])
        until(lambda: server.client.batches.retrieve(batch.id).request_counts.completed >= 20)
        server.kill()
    finally:
        server.close()
    finished = {
        entry["custom_id"]: entry["id"]
        for log in (data / "files").iterdir()
        for entry in map(json.loads, log.read_bytes().splitlines())
        if "response" in entry
    }
    assert len(finished) >= 20

    server = ServerProcess([COUNTING, str(data), str(notes), "0"])
    try:
        assert server.client.batches.retrieve(batch.id).request_counts.completed >= len(finished)
        done = ended(server.client, batch.id)
        assert done.status == "completed"
        assert done.request_counts.to_dict() == {"total": rows, "completed": rows, "failed": 0}
        assert done.usage.total_tokens == 2 * rows
        output = results(server.client, done.output_file_id)
    finally:
        server.close()
    assert set(output) == {f"row-{n}" for n in range(rows)}
    assert {custom_id: output[custom_id]["id"] for custom_id in finished} == finished
    executed = Counter(notes.read_text().split())
    assert all(executed[custom_id] == 1 for custom_id in finished)
    assert executed.total() <= rows + 2  # two workers, so two requests may have been in flight


def test_what_was_ended_stays_as_it_was(tmp_path: Path) -> None:
    """Batches, files and their order are the same after a restart, clean or not."""
    with running(tmp_path) as server:
        batch = ended(server.client, create(server.client, [chat_line("a")]).id)
        files = list(server.client.files.list())
        server.kill()
    with running(tmp_path) as server:
        assert server.client.batches.retrieve(batch.id) == batch
        assert list(server.client.files.list()) == files


def test_a_clean_stop_amid_a_batch_loses_nothing(tmp_path: Path) -> None:
    """A batch that its server's end interrupts is completed by the next one, each row once."""
    lines = [chat_line(f"row-{n}") for n in range(50)]
    with running(tmp_path, "--echo-delay", "0.02") as server:
        batch = create(server.client, lines)
        until(lambda: server.client.batches.retrieve(batch.id).request_counts.completed >= 5)
    with running(tmp_path) as server:
        done = ended(server.client, batch.id)
        assert done.request_counts.completed == 50
        assert len(results(server.client, done.output_file_id)) == 50


def test_a_cancelled_batch_ends_after_a_restart(tmp_path: Path) -> None:
    """A kill -9 between `cancelling` and `cancelled` leaves a batch that the next server ends."""
    with running(tmp_path, "--echo-delay", "30", "--parallel", "1") as server:
        batch = create(server.client, [chat_line("a"), chat_line("b")])
        until(lambda: server.client.batches.retrieve(batch.id).status == "in_progress")
        assert server.client.batches.cancel(batch.id).status == "cancelling"
        server.kill()
    with running(tmp_path) as server:
        done = ended(server.client, batch.id)
        assert done.status == "cancelled"
        errors = results(server.client, done.error_file_id)
        assert {line["error"]["code"] for line in errors.values()} == {"batch_cancelled"}
        assert set(errors) == {"a", "b"}


WHOLE = [result_line(f"row-{n}", 200, {"text": "\u2028" * n}) for n in range(4)]


@given(cut=st.integers(0, len(b"".join(WHOLE))), tail=st.sampled_from([b"", b"\0\0\n", b"{}\n"]))
def test_a_torn_log_keeps_its_whole_lines(
    tmp_path_factory: pytest.TempPathFactory, cut: int, tail: bytes
) -> None:
    """Wherever a log was cut, its whole lines are read, the rest is gone, and appending goes on."""
    content = b"".join(WHOLE)[:cut]
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(content + tail)
    log = ResultLog(path)
    kept = [entry["custom_id"] for entry in log.recover()]
    log.append(WHOLE[3])
    log.sync()
    log.close()
    expected = content[: content.rfind(b"\n") + 1]
    assert len(kept) == expected.count(b"\n")
    assert path.read_bytes() == expected + WHOLE[3]


def test_leftovers_are_removed_at_the_next_start(tmp_path: Path) -> None:
    """Contents that belong to no file, as a torn upload leaves them, do not stay."""
    with running(tmp_path) as server:
        batch = ended(server.client, create(server.client, [chat_line("a")]).id)
        server.kill()
    (tmp_path / "files" / "file-torn").write_bytes(b"{")
    with running(tmp_path):
        contents = {path.name for path in (tmp_path / "files").iterdir()}
    assert contents == {batch.input_file_id, batch.output_file_id}


class StoredBatch:
    """A store with one batch that no server has looked at yet, and a runner to look at it."""

    def __init__(self, folder: Path, lines: list[Any], expires_in_s: int = 60):
        self.store = Store(folder, SystemClock())
        now_s = self.store.now_s()
        self.store.content_path("file-in").write_bytes(jsonl(lines))
        self.store.add_file(
            FileRecord(
                id="file-in",
                filename="in",
                purpose="batch",
                size_bytes=1,
                created_at=now_s,
                expires_at=now_s + 60,
            )
        )
        self.store.add_batch(
            BatchRecord(
                id="batch_1",
                status=Status.VALIDATING,
                endpoint="/v1/chat/completions",
                input_file_id="file-in",
                completion_window="24h",
                created_at=now_s,
                expires_at=now_s + expires_in_s,
                output_log_id="file-out",
                error_log_id="file-err",
                output_expires_after_s=60,
            )
        )

    def run_to_its_end(self, executor: EchoExecutor) -> BatchRecord:
        failures: list[BaseException] = []
        runner = Runner(
            self.store, executor, SystemClock(), limits=Limits(), on_failure=failures.append
        )
        runner.start()
        until(lambda: failures or self.record.status.final)
        assert runner.stop(timeout_s=5)
        assert failures == []
        record = self.record
        self.store.close()
        return record

    @property
    def record(self) -> BatchRecord:
        return self.store.get_batch("batch_1")

    def codes(self, file_id: str) -> list[str]:
        lines = self.store.content_path(file_id).read_bytes().splitlines()
        return [json.loads(line)["error"]["code"] for line in lines]


def test_a_batch_cancelled_before_it_was_validated(tmp_path: Path) -> None:
    """It ends cancelled; a valid input's rows are marked, an invalid input leaves no files."""
    valid = StoredBatch(tmp_path / "valid", [chat_line("a"), chat_line("b")])
    valid.store.advance("batch_1", Event.CANCEL)
    record = valid.run_to_its_end(EchoExecutor())
    assert (record.status, record.total, record.completed) == (Status.CANCELLED, 2, 0)
    assert valid.codes("file-err") == ["batch_cancelled", "batch_cancelled"]

    invalid = StoredBatch(tmp_path / "invalid", [{}])
    invalid.store.advance("batch_1", Event.CANCEL)
    record = invalid.run_to_its_end(EchoExecutor())
    assert (record.status, record.output_file_id) == (Status.CANCELLED, None)
    assert record.error_file_id is None


def test_an_expiry_that_a_crash_interrupted_is_finished(tmp_path: Path) -> None:
    """Rows marked as expired before the crash are neither marked again nor taken for executed."""
    stored = StoredBatch(tmp_path, [chat_line("a"), chat_line("b")], expires_in_s=-1)
    stored.store.advance("batch_1", Event.ACCEPTED, total=2, model="echo-1")
    marked = {
        "id": "batch_req_1",
        "custom_id": "a",
        "response": None,
        "error": {"code": "batch_expired", "message": ""},
    }
    both = [marked, {**marked, "custom_id": "b"}]
    stored.store.content_path("file-err").write_bytes(jsonl(both))
    record = stored.run_to_its_end(EchoExecutor())
    assert (record.status, record.completed, record.failed) == (Status.EXPIRED, 0, 0)
    assert stored.codes("file-err") == ["batch_expired", "batch_expired"]


def test_a_batch_between_its_last_result_and_its_files(tmp_path: Path) -> None:
    """A crash while finalizing is made good without executing anything."""
    stored = StoredBatch(tmp_path, [chat_line("a")])
    stored.store.advance("batch_1", Event.ACCEPTED, total=1, model="echo-1")
    stored.store.advance("batch_1", Event.DRAINED)
    body = {"usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
    stored.store.content_path("file-out").write_bytes(result_line("a", 200, body))

    class NeverCalled(EchoExecutor):
        def execute(self, url: str, body: dict[str, Any]) -> Any:
            raise SystemExit("executed again")

    record = stored.run_to_its_end(NeverCalled())
    assert (record.status, record.completed) == (Status.COMPLETED, 1)
    assert (record.output_file_id, record.error_file_id) == ("file-out", None)
    assert record.usage["total_tokens"] == 7


def test_an_executor_that_breaks_costs_one_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception, and an answer that is not JSON, are 500 rows, and each is logged once."""
    texts = ("raise", "object", "raise", "fine")
    stored = StoredBatch(tmp_path, [chat_line(str(n), text) for n, text in enumerate(texts)])

    class Breaking(EchoExecutor):
        def execute(self, url: str, body: dict[str, Any]) -> Any:
            match body["messages"][0]["content"]:
                case "raise":
                    raise RuntimeError("broken")
                case "object":
                    return 200, {"answer": threading.Lock()}
            return super().execute(url, body)

    record = stored.run_to_its_end(Breaking())
    assert (record.status, record.completed, record.failed) == (Status.COMPLETED, 1, 3)
    lines = stored.store.content_path("file-err").read_bytes().splitlines()
    responses = [json.loads(line)["response"] for line in lines]
    assert [response["status_code"] for response in responses] == [500, 500, 500]
    assert {response["body"]["error"]["type"] for response in responses} == {"server_error"}
    assert len(caplog.records) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="limits a running process's files by prlimit")
def test_a_full_disk_stops_the_server(tmp_path: Path) -> None:
    """When results cannot be kept, the server says so and ends; the next one does the rest."""
    import resource

    lines = [chat_line(f"row-{n}", "long " * 600) for n in range(100)]
    with running(tmp_path) as server:
        file_id = upload(server.client, jsonl(lines))
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (150_000, 150_000))
        batch = server.client.batches.create(
            input_file_id=file_id, endpoint=CHAT, completion_window="24h"
        )
        assert server.process.wait(10) == 1
        (line,) = server.process.stderr.read().decode().splitlines()
        assert "File too large" in line
    with running(tmp_path) as server:
        assert server.client.batches.retrieve(batch.id).request_counts.completed > 10
        done = ended(server.client, batch.id)
        assert done.request_counts.completed == 100
        assert len(results(server.client, done.output_file_id)) == 100
