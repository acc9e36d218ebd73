"""Processes that drive a run, started fast enough to kill hundreds of them.

Importing what the command line needs takes most of a second. So one process imports it and then
forks a child for each job; a child is a process as any other, and dies as any other. Where the
system cannot fork, each job gets an interpreter of its own.

A job is a JSON object: `cwd`, `environment`, `stdout` and `stderr` (files), and one of

    command     arguments of the real command line
    drive       options of `drive`: the engine with a clock that runs faster

`die_at` kills the child before the n-th thing that it does to its journal, its files or the network
(see `_Watch`), or sends it the signal `die_by`. For each job two lines are printed: the child's
process id, and how it ended.
"""

import contextlib
import gc
import json
import os
import queue
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class FastClock:
    """A clock on which waits are over `speed` times sooner. Dates stay true."""

    def __init__(self, speed: float):
        self._speed = speed

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic() * self._speed

    def wait(self, source: "queue.SimpleQueue[T]", timeout_s: float | None) -> T | None:
        try:
            return source.get(timeout=None if timeout_s is None else timeout_s / self._speed)
        except queue.Empty:
            return None


def drive(
    *,
    state: str,
    input: str,
    output: str,
    base_url: str,
    key: str,
    speed: float,
    provider: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    options: dict[str, Any] | None = None,
    resubmit: bool = False,
    lost: str | None = None,
) -> int:
    """Plan a run of `input`, or go on with the one that there is, as the command line does.

    `provider` are fields of the provider's row, `settings` those of `plan.Settings`, `options`
    arguments of `Run`. `lost` is the id of a run that is rebuilt where there is none.
    Prints the record, and returns the exit code.
    """
    from dataclasses import replace

    from openai_batch.cli.exits import exit_code_for
    from openai_batch.engine.deliver import Delivery
    from openai_batch.engine.plan import Settings, plan
    from openai_batch.engine.recover import recover
    from openai_batch.engine.run import Run
    from openai_batch.engine.runs import Place, list_runs
    from openai_batch.errors import Error
    from openai_batch.providers.catalog import resolve

    place = Place(Path(state), FastClock(speed), lambda event: print(event, file=sys.stderr))
    row = replace(resolve(base_url=base_url, api_key=key), **(provider or {}))
    try:
        fresh = not list_runs(place) and lost is None
        if run_ids := list_runs(place):
            run_id = run_ids[0]
        elif lost is not None:
            with Path(input).open("rb") as stream:
                run_id = recover(lost, place=place, providers=[row], stream=stream)
        else:
            with Path(input).open("rb") as stream:
                run_id = plan(
                    stream,
                    input_name=input,
                    provider_for=lambda model: row,
                    settings=Settings(**(settings or {})),
                    place=place,
                )
        with Run(run_id, place, row, fresh=fresh, **(options or {})) as run:
            if resubmit:
                run.resubmit_lost()
            run.settle()
            counts = run.deliver(Delivery(Path(output)))
            print(json.dumps(run.record()))
        return 0 if counts.all_succeeded else 3
    except Error as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return exit_code_for(error)


class _Watch:
    """Kills this process before the n-th thing that it does: a transaction that it begins or
    commits, a file that it opens for writing or renames, a connection that it makes.

    It listens to SQLite's trace and to Python's audit events, so nothing of ours is replaced. With
    `die_by` it only sends that signal, and counts no statements: SQLite would swallow what the
    signal's handler raises while it is in the trace.
    """

    _FILE_EVENTS = ("os.mkdir", "os.rename", "os.link", "os.rmdir", "shutil.rmtree")
    _STATEMENTS = ("BEGIN", "COMMIT")

    def __init__(self, die_at: int, folder: str, die_by: int | None):
        self._left = die_at
        self._folder = folder
        self._die_by = die_by
        self._opening: Any = None
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._opening is not None:  # by the next event it is open
            self._opening, connection = None, self._opening
            connection.set_trace_callback(self._trace)
        if event == "sqlite3.connect/handle" and self._die_by is None:
            self._opening = arguments[0]
        elif event == "socket.connect":
            self._count(f"{event} {arguments[1]}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self._count_file(event, path)
        elif event in self._FILE_EVENTS:
            self._count_file(event, arguments[0])

    def _trace(self, statement: str) -> None:
        if statement.startswith(self._STATEMENTS):
            self._count(statement)

    def _count_file(self, event: str, path: Any) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            name = os.fsdecode(path)
            if name.startswith(self._folder):
                self._count(f"{event} {name}")

    def _count(self, what: str) -> None:
        self._left -= 1
        if self._left == 0:
            os.write(2, f"died before: {what}\n".encode())
            if self._die_by is None:
                _kill_self()
            os.kill(os.getpid(), self._die_by)


def _kill_self() -> None:
    from fault_calls import KILL

    os.kill(os.getpid(), KILL)
    while True:  # the signal may take a moment, in which nothing more must happen
        time.sleep(1)


def perform(job: dict[str, Any]) -> int:
    """Do one job in this process, and return its exit code."""
    for number, name, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, job["stdout"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, job["stderr"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        descriptor = os.open(name, flags)
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(job["cwd"])
    os.environ.update(job["environment"])
    if job.get("die_at"):
        _Watch(job["die_at"], job["cwd"], job.get("die_by"))
    if "command" in job:
        from openai_batch.cli.main import run_command

        return run_command(job["command"])
    return drive(**job["drive"])


def serve() -> None:
    """Do the jobs that come on standard input, each in a process of its own."""
    _warm_up()
    _say({"ready": True})
    for line in sys.stdin:
        if hasattr(os, "fork"):
            pid = os.fork()
            if pid == 0:
                _in_child(json.loads(line))
            _say({"pid": pid})
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        else:
            child = subprocess.Popen([sys.executable, __file__, line])
            _say({"pid": child.pid})
            code = child.wait()
        _say({"code": code})


def _warm_up() -> None:
    """Import what a job needs, by doing what a job does, at an address where nobody answers."""
    import filelock  # noqa: F401

    import openai_batch.cli.main
    import openai_batch.cli.resume
    import openai_batch.cli.run
    import openai_batch.engine.recover
    import openai_batch.engine.run
    from openai_batch.errors import ProviderError
    from openai_batch.providers.catalog import resolve
    from openai_batch.providers.client import open_client

    openai_batch.cli.main.command_tree()
    client = open_client(resolve(base_url="http://127.0.0.1:9/v1", api_key="none"))
    with contextlib.suppress(ProviderError):
        client.list_batches()
    with contextlib.suppress(ProviderError):
        client.retrieve_file("none")
    client.close()
    gc.freeze()  # so that a child's collector does not touch, and so copy, what is shared


def _in_child(job: dict[str, Any]) -> None:
    """As the end of a program: what is left in buffers is written, and threads die."""
    code = 70
    try:
        code = perform(job)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)


def _say(value: dict[str, Any]) -> None:
    os.write(1, json.dumps(value).encode() + b"\n")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _in_child(json.loads(sys.argv[1]))
    serve()
