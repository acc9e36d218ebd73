"""However a provider's batches look and end: every request has one result, and is paid for once."""

from typing import Any

import pytest
from fault_bench import GAVE_UP, SOME_FAILED, Benches, answers
from fault_calls import reset_after
from fault_endings import (
    adds_foreign,
    contradicts_itself,
    ends_lines,
    expires,
    is_cancelled,
    keeps_empty_files,
    repeats,
    shuffles,
)
from fault_quirks import (
    DIALECTS,
    Quirk,
    dates_in_iso,
    lacks,
    names_files_late,
    says,
    says_first,
    speaks,
    writes_null,
)

ROWS = 200

# --- endings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(ends_lines("\r\n"), id="CRLF"),
        pytest.param(ends_lines("\n", last=False), id="no last newline"),
        pytest.param(ends_lines("\r\n", last=False), id="CRLF and no last one"),
        pytest.param(ends_lines("\n\n"), id="blank lines"),
        pytest.param(keeps_empty_files(), id="an empty error file"),
        pytest.param(contradicts_itself(30), id="success and failure of one row"),
    ],
)
def test_odd_result_files(new_bench: Benches, change: Any) -> None:
    """Odd lines are read for what they say, and a success is never thrown away."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(change,)]
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_everything_odd_at_once(new_bench: Benches) -> None:
    """Expired in part, shuffled, repeated, foreign, CRLF, in two shards and their second tries."""
    with new_bench(ROWS, shard_requests=100) as bench:
        bench.proxy.account.every_ending = (shuffles(3), ends_lines("\r\n", last=False))
        first = (expires(40), shuffles(2), repeats(9), adds_foreign(9), ends_lines("\r\n"))
        bench.proxy.account.endings = [first, first]
        bench.proxy.account.quirks = [speaks("novita"), writes_null(""), dates_in_iso()]
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_batch_expires_silently(new_bench: Benches) -> None:
    """Rows of which no file speaks are sent again, and the record says that it is not certain."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(expires(120, told=False),)]
        ended = bench.go()
        bench.assert_all_came(ended)
        bench.assert_paid_once()
        assert ended.record["resent_unconfirmed"] == 80


@pytest.mark.parametrize("empty_output", [False, True], ids=["no output file", "an empty one"])
def test_batch_expires_before_anything(new_bench: Benches, empty_output: bool) -> None:
    """A batch whose rows have all expired is sent again as a whole."""
    with new_bench(ROWS) as bench:
        empty = (keeps_empty_files(),) if empty_output else ()
        bench.proxy.account.endings = [(expires(0), *empty)]
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_batch_expires_three_times(new_bench: Benches) -> None:
    """After three tries the rest keeps the provider's line, in its place, and it is exit 3."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.every_ending = (expires(40),)
        ended = bench.go()
        assert ended.code == SOME_FAILED, ended.stderr
        came = [(f"r{n}", f"t{n}") for n in range(1, 121)]
        assert answers(bench.lines()) == came + [
            (f"r{n}", "batch_expired") for n in range(121, 201)
        ]
        assert bench.proxy.account.executed() == {f"r{n}": 1 for n in range(1, 121)}


def test_batch_cancelled_by_somebody(new_bench: Benches) -> None:
    """What was finished is kept; the rest is sent when the run is named, and not before."""
    with new_bench(6) as bench:
        bench.proxy.account.endings = [(is_cancelled(4),)]
        ended = bench.run()
        assert ended.code == SOME_FAILED, ended.stderr
        assert answers(bench.lines())[3:] == [
            ("r4", "t4"),
            ("r5", "batch_cancelled"),
            ("r6", "batch_cancelled"),
        ]
        assert bench.proxy.account.batch_sizes() == [6]
        bench.assert_all_came(bench.resume(str(bench.run_id), "--force"))
        assert bench.proxy.account.batch_sizes() == [6, 2]
        bench.assert_paid_once()


# --- looks ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "quirk",
    [
        *(pytest.param(speaks(name), id=f"status as {name} spells it") for name in DIALECTS),
        pytest.param(says_first(["on_mars", "on_venus"]), id="unknown status"),
        pytest.param(says_first([None, "", None]), id="null status"),
        pytest.param(names_files_late(3), id="completed before its files"),
        pytest.param(writes_null(""), id="empty text for null"),
        pytest.param(writes_null(None), id="fields left out for null"),
        pytest.param(lacks(["request_counts", "usage", "created_at"]), id="no counts, no times"),
        pytest.param(says(request_counts=None), id="null counts"),
        pytest.param(
            says(request_counts={"total": 7, "completed": 0, "failed": 9}), id="wrong counts"
        ),
        pytest.param(dates_in_iso(), id="times in ISO"),
        pytest.param(lacks(["metadata"]), id="metadata forgotten"),
        pytest.param(lacks(["input_file_id"]), id="input file forgotten"),
    ],
)
def test_odd_batch_objects(new_bench: Benches, quirk: Quirk) -> None:
    """However a provider describes its batches, they are followed to their ends, and found again.

    The reply to one `create` is lost, so that one of them has to be recognised.
    """
    with new_bench(ROWS, shard_requests=50) as bench:
        bench.proxy.account.quirks = [quirk]
        bench.proxy.account.looks_before_end = 1
        bench.proxy.fail(reset_after(), on="create", nth=3)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


@pytest.mark.parametrize(
    "counts",
    [
        pytest.param([], id="counts tell of the output"),
        pytest.param([lacks(["request_counts"])], id="without counts"),
    ],
)
def test_error_file_before_the_output_file(new_bench: Benches, counts: list[Quirk]) -> None:
    """An expired batch that names its error file first is waited for: its output is paid."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(expires(120),)]
        bench.proxy.account.quirks = [names_files_late(3, errors_at_once=True), *counts]
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_completed_and_never_any_file(new_bench: Benches) -> None:
    """It is exit 7 after ten minutes; `resume` takes the files when they come at last."""
    with new_bench(ROWS, speed=2000.0) as bench:
        bench.proxy.account.quirks = [names_files_late(1_000_000)]
        ended = bench.go(interval_s=60.0)
        assert ended.code == GAVE_UP, ended.stderr
        assert "--resubmit" in ended.stderr
        bench.proxy.account.quirks = []
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()
