"""A local batch server as a process of its own, and what tests need to talk to it."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import openai

import openai_batch.local

ROOT = Path(openai_batch.local.__file__).parents[2]
CHAT = "/v1/chat/completions"
FINAL = ("completed", "failed", "expired", "cancelled")


def environment(**more: str) -> dict[str, str]:
    """This process's environment, in which a child finds the package, without our own variables."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI_")}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


class ServerProcess:
    """A running server. It ends when its standard input is closed, at the latest with the test."""

    def __init__(self, command: list[str], **variables: str):
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(**variables),
        )
        line = self.process.stdout.readline()
        if not line:
            error = self.process.stderr.read().decode()
            self.close()
            raise AssertionError(f"the server did not start: {error}")
        self.ready: dict[str, Any] = json.loads(line)
        self.client = openai.OpenAI(
            base_url=self.ready["base_url"], api_key=self.ready["token"], max_retries=0
        )

    def kill(self) -> None:
        """kill -9: nothing in the server gets to run any more."""
        self.process.kill()
        self.process.wait(10)

    def terminate(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def close(self) -> int:
        """Close its standard input, and give the exit code. May be repeated."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        code = self.process.wait(10)
        self.process.stdout.close()
        self.process.stderr.close()
        if hasattr(self, "client"):
            self.client.close()
        return code


@contextlib.contextmanager
def running(data: Path, *arguments: str, **variables: str) -> Iterator[ServerProcess]:
    """A server over the folder `data`, with the echo executor unless the arguments say another."""
    command = ["-m", "openai_batch.local", "--data", str(data), "--announce"]
    if "--executor" not in arguments:
        command += ["--executor", "echo"]
    server = ServerProcess([*command, "--until-stdin-closes", *arguments], **variables)
    try:
        yield server
    finally:
        server.close()


def chat_line(custom_id: str, text: Any = "hello", **changes: Any) -> dict[str, Any]:
    """One request of a batch input file."""
    body = {"model": "echo-1", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body, **changes}


def jsonl(lines: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def upload(client: openai.OpenAI, content: bytes, name: str = "input.jsonl") -> str:
    return client.files.create(file=(name, content), purpose="batch").id


def create(client: openai.OpenAI, lines: Iterable[Any] | bytes, **options: Any) -> Any:
    """Upload `lines` and start a batch of them."""
    content = lines if isinstance(lines, bytes) else jsonl(lines)
    options = {"endpoint": CHAT, "completion_window": "24h", **options}
    return client.batches.create(input_file_id=upload(client, content), **options)


def until(condition: Callable[[], Any], deadline_s: float = 30.0) -> Any:
    """What `condition` gives as soon as it gives something true."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError("this did not happen in time")


def ended(client: openai.OpenAI, batch_id: str) -> Any:
    """The batch, once it has ended."""

    def look() -> Any:
        batch = client.batches.retrieve(batch_id)
        return batch if batch.status in FINAL else None

    return until(look)


def results(client: openai.OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of a result file by custom_id; none where there is no file."""
    if file_id is None:
        return {}
    lines = client.files.content(file_id).content.split(b"\n")
    assert lines.pop() == b""
    entries = [json.loads(line) for line in lines]
    by_id = {entry["custom_id"]: entry for entry in entries}
    assert len(by_id) == len(entries)
    return by_id
