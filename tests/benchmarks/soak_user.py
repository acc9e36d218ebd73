"""The two sides of a soak: the provider in its storm, and the user who brings a run home."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

STORM = Path(__file__).parents[1] / "faults" / "fault_storm.py"

DEATHS = 12
"""Processes that are killed at a random moment; others die at a call (see `fault_storm`)."""

LOSSES = 3
"""State directories that are lost."""

HANGS_S = 3600.0
"""No process takes so long."""

OK, USAGE, GAVE_UP, KILLED = 0, 2, 7, -signal.SIGKILL


class Violation(Exception):
    """What must not happen."""


class Provider:
    """The provider as a process. `base_url` and `key` are for the user."""

    def __init__(self, process: "subprocess.Popen[str]"):
        self._process = process
        ready = self._hear()
        self.base_url: str = ready["base_url"]
        self.key: str = ready["key"]

    def tell(self, command: dict[str, Any]) -> Any:
        """Send a command of `fault_storm`, and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._hear()

    def _hear(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def provider(folder: Path, seed: int, requests: int, batch_requests: int) -> Iterator[Provider]:
    """A provider in a storm, whose data is in `folder`."""
    command = [sys.executable, str(STORM), "--data", str(folder / "provider")]
    command += ["--seed", str(seed), "--requests", str(requests)]
    command += ["--batch-requests", str(batch_requests)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        yield Provider(process)


class User:
    """Somebody who wants the results of `folder/input.jsonl` in `folder/output.jsonl`."""

    def __init__(self, folder: Path, provider: Provider, dice: Random, batch_requests: int):
        self.input, self.output = folder / "input.jsonl", folder / "output.jsonl"
        self.ends: Counter[str] = Counter()
        """How its processes ended."""
        self._folder = folder
        self._provider = provider
        self._dice = dice
        self._state = folder / "state"
        self._deaths_left, self._losses_left = DEATHS, LOSSES
        self._longest_life_s = 5 + self.input.stat().st_size / 1e7
        config = folder / "providers.toml"
        row = f"[openai]\nbatch_input_max_requests = {batch_requests}\nlisting_grace_s = 5.0\n"
        config.write_text(row)
        self._environment = {
            **os.environ,
            "OPENAI_BASE_URL": provider.base_url,
            "OPENAI_API_KEY": provider.key,
            "OPENAI_BATCH_HOME": str(self._state),
            "OPENAI_BATCH_CONFIG": str(config),
        }

    @property
    def processes(self) -> int:
        """How many were started."""
        return self.ends.total()

    @property
    def losses(self) -> int:
        """How often the state directory was lost."""
        return LOSSES - self._losses_left

    @property
    def peak_mb(self) -> float:
        """The peak memory of the largest of them, in MB."""
        kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return kilobytes / (1024 * 1024 if sys.platform == "darwin" else 1024)

    def bring_home(self) -> dict[str, Any]:
        """`run`, then `resume` until it has ended well; return the record it printed."""
        run_id: str | None = None
        again: tuple[str, ...] = ()
        while True:
            command = ("resume", run_id, *again) if run_id else ("run", str(self.input))
            code = self._perform(*command)
            run_id = run_id or self._planned_run()
            if code == OK:
                return dict(json.loads(self._stdout.read_bytes()))
            if code == USAGE and not self._provider.tell({"account": True})["executed"]:
                run_id = None  # it was lost before anything of it was sent
            elif code not in (KILLED, GAVE_UP):
                raise Violation(f"`{' '.join(command)}` exited {code}: {self._stderr.read_text()}")
            elif code == KILLED and self._losses_left and self._dice.random() < 0.2:
                self._lose_state()
                again = (str(self.input),)

    def _perform(self, *command: str) -> int:
        """Start a process, kill it at a random moment or not, and return its exit code."""
        life_s = None
        if self._deaths_left and self._dice.random() < 0.7:
            life_s = self._dice.uniform(0.3, self._longest_life_s)
        started = time.monotonic()
        places = ("-o", str(self.output), "--interval", "0.2")
        with self._stdout.open("wb") as stdout, self._stderr.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "openai_batch", *command, *places],
                env=self._environment,
                stdout=stdout,
                stderr=stderr,
            )
            self._provider.tell({"client": process.pid})
            try:
                code = process.wait(life_s or HANGS_S)
                end = "killed at a call" if code == KILLED else f"exit {code}"
            except subprocess.TimeoutExpired:
                process.kill()
                code = process.wait()
                if life_s is None:
                    raise Violation(f"{command[0]} took longer than {HANGS_S:g} s") from None
                self._deaths_left -= 1
                end = "killed at a moment"
            self._provider.tell({"client": None})
        self.ends[end] += 1
        lived_s = time.monotonic() - started
        print(f"{self.processes:4} {command[0]:6} {end}, {lived_s:.1f} s", file=sys.stderr)
        return code

    def _planned_run(self) -> str | None:
        journals = (self._state / "runs").glob("run_*/journal.db")
        return next((path.parent.name for path in journals), None)

    def _lose_state(self) -> None:
        """Go to another machine, which takes until the provider has done what it was asked for."""
        if self._state.exists():
            shutil.rmtree(self._state)
        self.output.unlink(missing_ok=True)
        self._provider.tell({"rest": True})
        self._losses_left -= 1
        print("     the state directory is lost", file=sys.stderr)

    @property
    def _stdout(self) -> Path:
        return self._folder / "stdout"

    @property
    def _stderr(self) -> Path:
        return self._folder / "stderr"
