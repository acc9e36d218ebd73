"""Batch servers that others have written: how each is installed, and started on loopback."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
import venv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

START_S = 60.0


@dataclass(frozen=True)
class Kind:
    """A server, in the version whose behaviour is known."""

    name: str
    install: Callable[[Path], None]
    """Installs it into a folder; may be repeated."""
    command: Callable[[Path, Path, int], list[str]]
    """How to start it: where it is installed, with which folder for its data, on which port."""
    data_variable: str | None = None
    """The environment variable that names the folder for its data."""


def _install_aimock(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("aimock comes from npm, which is not installed")
    package = "@copilotkit/aimock@1.43.0"
    _run(npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", package)


def _start_aimock(folder: Path, data: Path, port: int) -> list[str]:
    answer = {"match": {}, "response": {"content": "Hello from the mock."}}
    (data / "any.json").write_text(json.dumps({"fixtures": [answer]}))
    script = folder / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    place = ["--host", "127.0.0.1", "--port", str(port)]
    return ["node", str(script), *place, "--fixtures", str(data), "--log-level", "warn"]


def _install_aibrix(folder: Path) -> None:
    venv.create(folder, with_pip=True)
    _run(str(_scripts(folder) / "python"), "-m", "pip", "install", "--quiet", "aibrix==0.8.0")


def _start_aibrix(folder: Path, data: Path, port: int) -> list[str]:
    program = _scripts(folder) / "aibrix_metadata"
    # With --dry-run it executes nothing: each answer is its request, sent back.
    return [str(program), "--host", "127.0.0.1", "--port", str(port), "--dry-run"]


def _scripts(folder: Path) -> Path:
    return folder / ("Scripts" if os.name == "nt" else "bin")


def _run(*command: str) -> None:
    """Run an installer. Raises RuntimeError with its last words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()[-500:]}")


KINDS = (
    Kind("aimock", _install_aimock, _start_aimock),
    Kind("aibrix", _install_aibrix, _start_aibrix, data_variable="STORAGE_LOCAL_PATH"),
)


@contextlib.contextmanager
def running(kind: Kind, folder: Path, data: Path) -> Iterator[str]:
    """The installed server with an empty `data` folder, on a free port; yields its base URL."""
    data.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "NO_PROXY": "127.0.0.1"}
    if kind.data_variable:
        environment[kind.data_variable] = str(data)
    with (data.parent / f"{data.name}.log").open("wb") as log:
        process = subprocess.Popen(
            kind.command(folder, data, port),
            cwd=data,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await_port(process, port, Path(log.name))
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"it did not start: {log.read_text(errors='replace').strip()[-500:]}")
