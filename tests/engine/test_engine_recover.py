"""A run where its state directory is not: rebuilt from what the provider has."""

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    answers,
    completes,
    end,
    ends_without_files,
    expires_after,
    fails,
    failure,
    ids_as_input,
    jsonl,
    no_room,
    outcome,
    raising,
    request,
    stays,
    success,
    unexecuted,
    unreachable,
    well,
)

from openai_batch.engine.ceilings import Ceilings
from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import Warned
from openai_batch.engine.records import record_of_batches
from openai_batch.engine.recover import recover
from openai_batch.engine.runs import Place, find_run, list_runs
from openai_batch.engine.supply import supply
from openai_batch.errors import (
    CredentialsRefused,
    GaveUp,
    InputInvalid,
    NotFound,
    OutcomeUnknown,
    ProviderRefused,
    ProviderUnavailable,
    RunDamaged,
    UsageError,
)
from openai_batch.providers.interface import BatchStatus
from openai_batch.providers.provider import Provider
from openai_batch.requests.price import given_price


class Elsewhere:
    """Another machine: the same provider, an empty state directory."""

    def __init__(self, bench: Bench, folder: Path, clients: dict[str, FakeProvider]):
        self.here = Bench(folder, bench.clock)
        self.here.server = bench.server
        self.here.row = bench.row
        clients[bench.row.name] = bench.server
        self.clients = clients

    def recover(self, reference: Any, *others: Provider, **options: Any) -> str:
        providers = [*others, self.here.row]
        return recover(reference, place=self.here.place, providers=providers, **options)


@pytest.fixture
def elsewhere(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Elsewhere:
    clients: dict[str, FakeProvider] = {}
    monkeypatch.setattr(
        "openai_batch.providers.client.open_client",
        lambda provider, *, state_dir=None: clients[provider.name],
    )
    return Elsewhere(bench, tmp_path / "elsewhere", clients)


ALL_200 = [(f"r{n}", "200") for n in range(1, 7)]


def submitted(bench: Bench, requests: int = 6, **settings: Any) -> dict[str, Any]:
    """A run that was handed over, as its record."""
    run_id = bench.plan(requests, **settings)
    with bench.open(run_id) as run:
        run.submit()
        return run.record()


@pytest.mark.parametrize("key", ["run_id", "batch_ids", "record"])
def test_a_run_goes_on_elsewhere(bench: Bench, elsewhere: Elsewhere, key: str) -> None:
    """From a run's id, a batch's id or a record, the results come in input order, paid once."""
    record = submitted(bench, shard_requests=2)
    reference = record if key == "record" else record[key]
    reference = reference[1] if key == "batch_ids" else reference
    run_id = elsewhere.recover(reference)
    assert run_id == record["run_id"]
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}
    assert len(bench.server.batches) == 3


def test_retries_that_were_made_already_are_adopted(bench: Bench, elsewhere: Elsewhere) -> None:
    """A second attempt that the lost machine had made is found, not made again."""
    bench.server.behaviours = [expires_after(2), stays]
    run_id = bench.plan(6)
    with pytest.raises(GaveUp):
        bench.settle(run_id, timeout_s=60.0)
    assert len(bench.server.batches) == 2
    bench.server.batch(2).behave = completes
    elsewhere.recover(run_id)
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}


def test_a_retry_that_was_refused_first_is_adopted_too(bench: Bench, elsewhere: Elsewhere) -> None:
    """Of two batches for one attempt, the one that had no room does not hide the other."""
    bench.server.behaviours = [expires_after(2), fails("token_limit_exceeded"), stays]
    run_id = bench.plan(6)
    with pytest.raises(GaveUp):
        bench.settle(run_id, timeout_s=60.0)
    assert len(bench.server.batches) == 3
    bench.server.batch(3).behave = completes
    elsewhere.recover(run_id)
    elsewhere.here.settle(run_id)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}


def test_a_failed_batch_elsewhere_is_made_again(bench: Bench, elsewhere: Elsewhere) -> None:
    """Rows whose batch was refused count as never submitted, and are not adopted for ever."""
    bench.server.behaviours = [completes, fails("invalid_request")]
    record = submitted(bench, shard_requests=3)
    with pytest.raises(ProviderRefused):
        bench.settle(record["run_id"])
    stream = io.BytesIO(ids_as_input(range(1, 7)))
    bench.row.batch_input_max_requests = 3
    run_id = elsewhere.recover(record, stream=stream)
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200


def test_shards_never_submitted_need_the_input(bench: Bench, elsewhere: Elsewhere) -> None:
    """What was never submitted is asked for, taken from the input, and sent once."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(6, shard_requests=2)
    bench.server.will("create", lambda proceed: proceed(), no_room())
    with bench.open(run_id) as run, pytest.raises(GaveUp):
        run.submit()
    bench.server.batch(1).behave = completes
    elsewhere.recover(run_id)
    with pytest.raises(UsageError, match=f"give the input again, `openai-batch resume {run_id} IN"):
        elsewhere.here.settle(run_id)
    wrong = io.BytesIO(ids_as_input(range(1, 8)))
    with pytest.raises(RunDamaged, match=f"this is not the input of {run_id}"):
        supply(elsewhere.here.place, run_id, wrong, bench.row)
    right = io.BytesIO(b"\xef\xbb\xbf\n" + ids_as_input(range(1, 7)).replace(b"\n", b"\r\n"))
    supply(elsewhere.here.place, run_id, right, bench.row)
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}


def test_what_another_machine_has_sent_is_not_sent_again(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """Coming back to the first machine finds the other's batches, however it has cut the rest."""
    run_id = bench.plan(6, shard_requests=2, max_in_flight=1)
    with bench.open(run_id) as run, pytest.raises(GaveUp):
        run.submit()
    stream = io.BytesIO(ids_as_input(range(1, 7)))
    elsewhere.recover(run_id, stream=stream)
    elsewhere.here.settle(run_id)
    with pytest.raises(RunDamaged, match="another machine has gone on with the run"):
        bench.settle(run_id)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}


def test_download_elsewhere_needs_no_input(bench: Bench, elsewhere: Elsewhere) -> None:
    """`harvest` fetches what has ended although other shards were never submitted."""
    run_id = bench.plan(6, shard_requests=2)
    bench.server.will("create", lambda proceed: proceed(), no_room())
    with bench.open(run_id) as run, pytest.raises(GaveUp):
        run.submit()
    bench.server.batch(1).behave = expires_after(9)
    elsewhere.recover(run_id)
    with elsewhere.here.open(run_id) as run:
        with pytest.raises(GaveUp, match=f"`openai-batch resume {run_id}` goes on"):
            run.harvest()
        stream = io.BytesIO()
        run.deliver(Delivery(stream, partial=True))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert outcome(lines) == ALL_200[:2]


def test_an_input_that_the_provider_takes_no_more_loses_nothing(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """Requests that have become invalid since are an error, not left out in silence."""
    run_id = bench.plan(6, shard_requests=2)
    bench.server.will("create", lambda proceed: proceed(), no_room())
    with bench.open(run_id) as run, pytest.raises(GaveUp):
        run.submit()
    elsewhere.recover(run_id)
    bench.row.endpoints = ("/v1/embeddings",)
    stream = io.BytesIO(ids_as_input(range(1, 7)))
    with pytest.raises(InputInvalid) as raised:
        supply(elsewhere.here.place, run_id, stream, bench.row)
    assert raised.value.faults[0].code == "invalid_url"


def test_a_wrong_input_leaves_nothing_behind(bench: Bench, elsewhere: Elsewhere) -> None:
    """After a wrong input was refused, a shard whose input is gone still has none."""
    record = submitted(bench, 3)
    bench.server.files.pop("file-1")
    run_id = elsewhere.recover(record)
    wrong = ids_as_input([7, 8, 9])
    with pytest.raises(RunDamaged):
        supply(elsewhere.here.place, run_id, io.BytesIO(wrong), bench.row)
    spool = elsewhere.here.place.spool(run_id)
    assert list(spool.folder.iterdir()) == []
    supply(elsewhere.here.place, run_id, io.BytesIO(ids_as_input([1, 2, 3])), bench.row)
    assert spool.ids(1) == ["r1", "r2", "r3"]
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200[:3]


def test_a_deleted_input_leaves_the_order_of_the_output(bench: Bench, elsewhere: Elsewhere) -> None:
    """Without its input a batch's results come as they are, with a warning; none is sent again."""
    bench.server.behaviours = [answers(success("r3"), failure("r1", 500), success("r2"))]
    record = submitted(bench, 4)
    bench.server.files.pop("file-1")
    run_id = elsewhere.recover(record)
    elsewhere.here.settle(run_id)
    got = outcome(elsewhere.here.deliver(run_id))
    assert got == [("r3", "200"), ("r1", "500"), ("r2", "200")]
    assert any("deleted an input file" in e.message for e in elsewhere.here.seen(Warned))
    assert len(bench.server.batches) == 1


def test_an_input_that_comes_too_late_names_no_other_request(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """Results that were put in the order of their output keep it: no failure is another's."""
    bench.server.behaviours = [answers(success("r3"), failure("r1", 500), success("r2"))]
    record = submitted(bench, 3)
    bench.server.files.pop("file-1")
    run_id = elsewhere.recover(record)
    elsewhere.here.settle(run_id)
    supply(elsewhere.here.place, run_id, io.BytesIO(ids_as_input([1, 2, 3])), bench.row)
    with (
        elsewhere.here.open(run_id) as run,
        run.failed_requests() as failed,
        pytest.raises(RunDamaged, match="is missing from the run"),
    ):
        list(failed)
    assert outcome(elsewhere.here.deliver(run_id)) == [("r3", "200"), ("r1", "500"), ("r2", "200")]


def test_requests_without_name_or_result_are_counted(bench: Bench, elsewhere: Elsewhere) -> None:
    """Where the input is gone, rows without a result have no line and count as missing."""
    bench.server.behaviours = [answers(success("r1"))]
    record = submitted(bench, 3)
    bench.server.files.pop("file-1")
    run_id = elsewhere.recover(record)
    elsewhere.here.settle(run_id)
    with elsewhere.here.open(run_id) as run:
        counts = run.deliver(Delivery(io.BytesIO()))
    assert (counts.requests, counts.succeeded, counts.failed, counts.missing) == (3, 1, 0, 2)
    told = elsewhere.here.record(run_id)["request_counts"]
    assert told == {"total": 3, "completed": 1, "failed": 0, "missing": 2}


def test_a_batch_made_elsewhere_is_fetched_and_not_sent(bench: Bench, elsewhere: Elsewhere) -> None:
    """A batch that is not of ours becomes a run whose failed rows stay failed."""
    batch_id = foreign(bench.server, answers(success("a"), failure("b", 500)), "a", "b", "c")
    run_id = elsewhere.recover(batch_id)
    assert find_run(elsewhere.here.place, batch_id) == run_id
    elsewhere.here.settle(run_id)
    got = outcome(elsewhere.here.deliver(run_id))
    assert got == [("a", "200"), ("b", "500"), ("c", "missing")]
    assert len(bench.server.batches) == 1


def test_a_batch_made_elsewhere_may_be_retried(bench: Bench, elsewhere: Elsewhere) -> None:
    """With --retry its failed rows are sent again, as a batch of ours."""
    batch_id = foreign(bench.server, answers(success("a"), failure("b", 500)), "a", "b")
    run_id = elsewhere.recover(batch_id, retry=True)
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == [("a", "200"), ("b", "200")]


def test_naming_a_batch_made_elsewhere_allows_nothing(bench: Bench, elsewhere: Elsewhere) -> None:
    """Its rows are sent again only on --retry, which counts for a run that is here already, too."""
    batch_id = foreign(bench.server, answers(success("a"), failure("b", 500)), "a", "b")
    run_id = elsewhere.recover(batch_id)
    with elsewhere.here.open(run_id) as run:
        run.allow_sending()
        run.settle()
    assert len(bench.server.batches) == 1
    with elsewhere.here.open(run_id) as run:
        run.allow_sending(foreign=True)
        run.settle()
    assert outcome(elsewhere.here.deliver(run_id)) == [("a", "200"), ("b", "200")]
    assert bench.server.batch(2).ids == ["b"]


def test_a_cancelled_run_without_its_input_can_be_named(bench: Bench, elsewhere: Elsewhere) -> None:
    """Where the provider deleted the input, nothing can be sent again, and results still come."""

    def cancelled(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            rest = [unexecuted("r2", "batch_cancelled")]
            end(provider, batch, provider.execute(["r1"]), rest, BatchStatus.CANCELLED)

    bench.server.behaviours = [cancelled]
    record = submitted(bench, 2)
    bench.server.files.pop("file-1")
    run_id = elsewhere.recover(record)
    for _ in range(2):
        with elsewhere.here.open(run_id) as run:
            run.allow_sending()
            run.settle()
    got = outcome(elsewhere.here.deliver(run_id))
    assert got == [("r1", "200"), ("r2", "batch_cancelled")]


def test_why_a_foreign_batch_failed_is_said_each_time(bench: Bench, elsewhere: Elsewhere) -> None:
    """A failed batch made elsewhere, whose input is no JSON, tells the provider's reason again."""
    batch_id = foreign(bench.server, fails("invalid_json_line", "not JSON"), "a")
    bench.server.files[bench.server.batch(1).input_file_id] = ("f", b"{oops\n[1]\n")
    run_id = elsewhere.recover(batch_id)
    for _ in range(2):
        with pytest.raises(ProviderRefused, match="nothing was executed: not JSON"):
            elsewhere.here.settle(run_id)
    assert elsewhere.here.record(run_id)["status"] == "failed"


def test_nothing_of_a_foreign_batch_is_sent_on_a_word(bench: Bench, elsewhere: Elsewhere) -> None:
    """--resubmit is refused for a batch made elsewhere, and not recommended either."""
    batch_id = foreign(bench.server, ends_without_files, "a")
    run_id = elsewhere.recover(batch_id)
    with pytest.raises(OutcomeUnknown) as raised:
        elsewhere.here.settle(run_id)
    assert "--resubmit" not in str(raised.value)
    with elsewhere.here.open(run_id) as run, pytest.raises(UsageError, match="made elsewhere"):
        run.resubmit_lost()


def test_a_lost_batch_can_be_resubmitted_elsewhere(bench: Bench, elsewhere: Elsewhere) -> None:
    """--resubmit on a rebuilt run sends again instead of finding the lost batch once more."""
    bench.server.behaviours = [ends_without_files]
    record = submitted(bench, 2)
    run_id = elsewhere.recover(record)
    with pytest.raises(OutcomeUnknown):
        elsewhere.here.settle(run_id)
    with elsewhere.here.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200[:2]
    assert len(bench.server.batches) == 2


def test_several_batches_without_labels_are_not_half_fetched(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """A record whose batches carry no label is refused rather than delivered in part."""
    first = foreign(bench.server, completes, "a")
    second = foreign(bench.server, completes, "b")
    with pytest.raises(UsageError, match="batch_1, batch_2 carry no label"):
        elsewhere.recover({"object": "run", "batch_ids": [first, second]})
    assert list_runs(elsewhere.here.place) == []


def test_a_labelled_run_with_an_unlabelled_batch_is_refused(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """A batch of the record whose rows are unknown is not taken for never submitted."""
    record = submitted(bench, shard_requests=3)
    bench.server.batch(2).metadata.clear()
    bench.server.files.pop(bench.server.batch(2).input_file_id)
    with pytest.raises(RunDamaged, match="batch_2 belongs to this run and carries no label"):
        elsewhere.recover(record)


def test_a_provider_without_a_listing_knows_a_record(bench: Bench, elsewhere: Elsewhere) -> None:
    """A server that answers 405 to the listing still finds what the record names."""
    record = submitted(bench, shard_requests=3)
    bench.server.will("list", *[raising(ProviderRefused("405", status_code=405))] * 10)
    run_id = elsewhere.recover(record)
    elsewhere.here.settle(run_id)
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200


@pytest.mark.parametrize(
    "answer",
    [
        NotFound("404", status_code=404),
        CredentialsRefused("401", status_code=401),
        ProviderRefused("400 no such id format", status_code=400),
        ProviderUnavailable("502", status_code=502, executed=None),
    ],
)
def test_providers_are_asked_until_one_knows(
    bench: Bench, elsewhere: Elsewhere, answer: Exception
) -> None:
    """Whatever one provider says to an id that is not its own, the next one is asked."""
    other = Provider(name="other", base_url="http://other/v1", api_key="k")
    elsewhere.clients["other"] = FakeProvider(bench.clock)
    elsewhere.clients["other"].will("retrieve", raising(answer))  # type: ignore[arg-type]
    record = submitted(bench)
    assert elsewhere.recover(record["batch_ids"][0], other) == record["run_id"]


def test_a_provider_that_could_not_answer_is_not_said_to_know_nothing(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """If nobody knows the id and one was out of reach, that is what is reported."""
    other = Provider(name="other", base_url="http://other/v1", api_key="k")
    elsewhere.clients["other"] = FakeProvider(bench.clock)
    elsewhere.clients["other"].will("retrieve", *[unreachable] * 4)
    with pytest.raises(ProviderUnavailable, match="connection refused"):
        elsewhere.recover("batch_nope", other)
    with pytest.raises(UsageError, match=r"neither in .* nor known to a provider"):
        elsewhere.recover("batch_nope", other)


def test_recovering_what_another_process_recovered_keeps_it(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """Two processes may rebuild the same run: the second finds it, and destroys nothing."""
    record = submitted(bench, 2)
    asked: list[str] = []

    class Contested(Place):
        def folder(self, run_id: str) -> Path:
            asked.append(run_id)
            if len(asked) == 2:  # it has been looked for here, and is not locked yet
                elsewhere.recover(record)
            return super().folder(run_id)

    place = Contested(elsewhere.here.place.state_dir, bench.clock)
    assert recover(record, place=place, providers=[bench.row]) == record["run_id"]
    elsewhere.here.settle(record["run_id"])
    assert outcome(elsewhere.here.deliver(record["run_id"])) == ALL_200[:2]


def test_an_input_file_that_is_not_what_its_label_says_is_refused(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """A file with fewer requests than its label promises is no base to go on from."""
    record = submitted(bench, 3)
    bench.server.files["file-1"] = ("x", ids_as_input([1, 2]))
    with pytest.raises(ProviderUnavailable, match="came with 2 of 3 requests"):
        elsewhere.recover(record)
    assert list_runs(elsewhere.here.place) == []


def test_a_delivered_run_is_fetched_again(bench: Bench) -> None:
    """`download` after delivery brings the same results, also where several attempts made them."""
    bench.server.behaviours = [expires_after(2), expires_after(2)]
    run_id = bench.plan(6)
    bench.settle(run_id)
    first = bench.deliver(run_id)
    assert not bench.place.spool(run_id).folder.exists()
    assert bench.deliver(run_id) == first
    assert outcome(first) == ALL_200
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 7)}


def test_a_delivered_run_whose_input_is_deleted_is_fetched_again(bench: Bench) -> None:
    """Without its input, results of several attempts still are each request's last word."""

    def first(provider: FakeProvider, batch: Any) -> None:
        if not batch.status.final:
            lines = [failure("r1", 500), *provider.execute(["r3"]), failure("r2", 400)]
            end(provider, batch, lines, status=BatchStatus.COMPLETED)

    bench.server.behaviours = [first, completes]
    run_id = bench.plan(4)
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [
        ("r1", "200"),
        ("r2", "400"),
        ("r3", "200"),
        ("r4", "200"),
    ]
    bench.server.files.pop("file-1")
    again = outcome(bench.deliver(run_id))
    assert again == [("r1", "200"), ("r3", "200"), ("r2", "400"), ("r4", "200")]


def test_results_cut_short_are_noticed_without_the_input(bench: Bench) -> None:
    """Of a delivered run whose input is deleted, a file that comes short is fetched once more."""
    run_id = bench.plan(3)
    bench.settle(run_id)
    bench.deliver(run_id)
    bench.server.files.pop("file-1")

    def comes_short(proceed: Any) -> Any:
        name, content = bench.server.files["file-2"]
        bench.server.files["file-2"] = (name, content[: content.index(b"\n") + 1])
        size = proceed()
        bench.server.files["file-2"] = (name, content)
        return size

    bench.server.will("download", well, comes_short)
    assert outcome(bench.deliver(run_id)) == ALL_200[:3]


def test_a_spool_that_was_half_removed_is_no_damage(bench: Bench) -> None:
    """A death while the spool goes leaves a run that can be fetched again."""
    run_id = bench.plan(3)
    bench.settle(run_id)
    with bench.open(run_id) as run:

        class Died(BaseException):
            pass

        def dies() -> None:
            next(run._spool.folder.glob("*.index")).unlink()
            raise Died

        run._spool.remove = dies  # type: ignore[method-assign]
        with pytest.raises(Died):
            run.deliver(Delivery(io.BytesIO()))
    assert outcome(bench.deliver(run_id)) == ALL_200[:3]


def foreign(server: FakeProvider, behave: Any, *ids: str) -> str:
    """A batch that somebody else made."""
    file_id = server.keep("theirs.jsonl", jsonl(request(custom_id) for custom_id in ids))
    server.behaviours = [behave]
    return server.create_batch(
        input_file_id=file_id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={},
        idempotency_key="theirs",
    ).id


# --- what it cost -------------------------------------------------------------------------------


def at_openai(bench: Bench, elsewhere: Elsewhere) -> dict[str, Any]:
    """The record of a run of two requests that ended there; each took 1000 tokens in, 100 out."""
    bench.row = elsewhere.here.row = Provider(
        name="p", base_url="https://api.openai.com/v1", api_key="k"
    )
    usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
    lines = [success(name) for name in ("r1", "r2")]
    for line in lines:
        line["response"]["body"]["usage"] = usage
    bench.server.behaviours = [answers(*lines)]
    requests = [request(name) for name in ("r1", "r2")]
    for one in requests:
        one["body"]["model"] = "gpt-4o-mini"
    run_id = bench.plan(jsonl(requests))
    with bench.open(run_id) as run:
        run.submit()
        return run.record()


def harvested_elsewhere(elsewhere: Elsewhere, reference: Any) -> dict[str, Any]:
    """The record of a run that another machine has fetched."""
    run_id = elsewhere.recover(reference)
    elsewhere.here.settle(run_id)
    return elsewhere.here.record(run_id)


def test_another_machine_looks_the_price_up(bench: Bench, elsewhere: Elsewhere) -> None:
    """By the model of the requests and the day of the batch; only a record brings the estimate."""
    record = at_openai(bench, elsewhere)
    told = harvested_elsewhere(elsewhere, record["run_id"])
    assert (told["model"], told["usage"]["total_tokens"]) == ("gpt-4o-mini", 2200)
    assert (told["cost_usd"], told["realtime_cost_usd"]) == (0.00021, 0.00042)
    assert told["estimate"] is None


@pytest.mark.parametrize(
    ("edit", "cost_usd", "has_estimate"),
    [
        ({}, 0.00021, True),
        ({"price_given": {"input": 1, "output": 2.5}}, 0.0025, True),
        ({"price_given": {"input": -1, "output": "x"}}, 0.00021, True),
        ({"price_given": [1]}, 0.00021, True),
        ({"estimate": {"cost_usd": {"low": "much"}}}, 0.00021, False),
        ({"estimate": 7}, 0.00021, False),
    ],
)
def test_a_record_brings_what_only_the_user_knew(
    bench: Bench, elsewhere: Elsewhere, edit: Any, cost_usd: float, has_estimate: bool
) -> None:
    """The user's own price and the estimate, unless somebody has edited them to nonsense."""
    record = at_openai(bench, elsewhere)
    told = harvested_elsewhere(elsewhere, record | edit)
    assert told["cost_usd"] == cost_usd
    assert told["estimate"] == (record["estimate"] if has_estimate else None)


def test_a_batch_of_no_date_has_no_price(bench: Bench, elsewhere: Elsewhere) -> None:
    """Nobody knows which day's price it was; the results come all the same."""
    record = at_openai(bench, elsewhere)
    bench.server.batch(1).created_at = 1e20
    told = harvested_elsewhere(elsewhere, record["run_id"])
    assert (told["usage"]["total_tokens"], told["cost_usd"]) == (2200, None)


@pytest.mark.parametrize(
    ("edit", "ceilings"),
    [
        ({"max_cost_usd": 12.5, "max_tokens": 900}, (12.5, 900)),
        ({"max_cost_usd": 3, "max_tokens": None}, (3, None)),
        ({"max_cost_usd": "much", "max_tokens": -1}, (None, None)),
        ({}, (None, None)),
    ],
)
def test_a_record_brings_the_ceilings(
    bench: Bench, elsewhere: Elsewhere, edit: Any, ceilings: tuple[Any, Any]
) -> None:
    """They hold on the other machine, too, before anything is sent again there."""
    record = at_openai(bench, elsewhere)
    told = harvested_elsewhere(elsewhere, record | edit)
    assert (told.get("max_cost_usd"), told.get("max_tokens")) == ceilings


# --- attempts that another machine has made -----------------------------------------------------


def sent_again(bench: Bench, **settings: Any) -> dict[str, Any]:
    """The record of a run whose first batch expired, and whose second one did the rest."""
    bench.server.behaviours = [expires_after(2)]
    run_id = bench.plan(4, price=given_price("1", "1"), **settings)
    bench.settle(run_id)
    assert bench.server.calls["create"] == 2
    return bench.record(run_id)


def test_what_was_sent_again_elsewhere_is_fetched_by_download(
    bench: Bench, elsewhere: Elsewhere
) -> None:
    """It never submits: the second batch is found, not made, and its input is not uploaded."""
    record = sent_again(bench)
    run_id = elsewhere.recover(record)
    with elsewhere.here.open(run_id) as run:
        run.harvest()
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200[:4]
    assert (bench.server.calls["create"], bench.server.calls["upload"]) == (2, 2)
    assert elsewhere.here.record(run_id)["batch_ids"] == record["batch_ids"]


@pytest.mark.parametrize("ceilings", [Ceilings(cost=Decimal(0)), Ceilings(tokens=1)])
def test_no_ceiling_hides_what_was_sent_again_elsewhere(
    bench: Bench, elsewhere: Elsewhere, ceilings: Ceilings
) -> None:
    """What exists is paid already: it is fetched whatever is left to be spent."""
    record = sent_again(bench)
    run_id = elsewhere.recover(record)
    with elsewhere.here.open(run_id) as run:
        run.limit(ceilings)
        run.settle()
    assert outcome(elsewhere.here.deliver(run_id)) == ALL_200[:4]
    assert bench.server.calls["create"] == 2


def test_a_record_of_batches_counts_a_request_once(bench: Bench) -> None:
    """The run is completed by its last attempts, and has as many requests as it was given."""
    record = sent_again(bench)
    snapshots = [bench.server.retrieve_batch(batch_id) for batch_id in record["batch_ids"]]
    told = record_of_batches(record, snapshots)
    assert told["status"] == "completed"
    assert told["request_counts"] == {"total": 4, "completed": 4, "failed": 0, "missing": 0}
