"""A run's files at the provider: kept until they are delivered, then gone where that is asked."""

import io

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    end,
    expires_after,
    fails,
    outcome,
    raising,
    reply_is_lost,
    request_is_lost,
    stays,
)

from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import FilesDeleted
from openai_batch.engine.runs import request_cancel
from openai_batch.errors import (
    CredentialsRefused,
    FilesLeft,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    UsageError,
)


def told(bench: Bench) -> list[tuple[int, bool]]:
    return [(event.files, event.orphans) for event in bench.seen(FilesDeleted)]


def test_every_file_of_a_delivered_run_is_deleted(bench: Bench) -> None:
    """Inputs and results of every attempt go; what others keep there stays."""
    bench.server.behaviours = [expires_after(1)]
    others = bench.server.keep("others.jsonl", b"{}\n")
    run_id = bench.plan(4, shard_requests=2)
    bench.settle(run_id)
    bench.deliver(run_id)
    assert len(bench.server.files) == 8
    with bench.open(run_id) as run:
        run.delete_remote_files()
    assert list(bench.server.files) == [others]
    assert told(bench) == [(7, False)]
    calls = bench.server.calls["delete"]
    with bench.open(run_id) as run:
        run.delete_remote_files()
    assert bench.server.calls["delete"] == calls


def test_files_of_a_run_that_is_not_delivered_stay(bench: Bench) -> None:
    """Nothing is deleted that is not in the user's hands."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        with pytest.raises(UsageError, match="its files are still needed"):
            run.delete_remote_files()
    assert len(bench.server.files) == 1


def test_results_that_were_deleted_are_not_asked_for(bench: Bench) -> None:
    """Delivering once more says where the results went, and that they are nowhere else."""
    run_id = bench.plan(2)
    bench.settle(run_id)
    bench.deliver(run_id)
    with bench.open(run_id) as run:
        run.delete_remote_files()
    with pytest.raises(UsageError, match="went to standard output, and its files were deleted"):
        bench.deliver(run_id)


def test_a_file_that_cannot_be_deleted_is_tried_again_and_told_of(bench: Bench) -> None:
    """Three tries each, then exit 1; a later try takes up what is left."""
    run_id = bench.plan(1)
    bench.settle(run_id)
    bench.deliver(run_id)
    unavailable = raising(ProviderUnavailable("503", status_code=503))
    bench.server.will("delete", unavailable)
    with bench.open(run_id) as run:
        run.delete_remote_files()
    assert bench.server.files == {}
    assert bench.server.calls["delete"] == 3

    other = bench.plan(1)
    bench.settle(other)
    bench.deliver(other)
    bench.server.will("delete", *[raising(ProviderRefused("405", status_code=405))] * 6)
    with (
        bench.open(other) as run,
        pytest.raises(FilesLeft, match=f"2 of 2 files of {other} are still at the provider"),
    ):
        run.delete_remote_files()
    with bench.open(other) as run:
        run.delete_remote_files()
    assert bench.server.files == {}


def test_a_deletion_that_failed_half_way_is_gone_on_with(bench: Bench) -> None:
    """What is left is deleted by the next try; nothing asks for results that are gone by half."""
    run_id = bench.plan(2, shard_requests=1)
    bench.settle(run_id)
    bench.deliver(run_id)
    unavailable = raising(ProviderUnavailable("503", status_code=503))
    bench.server.will("delete", *[lambda proceed: proceed()] * 3, *[unavailable] * 3)
    with (
        bench.open(run_id) as run,
        pytest.raises(FilesLeft, match=f"1 of 4 .*download {run_id} --delete-remote` goes on"),
    ):
        run.delete_remote_files()
    with pytest.raises(UsageError, match="its files were deleted at the provider"):
        bench.deliver(run_id)
    with bench.open(run_id) as run:
        run.delete_remote_files()
    assert bench.server.files == {}


def test_a_key_that_sees_none_of_the_files_deletes_none(bench: Bench) -> None:
    """404 for all of them is most likely another organisation's key, and no deletion."""
    run_id = bench.plan(1)
    bench.settle(run_id)
    bench.deliver(run_id)
    unknown = raising(NotFound("404", status_code=404))
    bench.server.will("retrieve_file", *[unknown] * 2)
    bench.server.will("delete", *[unknown] * 2)
    with bench.open(run_id) as run, pytest.raises(NotFound, match="none was deleted"):
        run.delete_remote_files()
    bench.server.faults.clear()
    assert outcome(bench.deliver(run_id)) == [("r1", "200")]


def test_a_cancelled_run_is_taken_up_after_its_files_were_deleted(bench: Bench) -> None:
    """What waited at the provider for its batch is uploaded once more."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(2, shard_requests=1, max_in_flight=1)
    with bench.open(run_id) as run:
        run.step()
    bench.server.batch(1).behave = runs_to_its_end
    request_cancel(bench.place, run_id)
    with bench.open(run_id) as run:
        run.settle()
        run.deliver(Delivery(io.BytesIO()))
        run.delete_remote_files()
    with bench.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert {name for name, _ in outcome(bench.deliver(run_id))} == {"r1", "r2"}
    assert bench.server.batch(2).input_file_id == "file-4"


def test_inputs_of_what_was_never_executed_may_go_too(bench: Bench) -> None:
    """A refused run is over, and what it has left at the provider is of no use."""
    bench.server.behaviours = [fails("model_not_found")]
    run_id = bench.plan(1)
    with pytest.raises(ProviderRefused):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        run.delete_remote_files()
    assert bench.server.files == {}


def test_a_refused_key_ends_the_deleting(bench: Bench) -> None:
    """A key that is refused is no file that cannot be deleted."""
    run_id = bench.plan(1)
    bench.settle(run_id)
    bench.deliver(run_id)
    bench.server.will("delete", raising(CredentialsRefused("401", status_code=401)))
    with bench.open(run_id) as run, pytest.raises(CredentialsRefused):
        run.delete_remote_files()


def settle_and_deliver(bench: Bench, run_id: str) -> None:
    """As one process does it, whose client serves to tidy up, too."""
    with bench.open(run_id) as run:
        run.settle()
        run.deliver(Delivery(io.BytesIO()))


def runs_to_its_end(provider: FakeProvider, batch: FakeBatch) -> None:
    if not batch.status.final:
        end(provider, batch, provider.execute(batch.ids))


def input_files(server: FakeProvider) -> list[str]:
    return [name for name, (title, _) in server.files.items() if title.startswith("openai-batch-")]


def test_an_upload_without_a_reply_leaves_nothing_behind(bench: Bench) -> None:
    """The file that only its name makes known is found by it and deleted, once all is delivered."""
    foreign = bench.server.keep("openai-batch-run_1-rows-0-0-of-1.jsonl", b"")
    bench.server.will("upload", reply_is_lost)
    run_id = bench.plan(3)
    settle_and_deliver(bench, run_id)
    assert input_files(bench.server) == [foreign, bench.server.batch(1).input_file_id]
    assert told(bench) == [(1, True)]


def test_nothing_is_searched_for_where_nothing_was_lost(bench: Bench) -> None:
    """A run without a lost upload asks for no list of files."""
    run_id = bench.plan(4, shard_requests=2)
    settle_and_deliver(bench, run_id)
    assert bench.server.calls["list_files"] == 0
    assert bench.server.calls["delete"] == 0


def test_inputs_that_were_cut_anew_are_deleted(bench: Bench) -> None:
    """A shard that was halved has left its whole input behind."""
    bench.server.behaviours = [fails("token_limit_exceeded")]
    run_id = bench.plan(4)
    settle_and_deliver(bench, run_id)
    used = {batch.input_file_id for batch in bench.server.batches.values()}
    assert len(input_files(bench.server)) == 2
    assert set(input_files(bench.server)) < used
    assert told(bench) == [(1, True)]


def test_what_another_machines_batch_reads_is_no_orphan(bench: Bench) -> None:
    """An input file of this run that a listed batch uses stays, whoever has made that batch."""
    bench.server.will("upload", reply_is_lost)
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.submit()
        bench.server.create_batch(
            input_file_id="file-1",
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata=bench.server.batch(1).metadata,
            idempotency_key="",
        )
        run.settle()
        run.deliver(Delivery(io.BytesIO()))
    assert set(input_files(bench.server)) == {"file-1", "file-2"}


@pytest.mark.parametrize("call", ["list_files", "list", "delete"])
def test_tidying_up_never_fails_a_run(bench: Bench, call: str) -> None:
    """The results are there: an orphan that cannot be removed is left, and nothing is said."""
    bench.server.will("upload", request_is_lost)
    run_id = bench.plan(2)
    with bench.open(run_id) as run:
        run.settle()
        bench.server.will(call, *[raising(CredentialsRefused("401", status_code=401))] * 9)
        run.deliver(Delivery(io.BytesIO()))
    assert bench.record(run_id)["status"] == "completed"
