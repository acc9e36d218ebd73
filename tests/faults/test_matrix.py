"""The faults at which batch tools lose rows, crash, or pay twice: all come, each paid once."""

import re
from collections.abc import Mapping

import pytest
from fault_account import Quota
from fault_bench import OK, Benches
from fault_children import ROOT
from fault_disk import can_mount
from fault_matrix import (
    CASES,
    ROWS,
    cell,
    download_is_cut_short,
    expires_in_part,
    has_line_separators,
    looks_fail,
    loses_rows,
    mixes_rows,
    queue_is_too_small,
    queue_takes_one,
    reply_is_lost,
    reply_is_lost_and_listing_lags,
    speaks_oddly,
)

DELIVERED: Mapping[str, str] = {
    "a batch expires with 292 done": "500",
    "6 % of rows missing, or in the error file with status 0": "500, 530 paid",
    "raw U+2028 and U+0085 in results": "500",
    "three 503s while polling": "500",
    "download cut short": "500",
    "reply to `POST /batches` lost": "500",
    "queue quota of one batch at a time, 1,000 requests": "1,000",
    "queue quota smaller than a batch": "500",
    "`completed` before the result files have names": "500",
    "statuses that nobody knows, or spelled oddly": "500",
    "rows shuffled, repeated, and somebody else's between them": "500",
    "reply to `POST /batches` lost, and the listing lags": "500",
    "`kill -9` at any call, before or after its work; `resume`": "100",
    "disk full from any call on; `resume` with room again": "100",
    "state directory lost; `resume RUN_ID` on another machine": "500",
}
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", CASES)
def test_fault(new_bench: Benches, fault: str) -> None:
    """All that README promises is delivered, and only what the provider lost is paid twice."""
    if fault.startswith("disk full") and not can_mount():
        pytest.skip("only root may mount a small disk (tmpfs), and only on Linux")
    outcomes = list(CASES[fault](new_bench))
    assert outcomes
    for outcome in outcomes:
        assert outcome.is_well, outcome.story
    assert cell(outcomes) == DELIVERED[fault]


def test_readme_tells_of_every_fault() -> None:
    """README's tables have the rows that the command prints, with what is delivered."""
    told = re.findall(r"^\| (.+?) \| (\d[^|]*?) \|", README, re.MULTILINE)
    assert [row for row in told if row[0] in DELIVERED] == list(DELIVERED.items())
    assert list(CASES) == list(DELIVERED)
    assert "python tests/faults/fault_matrix.py" in README


# --- what else there is to say of a row -----------------------------------------------------------


def test_only_what_expired_is_sent_again(new_bench: Benches) -> None:
    """The 292 that were paid for are kept, and only the other 208 are sent again."""
    (outcome,) = expires_in_part(new_bench)
    assert outcome.batch_sizes == [500, 208]
    assert outcome.ended.record["resent_unconfirmed"] == 0


def test_record_counts_what_was_lost(new_bench: Benches) -> None:
    """15 rows that came nowhere and 15 with status 0 are sent again, which the record says."""
    (outcome,) = loses_rows(new_bench)
    assert outcome.lost == 30
    assert outcome.batch_sizes == [500, 30]
    assert outcome.ended.record["resent_unconfirmed"] == 30


def test_bytes_of_results_are_the_providers(new_bench: Benches) -> None:
    """U+2028 and U+0085, raw in a result, end no line: its bytes come as the provider sent them."""
    (outcome,) = has_line_separators(new_bench)
    (sent,) = outcome.bench.proxy.account.files.values()
    assert outcome.bench.output.read_bytes() == sent
    assert sent.count("\u2028".encode()) == sent.count("\u0085".encode()) == ROWS


def test_only_the_look_is_repeated(new_bench: Benches) -> None:
    """Looks that fail are repeated, and nothing else is."""
    (outcome,) = looks_fail(new_bench)
    assert outcome.calls["retrieve"] >= 4
    assert outcome.calls["create"] == outcome.calls["upload"] == 1


def test_only_the_download_is_repeated(new_bench: Benches) -> None:
    """What came short is downloaded again, and not one row is sent again."""
    by_length, in_chunks, *_ = download_is_cut_short(new_bench)
    for outcome in (by_length, in_chunks):
        assert outcome.calls["download_output"] == 2
        assert outcome.calls["create"] == 1


def test_no_second_batch_is_made(new_bench: Benches) -> None:
    """The batch whose reply was lost is found at the provider, at once or once listings show it."""
    for case in (reply_is_lost, reply_is_lost_and_listing_lags):
        (outcome,) = case(new_bench)
        assert outcome.calls["create"] == 1
        assert list(outcome.bench.proxy.account.batches) == outcome.ended.record["batch_ids"]


def test_one_batch_after_the_other(new_bench: Benches) -> None:
    """1,000 rows in two batches pass a queue of 500, neither of them cut."""
    for outcome in queue_takes_one(new_bench):
        assert outcome.batch_sizes == [500, 500]


def test_batch_is_halved_until_it_fits(new_bench: Benches) -> None:
    """A batch that does not fit an empty queue is halved until it does."""
    for outcome in queue_is_too_small(new_bench):
        assert outcome.batch_sizes == [125, 125, 125, 125]


def test_unknown_statuses_are_told_of(new_bench: Benches) -> None:
    """Words for running that nobody knows are told of, and not taken for an end."""
    (outcome,) = speaks_oddly(new_bench)
    assert "QUEUED_ON_MARS" in outcome.ended.stderr
    assert "ON_VENUS" in outcome.ended.stderr


def test_rows_left_out_are_told_of(new_bench: Benches) -> None:
    """Rows of others and repeated ones are counted, and left out."""
    (outcome,) = mixes_rows(new_bench)
    told = "7 lines belong to no open request, 40 answer one again"
    assert told in outcome.ended.stderr


# --- queues that nobody looks at, or that count something else ------------------------------------


def test_queue_was_full_while_nobody_looked(new_bench: Benches) -> None:
    """What was refused while another batch ran is sent as it is, once that one has ended."""
    with new_bench(6, shard_requests=2) as bench:
        bench.proxy.account.quota = Quota(requests=2)
        ended = bench.command("run", "-c", "input.jsonl", "--shard-requests=2")
        assert ended.code == OK, ended.stderr
        bench.assert_all_came(bench.go())
        assert bench.proxy.account.batch_sizes() == [2, 2, 2]
        bench.assert_paid_once()


def test_queue_counted_in_bytes(new_bench: Benches) -> None:
    """Ten shards pass a queue with room for three, of which nobody knows beforehand."""
    with new_bench(ROWS, shard_requests=50) as bench:
        bench.proxy.account.quota = Quota(size_bytes=3.5 * bench.input.stat().st_size / 10)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()
