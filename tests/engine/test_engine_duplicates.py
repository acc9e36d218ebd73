"""Two batches for one shard: one of them counts, the other is cancelled, and the user is told."""

import contextlib
import dataclasses
from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    end,
    ends_without_files,
    expires_after,
    fails,
    outcome,
    raising,
    reply_is_lost,
    request_is_lost,
    stays,
    unexecuted,
    well,
)

from openai_batch.engine.entries import DuplicateFound
from openai_batch.engine.events import Looking, Warned
from openai_batch.engine.runs import find_run, open_journal
from openai_batch.errors import CredentialsRefused, NotFound, OutcomeUnknown, ProviderUnavailable
from openai_batch.providers.interface import BatchPage, BatchStatus


def runs_for(looks: int) -> Any:
    """A batch that is executed after so many looks, and can be cancelled before."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.status is BatchStatus.CANCELLING:
            rest = [unexecuted(name, "batch_cancelled") for name in batch.ids]
            end(provider, batch, [], rest, BatchStatus.CANCELLED)
        elif batch.looks >= looks and not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))
        elif not batch.status.final:
            batch.status = BatchStatus.IN_PROGRESS

    return behave


def made_twice(proceed: Any) -> Any:
    """A gateway repeats the call, and its client hears of the second batch only."""
    proceed()
    return proceed()


def was_cancelled(bench: Bench, number: int) -> bool:
    return bench.server.batch(number).status in (BatchStatus.CANCELLING, BatchStatus.CANCELLED)


def told(bench: Bench) -> list[str]:
    return [event.message for event in bench.seen(Warned)]


def test_a_batch_that_turns_up_after_the_grace_takes_its_place(bench: Bench) -> None:
    """The listing lags longer than believed: the first batch counts, the second is cancelled."""
    bench.server.behaviours = [runs_for(9), runs_for(9)]
    run_id = bench.plan(3)

    def lost_and_hidden(proceed: Any) -> Any:
        proceed()
        bench.server.batch(1).hidden = True
        shown_at = bench.clock.monotonic() + 60

        def list_late(proceed: Any) -> Any:
            bench.server.batch(1).hidden = bench.clock.monotonic() < shown_at
            return proceed()

        bench.server.will("list", *[list_late] * 500)
        return reply_is_lost(lambda: None)

    bench.server.will("create", lost_and_hidden)
    bench.settle(run_id, interval_s=20.0)
    assert bench.seen(Looking)
    assert was_cancelled(bench, 2)
    assert bench.server.executed == {"r1": 1, "r2": 1, "r3": 1}
    assert told(bench) == [
        "batch_1 and batch_2 execute the same requests: batch_1 counts, batch_2 will be cancelled"
    ]
    record = bench.record(run_id)
    assert (record["batch_ids"], record["duplicate_batch_ids"]) == (["batch_1"], ["batch_2"])
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200"), ("r3", "200")]


def test_a_gateway_that_repeats_a_create_is_found_out(bench: Bench) -> None:
    """Nobody lost a reply: one look at the listing shows that there are two batches."""
    bench.server.behaviours = [runs_for(9), runs_for(9)]
    run_id = bench.plan(2)
    bench.server.will("create", made_twice)
    bench.settle(run_id)
    assert was_cancelled(bench, 2)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert bench.server.calls["list"] < 5


def test_the_younger_of_two_batches_is_cancelled_whosever_it_is(bench: Bench) -> None:
    """Another machine makes a batch for the same shard after ours: ours counts, there too."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        ours = bench.server.batch(1)
        bench.clock.advance(5)
        bench.server.create_batch(
            input_file_id=bench.server.keep("elsewhere.jsonl", bench.server.files["file-1"][1]),
            endpoint=ours.endpoint,
            completion_window="24h",
            metadata=ours.metadata,
            idempotency_key="",
        )
        run.settle()
    assert ours.status is BatchStatus.COMPLETED
    assert was_cancelled(bench, 2)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert bench.record(run_id)["batch_ids"] == ["batch_1"]


def made_once_more(proceed: Any) -> Any:
    """A gateway repeats the call, and its client hears of the first batch only."""
    first = proceed()
    proceed()
    return first


def test_a_duplicate_that_has_ended_is_told_of(bench: Bench) -> None:
    """What both have executed is paid for twice: it is said, and one result delivered."""
    bench.server.behaviours = [runs_for(2), runs_for(1)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)
    bench.settle(run_id, interval_s=20.0)  # the grace is over at the second look
    assert bench.server.calls["cancel"] == 0
    assert told(bench) == [
        "batch_1 and batch_2 execute the same requests: batch_1 counts, batch_2 is completed, "
        "and what both have done is paid for twice"
    ]
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_what_is_done_counts_before_what_runs(bench: Bench) -> None:
    """The younger of two batches has completed first: the older one is cancelled, and not paid."""
    bench.server.behaviours = [runs_for(9), runs_for(1)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)
    bench.settle(run_id)
    assert was_cancelled(bench, 1)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def another_machine_makes_an_older_one(bench: Bench) -> None:
    ours = bench.server.batch(1)
    bench.server.create_batch(
        input_file_id="file-1",
        endpoint=ours.endpoint,
        completion_window="24h",
        metadata=ours.metadata,
        idempotency_key="",
    )
    bench.server.batch(2).created_at = ours.created_at - 5


def test_a_batch_that_another_process_cancelled_for_an_older_one_gives_way(bench: Bench) -> None:
    """Two machines drive the run: where one has cancelled ours, the other's is waited for."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
        another_machine_makes_an_older_one(bench)
        bench.server.cancel_batch("batch_1")
        run.settle()
    assert was_cancelled(bench, 1)
    assert bench.server.batch(2).status is BatchStatus.COMPLETED
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_a_suspicion_survives_a_listing_that_fails(bench: Bench) -> None:
    """Why a batch of ours was cancelled is asked again where a 503 is the answer."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
        another_machine_makes_an_older_one(bench)
        bench.server.cancel_batch("batch_1")
        bench.server.will("list", raising(ProviderUnavailable("503", status_code=503)))
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_a_cancelled_batch_is_fetched_by_one_download(bench: Bench) -> None:
    """Somebody cancelled our only batch: asking the listing first costs no second `download`."""
    bench.server.behaviours = [runs_for(30)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
    bench.server.cancel_batch("batch_1")
    with bench.open(run_id) as run:
        run.harvest()
        assert run.settled
    assert outcome(bench.deliver(run_id)) == [
        ("r1", "batch_cancelled"),
        ("r2", "batch_cancelled"),
    ]


def test_a_gateway_that_lists_other_ids_shows_no_duplicates(bench: Bench) -> None:
    """What may be our own batch under another name is never cancelled."""

    class Renaming(FakeProvider):
        def list_batches(self, after: str | None = None) -> BatchPage:
            page = super().list_batches(after)
            renamed = (dataclasses.replace(b, id=f"gateway-{b.id}") for b in page.batches)
            return BatchPage(tuple(renamed), page.next_after)

    bench.server = Renaming(bench.clock, page_size=9)
    bench.server.behaviours = [runs_for(9)] * 4
    run_id = bench.plan(4, shard_requests=1)
    bench.settle(run_id)
    assert bench.server.calls["cancel"] == 0
    assert told(bench) == []
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_listing_that_never_answers_is_no_trouble(bench: Bench) -> None:
    """A single batch is followed by its own id, whatever becomes of the listing."""
    bench.server.will("list", *[raising(ProviderUnavailable("500", status_code=500))] * 500)
    bench.server.behaviours = [runs_for(9)]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.calls["list"] == 3
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_a_key_that_may_not_list_brings_a_run_home(bench: Bench) -> None:
    """403 to a listing that only the search for duplicates wants is no end of a run."""
    bench.server.will("list", *[raising(CredentialsRefused("403", status_code=403))] * 500)
    bench.server.behaviours = [runs_for(9)]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_an_expired_batchs_results_count_before_a_batch_that_runs(bench: Bench) -> None:
    """What is paid is kept: the duplicate is cancelled, and only the rest is sent again."""
    bench.server.behaviours = [runs_for(99), runs_for(99)]
    run_id = bench.plan(4)
    bench.server.will("create", made_twice)
    with bench.open(run_id) as run:
        run.submit()
        bench.clock.advance(20)
        bench.server.batch(2).behave = expires_after(3)
        run.settle()
    assert was_cancelled(bench, 1)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_look_knows_better_than_a_listing(bench: Bench) -> None:
    """A listing that is behind shows as running what is completed: it is not given up for that."""

    class Behind(FakeProvider):
        def list_batches(self, after: str | None = None) -> BatchPage:
            page = super().list_batches(after)
            running = {"status": BatchStatus.IN_PROGRESS, "output_file_id": None}
            behind = (dataclasses.replace(batch, **running) for batch in page.batches)
            return BatchPage(tuple(behind), page.next_after)

    bench.server = Behind(bench.clock)
    bench.server.behaviours = [runs_for(30), runs_for(2)]
    run_id = bench.plan(2)
    bench.server.will("create", made_twice)
    bench.settle(run_id, interval_s=20.0)
    assert bench.record(run_id)["batch_ids"] == ["batch_2"]
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_what_the_listing_shows_after_seconds_is_found(bench: Bench) -> None:
    """The search waits for as long as a listing may lag."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    run_id = bench.plan(2)

    def twice_and_late(proceed: Any) -> Any:
        second = made_twice(proceed)
        bench.server.batch(1).hidden = True
        shown_at = bench.clock.monotonic() + 10

        def list_late(proceed: Any) -> Any:
            bench.server.batch(1).hidden = bench.clock.monotonic() < shown_at
            return proceed()

        bench.server.will("list", *[list_late] * 500)
        return second

    bench.server.will("create", twice_and_late)
    bench.settle(run_id)
    assert bench.record(run_id)["duplicate_batch_ids"] == ["batch_2"]


def test_a_lost_reply_costs_no_listing_at_every_look(bench: Bench) -> None:
    """On an account of thousands of batches a search takes many pages, so there are few of them."""
    bench.server.page_size = 100
    bench.server.behaviours = [stays] * 3000
    for _ in range(3000):
        bench.server.create_batch(
            input_file_id=bench.server.keep("other.jsonl", b'{"custom_id": "x"}\n'),
            endpoint="",
            completion_window="24h",
            metadata={},
            idempotency_key="",
        )
    bench.server.behaviours = [runs_for(100)]
    run_id = bench.plan(1)
    bench.server.will("create", request_is_lost)
    bench.server.calls.clear()
    bench.settle(run_id)
    assert bench.server.calls["retrieve"] > 90
    assert bench.server.calls["list"] < 31 * 10


def test_an_unlabelled_batch_is_left_alone(bench: Bench) -> None:
    """Somebody makes a batch of their own over our file: it is none of ours."""
    bench.server.behaviours = [runs_for(9), stays]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        bench.server.create_batch(
            input_file_id="file-1",
            endpoint="/v1/chat/completions",
            completion_window="1h",
            metadata={"experiment": "second sample"},
            idempotency_key="",
        )
        run.settle()
    assert bench.server.calls["cancel"] == 0
    assert told(bench) == []


def test_the_id_that_was_printed_still_names_the_run(bench: Bench) -> None:
    """Another batch counts now, and the first one's id is what the user has written down."""
    bench.server.behaviours = [runs_for(9), runs_for(9)]
    run_id = bench.plan(2)
    bench.server.will("create", made_twice)
    with bench.open(run_id) as run:
        run.submit()
        printed = run.public_id
        run.settle()
        assert run.public_id != printed
    assert find_run(bench.place, printed) == run_id


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        pytest.param(ProviderUnavailable("503", status_code=503), 3, id="503"),
        pytest.param(NotFound("404", status_code=404), 1, id="404"),
        pytest.param(CredentialsRefused("403", status_code=403), 1, id="403"),
    ],
)
def test_a_duplicate_that_cannot_be_cancelled_is_left_to_the_user(
    bench: Bench, error: Any, tries: int
) -> None:
    """After three tries, or one refusal, it is named; the run comes to its end."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    bench.server.will("cancel", *[raising(error)] * 50)
    run_id = bench.plan(2)
    bench.server.will("create", made_twice)
    bench.settle(run_id)
    assert bench.server.calls["cancel"] == tries
    assert told(bench)[-1] == (f"the duplicate batch_2 could not be cancelled: {error}")
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


@pytest.mark.parametrize("is_settled", [False, True], ids=["while it runs", "once it is settled"])
def test_a_death_before_the_cancelling_is_made_good(bench: Bench, is_settled: bool) -> None:
    """What was recorded as a duplicate is cancelled by the next process, whatever it comes for."""
    bench.server.behaviours = [runs_for(2 if is_settled else 30), runs_for(99)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)
    with bench.open(run_id) as run:
        run.settle() if is_settled else run.submit()
    with contextlib.closing(open_journal(bench.place, run_id)) as journal:
        found = DuplicateFound(1, 1, kept_id="batch_1", batch_id="batch_2", runs=True)
        journal.append(found, at=bench.clock.now())
    bench.settle(run_id)
    assert was_cancelled(bench, 2)
    assert bench.server.calls["cancel"] == 1
    bench.settle(run_id)
    assert bench.server.calls["cancel"] == 1


def test_a_cancelling_that_failed_once_is_done_by_the_next_step(bench: Bench) -> None:
    """A program that polls comes back to it after a 503."""
    bench.server.behaviours = [runs_for(9), runs_for(99)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)
    bench.server.will("cancel", raising(ProviderUnavailable("503", status_code=503)))
    with bench.open(run_id) as run:
        run.submit()
        while not run.settled:
            run.step()
            bench.clock.advance(10)
        run.step()
    assert was_cancelled(bench, 2)


def test_what_the_user_gave_up_is_cancelled_when_it_turns_up(bench: Bench) -> None:
    """After --resubmit the lost batch does not count any more, and does not go on."""
    bench.server.behaviours = [runs_for(99), runs_for(9)]
    run_id = bench.plan(2)

    def is_lost(proceed: Any) -> Any:
        raise NotFound("no batch", status_code=404)

    bench.server.will("retrieve", *[is_lost] * 500)
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        bench.server.faults.clear()
        run.settle()
    assert was_cancelled(bench, 1)
    assert bench.record(run_id)["batch_ids"] == ["batch_2"]
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_a_batch_that_was_given_up_and_has_ended_is_told_of(bench: Bench) -> None:
    """It was completed without files, and it is still said that it may be paid."""
    bench.server.behaviours = [ends_without_files, runs_for(5)]
    run_id = bench.plan(1)
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        run.resubmit_lost()
        run.settle()
    assert "batch_2 counts, batch_1 is completed" in told(bench)[-1]
    assert bench.record(run_id)["batch_ids"] == ["batch_2"]


# --- a duplicate and a full queue -----------------------------------------------------------------


def test_a_twin_that_fills_the_queue_is_found_before_the_shard_is_halved(bench: Bench) -> None:
    """Ours is refused because the other one is queued: that one is adopted, and nothing cut."""
    bench.server.behaviours = [runs_for(9), fails("token_limit_exceeded")]
    run_id = bench.plan(4)
    bench.server.will("create", made_twice)
    bench.settle(run_id)
    assert bench.record(run_id)["batch_ids"] == ["batch_1"]
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def is_refused_late(provider: FakeProvider, batch: FakeBatch) -> None:
    """Refused for want of room as soon as a cancelling was tried."""
    if provider.calls["cancel"]:
        fails("token_limit_exceeded")(provider, batch)
    else:
        batch.status = BatchStatus.VALIDATING


def test_a_duplicate_is_cancelled_before_its_shard_is_halved(bench: Bench) -> None:
    """Its cancelling has failed once when ours is refused for want of room."""
    bench.server.behaviours = [is_refused_late, runs_for(60)]
    run_id = bench.plan(4)
    bench.server.will("create", made_once_more)
    bench.server.will("cancel", raising(ProviderUnavailable("503", status_code=503)))
    bench.settle(run_id, interval_s=1.0)
    assert was_cancelled(bench, 2)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_run_that_was_halved_after_a_duplicate_can_be_resumed(bench: Bench) -> None:
    """The cancelled one bears the label of the whole shard, and is no other machine's cut."""
    bench.server.behaviours = [is_refused_late, runs_for(60)]
    run_id = bench.plan(4)
    bench.server.will("create", made_once_more, well, dies)
    with pytest.raises(KeyboardInterrupt):
        bench.settle(run_id, interval_s=1.0)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [(f"r{n}", "200") for n in range(1, 5)]
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def dies(proceed: Any) -> Any:
    raise KeyboardInterrupt


# --- what comes late ------------------------------------------------------------------------------


def test_a_running_batch_is_not_cancelled_for_one_that_came_to_nothing(bench: Bench) -> None:
    """Ours was cancelled by another machine, whose batch the listing shows only much later."""
    bench.server.page_size = 9
    bench.server.behaviours = [runs_for(30), runs_for(99), runs_for(40)]
    run_id = bench.plan(2, shard_requests=1)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
        ours = bench.server.batch(1)
        bench.server.create_batch(
            input_file_id="file-1",
            endpoint=ours.endpoint,
            completion_window="24h",
            metadata=ours.metadata,
            idempotency_key="",
        )
        bench.server.batch(3).created_at = ours.created_at - 5
        bench.server.batch(3).hidden = True
        bench.server.cancel_batch("batch_1")
        while not run.state.shards[1].last_harvest:
            run.step()
        bench.server.batch(3).hidden = False
        run.settle()
    assert not was_cancelled(bench, 3)
    assert told(bench)[-1].endswith("batch_1 counts, batch_3 goes on, and is left alone")


def test_the_end_of_a_listing_that_is_down_for_seconds_is_waited_for(bench: Bench) -> None:
    """Three searches that fail at once would prove nothing."""
    bench.server.behaviours = [runs_for(30), runs_for(30)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
        another_machine_makes_an_older_one(bench)
        bench.server.cancel_batch("batch_1")
        back_at = bench.clock.monotonic() + 1.2

        def is_down(proceed: Any) -> Any:
            if bench.clock.monotonic() < back_at:
                raise ProviderUnavailable("503", status_code=503)
            return proceed()

        bench.server.will("list", *[is_down] * 50)
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_one_download_brings_the_better_of_two_batches(bench: Bench) -> None:
    """Ours was cancelled for one that is completed by now: it is seen and fetched at once."""
    bench.server.behaviours = [runs_for(30), runs_for(1)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
    another_machine_makes_an_older_one(bench)
    bench.server.retrieve_batch("batch_2")
    bench.server.cancel_batch("batch_1")
    with bench.open(run_id) as run:
        run.harvest()
        assert run.settled
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_a_duplicate_that_is_done_before_it_could_be_cancelled_counts(bench: Bench) -> None:
    """409 to the cancelling, and ours expires with nothing done: the other's results are kept."""

    def ends_with_nothing(provider: FakeProvider, batch: FakeBatch) -> None:
        if provider.calls["cancel"] and not batch.status.final:
            end(provider, batch, [], [unexecuted(n) for n in batch.ids], BatchStatus.EXPIRED)
        elif not batch.status.final:
            batch.status = BatchStatus.IN_PROGRESS

    bench.server.behaviours = [ends_with_nothing, runs_for(99)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)

    def comes_too_late(proceed: Any) -> Any:
        batch = bench.server.batch(2)
        end(bench.server, batch, bench.server.execute(batch.ids))
        return proceed()

    bench.server.will("cancel", comes_too_late)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert bench.record(run_id)["batch_ids"] == ["batch_2"]
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


@pytest.mark.parametrize("shards", [1, 4])
def test_a_key_that_may_not_list_follows_any_number_of_batches(bench: Bench, shards: int) -> None:
    """403 to the listing: each batch is asked for by itself."""
    bench.server.will("list", *[raising(CredentialsRefused("403", status_code=403))] * 500)
    run_id = bench.plan(4, shard_requests=4 // shards)
    bench.settle(run_id)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_results_that_are_here_want_no_provider(bench: Bench) -> None:
    """A duplicate that is still to be cancelled is no reason to hold back a settled run."""
    bench.server.behaviours = [runs_for(9), runs_for(99)]
    run_id = bench.plan(2)
    bench.server.will("create", made_once_more)
    bench.server.will("cancel", *[raising(ProviderUnavailable("503", status_code=503))] * 500)
    bench.settle(run_id)
    bench.server.will("retrieve", *[raising(CredentialsRefused("401", status_code=401))] * 500)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]
