"""`openai-batch example-prompts`, as a process."""

import json
import subprocess
import sys
from pathlib import Path


def openai_batch(*arguments: str, stdin: bytes = b"") -> bytes:
    """Standard output of a command that succeeds in silence."""
    done = subprocess.run(
        [sys.executable, "-m", "openai_batch", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == b""
    return done.stdout


def test_thousand_prompts_without_options() -> None:
    """Without options there are a thousand chat prompts."""
    lines = openai_batch("example-prompts").splitlines()
    assert len(lines) == 1000
    assert set(json.loads(lines[0])) == {"prompt"}


def test_options_in_any_place(tmp_path: Path) -> None:
    """The file may come before the options, as in older scripts; the seed repeats the prompts."""
    path = tmp_path / "prompts.jsonl"
    assert openai_batch("example-prompts", str(path), "-n", "10", "-e", "--seed", "1") == b""
    again = openai_batch("example-prompts", "-e", "-n", "10", "--seed", "1", "-")
    assert path.read_bytes() == again
    assert [set(json.loads(line)) for line in again.splitlines()] == [{"input"}] * 10


def test_create_takes_them_as_they_are() -> None:
    """The first two commands of the pipeline fit together."""
    prompts = openai_batch("example-prompts", "-n", "3")
    requests = openai_batch("create", stdin=prompts).splitlines()
    assert [json.loads(line)["custom_id"] for line in requests] == ["line-1", "line-2", "line-3"]
