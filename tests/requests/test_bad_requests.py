"""What is found before sending is what a provider finds later: code, parameter and line."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest
from bad_requests import BAD_REQUESTS, Bad, Found

from openai_batch.engine.intake import take_in
from openai_batch.engine.spool import Spool
from openai_batch.providers import get_provider_by_name

FINAL = ("completed", "failed", "expired", "cancelled")


@pytest.mark.parametrize("bad", BAD_REQUESTS, ids=lambda bad: bad.name)
def test_every_fault_is_found_with_its_line(tmp_path: Path, bad: Bad) -> None:
    """The faults of the table are found, and no others."""
    (tmp_path / "in.jsonl").write_bytes(bad.content)
    with (tmp_path / "in.jsonl").open("rb") as stream:
        taken, _ = take_in(
            stream,
            lambda model: get_provider_by_name("openai"),
            Spool(tmp_path),
            lambda event: None,
            shard_requests=None,
            shard_bytes=None,
            keep=False,
        )
    found = tuple((fault.code, fault.param, fault.line) for fault in taken.faults.first)
    assert found == bad.found
    for fault in taken.faults.first:
        assert len(fault.message) < 230, fault.message
        assert "\n" not in fault.message


def test_the_table_is_long() -> None:
    """No two inputs have one name, and there are more than a hundred."""
    names = [bad.name for bad in BAD_REQUESTS]
    assert len(set(names)) == len(names) > 100


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[openai.OpenAI]:
    """The local batch server, which reads the same rules for itself; the SDK's client for it."""
    command = ["-m", "openai_batch.local", "--executor", "echo", "--announce"]
    data = tmp_path_factory.mktemp("provider")
    with subprocess.Popen(
        [sys.executable, *command, "--until-stdin-closes", "--data", str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={key: value for key, value in os.environ.items() if not key.startswith("OPENAI_")},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with openai.OpenAI(base_url=ready["base_url"], api_key=ready["token"]) as client:
            yield client
        process.stdin.close()


def found_by(client: openai.OpenAI, bad: Bad) -> list[Found]:
    """What the provider says of a batch of that input."""
    file = client.files.create(file=("in.jsonl", bad.content), purpose="batch")
    batch = client.batches.create(
        input_file_id=file.id,
        endpoint=bad.url,  # type: ignore[arg-type]
        completion_window="24h",
    )
    deadline = time.monotonic() + 30
    while batch.status not in FINAL and time.monotonic() < deadline:
        batch = client.batches.retrieve(batch.id)
    assert batch.status == "failed"
    assert batch.errors is not None
    return [(error.code or "", error.param, error.line) for error in batch.errors.data or ()]


@pytest.mark.parametrize(
    "bad", [bad for bad in BAD_REQUESTS if bad.also_at_the_provider], ids=lambda bad: bad.name
)
def test_the_provider_finds_the_same(provider: openai.OpenAI, bad: Bad) -> None:
    """A batch of such a file fails, with the same codes, parameters and lines."""
    assert tuple(found_by(provider, bad)) == bad.found
