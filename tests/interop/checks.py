"""What the command line has to do with any server, whoever wrote it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import openai

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 90.0


@dataclass(frozen=True)
class Bench:
    """One check's place: an empty folder, and the address of the server."""

    folder: Path
    base_url: str

    def environment(self, state: str = "state") -> dict[str, str]:
        """The server as OpenAI; `state` is the state directory."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "PARASAIL_"))}
        return {
            **kept,
            "PYTHONPATH": str(ROOT),
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_KEY": "sk-interop",
            "OPENAI_BATCH_HOME": str(self.folder / state),
            "OPENAI_BATCH_CONFIG": str(self.folder / "providers.toml"),
        }

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
        """Start `openai-batch` and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "openai_batch", *arguments],
            cwd=self.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(**options),
        )

    def run(
        self, *arguments: str, stdin: bytes = b"", expected: tuple[int, ...] = (0,), **options: Any
    ) -> bytes:
        """Run `openai-batch` to its end; returns what it wrote on standard output."""
        process = self.start(*arguments, **options)
        stdout, stderr = process.communicate(stdin, timeout=WAIT_S)
        if process.returncode not in expected:
            raise AssertionError(f"{' '.join(arguments)}: {process.returncode}\n{stderr.decode()}")
        return stdout

    def shell(self, script: str) -> None:
        """Run a shell's pipeline in which `openai-batch` is ours."""
        program = f'"{sys.executable}" -m openai_batch'
        subprocess.run(
            script.replace("openai-batch", program),
            shell=True,
            cwd=self.folder,
            env=self.environment(),
            check=True,
            capture_output=True,
            timeout=WAIT_S,
        )

    def requests(self, count: int) -> Path:
        """An input file of that many chats, r1, r2, …"""
        path = self.folder / "input.jsonl"
        path.write_bytes(
            b"".join(json.dumps(chat(n)).encode() + b"\n" for n in range(1, count + 1))
        )
        return path

    @contextmanager
    def client(self) -> "Iterator[openai.OpenAI]":
        """The official SDK's client, which stands for other programs."""
        import openai

        with openai.OpenAI(base_url=self.base_url, api_key="sk-interop", max_retries=0) as client:
            yield client

    def batches_of(self, run_id: str) -> list[str]:
        """The batches that carry a run's label, whether the run knows of them or not."""
        with self.client() as client:
            return [
                batch.id
                for batch in client.batches.list(limit=100)
                if run_id in (batch.metadata or {}).get("openai_batch", "")
            ]


def chat(number: int) -> dict[str, Any]:
    """One request."""
    message = {"role": "user", "content": f"Say hello {number} times, please."}
    return {
        "custom_id": f"r{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-4o-mini", "messages": [message]},
    }


def expect(results: bytes | Path, count: int, prefix: str = "r") -> None:
    """All results are there, good and in input order."""
    content = results if isinstance(results, bytes) else results.read_bytes()
    lines = [json.loads(line) for line in content.split(b"\n") if line]
    ids = [line["custom_id"] for line in lines]
    assert ids == [f"{prefix}{number}" for number in range(1, count + 1)], ids
    statuses = {line["response"]["status_code"] for line in lines}
    assert statuses == {200}, statuses


def until(condition: Callable[[], Any], what: str) -> Any:
    """What `condition` gives as soon as it gives something true."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {WAIT_S:.0f} s")


def pipeline(bench: Bench) -> None:
    """README's pipeline"""
    bench.shell(
        "openai-batch example-prompts -n 20 | openai-batch create --model gpt-4o-mini"
        " | openai-batch run > results.jsonl"
    )
    expect(bench.folder / "results.jsonl", 20, "line-")


def hand_over(bench: Bench) -> None:
    """run -c, then status and download elsewhere"""
    record = bench.run("run", "-c", str(bench.requests(5)))
    assert json.loads(record)["object"] == "run"

    def completed() -> bool:
        status = json.loads(bench.run("status", stdin=record, state="elsewhere"))["status"]
        assert status in ("in_progress", "completed"), status
        return bool(status == "completed")

    until(completed, "the end of the batch")
    expect(bench.run("download", stdin=record, state="somewhere-else"), 5)


def files(bench: Bench) -> None:
    """run -o -e"""
    record = json.loads(
        bench.run("run", str(bench.requests(5)), "-o", "out.jsonl", "-e", "errors.jsonl")
    )
    assert record["status"] == "completed", record
    counts = {"total": 5, "completed": 5, "failed": 0, "missing": 0}
    assert record["request_counts"] == counts, record
    expect(bench.folder / "out.jsonl", 5)
    assert (bench.folder / "errors.jsonl").read_bytes() == b""


def made_elsewhere(bench: Bench) -> None:
    """run --resume, a batch made with the SDK"""
    with bench.client() as client, bench.requests(4).open("rb") as content:
        file = client.files.create(file=("input.jsonl", content), purpose="batch")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
    expect(bench.run("run", "--resume", batch.id), 4)


def killed(bench: Bench) -> None:
    """kill -9 in the middle of run, then resume"""
    process = bench.start("run", str(bench.requests(6)), "--interval", "3600")
    (run_id,) = until(lambda: run_ids(bench), "a run")
    until(lambda: bench.batches_of(run_id), "a batch at the provider")
    assert process.poll() is None, "it ended before it could be killed"
    process.kill()
    process.communicate()
    expect(bench.run("resume"), 6)
    batches = bench.batches_of(run_id)
    assert len(batches) == 1, f"{len(batches)} batches were made for one shard"


def run_ids(bench: Bench) -> list[str]:
    """The runs of the state directory."""
    return [path.parent.name for path in bench.folder.glob("state/runs/run_*/journal.db")]


def shards(bench: Bench) -> None:
    """three shards by --shard-requests"""
    arguments = ["--shard-requests", "2", "-o", "out.jsonl"]
    record = json.loads(bench.run("run", str(bench.requests(6)), *arguments))
    assert len(record["batch_ids"]) == 3, record
    expect(bench.folder / "out.jsonl", 6)


CHECKS: tuple[Callable[[Bench], None], ...] = (
    pipeline,
    hand_over,
    files,
    made_elsewhere,
    killed,
    shards,
)
"""Each check's docstring is its name in the table."""
