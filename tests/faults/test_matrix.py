"""The faults at which batch tools lose rows, crash, or pay twice: 500 come, each paid once."""

from typing import Any

import pytest
from conftest import NewBench
from fault_account import Listing, Quota
from fault_bench import OK, chat
from fault_calls import early_end, reset_after, status, truncated
from fault_endings import adds_foreign, drops, expires, loses_to_errors, repeats, replaces, shuffles
from fault_quirks import names_files_late, says_first, speaks

ROWS = 500


def test_batch_expires_with_292_done(new_bench: NewBench) -> None:
    """The 292 that were paid for are kept, and only the other 208 are sent again."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(expires(292),)]
        ended = bench.go()
        bench.assert_all_came(ended)
        bench.assert_paid_once()
        assert bench.proxy.account.batch_sizes() == [500, 208]
        assert ended.record["resent_unconfirmed"] == 0


def test_six_percent_missing_or_with_status_0(new_bench: NewBench) -> None:
    """15 rows that came nowhere and 15 with status 0 are sent again, which the record says."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(drops(32), loses_to_errors(33))]
        ended = bench.go()
        bench.assert_all_came(ended)
        missing = [n for n in range(1, ROWS + 1) if n % 32 == 0]
        status_0 = [n for n in range(1, ROWS + 1) if n % 32][::33]
        assert (len(missing), len(status_0)) == (15, 15)
        bench.assert_paid_once(twice=(f"r{n}" for n in (*missing, *status_0)))
        assert ended.record["resent_unconfirmed"] == 30


def test_raw_line_separators_in_results(new_bench: NewBench) -> None:
    """U+2028 and U+0085, raw in a result, end no line: its bytes come as the provider sent them."""
    texts = [f"t{n} a\u2028b\u2029c\u0085d\u001ce\u000bf" for n in range(1, ROWS + 1)]
    with new_bench([chat(f"r{n}", text) for n, text in enumerate(texts, 1)]) as bench:
        bench.proxy.account.endings = [(replaces("\\u0085", "\u0085"),)]
        bench.assert_all_came(bench.go())
        (sent,) = bench.proxy.account.files.values()
        assert bench.output.read_bytes() == sent
        assert sent.count("\u2028".encode()) == sent.count("\u0085".encode()) == ROWS
        bench.assert_paid_once()


def test_three_503s_while_polling(new_bench: NewBench) -> None:
    """Looks that fail are repeated, and nothing else is."""
    with new_bench(ROWS) as bench:
        rule = bench.proxy.fail(status(503), on="retrieve", times=3)
        bench.assert_all_came(bench.go())
        assert rule.fired == 3
        assert bench.proxy.kinds()["create"] == 1
        bench.assert_paid_once()


@pytest.mark.parametrize("fault", [truncated(0.7), early_end(0.7)], ids=["by length", "in chunks"])
def test_download_cut_short(new_bench: NewBench, fault: Any) -> None:
    """What came short is downloaded again, and not one row is sent again."""
    with new_bench(ROWS) as bench:
        rule = bench.proxy.fail(fault, on="download_output")
        bench.assert_all_came(bench.go())
        assert rule.fired == 1
        assert bench.proxy.kinds()["download_output"] == 2
        bench.assert_paid_once()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(early_end(0.7), id="within a line"),
        pytest.param(early_end(0.0), id="to nothing at all"),
    ],
)
def test_download_cut_short_for_a_while(new_bench: NewBench, fault: Any) -> None:
    """Nobody says that anything is missing, and still it shows: it is no reason to pay again."""
    with new_bench(ROWS) as bench:
        bench.proxy.fail(fault, on="download_output", times=6)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_reply_to_create_is_lost(new_bench: NewBench) -> None:
    """The batch is found at the provider, and no second one is made."""
    with new_bench(ROWS) as bench:
        bench.proxy.fail(reset_after(), on="create")
        ended = bench.go()
        bench.assert_all_came(ended)
        assert bench.proxy.kinds()["create"] == 1
        assert list(bench.proxy.account.batches) == ended.record["batch_ids"]
        bench.assert_paid_once()


@pytest.mark.parametrize(
    "quota",
    [
        pytest.param(Quota(requests=500), id="the batch fails later"),
        pytest.param(Quota(requests=500, late=False), id="create says 429"),
        pytest.param(Quota(requests=500, late=False, retry_after=2), id="429 with Retry-After"),
    ],
)
def test_queue_takes_one_batch_at_a_time(new_bench: NewBench, quota: Quota) -> None:
    """1,000 rows in two batches pass a queue of 500, one after the other."""
    with new_bench(1000, shard_requests=500) as bench:
        bench.proxy.account.quota = quota
        bench.proxy.account.looks_before_end = 3
        bench.assert_all_came(bench.go())
        assert bench.proxy.account.batch_sizes() == [500, 500]
        bench.assert_paid_once()


# --- and those that nobody has tried yet ----------------------------------------------------------


@pytest.mark.parametrize("late", [True, False], ids=["the batch fails later", "create says 429"])
def test_queue_smaller_than_a_batch(new_bench: NewBench, late: bool) -> None:
    """A batch that does not fit an empty queue is halved until it does."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.quota = Quota(requests=200, late=late)
        bench.proxy.account.looks_before_end = 3
        bench.assert_all_came(bench.go())
        assert bench.proxy.account.batch_sizes() == [125, 125, 125, 125]
        bench.assert_paid_once()


def test_queue_was_full_while_nobody_looked(new_bench: NewBench) -> None:
    """What was refused while another batch ran is sent as it is, once that one has ended."""
    with new_bench(6, shard_requests=2) as bench:
        bench.proxy.account.quota = Quota(requests=2)
        ended = bench.command("run", "-c", "input.jsonl", "--shard-requests=2")
        assert ended.code == OK, ended.stderr
        bench.assert_all_came(bench.go())
        assert bench.proxy.account.batch_sizes() == [2, 2, 2]
        bench.assert_paid_once()


def test_queue_counted_in_bytes(new_bench: NewBench) -> None:
    """Ten shards pass a queue with room for three, of which nobody knows beforehand."""
    with new_bench(ROWS, shard_requests=50) as bench:
        bench.proxy.account.quota = Quota(size_bytes=3.5 * bench.input.stat().st_size / 10)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_completed_before_its_files(new_bench: NewBench) -> None:
    """A batch that is completed and names no files is looked at again until it does."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.quirks = [names_files_late(4)]
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_status_spelled_oddly(new_bench: NewBench) -> None:
    """Words for running that nobody knows are told of, and not taken for an end."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.looks_before_end = 1
        bench.proxy.account.quirks = [
            says_first(["QUEUED_ON_MARS"] * 2 + ["ON_VENUS"] * 2),
            speaks("novita"),
        ]
        ended = bench.go()
        bench.assert_all_came(ended)
        assert "QUEUED_ON_MARS" in ended.stderr
        assert "ON_VENUS" in ended.stderr
        bench.assert_paid_once()


def test_reply_lost_and_the_listing_lags(new_bench: NewBench) -> None:
    """A batch that listings do not show at first is waited for, and not made again."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.listing = Listing(lag=3)
        bench.proxy.fail(reset_after(), on="create")
        bench.assert_all_came(bench.go())
        assert bench.proxy.kinds()["create"] == 1
        bench.assert_paid_once()


def test_rows_shuffled_repeated_and_foreign(new_bench: NewBench) -> None:
    """Results stand in input order, one for each request, whatever came with them."""
    with new_bench(ROWS) as bench:
        bench.proxy.account.endings = [(repeats(40), adds_foreign(7), shuffles())]
        ended = bench.go()
        bench.assert_all_came(ended)
        assert "7 lines belong to no open request, 40 answer one again" in ended.stderr
        bench.assert_paid_once()
