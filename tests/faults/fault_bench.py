"""A run against a server at which things go wrong: started, killed, resumed, and compared."""

import contextlib
import itertools
import json
import os
import queue
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from fault_calls import KILL
from fault_children import WAIT_S, Starter, Upstream
from fault_proxy import FaultProxy

MODEL = "gpt-4o-mini"
URL = "/v1/chat/completions"
SPEED = 100.0
"""How much faster waits are over, where the clock is ours: a grace of 15 s takes 0.15 s."""

OK, UNEXPECTED, USAGE, SOME_FAILED, REFUSED, GAVE_UP = 0, 1, 2, 3, 6, 7


@dataclass(frozen=True, slots=True)
class Ended:
    """What a process left: its exit code and what it wrote."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def record(self) -> Any:
        """The record on standard output."""
        return json.loads(self.stdout)


Line = tuple[str, int | None, Any, Any]
"""What has to be the same in two runs of one input: custom_id, status code, body, and error."""


@dataclass
class Bench:
    """One folder with an input, a state directory and an output, and a provider of its own."""

    folder: Path
    upstream: Upstream
    starters: "queue.SimpleQueue[Starter]"
    requests: Sequence[Any]
    settings: dict[str, Any] = field(default_factory=dict)
    provider: dict[str, Any] = field(default_factory=dict)
    speed: float = SPEED
    state_disk: Path | None = None
    output_disk: Path | None = None
    """Where state and output are, if not in `folder`."""
    proxy: FaultProxy = field(init=False)
    client_pid: "queue.SimpleQueue[int]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(exist_ok=True)
        self.proxy = FaultProxy(self.upstream.base_url)
        content = b"".join(json.dumps(line).encode() + b"\n" for line in self.requests)
        self.input.write_bytes(content)

    @property
    def state(self) -> Path:
        return (self.state_disk or self.folder) / "state"

    @property
    def input(self) -> Path:
        return self.folder / "input.jsonl"

    @property
    def output(self) -> Path:
        return (self.output_disk or self.folder) / "output.jsonl"

    def go(
        self,
        *,
        resubmit: bool = False,
        lost: str | None = None,
        die_at: int | None = None,
        **options: Any,
    ) -> Ended:
        """Drive the run with a clock that runs faster: a new one, or the one that there is.

        `resubmit`, `lost` and `die_at` are as in `fault_process`, `options` are those of `Run`.
        """
        drive = {
            "state": str(self.state),
            "input": str(self.input),
            "output": str(self.output),
            "base_url": self.proxy.base_url,
            "key": self.upstream.token,
            "speed": self.speed,
            "provider": self.provider,
            "settings": self.settings,
            "options": {"interval_s": 1.0, **options},
            "resubmit": resubmit,
            "lost": lost,
        }
        return self._perform(drive=drive, die_at=die_at)

    def command(self, *arguments: str, **death: int | None) -> Ended:
        """Run the real command line. `death` is `die_at` and `die_by` of `fault_process`."""
        return self._perform(command=arguments, **death)

    def run(self, *arguments: str, **death: int | None) -> Ended:
        """`run`, with the settings of this bench."""
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self.settings.items()]
        places = (self.input.name, "-o", str(self.output))
        return self.command("run", *places, *_SHORT, *options, *arguments, **death)

    def resume(self, *arguments: str) -> Ended:
        """`resume`, of the one unfinished run where no argument names another."""
        return self.command("resume", "-o", str(self.output), *_SHORT, *arguments)

    def kill(self, number: int = KILL) -> None:
        """End the process that makes a call just now, so that it never hears what came of it.

        `number` is the signal.
        """
        with contextlib.suppress(queue.Empty):  # another of its calls was its death
            os.kill(self.client_pid.get(timeout=1), number)

    def _perform(self, **work: Any) -> Ended:
        stdout, stderr = self.folder / "stdout", self.folder / "stderr"
        variables = {
            "OPENAI_BASE_URL": self.proxy.base_url,
            "OPENAI_API_KEY": self.upstream.token,
            "OPENAI_BATCH_HOME": str(self.state),
            "OPENAI_BATCH_CONFIG": str(self.folder / "providers.toml"),
        }
        self._write_row()
        files = {"cwd": str(self.folder), "stdout": str(stdout), "stderr": str(stderr)}
        starter = self.starters.get(timeout=WAIT_S)
        try:
            self.client_pid.put(starter.start({**work, **files, "environment": variables}))
            code = starter.wait()
        finally:
            self.starters.put(starter)
        with contextlib.suppress(queue.Empty):
            self.client_pid.get_nowait()  # nobody wanted to kill it
        return Ended(code, stdout.read_bytes(), stderr.read_text())

    def _write_row(self) -> None:
        fields = "".join(f"{name} = {json.dumps(value)}\n" for name, value in self.provider.items())
        (self.folder / "providers.toml").write_text(f"[openai]\n{fields}")

    @property
    def run_id(self) -> str | None:
        """The run that was planned to its end, if there is one."""
        journals = (self.state / "runs").glob("run_*/journal.db")
        return next((path.parent.name for path in journals), None)

    def go_on(self) -> Ended:
        """What a user does: `resume`, or `run` again where nothing was begun."""
        return self.resume(self.run_id) if self.run_id else self.run()

    def lose_state(self) -> str:
        """Go to another machine; return the run's id, which is all that is taken along."""
        run_id = self.run_id
        assert run_id is not None
        shutil.rmtree(self.state)
        self.state.mkdir()
        return run_id

    def lines(self) -> list[Line]:
        """The results, without what differs from run to run."""
        found = []
        for line in self.output.read_bytes().split(b"\n")[:-1]:
            result = json.loads(line)
            response = result.get("response") or {}
            found.append(
                (
                    result["custom_id"],
                    response.get("status_code"),
                    response.get("body"),
                    result.get("error"),
                )
            )
        return found

    def paid_twice(self) -> list[str]:
        """Requests that were executed more than once."""
        return [id_ for id_, times in self.proxy.account.executed().items() if times > 1]

    def assert_complete(self, ended: Ended, undisturbed: Sequence[Line]) -> None:
        """The run came to its end, with the results of an undisturbed one, each paid for once."""
        story = f"{ended.stderr}\n{self.proxy.story()}"
        assert ended.code == OK, f"exit {ended.code}: {story}"
        assert self.lines() == undisturbed, story
        once = {line[0]: 1 for line in undisturbed}
        assert self.proxy.account.executed() == once, story

    def assert_all_came(self, ended: Ended) -> None:
        """Exit 0, and every request has its own answer, in its place."""
        assert ended.code == OK, f"exit {ended.code}: {ended.stderr}\n{self.proxy.story()}"
        assert answers(self.lines()) == [(r["custom_id"], said(r)) for r in self.requests]

    def assert_paid_once(self, *, twice: Iterable[str] = ()) -> None:
        """Every request was executed once, but for those of `twice`."""
        ids = [request["custom_id"] for request in self.requests]
        assert self.proxy.account.executed() == Counter([*ids, *twice]), self.proxy.story()

    def __enter__(self) -> Self:
        self.proxy.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.proxy.__exit__(*exc_info)


@dataclass(frozen=True, slots=True)
class Benches:
    """Makes benches: `benches(6, shard_requests=2)` is one with six requests in three shards.

    Enter each as a context manager. Options are settings of the plan, but for a bench's own fields.
    """

    folder: Path
    upstream: Upstream
    starters: "queue.SimpleQueue[Starter]"
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __call__(self, requests: Any, **options: Any) -> Bench:
        fields = {name: options.pop(name) for name in _FIELDS if name in options}
        lines = chats(requests) if isinstance(requests, int) else requests
        folder = self.folder / f"bench-{next(self.numbers)}"
        return Bench(folder, self.upstream, self.starters, lines, settings=options, **fields)


@contextlib.contextmanager
def idle_starters() -> "Iterator[queue.SimpleQueue[Starter]]":
    """What starts processes that drive runs."""
    with contextlib.ExitStack() as stack:
        idle: queue.SimpleQueue[Starter] = queue.SimpleQueue()
        for _ in range(AT_A_TIME):
            idle.put(stack.enter_context(Starter()))
        yield idle


_FIELDS = ("provider", "speed", "state_disk", "output_disk")
_SHORT = ("--interval", "0.05")
AT_A_TIME = 2
"""Cases that run side by side: most of their time is waiting."""

STEP = 1 if hasattr(os, "fork") else 7
"""Without `fork` a process takes a second to start, and only every seventh case is tried."""


def every_n(case: Callable[[int], bool], *, first: int = 1) -> int:
    """Call `case(first)`, `case(first + 1)`, … until one answers that there is no such n.

    Returns the last one that there was.
    """
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        for start in itertools.count(first, AT_A_TIME * STEP):
            numbers = range(start, start + AT_A_TIME * STEP, STEP)
            for number, there_is in zip(numbers, pool.map(case, numbers), strict=True):
                if not there_is:
                    return number - 1
    raise AssertionError  # for ever


def chat(custom_id: str, text: str) -> dict[str, Any]:
    """One request; the echo answers with `text`."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}


def chats(count: int) -> list[dict[str, Any]]:
    """Requests r1, r2, … that say t1, t2, …"""
    return [chat(f"r{number}", f"t{number}") for number in range(1, count + 1)]


def said(request: dict[str, Any]) -> str:
    """What the echo answers."""
    text: str = request["body"]["messages"][-1]["content"]
    return text


def answers(lines: Sequence[Line]) -> list[tuple[str, str]]:
    """Each result as its custom_id and what was said, or what became of it."""
    found = []
    for custom_id, status, body, error in lines:
        if status == 200:
            found.append((custom_id, body["choices"][0]["message"]["content"]))
        else:
            found.append((custom_id, error["code"] if error else str(status)))
    return found
