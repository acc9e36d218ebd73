"""Commands as processes of their own: how long they take, and their peak memory."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Measured:
    """What a process took, from its start to its end."""

    wall_s: float
    peak_mb: float


def run(command: list[str], environment: Mapping[str, str] | None = None) -> Measured:
    """Run `command` with this Python and measure it. Ends the benchmark where it does not exit 0.

    The peak of a process counts what its parent held at the fork: keep the caller small.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, **(environment or {})},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(command)} exited {process.returncode}")
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Measured(wall_s, kilobytes / 1024)


def write_workload(folder: Path, requests: int) -> None:
    """Write the files of `workload` to a new folder, in a process of its own."""
    folder.mkdir()
    run([str(_HERE / "workload.py"), str(folder), str(requests)])


@contextlib.contextmanager
def instant_server(*, shuffled: bool = True) -> Iterator[str]:
    """A server that answers at once, with results `shuffled` in each file; yields its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        command = [str(_HERE / "instant_server.py"), folder, "shuffled" if shuffled else "in-order"]
        with _served(command) as base_url:
            yield base_url


@contextlib.contextmanager
def _served(command: list[str]) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


def run_product(base_url: str, workload: Path, folder: Path) -> Measured:
    """The command that a user types, from the input to all its results.

    Its state and its output are left in `folder`.
    """
    source, target = workload / "input.jsonl", folder / "output.jsonl"
    command = ["-m", "openai_batch", "run", str(source), "-o", str(target), "--quiet"]
    command += ["--base-url", base_url, "--state-dir", str(folder / "state")]
    measured = run(command, {"OPENAI_API_KEY": "none"})
    wanted, got = _count_lines(source), _count_lines(target)
    if got != wanted:
        sys.exit(f"{got} results for {wanted} requests")
    return measured


def run_sdk(base_url: str, workload: Path, folder: Path) -> Measured:
    """The floor: the bare SDK with the same files, downloaded to `folder`."""
    return run([str(_HERE / "sdk_transfers.py"), base_url, str(workload), str(folder)])


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for _ in stream)
