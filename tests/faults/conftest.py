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

fault_bench has all of it for one run: it starts, kills, resumes, and compares. fault_matrix has the
cases that README tells of, and prints what comes of them; fault_disk is full. fault_dice rolls
what goes wrong, where that may be everything; fault_storm is a provider in such a weather, as a
process of its own, for the soak (tests/benchmarks/soak.py).
"""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from fault_bench import Bench, Benches, Line, chats, idle_starters
from fault_children import Starter, Upstream, real_server

Starters = queue.SimpleQueue[Starter]


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    """The embedded server, shared by all tests; each proxy is an account of its own there."""
    with real_server(tmp_path_factory.mktemp("upstream") / "data") as server:
        yield server


@pytest.fixture(scope="session")
def starters() -> Iterator[Starters]:
    with idle_starters() as idle:
        yield idle


@pytest.fixture
def new_bench(tmp_path: Path, upstream: Upstream, starters: Starters) -> Benches:
    """Makes benches (see `Benches`)."""
    return Benches(tmp_path, upstream, starters)


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
