"""Ceilings while a run goes on: what is sent again, and what is not."""

import contextlib
from decimal import Decimal
from typing import Any

import pytest
from engine_fakes import (
    Behaviour,
    Bench,
    FakeBatch,
    FakeProvider,
    answers,
    end,
    failure,
    is_forgotten,
    jsonl,
    outcome,
    stays,
    success,
    unexecuted,
)

from openai_batch.engine.ceilings import Ceilings
from openai_batch.engine.events import Warned
from openai_batch.engine.runs import request_cancel
from openai_batch.errors import CeilingExceeded, OutcomeUnknown
from openai_batch.providers.interface import BatchStatus
from openai_batch.requests.price import given_price

PRICE = given_price("1", "10")


def requests(count: int) -> bytes:
    """Requests of eight tokens each, of which 92 may come back: up to $0.000928 each."""
    body = {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "x"}],
        "max_completion_tokens": 92,
    }
    return jsonl(
        {"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for n in range(1, count + 1)
    )


def used(custom_id: str, output: int) -> dict[str, Any]:
    """A success that took the eight tokens, and so many for its answer."""
    line = success(custom_id)
    usage = {"prompt_tokens": 8, "completion_tokens": output, "total_tokens": 8 + output}
    line["response"]["body"] = {"model": "gpt-4o-2024-08-06", "usage": usage}
    return line


def warnings(bench: Bench) -> list[str]:
    return [event.message for event in bench.seen(Warned)]


def test_what_was_not_used_pays_for_another_attempt(bench: Bench) -> None:
    """A ceiling of what two first attempts may cost has room for a third where they cost less."""
    bench.server.behaviours = [
        answers(used("r1", 2), failure("r2", 500)),
        answers(used("r2", 2)),
    ]
    run_id = bench.plan(requests(2), price=PRICE, ceilings=Ceilings(cost=Decimal("0.001856")))
    bench.settle(run_id)
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]
    assert bench.record(run_id)["cost_usd"] == pytest.approx(2 * 0.000028)
    assert warnings(bench) == []


@pytest.mark.parametrize(
    ("ceilings", "reason"),
    [
        (
            Ceilings(cost=Decimal("0.003")),
            "that may cost up to $0.000928, and up to $0.002376 of --max-cost $0.003 may be used",
        ),
        (
            Ceilings(tokens=300),
            "that may take up to 100 tokens, and up to 252 tokens of --max-tokens 300 may be used",
        ),
    ],
)
def test_what_might_pass_the_ceiling_is_not_sent_again(
    bench: Bench, ceilings: Ceilings, reason: str
) -> None:
    """The failed request stays failed, the rest is delivered, and it is said why."""
    # The model did not obey: its answers are longer than the request allows.
    bench.server.behaviours = [answers(used("r1", 118), used("r2", 118), failure("r3", 500))]
    run_id = bench.plan(requests(3), price=PRICE, ceilings=ceilings)
    bench.settle(run_id)
    assert bench.server.calls["create"] == 1
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200"), ("r3", "500")]
    assert warnings(bench) == [
        f"1 failed request is not sent again: {reason}; `openai-batch retry {run_id}` sends them "
        "as a run of its own"
    ]


def test_what_is_under_way_counts_with_the_most_that_it_may_use(bench: Bench) -> None:
    """A batch that runs may yet use its ceiling: there is no room for a retry beside it."""
    bench.server.behaviours = [answers(success("r1"), failure("r2", 500)), stays]
    run_id = bench.plan(
        requests(4), price=PRICE, ceilings=Ceilings(cost=Decimal("0.004")), shard_requests=2
    )
    with bench.open(run_id) as run:
        run.submit()
        run.step()
    assert bench.server.calls["create"] == 2
    assert "up to $0.003712 of --max-cost $0.004 may be used" in warnings(bench)[0]


def test_a_cancelled_run_goes_on_within_its_ceiling(bench: Bench) -> None:
    """`resume` sends nothing that might pass it, and takes a higher one."""
    bench.server.behaviours = [cancelled_after("r1")]
    ceilings = Ceilings(cost=Decimal("0.001856"))
    run_id = bench.plan(requests(2), price=PRICE, ceilings=ceilings)
    with bench.open(run_id) as run:
        run.submit()
    request_cancel(bench.place, run_id)
    bench.settle(run_id)
    with bench.open(run_id) as run, pytest.raises(CeilingExceeded) as raised:
        run.allow_sending()
    assert str(raised.value) == (
        f"nothing of {run_id} is sent again: that may cost up to $0.000928, and up to $0.001856 of "
        "--max-cost $0.001856 may be used"
    )
    with bench.open(run_id) as run:
        run.limit(Ceilings(cost=Decimal(1)))
        run.allow_sending()
        run.settle()
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200")]


def test_a_ceiling_named_later_holds_for_what_is_unsent(bench: Bench) -> None:
    """Two batches run, and may yet use what they may; a third has no room beside them."""
    bench.server.behaviours = [stays, stays]
    run_id = bench.plan(requests(3), price=PRICE, shard_requests=1, max_in_flight=2)
    with bench.open(run_id) as run:
        run.step()
    with bench.open(run_id) as run, pytest.raises(CeilingExceeded) as raised:
        run.limit(Ceilings(tokens=299))
    assert str(raised.value) == (
        f"nothing more of {run_id} is sent: that may take up to 100 tokens, and up to 200 tokens "
        "of --max-tokens 299 may be used"
    )
    assert bench.server.calls["create"] == 2


def test_a_ceiling_that_is_not_named_stays(bench: Bench) -> None:
    """Another limit on tokens leaves that on money as it was."""
    bench.server.behaviours = [answers(success("r1"), success("r2"), failure("r3", 500))]
    run_id = bench.plan(requests(3), price=PRICE, ceilings=Ceilings(cost=Decimal("0.0028")))
    with bench.open(run_id) as run:
        run.limit(Ceilings(tokens=10**9))
    bench.settle(run_id)
    assert bench.server.calls["create"] == 1
    assert "--max-cost $0.0028" in warnings(bench)[0]


def test_a_ceiling_that_was_named_is_remembered(bench: Bench) -> None:
    """By every later process, until another is named; one that is refused leaves no trace."""
    run_id = bench.plan(requests(3), price=PRICE, shard_requests=1, max_in_flight=1)
    bench.server.behaviours = [stays]
    with bench.open(run_id) as run:
        run.step()
        run.limit(Ceilings(cost=Decimal("0.003")))
        with pytest.raises(CeilingExceeded):
            run.limit(Ceilings(cost=Decimal("0.002")))
    record = bench.record(run_id)
    assert (record["max_cost_usd"], "max_tokens" in record) == (0.003, False)
    with bench.open(run_id) as run:
        run.limit(Ceilings(tokens=300))
    assert (bench.record(run_id)["max_cost_usd"], bench.record(run_id)["max_tokens"]) == (
        0.003,
        300,
    )


def test_a_price_can_be_named_later(bench: Bench) -> None:
    """Without one, no ceiling on money can be kept, and it is said how to give one."""
    run_id = bench.plan(requests(1))
    with bench.open(run_id) as run:
        with pytest.raises(CeilingExceeded, match="--max-cost cannot be kept: no price of batches"):
            run.limit(Ceilings(cost=Decimal(10**6)))
        run.limit(Ceilings(cost=Decimal(1)), PRICE)
        bench.server.behaviours = [answers(used("r1", 2))]
        run.settle()
    assert bench.record(run_id)["cost_usd"] == pytest.approx(0.000028)


def test_what_was_given_up_may_have_been_paid(bench: Bench) -> None:
    """After --resubmit a batch that was forgotten counts beside the one that took its place."""
    bench.server.behaviours = [
        is_forgotten,
        answers(used("r1", 2), failure("r2", 500)),
    ]
    run_id = bench.plan(requests(2), price=PRICE, ceilings=Ceilings(cost=Decimal("0.0046")))
    with contextlib.suppress(OutcomeUnknown):
        bench.settle(run_id)
    with bench.open(run_id) as run:
        assert run.resubmit_lost() == 1
        run.settle()
    assert bench.server.calls["create"] == 2
    assert "up to $0.003712 of --max-cost $0.0046 may be used" in warnings(bench)[-1]
    assert bench.record(run_id)["cost_usd"] is None


def cancelled_after(custom_id: str) -> Behaviour:
    """One request is executed, and does not say what it took; then the batch is cancelled."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.status is BatchStatus.CANCELLING:
            done = provider.execute([custom_id])
            rest = [unexecuted(one, "batch_cancelled") for one in batch.ids if one != custom_id]
            end(provider, batch, done, rest, BatchStatus.CANCELLED)

    return behave


def test_an_attempt_that_says_nothing_is_taken_to_have_used_its_ceiling(bench: Bench) -> None:
    """Successes without a usage count with the most that they may have taken."""
    bench.server.behaviours = [answers(success("r1"), success("r2"), failure("r3", 500))]
    run_id = bench.plan(requests(3), price=PRICE, ceilings=Ceilings(cost=Decimal("0.0028")))
    bench.settle(run_id)
    assert bench.server.calls["create"] == 1
    assert outcome(bench.deliver(run_id)) == [("r1", "200"), ("r2", "200"), ("r3", "500")]
    assert warnings(bench) == [
        "1 failed request is not sent again: that may cost up to $0.000928, and up to $0.002784 "
        f"of --max-cost $0.0028 may be used; `openai-batch retry {run_id}` sends them as a run of "
        "its own"
    ]
