"""The command line as a process of its own, piped or on a terminal, and servers to talk to."""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai_batch

ROOT = Path(openai_batch.__file__).parents[1]
CHAT = "/v1/chat/completions"
WAIT_S = 30.0


def clean_environment() -> dict[str, str]:
    """This process's environment without what would change what the program does."""
    dropped = ("OPENAI_", "PARASAIL_", "NO_COLOR", "COLUMNS", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "PYTHONPATH": str(ROOT)}


@dataclass
class Ended:
    """What a process left: its exit code and what it wrote."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """Standard output as JSON Lines."""
        return [json.loads(line) for line in self.stdout.split(b"\n") if line]

    @property
    def ids(self) -> list[str]:
        """The custom_id of each line of standard output."""
        return [record["custom_id"] for record in self.records]


@dataclass
class Cli:
    """`openai-batch` in one folder, with one state directory and one environment."""

    cwd: Path
    env: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "openai_batch", *arguments]

    def start(self, *arguments: str, **streams: Any) -> "subprocess.Popen[bytes]":
        """Start it and leave it running; streams are pipes where nothing else is said."""
        piped = {name: subprocess.PIPE for name in ("stdin", "stdout", "stderr")}
        return subprocess.Popen(
            self.command(*arguments), cwd=self.cwd, env=self.environment, **piped | streams
        )

    def __call__(self, *arguments: str, stdin: bytes = b"", **streams: Any) -> Ended:
        """Run it to its end."""
        process = self.start(*arguments, **streams)
        stdout, stderr = process.communicate(stdin, timeout=WAIT_S)
        return Ended(process.returncode, stdout or b"", (stderr or b"").decode())

    @property
    def environment(self) -> dict[str, str]:
        return {**clean_environment(), **self.env}

    def write(self, name: str, *lines: Any) -> Path:
        """Write a file of JSON lines in the folder."""
        path = self.cwd / name
        path.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
        return path

    def on_terminal(
        self,
        *arguments: str,
        columns: int = 100,
        interrupt_at: str | None = None,
        stdin: int | None = None,
    ) -> Ended:
        """Run it on a terminal of its own; it is interrupted once `interrupt_at` is on the screen.

        What the screen was told, by both streams, is `stdout`.
        """
        import fcntl
        import pty
        import struct
        import termios

        controller, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            self.command(*arguments),
            cwd=self.cwd,
            env={**self.environment, "TERM": "xterm"},
            stdin=terminal if stdin is None else stdin,
            stdout=terminal,
            stderr=terminal,
        )
        os.close(terminal)
        screen = b""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if select.select([controller], [], [], 1)[0]:
                try:
                    told = os.read(controller, 65536)
                except OSError:  # Linux says so when the last one has left the terminal
                    break
                if not told:
                    break
                screen += told
            if interrupt_at and interrupt_at.encode() in screen:
                process.send_signal(signal.SIGINT)
                interrupt_at = None
        os.close(controller)
        return Ended(process.wait(WAIT_S), screen, "")


def wait_for_line(process: "subprocess.Popen[bytes]", part: str) -> str:
    """Read the process's standard error up to the line that has `part`; returns what was read."""
    assert process.stderr is not None
    read = b""
    for line in process.stderr:
        read += line
        if part.encode() in line:
            return read.decode()
    raise AssertionError(f"{part!r} never came: {read.decode()}")


def stop(process: "subprocess.Popen[bytes]", number: signal.Signals) -> Ended:
    """Send a signal and collect what the process still says."""
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    return Ended(process.returncode, stdout or b"", (stderr or b"").decode())


def chat(custom_id: str, text: str | int = "hello", model: str = "gpt-4o-mini") -> dict[str, Any]:
    """One request; the echo server answers with `text`, or 400 where it is the number of a file."""
    file = [{"type": "file", "file": {"file_id": f"file-{text}"}}]
    content = text if isinstance(text, str) else file
    body = {"model": model, "messages": [{"role": "user", "content": content}]}
    return {"custom_id": custom_id, "method": "POST", "url": CHAT, "body": body}


def chats(count: int) -> list[dict[str, Any]]:
    """Requests r1, r2, …"""
    return [chat(f"r{number}") for number in range(1, count + 1)]


@contextlib.contextmanager
def batch_server(data: Path, *arguments: str) -> Iterator[dict[str, str]]:
    """A batch server, as the variables that make it look like OpenAI."""
    command = [sys.executable, "-m", "openai_batch.local", "--executor", "echo", "--announce"]
    process = subprocess.Popen(
        [*command, "--until-stdin-closes", "--data", str(data), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=clean_environment(),
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = json.loads(process.stdout.readline())
        yield {"OPENAI_BASE_URL": ready["base_url"], "OPENAI_API_KEY": ready["token"]}
    finally:
        process.stdin.close()
        process.wait(WAIT_S)
        process.stdout.close()


def run_ids(state_dir: Path) -> Sequence[str]:
    """The runs that a state directory has."""
    return sorted(path.name for path in (state_dir / "runs").glob("run_*"))
