"""Driving a run to its end: what is sent, what is sent again, and what never is."""

import contextlib
import threading
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeClock,
    FakeProvider,
    FakeRun,
    answers,
    end,
    ends_without_files,
    expires_after,
    failure,
    outcome,
    raising,
    stays,
    success,
    unexecuted,
    unreachable,
)
from engine_processes import until

from openai_batch.engine.events import (
    Finished,
    Looking,
    RetryScheduled,
    ShardHarvested,
    Trouble,
    Warned,
)
from openai_batch.engine.runs import Place, request_cancel
from openai_batch.errors import (
    CredentialsRefused,
    GaveUp,
    ProviderRefused,
    ProviderUnavailable,
    StillRunning,
    UsageError,
)
from openai_batch.providers.interface import BatchStatus, RemoteFile, RequestCounts


def test_every_request_ends_once_in_its_place(bench: Bench) -> None:
    """A run of several shards brings each request back once, in input order."""
    run_id = bench.plan(7, shard_requests=3)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [(f"r{n}", "200") for n in range(1, 8)]
    assert set(bench.server.executed.values()) == {1}
    assert bench.server.calls["create"] == 3
    (finished,) = bench.seen(Finished)
    assert (finished.requests, finished.succeeded, finished.failed, finished.missing) == (
        (7, 7, 0, 0)
    )


def test_an_expired_batch_keeps_what_was_paid(bench: Bench) -> None:
    """Of an expired batch only the rows that were not executed are sent again."""
    bench.server.behaviours = [expires_after(3)]
    run_id = bench.plan(5)
    bench.settle(run_id)
    assert bench.server.batch(2).ids == ["r4", "r5"]
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 6)}
    assert outcome(bench.deliver(run_id)) == [(f"r{n}", "200") for n in range(1, 6)]
    assert bench.record(run_id)["resent_unconfirmed"] == 0
    assert [event.rows for event in bench.seen(RetryScheduled)] == [2]


def test_a_failed_batch_with_files_keeps_what_was_paid(bench: Bench) -> None:
    """`failed` with an output file means results, whatever the word says."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, provider.execute(["r1"]), status=BatchStatus.FAILED)

    bench.server.behaviours = [behave]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_rows_without_a_line_are_sent_again_and_counted(bench: Bench) -> None:
    """A row in neither file is sent again, and the record says that this may cost twice."""
    bench.server.behaviours = [answers(success("r1"), success("r3"))]
    run_id = bench.plan(3)
    bench.settle(run_id)
    assert bench.server.batch(2).ids == ["r2"]
    assert bench.server.calls["download"] == 3 + 1
    assert bench.record(run_id)["resent_unconfirmed"] == 1
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200"), ("r3", "200")]


def test_a_row_that_never_returns_gets_a_line_of_ours(bench: Bench) -> None:
    """After the last attempt a row without a line is `missing`, in its place."""
    bench.server.behaviours = [answers(success("r1"), success("r3")), answers(failure("x"))]
    run_id = bench.plan(3, max_attempts=2)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "missing"), ("r3", "200")]
    (finished,) = bench.seen(Finished)
    assert (finished.succeeded, finished.failed, finished.missing) == (2, 0, 1)
    assert any("1 lines belong to no open request" in e.message for e in bench.seen(Warned))


def test_only_what_another_attempt_may_mend_is_sent_again(bench: Bench) -> None:
    """A 400 stays as it is, a 500 and a line without a status are sent again."""
    no_status = {"id": "x", "custom_id": "r3", "response": {"body": {}}, "error": None}
    bench.server.behaviours = [answers(failure("r1", 400), failure("r2", 500), no_status)]
    run_id = bench.plan(3)
    bench.settle(run_id)
    assert bench.server.batch(2).ids == ["r2", "r3"]
    assert outcome(bench.deliver(run_id)) == [("r1", "400"), ("r2", "200"), ("r3", "200")]


def test_attempts_end_with_the_last_one(bench: Bench) -> None:
    """What still fails after --max-attempts keeps the provider's own line."""
    bench.server.behaviours = [answers(failure("r1", 500)) for _ in range(3)]
    run_id = bench.plan(1, max_attempts=3)
    bench.settle(run_id)
    assert bench.server.calls["create"] == 3
    assert outcome(bench.deliver(run_id)) == [("r1", "500")]


def test_failed_downloads_are_no_gaps(bench: Bench) -> None:
    """Broken connections do not use up the tries after which gaps are believed."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))
            whole = provider.files[batch.output_file_id or ""]
            short = whole[0], whole[1].splitlines(keepends=True)[0]
            provider.files[batch.output_file_id or ""] = short

            def grows(proceed: Any) -> Any:
                found = proceed()
                provider.files[batch.output_file_id or ""] = whole
                return found

            broken = raising(ProviderUnavailable("broken", executed=None))
            provider.will("download", broken, broken, grows)

    bench.server.behaviours = [behave]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_a_batch_that_completes_before_its_files_is_waited_for(bench: Bench) -> None:
    """`completed` without file ids is asked again until they appear."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.looks < 5:
            batch.status = BatchStatus.COMPLETED
        elif batch.output_file_id is None:
            end(provider, batch, provider.execute(batch.ids))

    bench.server.behaviours = [behave]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}


def test_successes_are_waited_for_although_the_error_file_has_a_name(bench: Bench) -> None:
    """While the provider counts successes, an error file alone does not make them missing."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, provider.execute(["r1"]), [failure("r2")])
            behave.late = batch.output_file_id  # type: ignore[attr-defined]
            batch.output_file_id = None
        elif batch.looks == 8:
            batch.output_file_id = behave.late  # type: ignore[attr-defined]

    bench.server.behaviours = [behave]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "400")]


def test_an_unknown_status_is_told_and_taken_for_running(bench: Bench) -> None:
    """A word nobody knows is no end."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.looks < 4:
            batch.status, batch.raw_status = BatchStatus.IN_PROGRESS, "pondering"
        elif not batch.status.final:
            batch.raw_status = None
            end(provider, batch, provider.execute(batch.ids))

    bench.server.behaviours = [behave]
    bench.settle(bench.plan(1))
    assert ["'pondering'" in event.message for event in bench.seen(Warned)] == [True]


def test_a_time_out_ends_the_wait(bench: Bench) -> None:
    """--timeout is total: exit after it, not much later, and say how to go on."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(1)
    started = bench.clock.monotonic()
    with pytest.raises(GaveUp, match=rf"the 90 s of --timeout; .*`openai-batch resume {run_id}`"):
        bench.settle(run_id, timeout_s=90.0)
    assert 90 <= bench.clock.monotonic() - started < 91


def test_a_wrong_address_is_given_up_soon(bench: Bench) -> None:
    """A process that never reached the provider stops after about a minute."""
    run_id = bench.plan(1)
    bench.server.will("upload", *[unreachable] * 50)
    started = bench.clock.monotonic()
    with pytest.raises(GaveUp, match="could not be reached for"):
        bench.settle(run_id)
    assert 60 < bench.clock.monotonic() - started < 180


def test_an_outage_is_sat_out(bench: Bench) -> None:
    """Once the provider was reached, half an hour of failing calls is borne with."""
    run_id = bench.plan(1)
    bench.server.will("retrieve", *[unreachable] * 18)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}
    assert len(bench.seen(Trouble)) == 18


def test_an_outage_that_does_not_end_is_given_up(bench: Bench) -> None:
    """After an hour in which nothing works, the run is left to `resume`."""
    run_id = bench.plan(1)
    bench.server.will("retrieve", *[unreachable] * 1000)
    with pytest.raises(GaveUp, match=r"nothing has worked for 3[67].. s: connection refused"):
        bench.settle(run_id)
    bench.server.faults.clear()
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_long_call_is_no_outage(bench: Bench) -> None:
    """An upload that breaks after ten minutes is tried again, although nothing else worked."""

    def slow(proceed: Any) -> Any:
        bench.clock.advance(600)
        raise ProviderUnavailable("reset", executed=None)

    run_id = bench.plan(1)
    bench.server.will("upload", slow, slow)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_long_poll_interval_is_no_outage(bench: Bench) -> None:
    """With a look every two hours, one that fails does not end the run."""
    run_id = bench.plan(1)
    bench.server.will("retrieve", lambda proceed: proceed(), unreachable)
    bench.settle(run_id, interval_s=7200.0)
    assert bench.server.executed == {"r1": 1}


def test_nonsense_in_retry_after_is_not_believed(bench: Bench) -> None:
    """A wait of thirty years that a provider asks for becomes one of an hour."""
    asks = raising(ProviderUnavailable("503", executed=None, retry_after_s=1e12))
    run_id = bench.plan(1)
    bench.server.will("upload", asks)
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert 3600 <= bench.clock.monotonic() - started < 4000


def test_a_retry_after_of_nothing_does_not_hammer(bench: Bench) -> None:
    """`Retry-After: 0` is answered with growing waits all the same."""
    asks = raising(ProviderUnavailable("503", executed=None, retry_after_s=0.0))
    run_id = bench.plan(1)
    bench.server.will("upload", lambda proceed: proceed())
    bench.server.will("retrieve", *[asks] * 10_000)
    with pytest.raises(GaveUp):
        bench.settle(run_id)
    assert bench.server.calls["retrieve"] < 100


def test_refused_credentials_end_the_drive_and_nothing_else(bench: Bench) -> None:
    """A refused key stops at once; with the right one the run goes on."""
    run_id = bench.plan(4, shard_requests=2)
    bench.server.will("create", raising(CredentialsRefused("401 Incorrect API key")))
    with pytest.raises(CredentialsRefused, match="Incorrect API key"):
        bench.settle(run_id)
    bench.settle(run_id)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_refused_shard_can_be_sent_again(bench: Bench) -> None:
    """A 400 to `create` ends the drive with the provider's words; `resume` uploads anew."""
    run_id = bench.plan(1)
    bench.server.will("create", raising(ProviderRefused("400 no such model", code="model")))
    with pytest.raises(ProviderRefused, match="no such model"):
        bench.settle(run_id)
    assert bench.record(run_id)["status"] == "failed"
    bench.settle(run_id)
    assert bench.server.calls["upload"] == 2
    assert bench.server.executed == {"r1": 1}


@pytest.mark.parametrize("tick_s", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_slow_machine_misses_no_moment(tmp_path: Path, tick_s: float) -> None:
    """A call that becomes due while the next step is thought over is made, not slept over."""
    bench = Bench(tmp_path, FakeClock(tick_s))
    bench.server.behaviours = [stays_for(looks) for looks in (4, 9, 14, 19)]
    run_id = bench.plan(4, shard_requests=1)
    bench.settle(run_id, interval_s=2.0)
    assert bench.server.executed == {"r1": 1, "r2": 1, "r3": 1, "r4": 1}


def stays_for(looks: int) -> Any:
    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.looks < looks:
            batch.status = BatchStatus.IN_PROGRESS
        elif not batch.status.final:
            end(provider, batch, provider.execute(batch.ids))

    return behave


def test_download_neither_waits_nor_submits(bench: Bench) -> None:
    """`harvest` fetches what has ended, and says that the rest still runs."""
    bench.server.behaviours = [expires_after(9), stays]
    run_id = bench.plan(4, shard_requests=2)
    with bench.open(run_id) as run:
        run.submit()
    started = bench.clock.monotonic()
    with bench.open(run_id) as run:
        with pytest.raises(StillRunning, match="1 of 2 batches have not ended"):
            run.harvest()
        assert [event.succeeded for event in bench.seen(ShardHarvested)] == [2]
    assert bench.clock.monotonic() - started < 5
    assert bench.server.calls["create"] == 2


def test_download_of_what_only_resume_can_go_on_with(bench: Bench) -> None:
    """`harvest` of a run with requests that are still to be sent again gives up, sends nothing."""
    bench.server.behaviours = [expires_after(1)]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        with pytest.raises(GaveUp, match=f"`openai-batch resume {run_id}` goes on"):
            run.harvest()
    assert bench.server.calls["create"] == 1


def test_partial_results_leave_out_what_is_not_final(bench: Bench) -> None:
    """A partial delivery has no line for a request that is being sent again."""
    bench.server.behaviours = [
        answers(success("r1"), failure("r2", 400), failure("r3", 500)),
        stays,
    ]
    run_id = bench.plan(3)
    with bench.open(run_id) as run:
        run.submit()
        with pytest.raises(GaveUp):
            run.harvest()
    assert outcome(bench.deliver(run_id, partial=True)) == [("r1", "200"), ("r2", "400")]
    (finished,) = bench.seen(Finished)
    assert (finished.requests, finished.succeeded, finished.failed) == (3, 1, 1)
    assert bench.record(run_id)["status"] == "resumable"


def test_a_step_waits_for_no_batch(bench: Bench) -> None:
    """`step` submits, looks once, and returns; enough of them bring the run to its end."""
    bench.server.behaviours = [stays_for(3), expires_after(1)]
    run_id = bench.plan(4, shard_requests=2)
    with bench.open(run_id) as run:
        steps = 0
        while not run.settled:
            looks = bench.server.calls["retrieve"]
            run.step()
            assert bench.server.calls["retrieve"] - looks <= 2
            steps += 1
    assert steps < 10
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_at_most_so_many_batches_at_a_time(bench: Bench) -> None:
    """--max-in-flight is never exceeded, and the run ends all the same."""
    bench.server.behaviours = [stays_for(3)] * 6
    run_id = bench.plan(6, shard_requests=1, max_in_flight=2)
    running: list[int] = []
    create = bench.server.create_batch

    def counted(**arguments: Any) -> Any:
        running.append(sum(not b.status.final for b in bench.server.batches.values()))
        return create(**arguments)

    bench.server.create_batch = counted  # type: ignore[method-assign]
    bench.settle(run_id)
    assert len(running) == 6
    assert max(running) == 1  # before the new one


class Slow(FakeProvider):
    """Uploads after the first four, and all downloads, take until `go`."""

    def __init__(self, clock: FakeClock):
        super().__init__(clock)
        self.go = threading.Event()
        self.waiting = {"upload": 0, "download": 0}
        self.free = {"upload": 4, "download": 0}

    def wait(self, call: str) -> None:
        if self.free[call]:
            self.free[call] -= 1
        else:
            self.waiting[call] += 1
            self.go.wait(20)

    def upload(self, path: Path, name: str) -> RemoteFile:
        self.wait("upload")
        return super().upload(path, name)

    def download(self, file_id: str, path: Path) -> int:
        self.wait("download")
        return super().download(file_id, path)


def test_a_look_waits_for_no_transfer(bench: Bench) -> None:
    """While as many uploads and downloads are under way as may be, batches are looked at."""
    server = Slow(bench.clock)
    server.behaviours = [stays_for(0), stays_for(0), stays_for(0), stays]
    run_id = bench.plan(7, shard_requests=1)
    place = Place(bench.place.state_dir)  # by the machine's own clock
    with FakeRun(run_id, place, bench.row, client=server, interval_s=0.01) as run:
        driving = threading.Thread(target=run.settle)
        driving.start()
        try:
            until(lambda: server.waiting == {"upload": 3, "download": 3})
            looks = server.batch(4).looks
            until(lambda: server.batch(4).looks > looks + 2)
        finally:
            server.batch(4).behave = stays_for(0)
            server.go.set()
            driving.join(20)
        assert run.settled


def test_what_a_refused_key_leaves_is_no_doubt(bench: Bench) -> None:
    """A `create` that was certainly not carried out is not searched for."""
    run_id = bench.plan(1)
    bench.server.will("create", unreachable, unreachable)
    bench.settle(run_id)
    assert not bench.seen(Looking)
    assert len(bench.server.batches) == 1


def test_a_run_can_be_driven_from_another_thread(bench: Bench) -> None:
    """A program may submit in one thread, poll in a second, and close in a third."""
    run_id = bench.plan(1)
    run = bench.open(run_id)
    failures: list[BaseException] = []

    def in_a_thread(work: Any) -> None:
        def guarded() -> None:
            try:
                work()
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=guarded)
        thread.start()
        thread.join()

    in_a_thread(run.submit)
    in_a_thread(run.settle)
    in_a_thread(run.close)
    assert failures == []
    bench.open(run_id).close()
    assert bench.server.executed == {"r1": 1}


def test_there_is_no_run_of_that_name(bench: Bench) -> None:
    """Opening what does not exist is a usage error."""
    with pytest.raises(UsageError, match="there is no run run_nope"):
        bench.open("run_nope")


def cancelled_after_one(provider: FakeProvider, batch: FakeBatch) -> None:
    """Somebody cancels the batch when it has executed r1."""
    if not batch.status.final:
        rest = [unexecuted("r2", "batch_cancelled")]
        end(provider, batch, provider.execute(["r1"]), rest, BatchStatus.CANCELLED)


def test_rows_cancelled_at_the_provider_are_sent_again_only_on_demand(bench: Bench) -> None:
    """Whoever cancelled a batch did not want it; its paid results are kept, the rest may follow."""
    bench.server.behaviours = [cancelled_after_one]
    run_id = bench.plan(2)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}
    with bench.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert [result["custom_id"] for result in bench.deliver(run_id)] == ["r1", "r2"]


def test_a_run_can_be_cancelled_once_more(bench: Bench) -> None:
    """Cancelled, taken up again, and cancelled again: the second word counts as the first did."""
    bench.server.behaviours = [cancelled_after_one, stays]
    run_id = bench.plan(2)
    bench.settle(run_id)
    with bench.open(run_id) as run:
        run.allow_sending()
        run.submit()
    request_cancel(bench.place, run_id)

    def ends(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            lines = [unexecuted("r2", "batch_cancelled")]
            end(provider, batch, [], lines, BatchStatus.CANCELLED)

    bench.server.batch(2).behave = ends
    bench.settle(run_id)
    assert bench.server.calls["cancel"] == 1
    assert len(bench.server.batches) == 2
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "batch_cancelled")]
    assert not bench.place.spool(run_id).folder.exists()


def test_a_cancellation_reaches_the_process_that_drives(bench: Bench) -> None:
    """While one process waits for batches, another one's cancellation ends them."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.looks == 3:
            request_cancel(bench.place, run_id)
        if batch.status is BatchStatus.CANCELLING:
            lines = [unexecuted(name, "batch_cancelled") for name in batch.ids]
            end(provider, batch, [], lines, BatchStatus.CANCELLED)
        elif not batch.status.final:
            batch.status = BatchStatus.IN_PROGRESS

    bench.server.behaviours = [behave] * 10
    run_id = bench.plan(4, shard_requests=1, max_in_flight=2)
    bench.settle(run_id)
    assert bench.server.calls["create"] == 2
    assert outcome(bench.deliver(run_id)) == [
        ("r1", "batch_cancelled"),
        ("r2", "batch_cancelled"),
        ("r3", "missing"),
        ("r4", "missing"),
    ]


def test_a_cancelled_run_sends_nothing_more(bench: Bench) -> None:
    """What was finished is kept, what was never sent is missing, and naming the run goes on."""
    bench.server.behaviours = [cancelled_after_one]
    run_id = bench.plan(4, shard_requests=2, max_in_flight=1)
    with bench.open(run_id) as run, contextlib.suppress(GaveUp):
        run.submit()
    request_cancel(bench.place, run_id)
    bench.settle(run_id)
    assert bench.record(run_id)["status"] == "cancelled"
    results = bench.deliver(run_id)
    assert [result["custom_id"] for result in results] == ["r1", "r2", "r3", "r4"]
    codes = [(result.get("error") or {}).get("code") for result in results]
    assert codes == [None, "batch_cancelled", "missing", "missing"]
    with bench.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert bench.server.executed == {"r1": 1, "r2": 1, "r3": 1, "r4": 1}
    assert bench.record(run_id)["status"] == "completed"


def test_a_process_with_more_to_send_sends_nothing_after_a_cancel(bench: Bench) -> None:
    """What another process has cancelled meanwhile is not begun, however long this one was idle."""
    bench.server.will("create", raising(ProviderRefused("400", status_code=400)))
    run_id = bench.plan(2, shard_requests=1)
    with bench.open(run_id) as run:
        with pytest.raises(ProviderRefused):
            run.settle()
        request_cancel(bench.place, run_id)
        run.step()
        assert run.settled
    assert bench.server.batches == {}


def test_a_cancelled_batch_of_unknown_outcome_is_not_sent_again(bench: Bench) -> None:
    """Naming a cancelled run sends its open requests, but none that may have been executed."""
    bench.server.behaviours = [ends_without_files]
    run_id = bench.plan(2, shard_requests=1, max_in_flight=1)
    with bench.open(run_id) as run, pytest.raises(GaveUp):
        run.submit()
    request_cancel(bench.place, run_id)
    bench.settle(run_id)
    with bench.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert outcome(bench.deliver(run_id)) == [("r1", "missing"), ("r2", "200")]


def test_a_batch_that_was_cancelled_before_it_began_is_sent_again(bench: Bench) -> None:
    """Without files, but with the provider's word that nothing was done, a request may follow."""

    def cancelled_at_once(provider: FakeProvider, batch: FakeBatch) -> None:
        batch.status = BatchStatus.CANCELLED
        batch.counts = RequestCounts(1, 0, 0)

    bench.server.behaviours = [cancelled_at_once]
    run_id = bench.plan(1)
    with bench.open(run_id) as run:
        run.submit()
    request_cancel(bench.place, run_id)
    bench.settle(run_id)
    with bench.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200")]
