"""Events as plain lines: one for each change, none repeated."""

import contextlib
import dataclasses
import io
from typing import Any

import pytest

from openai_batch.cli import console
from openai_batch.cli.live import LiveDisplay, Pace
from openai_batch.cli.options import parse_size
from openai_batch.cli.progress import FaultLines, PlainLines
from openai_batch.cli.quantities import size
from openai_batch.cli.screen import Screen
from openai_batch.cli.wording import describe
from openai_batch.engine import events
from openai_batch.errors import Fault

USED: dict[str, Any] = {
    "usage": {"total_tokens": 61234567},
    "cost_usd": 12.3401,
    "realtime_cost_usd": 24.68,
    "estimate": {"cost_usd": {"low": 9.1, "high": 1520.2}},
}
OPEN_ENDED = {
    "cost_usd": 0.0042,
    "realtime_cost_usd": None,
    "estimate": {"cost_usd": {"low": 0.001, "high": None}},
}
LINES: list[tuple[events.Event, str]] = [
    (
        events.Planned("run_1", requests=1000, size_bytes=812_345, shards=1),
        "planned run_1: 1000 requests (812.3 kB) in 1 shard",
    ),
    (
        events.BatchStarted(1, 3, attempt=1, batch_id="batch_a", requests=400, adopted=False),
        "shard 1/3: batch batch_a started (400 requests)",
    ),
    (
        events.BatchStarted(1, 3, attempt=2, batch_id="batch_b", requests=1, adopted=True),
        "shard 1/3: batch batch_b found again (1 request, attempt 2)",
    ),
    (
        events.BatchProgress(1, 3, "batch_a", "in_progress", completed=117, failed=3, total=400),
        "batch batch_a: in_progress 120/400",
    ),
    (
        events.BatchProgress(1, 3, "batch_a", "validating", None, None, None),
        "batch batch_a: validating",
    ),
    (
        events.RunProgress(1000, 300, 20, batches_running=2, shards_done=1, shards=3),
        "320 of 1000 requests done, 2 batches running",
    ),
    (
        events.ShardHarvested(2, 3, attempt=1, succeeded=390, failed=9, missing=1),
        "shard 2/3: 390 succeeded, 9 failed, 1 missing",
    ),
    (
        events.RetryScheduled(2, 3, attempt=2, rows=10),
        "shard 2/3: 10 requests sent again, attempt 2",
    ),
    (
        events.QuotaReached(3, 3, message="Limit: 90,000 enqueued tokens", wait_s=None),
        "shard 3/3: the queue is full, tried again as batches end: Limit: 90,000 enqueued tokens",
    ),
    (
        events.QuotaReached(3, 3, message="429", wait_s=60.4),
        "shard 3/3: the queue is full, tried again in 60 s: 429",
    ),
    (
        events.Trouble("look", "no connection", wait_s=2.4),
        "look: no connection; tried again in 2 s",
    ),
    (
        events.Looking(shards=1, wait_s=15),
        "a reply was lost: looking for 1 batch at the provider for 15 s",
    ),
    (events.Warned("The disk is nearly full."), "warning: The disk is nearly full."),
    (events.FilesDeleted("run_1", 40, orphans=False), "run_1: deleted 40 files at the provider"),
    (
        events.FilesDeleted("run_1", 1, orphans=True),
        "run_1: deleted 1 file at the provider that no batch used",
    ),
    (
        events.Finished("run_1", 1000, 998, 2, 0, 0, None, None),
        "1000 requests: 998 succeeded, 2 failed, 0 missing",
    ),
    (
        events.Finished("run_1", 1, 1, 0, 0, 0, "/x/out.jsonl", "/x/errors.jsonl"),
        "1 request: 1 succeeded, 0 failed, 0 missing; results in /x/out.jsonl, "
        "nothing in /x/errors.jsonl",
    ),
    (
        events.Finished("run_1", 10, 4, 1, 1, 3, "/x/out.jsonl", "/x/errors.jsonl"),
        "10 requests: 4 succeeded, 1 failed, 1 missing, 4 not finished "
        "(3 sent again that may have been executed before); results in /x/out.jsonl, "
        "failed requests in /x/errors.jsonl",
    ),
    (
        events.Finished("run_1", 9, 9, 0, 0, 1, "/x/out.jsonl", None, USED),
        "9 requests: 9 succeeded, 0 failed, 0 missing "
        "(1 sent again that may have been executed before); 61234567 tokens, $12.34 "
        "(estimated $9.10 to $1,521; $24.68 in real time); results in /x/out.jsonl",
    ),
    (
        events.Finished("run_1", 1, 1, 0, 0, 0, None, None, USED | OPEN_ENDED),
        "1 request: 1 succeeded, 0 failed, 0 missing; 61234567 tokens, $0.0042 "
        "(estimated $0.0010 or more)",
    ),
    (
        events.Finished("run_1", 1, 1, 0, 0, 0, None, None, USED | {"cost_usd": None}),
        "1 request: 1 succeeded, 0 failed, 0 missing; 61234567 tokens",
    ),
    (
        events.Finished("run_1", 1, 0, 1, 0, 0, None, None, {"usage": None, "cost_usd": None}),
        "1 request: 0 succeeded, 1 failed, 0 missing",
    ),
]

SILENT = {"FaultFound", "Planning", "ShardUploaded", "Delivering"}


@pytest.mark.parametrize(
    ("event", "line"),
    LINES,
    ids=lambda value: type(value).__name__ if isinstance(value, events.Event) else "",
)
def test_an_event_is_one_line(event: events.Event, line: str) -> None:
    """Each kind of event has its words."""
    assert describe(event) == line


def test_every_other_event_only_moves_a_display() -> None:
    """No kind of event was forgotten."""
    kinds = {kind.__name__ for kind in events.Event.__subclasses__()}
    assert kinds - {type(event).__name__ for event, _ in LINES} == SILENT


def test_counts_alone_are_told_every_ten_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    """A change of status is told at once, a repeated one never, counts now and then."""
    now = 0.0
    lines = PlainLines(FaultLines("in.jsonl", None), now=lambda: now)
    looking = events.RunProgress(100, 0, 0, batches_running=1, shards_done=0, shards=1)
    batch = events.BatchProgress(1, 1, "batch_a", "in_progress", 0, 0, 100)
    for second in range(25):
        now = float(second)
        lines(dataclasses.replace(batch, completed=second))
        lines(dataclasses.replace(looking, completed=second))
    lines(dataclasses.replace(batch, status="completed", completed=100))
    lines(dataclasses.replace(looking, completed=100, batches_running=0, shards_done=1))
    assert capsys.readouterr().err.splitlines() == [
        "batch batch_a: in_progress 0/100",
        "1 of 100 requests done, 1 batch running",
        "11 of 100 requests done, 1 batch running",
        "21 of 100 requests done, 1 batch running",
        "batch batch_a: completed 100/100",
    ]


def test_the_same_trouble_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    """A provider that is down for hours does not fill the log with one line."""
    lines = PlainLines(FaultLines("in.jsonl", None))
    for _ in range(3):
        lines(events.Trouble("look", "no connection", 60))
    assert capsys.readouterr().err == "look: no connection; tried again in 60 s\n"


def test_a_fault_of_the_whole_input_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    """Its place is the file's name alone."""
    lines = PlainLines(FaultLines("in.jsonl", None))
    lines(events.FaultFound(Fault("empty_file", "there are no requests")))
    lines(events.FaultFound(Fault("invalid_json_line", "not JSON", line=3)))
    assert capsys.readouterr().err.splitlines() == [
        "in.jsonl: there are no requests [empty_file]",
        "in.jsonl:3: not JSON [invalid_json_line]",
    ]


def test_what_is_left_is_foretold_once_enough_was_seen() -> None:
    """Neither before 20 s nor before a twentieth of the rest; then at the pace that was seen."""
    now = 0.0
    pace = Pace(lambda: now)
    pace.note(400)  # of an earlier process: no pace of ours
    assert pace.left_s(600) is None
    now = 10.0
    pace.note(500)
    assert pace.left_s(500) is None
    now = 25.0
    pace.note(650)
    assert pace.left_s(350) == 35.0  # 250 in 25 s
    now = 30.0
    assert pace.left_s(350) == 30.0
    now = 500.0
    assert pace.left_s(350) == 0.0
    assert pace.left_s(0) is None


def test_the_display_says_what_failed_and_what_waits() -> None:
    """Without colours the failed share of the bar has its own sign; numbers are grouped."""
    now = 0.0
    with LiveDisplay(FaultLines("in.jsonl", None), Screen(console.STDERR), lambda: now) as display:
        display(events.Planned("run_1", requests=12_000, size_bytes=1, shards=6))
        display(events.QuotaReached(3, 6, "Limit: 90,000 enqueued tokens", wait_s=None))
        display(
            events.RunProgress(12_000, 5_000, 1_000, batches_running=2, shards_done=1, shards=6)
        )
        display(events.RetryScheduled(1, 6, attempt=2, rows=10))
        now = 3_725.0
        assert display.draw(79, 9) == [
            "run_1   1:02:05",
            "━" * 24 + "╍" * 5 + "─" * 30 + "   50%  6,000/12,000",
            "2 batches running, 1/6 shards done, 1,000 failed, 3 waiting for room",
            "shard 1/6: 10 requests sent again, attempt 2",
        ]
        assert display.draw(30, 2) == [
            "1:02:05 50%  6,000/12,000",
            "━" * 12 + "╍" * 3 + "─" * 15,
        ]


def test_too_little_progress_foretells_nothing() -> None:
    """One of a thousand in a minute says nothing of the rest."""
    now = 0.0
    pace = Pace(lambda: now)
    pace.note(0)
    now = 60.0
    pace.note(1)
    assert pace.left_s(999) is None


def test_no_character_is_too_much_for_standard_error() -> None:
    """What cp1252 has not is spelled or shown as ?, and what is said next is heard, too."""
    written = io.BytesIO()
    with contextlib.redirect_stderr(io.TextIOWrapper(written, encoding="cp1252")):
        console.say("中文.jsonl – nothing…")
        console.say("more")
        assert written.getvalue().split() == [b"??.jsonl", b"-", b"nothing...", b"more"]


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("200000000", 200_000_000),
        ("200MB", 200_000_000),
        ("1.5 kb", 1_500),
        ("190MiB", 199_229_440),
        ("2G", 2_000_000_000),
        ("64kib", 65_536),
    ],
)
def test_sizes_are_written_as_people_do(text: str, size_bytes: int) -> None:
    """Plain bytes, decimal units and binary ones."""
    assert parse_size(text) == size_bytes


def test_sizes_are_shown_in_decimal_units() -> None:
    """As providers state their limits."""
    assert [size(number) for number in (999, 1_000, 812_345_678, 5_000_000_000)] == [
        "999 bytes",
        "1.0 kB",
        "812.3 MB",
        "5.0 GB",
    ]
