"""The server and the driving program as processes, and what tests need to watch and kill them."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai_batch

HERE = Path(__file__).parent
ROOT = Path(openai_batch.__file__).parents[1]
WAIT_S = 20.0


def environment() -> dict[str, str]:
    """In which a child finds the package, and no key or address of the user's."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "PARASAIL_"))}
    return {**kept, "PYTHONPATH": str(ROOT)}


def until(condition: Callable[[], Any]) -> Any:
    """What `condition` gives as soon as that is true."""
    end = time.monotonic() + WAIT_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError("this did not happen in time")


class Server:
    """A running `engine_server.py`. Use as a context manager."""

    def __init__(self, folder: Path, delay_s: float = 0.0, window_s: float = 86_400.0):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        command = [sys.executable, str(HERE / "engine_server.py"), str(folder)]
        self._process = subprocess.Popen(
            [*command, str(delay_s), str(window_s)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        assert self._process.stdout is not None
        ready = json.loads(self._process.stdout.readline())
        self.base_url: str = ready["base_url"]
        self.token: str = ready["token"]

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(WAIT_S)
        self._process.stdout.close()

    def hold(self, call: str) -> None:
        """Keep back answers to a call, until `release`."""
        (self.folder / f"hold-{call}").touch()

    def release(self, call: str) -> None:
        (self.folder / f"hold-{call}").unlink()

    def carried_out(self, call: str) -> int:
        """How often a call was carried out, answered or not."""
        return self._notes("answered").count(call)

    @property
    def executed(self) -> list[str]:
        """The text of every request that was executed, sorted."""
        return sorted(self._notes("executed"))

    def _notes(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


class Child:
    """A running `engine_child.py`."""

    def __init__(self, server: Server, state_dir: Path, **settings: Any):
        given = {"state_dir": str(state_dir), "base_url": server.base_url, "token": server.token}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "engine_child.py"), json.dumps(given | settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def kill(self) -> None:
        """kill -9: nothing in it gets to run any more."""
        self.process.kill()
        self.process.communicate()

    def read_until(self, line: str) -> list[str]:
        """The lines it prints, up to this one."""
        assert self.process.stdout is not None
        read = []
        for printed in self.process.stdout:
            read.append(printed.rstrip("\n"))
            if read[-1] == line:
                return read
        raise AssertionError(f"{line!r} never came: {read}")

    def finish(self) -> list[str]:
        """Every line it prints to its end."""
        printed, _ = self.process.communicate(timeout=WAIT_S)
        return printed.splitlines()


NO_FILE = [{"type": "file", "file": {"file_id": "file-7"}}]
"""What the echo refuses with 400: it has no files."""


def write_input(path: Path, requests: int) -> Path:
    """Requests whose text is their custom_id; the last but one fails for good."""
    lines = []
    for number in range(1, requests + 1):
        text: Any = f"r{number}"
        if number == requests - 1:
            text = NO_FILE
        body = {"model": "echo", "messages": [{"role": "user", "content": text}]}
        lines.append(
            {
                "custom_id": f"r{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body,
            }
        )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def anonymous(results: Path) -> bytes:
    """A file of results without the ids that the provider makes up."""
    return re.sub(rb'"(batch_req|req)_[0-9a-f]+"', b'"\\1"', results.read_bytes())
