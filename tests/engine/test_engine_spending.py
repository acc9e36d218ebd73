"""What a run used and cost: each attempt once, and never less than it was."""

import io
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    end,
    failure,
    jsonl,
    outcome,
    raising,
    request,
    stays,
    success,
    unexecuted,
)

from openai_batch.engine.deliver import Delivery
from openai_batch.engine.entries import Harvested, from_fields, to_fields
from openai_batch.engine.events import Finished
from openai_batch.engine.records import as_openai_batch, record
from openai_batch.engine.runs import open_journal
from openai_batch.engine.spending import Cost, spent
from openai_batch.errors import GaveUp, ProviderUnavailable
from openai_batch.providers.interface import BatchSnapshot, BatchStatus
from openai_batch.requests.price import Price, Rate

PRICE = Price(
    "m",
    "batch",
    Rate(Decimal(1)),
    Rate(Decimal(10)),
    cached_input=Rate(Decimal("0.5")),
    cache_write=Rate(Decimal("1.25")),
    standard=Price("m", "standard", Rate(Decimal(2)), Rate(Decimal(20))),
)
TIERED = Price(
    "m",
    "batch",
    Rate(Decimal(1), ((1000, Decimal(2)),)),
    Rate(Decimal(10), ((1000, Decimal(15)),)),
    standard=Price("m", "standard", Rate(Decimal(2), ((500, Decimal(4)),)), Rate(Decimal(20))),
)


def took(
    custom_id: str,
    input_tokens: int = 100,
    output_tokens: int = 10,
    *,
    cached: int = 0,
    written: int = 0,
    reasoning: int = 0,
    model: str = "m",
) -> dict[str, Any]:
    """A success that says what it took."""
    usage = {
        "prompt_tokens": input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": input_tokens + output_tokens,
        "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
    line = success(custom_id)
    line["response"]["body"] |= {"model": model, "usage": usage}
    return line


def ends(
    *output: dict[str, Any],
    errors: Iterable[dict[str, Any]] = (),
    usage: dict[str, Any] | None = None,
    status: BatchStatus = BatchStatus.COMPLETED,
) -> Any:
    """A batch that ends with these lines, and says that it took `usage`."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, list(output), list(errors), status)
            batch.usage = usage

    return behave


def in_all(input_tokens: int, output_tokens: int, **details: int) -> dict[str, Any]:
    """The usage of a batch object."""
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": details.get("cached", 0)},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": details.get("reasoning", 0)},
        "total_tokens": input_tokens + output_tokens,
    }


def settled(bench: Bench, *behaviours: Any, requests: int | bytes = 2, **settings: Any) -> Any:
    """The record of a run whose batches behave so, one after another."""
    bench.server.behaviours = list(behaviours)
    run_id = bench.plan(requests, **{"price": PRICE, "max_attempts": len(behaviours), **settings})
    bench.settle(run_id)
    return bench.record(run_id)


def numbers(told: Any) -> tuple[int, ...]:
    """A usage's five numbers."""
    names = "input_tokens", "output_tokens", "total_tokens", "cached_tokens", "reasoning_tokens"
    assert tuple(told) == names
    return tuple(told.values())


def test_results_are_summed_with_cached_and_reasoning_apart(bench: Bench) -> None:
    """Each sort has its price; the same outside a batch costs what the standard price says."""
    told = settled(
        bench,
        ends(took("r1", 100, 20, cached=40, reasoning=5), took("r2", 300, 30, written=80)),
    )
    assert numbers(told["usage"]) == (400, 50, 450, 40, 5)
    # 280 fresh at 1, 40 cached at 0.5, 80 written at 1.25, 50 out at 10; then 400 at 2, 50 at 20
    assert (told["cost_usd"], told["realtime_cost_usd"]) == (0.0009, 0.0018)
    assert "usage_by_model" not in told


def test_both_attempts_count_once(bench: Bench) -> None:
    """An expired batch was paid for what it did; the second attempt for the rest."""
    told = settled(
        bench,
        ends(
            took("r1", 100, 10),
            errors=[unexecuted("r2")],
            status=BatchStatus.EXPIRED,
            usage=in_all(100, 10),
        ),
        ends(took("r2", 1000, 1)),
    )
    assert numbers(told["usage"]) == (1100, 11, 1111, 0, 0)
    assert told["cost_usd"] == 0.00121


def test_a_batchs_own_sum_is_believed(bench: Bench) -> None:
    """Also where it says more than the results that came: that was paid for, too."""
    told = settled(bench, ends(took("r1", 100, 10), usage=in_all(250, 20, cached=50, reasoning=7)))
    assert numbers(told["usage"]) == (250, 20, 270, 50, 7)
    assert told["cost_usd"] == 0.000425
    assert told["request_counts"]["missing"] == 1


def test_a_batchs_sum_without_details_takes_those_of_its_results(bench: Bench) -> None:
    """What is cached, written and reasoned is known of each line."""
    usage = {"input_tokens": 400, "output_tokens": 20, "total_tokens": 420}
    lines = took("r1", 200, 10, cached=100, reasoning=4), took("r2", 200, 10, written=100)
    told = settled(bench, ends(*lines, usage=usage))
    assert numbers(told["usage"]) == (400, 20, 420, 100, 4)
    assert told["cost_usd"] == 0.000575  # 200 at 1, 100 at 0.5, 100 at 1.25, 20 at 10


@pytest.mark.parametrize(
    "usage", [in_all(0, 0), {"input_tokens": -5}, {"input_tokens": "many", "output_tokens": []}]
)
def test_a_batch_that_says_nothing_leaves_it_to_its_results(
    bench: Bench, usage: dict[str, Any]
) -> None:
    """Zeros and nonsense are no sum."""
    told = settled(bench, ends(took("r1"), took("r2"), usage=usage))
    assert numbers(told["usage"]) == (200, 20, 220, 0, 0)
    assert told["cost_usd"] == 0.0004


def test_a_row_counts_once_however_often_it_comes(bench: Bench) -> None:
    """Repeated lines, and lines of other requests, took nothing that this run pays."""
    lines = took("r1"), took("r1", 999), took("x", 999), took("r2")
    told = settled(bench, ends(*lines, errors=[took("r2", 999), failure("r1")]))
    assert numbers(told["usage"]) == (200, 20, 220, 0, 0)


def test_a_failure_counts_where_it_says_what_it_took(bench: Bench) -> None:
    """Once, also where a success comes after it; one that says nothing took nothing."""
    paid = failure("r1", 400)
    paid["response"]["body"]["usage"] = {"prompt_tokens": 7, "completion_tokens": 1}
    told = settled(bench, ends(paid, took("r1", 50), failure("r2")))
    assert numbers(told["usage"]) == (7, 1, 8, 0, 0)
    assert told["request_counts"] == {"total": 2, "completed": 1, "failed": 1, "missing": 0}


def test_a_result_that_does_not_say_makes_the_cost_unknown(bench: Bench) -> None:
    """Its tokens are missing from the sum, and a cost that is too low is none."""
    told = settled(bench, ends(took("r1"), success("r2")))
    assert numbers(told["usage"]) == (100, 10, 110, 0, 0)
    assert (told["cost_usd"], told["realtime_cost_usd"]) == (None, None)


def test_a_batchs_sum_makes_up_for_results_that_do_not_say(bench: Bench) -> None:
    """With one model and one price the sum is enough."""
    told = settled(bench, ends(success("r1"), success("r2"), usage=in_all(200, 20)))
    assert numbers(told["usage"]) == (200, 20, 220, 0, 0)
    assert told["cost_usd"] == 0.0004


def test_nothing_said_is_nothing_known(bench: Bench) -> None:
    """No usage anywhere."""
    told = settled(bench, ends(success("r1"), success("r2")))
    assert (told["usage"], told["cost_usd"], told["realtime_cost_usd"]) == (None, None, None)


def test_nothing_executed_costs_nothing(bench: Bench) -> None:
    """Where every request was refused, that is known."""
    told = settled(bench, ends(failure("r1"), failure("r2")))
    assert numbers(told["usage"]) == (0, 0, 0, 0, 0)
    assert told["cost_usd"] == 0


def test_without_a_price_there_are_tokens_only(bench: Bench) -> None:
    """No price list has this provider."""
    told = settled(bench, ends(took("r1"), took("r2")), price=None)
    assert numbers(told["usage"]) == (200, 20, 220, 0, 0)
    assert (told["cost_usd"], told["realtime_cost_usd"]) == (None, None)


def test_the_estimate_stands_beside_the_cost(bench: Bench) -> None:
    """As it was when the run was planned."""
    told = settled(bench, ends(took("r1"), took("r2")))
    assert told["estimate"]["tokens"]["input"] > 0
    assert told["estimate"]["cost_usd"]["low"] > 0


def mixed() -> bytes:
    """Two requests of two models."""
    requests = [request("r1"), request("r2")]
    requests[1]["body"]["model"] = "n"
    return jsonl(requests)


def test_several_models_are_told_apart(tmp_path: Path) -> None:
    """By the models that the results name, whose snapshots are the models that were asked for."""
    bench = Bench(tmp_path, requires_consistency=False)
    lines = took("r1", 100, 10, model="m-2026-01-31"), took("r2", 50, 1, model="n")
    told = settled(bench, ends(*lines), requests=mixed())
    assert told["model"] is None
    assert numbers(told["usage"]) == (150, 11, 161, 0, 0)
    assert {name: part["total_tokens"] for name, part in told["usage_by_model"].items()} == {
        "m": 110,
        "n": 51,
    }
    assert told["cost_usd"] == 0.00026


def test_one_model_without_a_price_makes_the_cost_unknown(tmp_path: Path) -> None:
    """What the others cost is not what the run costs."""
    bench = Bench(tmp_path, requires_consistency=False)
    told = settled(bench, ends(took("r1"), took("r2", model="else")), requests=mixed())
    assert (told["usage"]["total_tokens"], told["cost_usd"]) == (220, None)


def test_a_long_request_has_a_price_of_its_own(bench: Bench) -> None:
    """Each line is priced by its own length, at both prices, whatever the batch's sum says."""
    lines = took("r1", 1000, 10), took("r2", 1001, 10), took("r3", 400, 10)
    told = settled(bench, ends(*lines, usage=in_all(2401, 30)), requests=3, price=TIERED)
    assert numbers(told["usage"]) == (2401, 30, 2431, 0, 0)
    assert told["cost_usd"] == 0.003752  # 1400 at 1, 20 at 10; 1001 at 2, 10 at 15
    assert told["realtime_cost_usd"] == 0.009404  # 400 at 2, 2001 at 4, 30 at 20


def test_a_sum_has_no_price_where_there_are_tiers(bench: Bench) -> None:
    """Nobody knows how long the requests were whose results did not come."""
    told = settled(bench, ends(took("r1", 100, 10), usage=in_all(5000, 10)), price=TIERED)
    assert (told["usage"]["input_tokens"], told["cost_usd"]) == (5000, None)


def test_a_look_tells_what_the_journal_does_not_know_yet(bench: Bench) -> None:
    """Of a running batch the usage so far; what ended is counted beside it, and nothing twice."""
    bench.server.behaviours = [ends(took("r1"), usage=in_all(100, 10)), stays]
    run_id = bench.plan(2, shard_requests=1, price=PRICE)
    with bench.open(run_id) as run:
        run.submit()
        run.step()
        live = {
            name: BatchSnapshot(name, BatchStatus.IN_PROGRESS, "in_progress", usage=in_all(30, 3))
            for name in run.record()["batch_ids"][1:]
        }
        before, told = run.record(), record(run.info, run.state, live)
        summary = spent(run.info, run.state)
    assert (before["usage"]["total_tokens"], before["cost_usd"]) == (110, 0.0002)
    assert (told["usage"]["total_tokens"], told["cost_usd"]) == (143, 0.00026)
    assert summary.known == Cost(Decimal("0.0002"), Decimal("0.0004"))
    assert (summary.unmetered, summary.unpriced) == ((), ())


def test_before_anything_came_back_nothing_is_known(bench: Bench) -> None:
    """A run that was only planned has cost nothing that anybody can tell."""
    told = bench.record(bench.plan(2, price=PRICE))
    assert (told["usage"], told["cost_usd"], told["realtime_cost_usd"]) == (None, None, None)


def test_what_is_unknown_is_named(bench: Bench) -> None:
    """By shard and attempt; what is known is summed all the same."""
    bench.server.behaviours = [ends(took("r1")), ends(success("r2"))]
    run_id = bench.plan(2, shard_requests=1, price=PRICE)
    bench.settle(run_id)
    with bench.open(run_id) as run:
        summary = spent(run.info, run.state)
    assert (summary.unmetered, summary.unpriced) == (((2, 1),), ((2, 1),))
    assert (summary.known.batch, summary.cost) == (Decimal("0.0002"), None)
    assert summary.tokens is not None and summary.tokens.total == 110


def test_a_run_that_was_broken_off_has_used_the_same(bench: Bench) -> None:
    """A download that fails, and a new process, count nothing twice."""
    bench.server.behaviours = [
        ends(took("r1"), errors=[unexecuted("r2")], status=BatchStatus.EXPIRED),
        ends(took("r2", 300)),
    ]
    gone = raising(ProviderUnavailable("gone", executed=False))
    run_id = bench.plan(2, price=PRICE)
    for _ in range(2):
        bench.server.will("download", *[gone] * 3)
        with pytest.raises(GaveUp):
            bench.settle(run_id, timeout_s=1)
    bench.server.faults.clear()
    bench.settle(run_id)
    told = bench.record(run_id)
    assert (numbers(told["usage"]), told["cost_usd"]) == ((400, 20, 420, 0, 0), 0.0006)


def test_a_delivered_run_that_is_fetched_again_has_used_the_same(bench: Bench) -> None:
    """Its files are gone, and what it used is recorded; the closing event has it."""
    told = settled(bench, ends(took("r1"), took("r2")))
    first = bench.deliver(told["run_id"])
    assert bench.deliver(told["run_id"]) == first
    assert outcome(first) == [("r1", "200"), ("r2", "200")]
    assert bench.record(told["run_id"])["cost_usd"] == 0.0004
    assert [event.record["cost_usd"] for event in bench.seen(Finished)] == [0.0004, 0.0004]


def test_a_batch_object_of_the_run_has_openais_usage(bench: Bench) -> None:
    """The library's `status` answers in OpenAI's shape, summed."""
    told = settled(bench, ends(took("r1", 100, 20, cached=40, reasoning=5), took("r2", 300, 30)))
    with bench.open(told["run_id"]) as run:
        assert as_openai_batch(run.info, run.state, "batch_1")["usage"] == {
            "input_tokens": 400,
            "input_tokens_details": {"cached_tokens": 40},
            "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 5},
            "total_tokens": 450,
        }
        run.deliver(Delivery(io.BytesIO()))


def test_what_an_older_version_harvested_tells_nothing_of_its_results(bench: Bench) -> None:
    """Its journal has no word of them, which is not the same as nothing used."""
    fields = to_fields(Harvested(1, 1, 2, 0, 0, 0, 0))
    del fields["usage"], fields["unmetered"]
    assert from_fields("harvested", fields) == Harvested(1, 1, 2, 0, 0, 0, 0, usage=None)
    bench.server.behaviours = [ends(took("r1"), took("r2"))]
    run_id = bench.plan(2, price=PRICE)
    bench.settle(run_id)
    journal = open_journal(bench.place, run_id)
    try:
        journal.append(Harvested(1, 1, 2, 0, 0, 0, 0), at=bench.clock.now())
    finally:
        journal.close()
    told = bench.record(run_id)
    assert (told["usage"], told["cost_usd"]) == (None, None)


def test_sums_survive_the_journal(bench: Bench) -> None:
    """Another process reads what the one that harvested has written."""
    told = settled(bench, ends(took("r1"), took("r2", 1001)), price=TIERED)
    journal = open_journal(bench.place, told["run_id"])
    (harvested,) = [entry for entry in journal.history() if isinstance(entry, Harvested)]
    journal.close()
    assert harvested.usage is not None
    assert [(part.above, part.input_tokens) for part in harvested.usage] == [(0, 100), (1000, 1001)]
