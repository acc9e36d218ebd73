"""What if the answer to `create` says nothing: the batch is found, or the user is asked."""

from typing import Any

import pytest
from fault_account import Listing
from fault_bench import GAVE_UP, Benches
from fault_calls import ABSENT, Fault, answer_with, reset_after, status

ROWS = 200


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(answer_with(id=None), id="null"),
        pytest.param(answer_with(id=""), id="empty"),
        pytest.param(answer_with(id=ABSENT), id="absent"),
    ],
)
@pytest.mark.parametrize("kind", ["upload", "create", "retrieve"])
def test_answer_without_an_id(new_bench: Benches, kind: str, fault: Fault) -> None:
    """An answer without an id is no answer, unless the id is known already."""
    with new_bench(ROWS, shard_requests=100) as bench:
        rule = bench.proxy.fail(fault, on=kind)
        bench.assert_all_came(bench.go())
        assert rule.fired == 1
        bench.assert_paid_once()


@pytest.mark.parametrize(
    "listing",
    [
        pytest.param(Listing(page_size=2), id="in pages of two"),
        pytest.param(Listing(lag=3), id="lagging"),
        pytest.param(Listing(lag=1, page_size=2, stall_s=0.03), id="lagging, paged and slow"),
    ],
)
def test_every_reply_is_lost(new_bench: Benches, listing: Listing) -> None:
    """No reply to `create` ever arrives: the listing, such as it is, shows every batch."""
    with new_bench(ROWS, shard_requests=40) as bench:
        bench.proxy.account.listing = listing
        bench.proxy.fail(reset_after(), on="create", times=None)
        bench.assert_all_came(bench.go())
        assert bench.proxy.kinds()["create"] == 5
        bench.assert_paid_once()


def test_listing_takes_longer_than_the_grace(new_bench: Benches) -> None:
    """A listing that was asked for within the grace proves nothing, however late it arrives.

    It shows the batch from the second time on; each takes 25 s, the grace is 15.
    """
    with new_bench(ROWS) as bench:
        bench.proxy.account.listing = Listing(lag=1, stall_s=0.25)
        bench.proxy.fail(reset_after(), on="create")
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_listing_fails_for_a_while(new_bench: Benches) -> None:
    """A listing that fails proves nothing, and is asked for again."""
    with new_bench(ROWS) as bench:
        bench.proxy.fail(status(503), on="list", times=6)
        bench.proxy.fail(reset_after(), on="create")
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


@pytest.mark.parametrize("code", [404, 405])
def test_listing_refused_while_all_is_well(new_bench: Benches, code: int) -> None:
    """Batches are followed one by one where no listing is to be had."""
    with new_bench(ROWS, shard_requests=40) as bench:
        bench.proxy.account.listing = Listing(refused=code)
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


@pytest.mark.parametrize(
    ("provider", "listing"),
    [
        pytest.param({"can_list": False}, Listing(), id="known to have none"),
        pytest.param({}, Listing(refused=405), id="405"),
        pytest.param({}, Listing(refused=404), id="404"),
    ],
)
def test_reply_lost_and_no_listing(
    new_bench: Benches, provider: dict[str, Any], listing: Listing
) -> None:
    """Exit 7, again and again; only --resubmit sends the rows in doubt a second time."""
    with new_bench(ROWS, shard_requests=100, provider=provider) as bench:
        bench.proxy.account.listing = listing
        bench.proxy.fail(reset_after(), on="create", nth=2)
        for ended in (bench.go(), bench.go()):
            assert ended.code == GAVE_UP, ended.stderr
            assert "--resubmit" in ended.stderr
            bench.assert_paid_once()
        in_doubt = list(bench.proxy.account.batches.values())[1].custom_ids
        bench.assert_all_came(bench.go(resubmit=True))
        bench.assert_paid_once(twice=in_doubt)


def test_command_line_without_a_listing(new_bench: Benches) -> None:
    """The real command says exit 7 and what to do; `resume --resubmit` does it."""
    with new_bench(6, shard_requests=2, provider={"can_list": False}) as bench:
        bench.proxy.fail(reset_after(), on="create", nth=3)
        ended = bench.run()
        assert ended.code == GAVE_UP
        assert f"openai-batch resume {bench.run_id} --resubmit" in ended.stderr
        assert bench.resume().code == GAVE_UP
        bench.assert_paid_once()
        in_doubt = list(bench.proxy.account.batches.values())[2].custom_ids
        bench.assert_all_came(bench.resume("--resubmit"))
        bench.assert_paid_once(twice=in_doubt)


def test_batch_that_the_provider_forgets(new_bench: Benches) -> None:
    """404 for a batch is exit 7 in the end, and no reason to send its rows again."""
    with new_bench(ROWS, speed=1000.0) as bench:
        bench.proxy.fail(status(404), on="retrieve", times=None)
        ended = bench.go()
        assert ended.code == GAVE_UP, ended.stderr
        assert "another organisation" in ended.stderr
        bench.assert_paid_once()
        bench.proxy.mend()
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()


def test_results_that_are_not_handed_out(new_bench: Benches) -> None:
    """404 for a result file is exit 7 in the end, and no reason to send its rows again."""
    with new_bench(ROWS, speed=1000.0) as bench:
        bench.proxy.fail(status(404), on="download", times=None)
        ended = bench.go()
        assert ended.code == GAVE_UP, ended.stderr
        bench.assert_paid_once()
        bench.proxy.mend()
        bench.assert_all_came(bench.go())
        bench.assert_paid_once()
