"""How long to go on: waits, outages, time-outs and graces, by a clock that tests move."""

import pytest
from engine_fakes import FakeClock

from openai_batch.engine.patience import Grace, Patience
from openai_batch.engine.scheduler import Create, Find, Look, Upload
from openai_batch.errors import GaveUp

UPLOAD, CREATE, LOOK = Upload(1), Create(1), Look()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def patience(clock: FakeClock) -> Patience:
    return Patience(clock, "run_1", None)


def test_waits_double_and_stay_below_two_minutes_and_a_half(patience: Patience) -> None:
    """2, 4, 8, … up to 120 seconds, each a fifth more or less."""
    patience.answered()
    waits = [patience.failed(UPLOAD, "no", None) for _ in range(10)]
    for wait_s, middle in zip(waits, [2, 4, 8, 16, 32, 64, 120, 120, 120, 120], strict=True):
        assert 0.8 * middle <= wait_s <= 1.2 * middle


def test_each_call_waits_for_itself(patience: Patience, clock: FakeClock) -> None:
    """What fails is put off, what works begins anew, and others are not touched."""
    patience.failed(UPLOAD, "no", None)
    patience.failed(UPLOAD, "no", None)
    patience.failed(LOOK, "no", None)
    assert (patience.failures(UPLOAD), patience.failures(LOOK)) == (2, 1)
    assert patience.not_before[UPLOAD] > clock.monotonic()
    patience.succeeded(UPLOAD)
    assert UPLOAD not in patience.not_before
    assert (patience.failures(UPLOAD), patience.failures(LOOK)) == (0, 1)


def test_a_create_counts_as_good_only_when_its_batch_is_accepted(patience: Patience) -> None:
    """Queues refuse a batch after `create` was answered well: the waits go on growing."""
    patience.failed(CREATE, "no room", None)
    patience.succeeded(CREATE)
    assert patience.failures(CREATE) == 1
    patience.accepted(CREATE)
    assert patience.failures(CREATE) == 0


@pytest.mark.parametrize(
    ("asked_s", "at_least", "at_most"),
    [(None, 1.6, 2.4), (0.0, 1.6, 2.4), (30.0, 30, 30), (1e15, 3600, 3600)],
)
def test_the_provider_may_ask_for_a_longer_wait(
    patience: Patience, asked_s: float | None, at_least: float, at_most: float
) -> None:
    """Retry-After is honoured where it asks for more than our own wait, up to an hour."""
    assert at_least <= patience.failed(UPLOAD, "no", asked_s) <= at_most


def test_who_was_never_reached_is_given_up_after_a_minute(
    patience: Patience, clock: FakeClock
) -> None:
    """A minute after the first failure, not before."""
    patience.failed(UPLOAD, "refused", None)
    clock.advance(60)
    patience.failed(UPLOAD, "refused", None)
    clock.advance(1)
    with pytest.raises(GaveUp, match=r"could not be reached for 61 s: refused; .*resume run_1"):
        patience.failed(UPLOAD, "refused", None)


def test_who_was_reached_is_given_an_hour(patience: Patience, clock: FakeClock) -> None:
    """An hour in which nothing works, counted from the first failure."""
    patience.succeeded(LOOK)
    clock.advance(10_000)
    patience.failed(LOOK, "502", None)
    clock.advance(3600)
    patience.failed(LOOK, "502", None)
    clock.advance(1)
    with pytest.raises(GaveUp, match="nothing has worked for 3601 s: 502"):
        patience.failed(LOOK, "502", None)


def test_anything_that_works_ends_an_outage_but_a_search(
    patience: Patience, clock: FakeClock
) -> None:
    """A search is made only because a `create` failed: that it works proves nothing."""
    patience.succeeded(LOOK)
    patience.failed(CREATE, "502", None)
    clock.advance(3000)
    patience.succeeded(LOOK)
    patience.failed(CREATE, "502", None)
    clock.advance(3000)
    patience.succeeded(Find())
    patience.failed(CREATE, "502", None)
    clock.advance(601)
    with pytest.raises(GaveUp):
        patience.failed(CREATE, "502", None)


def test_a_wait_ends_with_the_time_out(clock: FakeClock) -> None:
    """The nearer of the next moment and --timeout, and GaveUp after the latter."""
    patience = Patience(clock, "run_1", 100.0)
    now = clock.monotonic()
    assert patience.wait_s(now + 30) == 30
    assert patience.wait_s(now + 500) == 100
    assert patience.wait_s(None) == 100
    assert patience.wait_s(now - 5) == 0
    clock.advance(100)
    with pytest.raises(GaveUp, match=r"the 100 s of --timeout; .*`openai-batch resume run_1`"):
        patience.wait_s(now + 500)


def test_no_wait_is_too_long_for_the_system(patience: Patience, clock: FakeClock) -> None:
    """A moment in a million years is waited for a day at a time; none at all, without end."""
    assert patience.wait_s(clock.monotonic() + 1e13) == 86_400
    assert patience.wait_s(None) is None


def test_a_grace_begins_when_it_is_first_asked_for(clock: FakeClock) -> None:
    """Each key has its own; cleared, it begins anew."""
    grace = Grace(clock, 60)
    assert not grace.counts("a")
    assert not grace.over("a")
    assert grace.counts("a")
    clock.advance(59)
    assert not grace.over("a")
    assert not grace.over("b")
    clock.advance(1)
    assert grace.over("a")
    assert not grace.over("b")
    grace.clear("a")
    assert not grace.counts("a")
    assert not grace.over("a")
