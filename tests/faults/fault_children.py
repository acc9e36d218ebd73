"""The child processes of these tests: the real server, and what starts the clients."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import openai_batch

ROOT = Path(openai_batch.__file__).parents[1]
HERE = Path(__file__).parent
WAIT_S = 60.0


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change what the program does."""
    dropped = ("OPENAI_", "PARASAIL_", "NO_COLOR", "COLUMNS", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True, slots=True)
class Upstream:
    """The real server: its address, and the key that it wants."""

    base_url: str
    token: str


@contextlib.contextmanager
def real_server(data: Path) -> Iterator[Upstream]:
    """The embedded server as a process, with an executor that answers at once."""
    command = [sys.executable, "-m", "openai_batch.local", "--executor", "echo", "--announce"]
    process = subprocess.Popen(
        [*command, "--until-stdin-closes", "--data", str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield Upstream(ready["base_url"], ready["token"])
    finally:
        process.stdin.close()
        process.wait(WAIT_S)
        process.stdout.close()


class Starter:
    """Starts processes that drive runs, one at a time (see `fault_process`)."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "fault_process.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**clean_environment(), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._hear()

    def start(self, job: dict[str, Any]) -> int:
        """Start a process and return its id."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job).encode() + b"\n")
        self._process.stdin.flush()
        pid: int = self._hear()["pid"]
        return pid

    def wait(self) -> int:
        """Wait for its end, and return its exit code; minus the signal where one killed it."""
        code: int = self._hear()["code"]
        return code

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(WAIT_S)
        self._process.stdout.close()
