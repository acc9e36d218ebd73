"""Duplicate ids among many requests."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.errors import Fault
from openai_batch.requests import unique
from openai_batch.requests.unique import UniqueIds


def duplicates(ids: list[str]) -> list[Fault]:
    """The faults of `ids`, which stand on lines 1, 2, …"""
    seen = UniqueIds()
    for custom_id in ids:
        seen.update([custom_id])
    return list(seen.confirm(seen.suspects(), enumerate(ids, 1)))


def test_each_later_request_is_a_fault() -> None:
    """The first request with an id is right; every later one names it."""
    assert duplicates(["a", "b", "a", "c", "a"]) == [
        Fault(
            "duplicate_custom_id",
            "custom_id 'a' is that of line 1 too; "
            "results could not be told apart: give each request its own",
            line,
            "custom_id",
        )
        for line in (3, 5)
    ]


def test_ids_are_compared_exactly() -> None:
    """Case, spaces and surrogates count, and what looks alike is not the same."""
    assert duplicates(["a", "A", "a ", "é", "e\u0301", "\ud800", ""]) == []


def test_same_hash_is_only_a_suspicion() -> None:
    """Ids that share a hash are told apart by the second look."""
    seen = UniqueIds()
    everything = {hash("a"), hash("b")}
    assert list(seen.confirm(everything, [(1, "a"), (2, "b")])) == []


def test_suspects_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that repeats everything is refused without remembering all of it."""
    monkeypatch.setattr(unique, "MAX_SUSPECTS", 10)
    seen = UniqueIds()
    for _ in range(2):
        for number in range(10_000):
            seen.update([str(number)])
    assert 10 <= len(seen.suspects()) < 200


@settings(deadline=None)
@given(st.lists(st.sampled_from("abcdefgh") | st.text(max_size=2)))
def test_found_are_exactly_the_repeated(ids: list[str]) -> None:
    """A line is a fault if and only if an earlier one has its id."""
    expected = [line for line, custom_id in enumerate(ids, 1) if custom_id in ids[: line - 1]]
    assert [fault.line for fault in duplicates(ids)] == expected


@pytest.mark.skipif(sys.platform == "win32", reason="measures with the resource module")
def test_memory_stays_below_sixteen_bytes_a_request() -> None:
    """A million ids take less than 16 bytes each, the search for duplicates included."""
    script = (
        "import resource\n"
        "from openai_batch.requests.unique import UniqueIds\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "seen = UniqueIds()\n"
        "for number in range(1_000_000): seen.update([f'request-{number}'])\n"
        "assert seen.suspects() == set()\n"
        "print(peak() - before)\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    ).stdout
    unit = 1 if sys.platform == "darwin" else 1024
    assert int(printed) * unit < 16 * 1_000_000
