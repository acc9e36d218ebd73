"""A real server, a proxy that breaks what passes through it, and clients that can be killed.

    the client         the real command line, or the engine with a fast clock, as a process of its
                       own (fault_process); fault_children starts it, and the real server
      |
    fault_proxy        numbers the calls, and applies the faults to them
      fault_wire       one call, and the ways in which its answer can reach the client or not
      fault_calls      what can go wrong with one call
      fault_account    what the provider does by its own rules, and who paid for what
        fault_endings  what the result files hold
        fault_quirks   what a batch's object says
      |
    the real server    `python -m openai_batch.local`, with an executor that echoes

fault_bench has all of it for one run: it starts, kills, resumes, and compares.
"""

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fault_bench import AT_A_TIME, Bench, Line, chats
from fault_children import Starter, Upstream, real_server

Starters = queue.SimpleQueue[Starter]
NewBench = Callable[..., Bench]

_FIELDS = ("provider", "speed", "state_disk", "output_disk")


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The embedded server, shared by all tests; each proxy is an account of its own there."""
    with real_server(tmp_path_factory.mktemp("upstream") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def starters() -> Iterator[Starters]:
    """What starts processes that drive runs."""
    with ExitStack() as stack:
        idle: Starters = queue.SimpleQueue()
        for _ in range(AT_A_TIME):
            idle.put(stack.enter_context(Starter()))
        yield idle


@pytest.fixture
def new_bench(tmp_path: Path, upstream: Upstream, starters: Starters) -> NewBench:
    """Makes benches: `new_bench(6, shard_requests=2)` is one with six requests in three shards.

    Enter each as a context manager. Options are settings of the plan, but for a bench's own fields.
    """
    numbers = count(1)

    def make(requests: Any, **options: Any) -> Bench:
        fields = {name: options.pop(name) for name in _FIELDS if name in options}
        lines = chats(requests) if isinstance(requests, int) else requests
        folder = tmp_path / f"bench-{next(numbers)}"
        return Bench(folder, upstream, starters, lines, settings=options, **fields)

    return make


@pytest.fixture(scope="session")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, upstream: Upstream, starters: Starters
) -> list[Line]:
    """The results of six requests where nothing goes wrong."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with Bench(folder, upstream, starters, chats(6), settings={"shard_requests": 2}) as bench:
        ended = bench.go()
        assert ended.code == 0, ended.stderr
        return bench.lines()
