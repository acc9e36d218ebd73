"""What nobody can know: lost replies to `create`, and batches of unknown outcome."""

from pathlib import Path
from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    completes,
    end,
    ends_without_files,
    fails,
    is_forgotten,
    outcome,
    raising,
    reply_is_lost,
    request_is_lost,
    server_error,
    stays,
    success,
    unreachable,
)

from openai_batch.engine.doubts import window_s
from openai_batch.engine.events import BatchStarted, Looking
from openai_batch.errors import (
    GaveUp,
    NotFound,
    OutcomeUnknown,
    ProviderError,
    ProviderRefused,
)
from openai_batch.providers.interface import BatchStatus, RequestCounts


def test_a_batch_whose_id_got_lost_is_adopted(bench: Bench) -> None:
    """After a lost reply the batch is found in the listing, on whichever page; none is made."""
    run_id = bench.plan(5, shard_requests=1)
    bench.server.will("create", reply_is_lost)
    bench.settle(run_id)
    assert len(bench.server.batches) == 5
    assert set(bench.server.executed.values()) == {1}
    started = bench.seen(BatchStarted)
    assert [event.adopted for event in started] == [True, False, False, False, False]


def test_a_listing_that_lags_is_given_time(bench: Bench) -> None:
    """A batch that shows in the listing only after ten seconds is adopted all the same."""
    run_id = bench.plan(1)

    def lost_and_hidden(proceed: Any) -> Any:
        proceed()
        bench.server.batch(1).hidden = True
        bench.server.will("list", *[list_late] * 100)
        return reply_is_lost(lambda: None)

    created_at = bench.clock.monotonic()

    def list_late(proceed: Any) -> Any:
        bench.server.batch(1).hidden = bench.clock.monotonic() < created_at + 10
        return proceed()

    bench.server.will("create", lost_and_hidden)
    bench.settle(run_id)
    assert len(bench.server.batches) == 1
    assert bench.seen(Looking)


def test_the_grace_begins_when_the_call_ends(bench: Bench) -> None:
    """A `create` that hung for a minute may have been carried out at its end: time is left then."""
    run_id = bench.plan(1)

    def hangs(proceed: Any) -> Any:
        bench.clock.advance(60)
        proceed()
        bench.server.batch(1).hidden = True
        shown_at = bench.clock.monotonic() + 8

        def list_late(proceed: Any) -> Any:
            bench.server.batch(1).hidden = bench.clock.monotonic() < shown_at
            return proceed()

        bench.server.will("list", *[list_late] * 100)
        return reply_is_lost(lambda: None)

    bench.server.will("create", hangs)
    bench.settle(run_id)
    assert len(bench.server.batches) == 1


def test_after_the_grace_it_is_created_again(bench: Bench) -> None:
    """What no listing shows for fifteen seconds was never created."""
    run_id = bench.plan(1)
    bench.server.will("create", request_is_lost)
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert bench.server.calls["create"] == 2
    assert len(bench.server.batches) == 1
    assert 15 <= bench.clock.monotonic() - started < 30


def test_a_clock_that_was_set_back_does_not_prolong_the_grace(bench: Bench) -> None:
    """A process that finds an intent from the future waits the grace, and no longer."""
    run_id = bench.plan(1)

    def dies(proceed: Any) -> Any:
        raise KeyboardInterrupt

    bench.server.will("create", dies)
    with pytest.raises(KeyboardInterrupt):
        bench.settle(run_id)
    bench.clock.wall_offset_s -= 86_400
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert bench.clock.monotonic() - started < 60
    assert len(bench.server.batches) == 1


def test_a_broken_create_is_tried_with_growing_waits(bench: Bench) -> None:
    """A provider whose `create` fails while its listing works is not hammered, and given up."""
    run_id = bench.plan(1)
    bench.server.will("create", *[server_error] * 10_000)
    with pytest.raises(GaveUp, match="nothing has worked for"):
        bench.settle(run_id)
    assert bench.server.calls["create"] < 40


def test_a_death_before_the_id_is_recorded_is_made_good(bench: Bench) -> None:
    """The process dies after the provider has begun: the next one finds the batch."""
    run_id = bench.plan(2, shard_requests=1)

    def dies(proceed: Any) -> Any:
        proceed()
        raise KeyboardInterrupt

    bench.server.will("create", dies)
    with pytest.raises(KeyboardInterrupt):
        bench.settle(run_id)
    assert bench.record(run_id)["batch_ids"] == []
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_a_provider_that_keeps_no_metadata_is_searched_by_file(bench: Bench) -> None:
    """Where batches carry no label, the file's id tells ours."""
    bench.server.keeps_metadata = False
    run_id = bench.plan(1)
    bench.server.will("create", reply_is_lost)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_refused_batch_is_nothing_to_adopt(bench: Bench) -> None:
    """Of two batches of one shard, the one that was refused is not taken for the other."""
    run_id = bench.plan(1)
    bench.server.behaviours = [fails("invalid_request"), completes]
    with pytest.raises(ProviderRefused, match="nothing was executed"):
        bench.settle(run_id)
    bench.server.will("create", reply_is_lost)
    bench.settle(run_id)
    assert len(bench.server.batches) == 2
    assert bench.server.executed == {"r1": 1}


def test_where_nothing_can_be_listed_only_the_user_decides(bench: Bench) -> None:
    """Without a listing a lost reply ends in OutcomeUnknown; --resubmit sends again."""
    bench.row.can_list = False
    run_id = bench.plan(2, shard_requests=1)
    bench.server.will("create", reply_is_lost)
    with pytest.raises(OutcomeUnknown, match=f"`openai-batch resume {run_id} --resubmit`"):
        bench.settle(run_id)
    assert bench.server.executed == {"r2": 1}
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert len(bench.server.batches) == 3


def test_a_key_that_is_honoured_clears_up_what_no_listing_does(tmp_path: Path) -> None:
    """Where a provider documents an idempotency key, a lost `create` is repeated under it."""
    bench = Bench(tmp_path, can_list=False, idempotency_header="Idempotency-Key")
    bench.server.honours_keys = True
    run_id = bench.plan(4, shard_requests=2)
    bench.server.will("create", reply_is_lost, request_is_lost, reply_is_lost)
    bench.settle(run_id)
    assert len(bench.server.batches) == 2
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_key_is_not_believed_to_be_remembered_for_long(tmp_path: Path) -> None:
    """Hours later nobody knows whether the key still stands for that batch: the user decides."""
    bench = Bench(tmp_path, can_list=False, idempotency_header="Idempotency-Key")
    run_id = bench.plan(2)

    def dies(proceed: Any) -> Any:
        proceed()
        raise KeyboardInterrupt

    bench.server.will("create", dies)
    with pytest.raises(KeyboardInterrupt):
        bench.settle(run_id)
    bench.clock.advance(3600)
    with pytest.raises(OutcomeUnknown, match="--resubmit"):
        bench.settle(run_id)
    assert len(bench.server.batches) == 1


def test_a_key_is_as_old_as_its_first_use(tmp_path: Path) -> None:
    """Each process repeats the call, and the key is forgotten by the clock of the first."""
    bench = Bench(tmp_path, can_list=False, idempotency_header="Idempotency-Key")
    bench.server.honours_keys = True
    run_id = bench.plan(2)

    def dies(proceed: Any) -> Any:
        raise KeyboardInterrupt

    bench.server.will("create", reply_is_lost, dies, dies)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            bench.settle(run_id)
        bench.clock.advance(3000)
    bench.server.honours_keys = False
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    assert len(bench.server.batches) == 1


def test_a_key_never_stands_for_another_input_file(bench: Bench) -> None:
    """A refused input is uploaded anew when the user comes back, and that is another request."""
    run_id = bench.plan(2)
    bench.server.will("create", lambda proceed: proceed())
    bench.server.behaviours = [fails("model_not_found")]
    with pytest.raises(ProviderRefused):
        bench.settle(run_id)
    bench.settle(run_id)
    first, second = bench.server.keys
    assert first != second


def test_a_listing_that_is_refused_is_no_listing(bench: Bench) -> None:
    """A 405 to the listing means the same as a provider that is known to have none."""
    run_id = bench.plan(1)
    bench.server.will("create", reply_is_lost)
    bench.server.will("list", raising(ProviderRefused("405", status_code=405)))
    with pytest.raises(OutcomeUnknown, match="the listing was refused: 405"):
        bench.settle(run_id)


def test_a_batch_that_is_forgotten_is_not_sent_again(bench: Bench) -> None:
    """After a minute of 404 the outcome is unknown; the other shards are brought home first."""
    bench.server.behaviours = [is_forgotten]
    run_id = bench.plan(2, shard_requests=1)
    with pytest.raises(OutcomeUnknown, match=r"Whether its 1 requests were executed cannot be"):
        bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert bench.record(run_id)["request_counts"]["completed"] == 1


def test_a_short_404_is_borne_with(bench: Bench) -> None:
    """A batch that a lagging replica does not know yet is asked for again."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.looks < 5:
            raise NotFound("no batch", status_code=404)
        completes(provider, batch)
        if not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))

    bench.server.behaviours = [behave]
    run_id = bench.plan(1)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_forgotten_batch_that_is_found_again_counts(bench: Bench) -> None:
    """While other batches run, a batch that was set aside and comes back is harvested."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if bench.clock.monotonic() < 1200:
            raise NotFound("no batch", status_code=404)
        if not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))

    def slow(provider: FakeProvider, batch: FakeBatch) -> None:
        if bench.clock.monotonic() < 1600:
            batch.status = BatchStatus.IN_PROGRESS
        elif not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))

    bench.server.behaviours = [behave, slow]
    run_id = bench.plan(2, shard_requests=1)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


@pytest.mark.parametrize("lost", [is_forgotten, ends_without_files])
def test_resubmit_sends_lost_batches_again(bench: Bench, lost: Any) -> None:
    """--resubmit works in a process of its own, waits for what may be late, and is exact."""
    bench.server.behaviours = [lost]
    run_id = bench.plan(2, shard_requests=1)
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert [bench.server.batch(3).ids] == [["r1"]]
    assert bench.server.executed == {"r1": 2, "r2": 1}
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_resubmit_does_not_take_what_is_late_for_lost(bench: Bench) -> None:
    """A batch that has just completed gets its time to name its files, --resubmit or not."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        batch.status = BatchStatus.COMPLETED
        if batch.looks > 5 and not batch.output_file_id:
            end(provider, batch, provider.execute(batch.ids))

    bench.server.behaviours = [behave]
    run_id = bench.plan(1)
    with bench.open(run_id) as run:
        run.submit()
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 0
        run.settle()
    assert bench.server.executed == {"r1": 1}


def test_resubmit_does_not_act_on_what_was_unknown_before(bench: Bench) -> None:
    """A batch set aside earlier in the same process is not given up by a look that fails."""
    bench.server.behaviours = [is_forgotten]
    run_id = bench.plan(1)
    with bench.open(run_id) as run:
        with pytest.raises(OutcomeUnknown):
            run.settle()
        bench.server.will("retrieve", *[unreachable] * 200)
        assert run.resubmit_lost() == 0
    assert len(bench.server.batches) == 1


def test_what_was_given_up_is_not_adopted(bench: Bench) -> None:
    """A lost reply after --resubmit does not bring the batch back that the user gave up."""
    bench.server.behaviours = [ends_without_files]
    run_id = bench.plan(1)
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    bench.server.will("create", reply_is_lost)
    with bench.open(run_id) as run:
        run.resubmit_lost()
        run.settle()
    assert len(bench.server.batches) == 2
    assert bench.record(run_id)["batch_ids"] == ["batch_2"]


def test_every_new_create_has_a_key_of_its_own(bench: Bench) -> None:
    """An idempotency key is repeated only where the same batch is meant."""
    bench.server.behaviours = [fails("token_limit_exceeded"), ends_without_files]
    run_id = bench.plan(2)
    with pytest.raises(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        run.resubmit_lost()
        run.settle()
    assert len(bench.server.keys) == len(set(bench.server.keys)) == 4


def test_results_that_are_gone_do_not_end_the_others(bench: Bench) -> None:
    """A result file that was deleted leaves its shard aside, and --resubmit sends it again."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))
            batch.output_file_id = "file-gone"

    bench.server.behaviours = [behave]
    run_id = bench.plan(2, shard_requests=1)
    with pytest.raises(OutcomeUnknown, match="The results of batch_1 are lost: no file file-gone"):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_results_that_are_late_are_waited_for(bench: Bench) -> None:
    """A result file that is not found at once is asked for again."""
    run_id = bench.plan(1)
    gone: list[ProviderError] = [NotFound("no file", status_code=404)] * 2
    bench.server.will("download", *map(raising, gone))
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_batch_that_outlives_its_window_is_no_hang(bench: Bench) -> None:
    """A batch that is still running a day after its window ended is left to the user."""

    def stalls(provider: FakeProvider, batch: FakeBatch) -> None:
        batch.status = BatchStatus.IN_PROGRESS
        batch.expires_at = batch.created_at + 86_400

    bench.server.behaviours = [stalls]
    run_id = bench.plan(1)
    started = bench.clock.monotonic()
    with pytest.raises(OutcomeUnknown, match="batch_1 is in_progress more than a day after its"):
        bench.settle(run_id)
    assert bench.clock.monotonic() - started < 3 * 86_400
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200")]


def test_a_batch_without_an_end_of_its_window_is_no_hang(bench: Bench) -> None:
    """Where the provider does not say when it expires, the window that was asked for counts."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(1, completion_window="2d")
    started = bench.clock.monotonic()
    with pytest.raises(OutcomeUnknown, match="has not got on for 10 minutes"):
        bench.settle(run_id)
    assert 3 * 86_400 < bench.clock.monotonic() - started < 3.1 * 86_400


def test_a_late_batch_that_gets_on_is_waited_for(bench: Bench) -> None:
    """Long after its window its counts still rise: it is no stall, however slow."""

    def gets_on(provider: FakeProvider, batch: FakeBatch) -> None:
        batch.expires_at = batch.created_at
        done = int((provider.clock.now() - batch.created_at) / 300)
        if done > 1000:
            end(provider, batch, provider.execute(batch.ids))
        elif not batch.status.final:
            batch.status = BatchStatus.IN_PROGRESS
            batch.counts = RequestCounts(1000, done, 0)

    bench.server.behaviours = [gets_on]
    run_id = bench.plan(1)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("24h", 86_400),
        ("1d", 86_400),
        ("7d", 604_800),
        ("Standard (24h)", 86_400),
        ("High (1h)", 3_600),
        ("soon", 1_209_600),
    ],
)
def test_windows_as_providers_write_them(text: str, seconds: float) -> None:
    """Windows come back in other words than they were asked for; none is taken for short."""
    assert window_s(text) == seconds


def test_another_organisations_key_proves_nothing(bench: Bench) -> None:
    """A key that sees neither batch nor input file cannot say that there is no batch."""
    run_id = bench.plan(1)

    def shows_nothing(proceed: Any) -> Any:
        raise NotFound("no such thing", status_code=404)

    def lost(proceed: Any) -> Any:
        proceed()
        bench.server.batch(1).hidden = True
        bench.server.will("retrieve_file", *[shows_nothing] * 50)
        return reply_is_lost(lambda: None)

    bench.server.will("create", lost)
    with pytest.raises(OutcomeUnknown, match="may be that of another organisation or project"):
        bench.settle(run_id)
    assert len(bench.server.batches) == 1
    bench.server.faults.clear()
    bench.server.batch(1).hidden = False  # the right key is back
    bench.settle(run_id)
    assert len(bench.server.batches) == 1
    assert bench.server.executed == {"r1": 1}


def first_batch_is_elsewhere(bench: Bench, *, shows: Any) -> str:
    """A run of two shards: the first one's `create` got no reply, and this key sees no batch of it.

    The second one's is listed. `shows` says of which files the provider knows.
    """

    def look(proceed: Any) -> Any:
        file = proceed()
        if not shows(file.id):
            raise NotFound("no such file", status_code=404)
        return file

    def lost(proceed: Any) -> Any:
        proceed()
        bench.server.batch(1).hidden = True
        batch = bench.server.batch(1)
        bench.server.begin(
            bench.server.keep("other.jsonl", bench.server.files["file-2"][1]),
            batch.endpoint,
            "24h",
            {"openai_batch": batch.metadata["openai_batch"].replace("rows=0-0", "rows=1-1")},
        )
        bench.server.will("retrieve_file", *[look] * 500)
        return reply_is_lost(lambda: None)

    run_id = bench.plan(2, shard_requests=1)
    bench.server.will("create", lost)
    return run_id


def test_a_batch_made_with_the_other_key_does_not_vouch_for_this_one(bench: Bench) -> None:
    """Of a run whose batches are in two organisations, the one in doubt may be in the first."""
    run_id = first_batch_is_elsewhere(bench, shows=lambda file_id: file_id == "file-3")
    with pytest.raises(OutcomeUnknown, match="may be that of another organisation or project"):
        bench.settle(run_id)
    assert len([b for b in bench.server.batches.values() if b.ids == ["r1"]]) == 1


def test_a_gateway_without_a_call_for_files_is_believed_by_its_listing(bench: Bench) -> None:
    """404 to every file, even that of a batch that is listed, says nothing of the key."""
    run_id = first_batch_is_elsewhere(bench, shows=lambda file_id: False)
    bench.settle(run_id)
    assert len([b for b in bench.server.batches.values() if b.ids == ["r1"]]) == 2


def test_a_run_without_losses_has_nothing_to_resubmit(bench: Bench) -> None:
    """--resubmit on a run whose batches are well sends nothing."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(1)
    with bench.open(run_id) as run:
        run.submit()
        assert run.resubmit_lost() == 0
        assert run.resubmit_lost() == 0
    assert bench.server.calls["create"] == 1


def test_an_answer_twice_is_one_result(bench: Bench) -> None:
    """A row that the provider answers twice is delivered once, a success before a failure."""
    late = {**success("r1"), "error": {"code": "late", "message": "m"}}
    bench.server.behaviours = [
        lambda provider, batch: (
            None if batch.status.final else end(provider, batch, [success("r1"), late])
        )
    ]
    run_id = bench.plan(1)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [("r1", "200")]
