"""The disk is full, from any moment on: exit 1 with a clear message, and nothing is lost.

Each case has a disk of its own, so that every write on it may be the one that fails.
"""

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fault_bench import OK, UNEXPECTED, USAGE, Bench, Benches, Ended, Line, answers, chat, every_n
from fault_calls import meanwhile
from fault_disk import PAGE_BYTES, can_mount, fill, make_room, small_disk

SHARDS: dict[str, Any] = {"shard_requests": 2, "provider": {"listing_grace_s": 0.3}}
SAYS_WHY = ("No space left on device", "disk is full", "bytes free")

pytestmark = pytest.mark.skipif(
    not can_mount(), reason="only root may mount a small disk (tmpfs), and only on Linux"
)


def assert_says_why(ended: Ended, bench: Bench) -> None:
    story = f"exit {ended.code}: {ended.stderr}\n{bench.proxy.story()}"
    assert ended.code == UNEXPECTED, story
    assert any(words in ended.stderr for words in SAYS_WHY), story
    assert "bug" not in ended.stderr, story


def test_a_disk_of_any_size(
    new_bench: Benches, undisturbed: Sequence[Line], tmp_path: Path
) -> None:
    """However little room there is from the start, page by page: with more, it goes on."""
    said = []

    def case(number: int) -> bool:
        with (
            small_disk(tmp_path / f"disk-{number}") as disk,
            new_bench(6, state_disk=disk, output_disk=disk, **SHARDS) as bench,
        ):
            fill(disk, leaving=PAGE_BYTES * (number - 1))
            ended = bench.run()
            failed = ended.code != OK
            if failed:
                said.append(ended.stderr)
                assert_says_why(ended, bench)
                make_room(disk)
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            return failed

    assert every_n(case) >= 10
    assert_was_hit(said, "driver.json", "ids.json", "bytes free", "journal.db")


def test_a_disk_that_fills_up_meanwhile(
    new_bench: Benches, undisturbed: Sequence[Line], tmp_path: Path
) -> None:
    """Hardly a page is left from the n-th call on, for every n: with more, `resume` ends it all."""
    said = []

    def case(pages: int, number: int) -> bool:
        with (
            small_disk(tmp_path / f"disk-{number}-{pages}") as disk,
            new_bench(6, state_disk=disk, output_disk=disk, **SHARDS) as bench,
        ):
            filling = meanwhile(lambda: fill(disk, pages * PAGE_BYTES))
            rule = bench.proxy.fail(filling, number=number)
            ended = bench.run()
            if ended.code != OK:
                said.append(ended.stderr)
                assert_says_why(ended, bench)
                if pages == 0:  # and it stays so for a while
                    assert_says_why(bench.go_on(), bench)
                make_room(disk)
                ended = bench.go_on()
            bench.assert_complete(ended, undisturbed)
            return rule.fired > 0

    for pages in range(5):  # so that each kind of file is the one that does not fit
        assert every_n(partial(case, pages)) >= 10
    assert_was_hit(said, "journal.db", ".output.jsonl", ".index")


def test_a_disk_too_small_for_the_output(new_bench: Benches, tmp_path: Path) -> None:
    """Where results go there is no room for them, page by page: they are kept, nothing is cut."""
    texts = [f"{letter} " * 1500 for letter in "abcdef"]
    requests = [chat(f"r{number}", text) for number, text in enumerate(texts, 1)]
    said = []

    def case(number: int) -> bool:
        with (
            small_disk(tmp_path / f"disk-{number}") as disk,
            new_bench(requests, output_disk=disk, **SHARDS) as bench,
        ):
            fill(disk, leaving=PAGE_BYTES * (number - 1))
            ended = bench.run()
            failed = ended.code != OK
            if failed:
                said.append(ended.stderr)
                assert_says_why(ended, bench)
                assert "the results are kept" in ended.stderr
                assert [path.name for path in disk.iterdir()] == ["filler"]
                make_room(disk)
                ended = bench.go_on()
            assert ended.code == OK, ended.stderr
            assert answers(bench.lines()) == [(f"r{n}", t) for n, t in enumerate(texts, 1)]
            assert bench.proxy.account.executed() == {f"r{n}": 1 for n in range(1, 7)}
            return failed

    assert every_n(case) == 6
    assert_was_hit(said, "output.jsonl")


def test_a_disk_that_cannot_be_written_is_noticed_first(new_bench: Benches, tmp_path: Path) -> None:
    """An output or error file on a read-only disk is refused before anything is sent."""
    with small_disk(tmp_path / "disk") as disk, new_bench(3) as bench:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        for option in ("-o", "-e"):
            ended = bench.command("run", bench.input.name, option, f"{disk}/x")
            assert (ended.code, ended.stderr) == (
                USAGE,
                f"openai-batch: {disk}/x cannot be written: {disk} is closed to you\n",
            )
        assert bench.run_id is None
        assert bench.proxy.story() == ""


def assert_was_hit(said: Sequence[str], *files: str) -> None:
    """Each of these was the one that found no room in some case."""
    for file in files:
        assert any(file in message for message in said), f"{file} was never hit: {said}"
