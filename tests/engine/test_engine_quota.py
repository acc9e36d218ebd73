"""A provider without room: what waits, what is cut, and what only the user can settle."""

from typing import Any

import pytest
from engine_fakes import (
    Bench,
    FakeBatch,
    FakeProvider,
    completes,
    end,
    fails,
    failure,
    no_room,
    outcome,
    reply_is_lost,
    request_is_lost,
    stays,
)

from openai_batch.engine.events import QuotaReached
from openai_batch.errors import GaveUp
from openai_batch.providers.interface import BatchStatus


def room_for(batches: int) -> Any:
    """Behaviour of a provider whose queue takes so many batches and fails the next."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if batch.status.final:
            return
        others = [b for b in provider.batches.values() if not b.status.final and b is not batch]
        if batch.status is BatchStatus.VALIDATING and len(others) >= batches:
            fails("token_limit_exceeded", "Limit: 2,000,000 enqueued tokens")(provider, batch)
        elif batch.looks < 5:
            batch.status = BatchStatus.IN_PROGRESS
        else:
            end(provider, batch, provider.execute(batch.ids))

    return behave


def test_a_full_queue_waits_for_its_own_batches(bench: Bench) -> None:
    """A batch that fails for want of quota is placed again as others end, and is no attempt."""
    bench.server.behaviours = [room_for(1)] * 100
    run_id = bench.plan(4, shard_requests=1)
    bench.settle(run_id)
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}
    assert bench.server.calls["create"] < 12
    with bench.open(run_id) as run:
        assert [len(shard.attempts) for shard in run.state.in_order()] == [1, 1, 1, 1]
    assert any("2,000,000 enqueued tokens" in e.message for e in bench.seen(QuotaReached))


def test_a_429_to_create_waits_for_its_own_batches(bench: Bench) -> None:
    """Refused with others queued, a shard is created when one of them has ended."""
    run_id = bench.plan(3, shard_requests=1)
    bench.server.will("create", lambda proceed: proceed(), no_room())
    bench.settle(run_id)
    assert bench.server.calls["create"] == 4
    assert bench.server.executed == {"r1": 1, "r2": 1, "r3": 1}


def test_a_shard_that_is_too_large_alone_is_halved(bench: Bench) -> None:
    """With none of ours queued, `token_limit_exceeded` halves the shard until it fits."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if len(batch.ids) > 2:
            fails("token_limit_exceeded")(provider, batch)
        else:
            completes(provider, batch)

    bench.server.behaviours = [behave] * 100
    run_id = bench.plan(7)
    bench.settle(run_id)
    with bench.open(run_id) as run:
        plans = [(s.plan.first_row, s.plan.rows) for s in run.state.in_order()]
    assert plans == [(0, 1), (1, 2), (3, 2), (5, 2)]
    assert outcome(bench.deliver(run_id)) == [(f"r{n}", "200") for n in range(1, 8)]
    assert set(bench.server.executed.values()) == {1}


LIMIT = "Enqueued token limit reached for m in organization o. Limit: 2,000,000 enqueued tokens."


def test_a_shard_below_the_limit_waits_for_others(bench: Bench) -> None:
    """Refused alone although it fits: others fill the queue, and smaller shards would not help."""
    bench.server.behaviours = [fails("token_limit_exceeded", LIMIT)] * 6
    run_id = bench.plan(4)
    bench.settle(run_id)
    assert [len(batch.ids) for batch in bench.server.batches.values()] == [4] * 7
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


def test_a_shard_that_only_seems_to_fit_is_halved_in_the_end(bench: Bench) -> None:
    """Pictures behind addresses are tokens that nobody can count here."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        many = len(batch.ids) > 1
        (fails("token_limit_exceeded", LIMIT) if many else completes)(provider, batch)

    bench.server.behaviours = [behave] * 100
    run_id = bench.plan(2)
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert [len(batch.ids) for batch in bench.server.batches.values()] == [2] * 10 + [1, 1]
    assert 400 < bench.clock.monotonic() - started < 1200


def test_what_may_turn_up_yet_is_not_halved(bench: Bench) -> None:
    """A lost batch that fills the queue unseen is adopted, not sent again in halves."""
    run_id = bench.plan(4)

    def lost_and_hidden(proceed: Any) -> Any:
        proceed()
        bench.server.batch(1).hidden = True
        shown_at = bench.clock.monotonic() + 60

        def list_late(proceed: Any) -> Any:
            bench.server.batch(1).hidden = bench.clock.monotonic() < shown_at
            return proceed()

        bench.server.will("list", *[list_late] * 500)
        return reply_is_lost(lambda: None)

    bench.server.will("create", lost_and_hidden, *[no_room(code="token_limit_exceeded")] * 50)
    bench.settle(run_id)
    assert len(bench.server.batches) == 1
    assert bench.server.executed == {f"r{n}": 1 for n in range(1, 5)}


@pytest.mark.parametrize("code", ["token_limit_exceeded", None])
def test_a_lost_create_of_what_is_too_large_is_no_endless_wait(
    bench: Bench, code: str | None
) -> None:
    """A shard whose `create` came to nothing, unheard, is halved as well, ten minutes later."""
    run_id = bench.plan(4)
    bench.server.will("create", request_is_lost, *[no_room(code=code)] * 9)
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert [len(batch.ids) for batch in bench.server.batches.values()] == [2, 2]
    assert 400 < bench.clock.monotonic() - started < 1200


def test_plain_429s_halve_only_after_some(bench: Bench) -> None:
    """Two 429s without a code are waited out; a third takes the shard for too large."""
    run_id = bench.plan(4)
    bench.server.will("create", no_room(), no_room())
    bench.settle(run_id)
    assert len(bench.server.batches) == 1
    other = bench.plan(2)
    bench.server.will("create", no_room(), no_room(), no_room())
    bench.settle(other)
    assert [len(b.ids) for b in bench.server.batches.values()] == [4, 1, 1]


def test_a_rate_limit_on_the_listing_is_no_quota(bench: Bench) -> None:
    """A resumed run looks before it creates; a 429 to that says nothing about the shard's size."""
    run_id = bench.plan(4)
    bench.open(run_id).close()
    bench.server.will("list", no_room(), no_room(), no_room(), no_room())
    bench.settle(run_id)
    assert [len(b.ids) for b in bench.server.batches.values()] == [4]
    assert not bench.seen(QuotaReached)


def test_retry_after_is_waited_for_and_then_tried(bench: Bench) -> None:
    """A 429 with Retry-After is tried again after that time, although nothing has ended."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(2, shard_requests=1)
    bench.server.will("create", lambda proceed: proceed(), no_room(retry_after_s=30.0))
    started = bench.clock.monotonic()
    with bench.open(run_id) as run:
        run.submit()
    assert 30 <= bench.clock.monotonic() - started < 40
    assert len(bench.server.batches) == 2


def test_submitting_into_a_full_queue_gives_up(bench: Bench) -> None:
    """`submit` waits for no batch: where the queue is full, the rest is left to `resume`."""
    bench.server.behaviours = [stays]
    run_id = bench.plan(2, shard_requests=1)
    bench.server.will("create", lambda proceed: proceed(), no_room())
    with (
        bench.open(run_id) as run,
        pytest.raises(GaveUp, match=r"1 of 2 batches \(1 of 2 requests\) are with"),
    ):
        run.submit()


def test_one_request_that_never_fits_is_not_tried_all_the_time(bench: Bench) -> None:
    """A shard that cannot be halved any more waits longer and longer between batches."""
    bench.server.behaviours = [fails("token_limit_exceeded")] * 10_000
    run_id = bench.plan(1)
    with pytest.raises(GaveUp):
        bench.settle(run_id, timeout_s=7200.0)
    assert bench.server.calls["create"] < 100


def test_a_retry_that_finds_no_room_waits(bench: Bench) -> None:
    """The second attempt of a shard is not halved, and its waits grow."""

    def first(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, [failure(name, 500) for name in batch.ids])

    bench.server.behaviours = [first] + [fails("token_limit_exceeded")] * 10
    run_id = bench.plan(2)
    started = bench.clock.monotonic()
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1, "r2": 1}
    assert bench.clock.monotonic() - started > 200


@pytest.mark.parametrize("code", ["billing_hard_limit_reached", "insufficient_quota"])
def test_an_unpaid_bill_is_not_waited_for(bench: Bench, code: str) -> None:
    """A refusal that does not clear by waiting ends the drive; the run goes on when it is paid."""
    run_id = bench.plan(1)
    bench.server.will("create", no_room(code=code))
    with pytest.raises(GaveUp, match=f"once that is settled, `openai-batch resume {run_id}`"):
        bench.settle(run_id)
    bench.server.behaviours = [fails(code, "pay up")]
    with pytest.raises(GaveUp, match="pay up; once that is settled"):
        bench.settle(run_id)
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_rate_limits_on_looking_are_waited_out(bench: Bench) -> None:
    """A 429 to a look is no quota: it is tried again after the time that it names."""
    run_id = bench.plan(1)
    bench.server.will("retrieve", no_room(retry_after_s=120.0), no_room(retry_after_s=120.0))
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}


def test_a_rate_limit_as_the_first_answer_is_no_wrong_address(bench: Bench) -> None:
    """A process that is told to wait two minutes, twice, before anything worked, does so."""
    run_id = bench.plan(1)
    bench.server.will("upload", no_room(retry_after_s=120.0), no_room(retry_after_s=120.0))
    bench.settle(run_id)
    assert bench.server.executed == {"r1": 1}
