"""Batch servers as processes of their own, and a second client to see what reached them."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import openai

import openai_batch
from openai_batch import Batch
from openai_batch.batch import FINISHED_STATES
from openai_batch.providers import Provider, get_provider_by_name

ROOT = Path(openai_batch.__file__).parents[1]
GATEWAY = str(Path(__file__).with_name("gateway_server.py"))
CHAT_MODEL = "gpt-4o-mini"
HUB_MODEL = "meta-llama/Meta-Llama-3-8B-Instruct"


def clean_environment(**variables: str) -> dict[str, str]:
    """This process's environment without what says where to send requests, with the package."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "PARASAIL_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **variables}


@dataclass(frozen=True)
class Server:
    """A running server, and the official SDK's client for it."""

    base_url: str
    token: str
    client: openai.OpenAI

    def provider(self, **fields: Any) -> Provider:
        """The server as a provider of which only the address is known."""
        return Provider(base_url=self.base_url, api_key=self.token, **fields)

    def requests_of(self, batch_id: str) -> list[dict[str, Any]]:
        """The requests that a batch was created with."""
        batch = self.client.batches.retrieve(batch_id)
        return [
            json.loads(line) for line in self.client.files.content(batch.input_file_id).iter_lines()
        ]

    def create(self, *lines: dict[str, Any]) -> str:
        """Make a batch as another program would; returns its id."""
        content = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        file = self.client.files.create(file=("input.jsonl", content), purpose="batch")
        batch = self.client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        return batch.id

    def batch_ids(self) -> list[str]:
        """Every batch there is, newest first."""
        return [batch.id for batch in self.client.batches.list()]


@contextlib.contextmanager
def running(data: Path, *command: str) -> Iterator[Server]:
    """A server over the folder `data`: the embedded one with its echo, or what `command` says."""
    command = command or ("-m", "openai_batch.local", "--announce", "--executor", "echo")
    process = subprocess.Popen(
        [sys.executable, *command, "--until-stdin-closes", "--data", str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        with openai.OpenAI(base_url=ready["base_url"], api_key=ready["token"]) as client:
            yield Server(ready["base_url"], ready["token"], client)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def small(name: str = "openai", rows: int = 3) -> Provider:
    """A provider that takes few requests in one batch."""
    return replace(get_provider_by_name(name), batch_input_max_requests=rows)


def chat(text: Any, model: str = CHAT_MODEL) -> dict[str, Any]:
    """The parameters of one chat; echo answers with `text`, or 400 where it is a file's number."""
    file = [{"type": "file", "file": {"file_id": f"file-{text}"}}]
    content = file if isinstance(text, int) else text
    return {"model": model, "messages": [{"role": "user", "content": content}]}


def chat_line(custom_id: str, text: Any) -> dict[str, Any]:
    """One line of an input file, as another program would write it."""
    return {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": chat(text),
    }


def finish(batch: Batch, **extras: Any) -> Any:
    """Look at a batch until it is over; returns the last look."""
    deadline = time.monotonic() + 30
    while (seen := batch.status(**extras)).status not in FINISHED_STATES:
        assert time.monotonic() < deadline, seen
        time.sleep(0.02)
    return seen


def read(path: str | Path | None) -> list[dict[str, Any]]:
    """The lines of a file of results."""
    assert path is not None
    lines = Path(path).read_bytes().split(b"\n")
    assert lines.pop() == b""
    return [json.loads(line) for line in lines]


def replies(path: str | Path | None) -> list[tuple[str, str]]:
    """Each result of a file of chats: its custom_id and what was answered."""
    return [
        (line["custom_id"], line["response"]["body"]["choices"][0]["message"]["content"])
        for line in read(path)
    ]
