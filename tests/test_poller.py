"""When the poller asks, how often, and what it makes of the answers."""

from collections.abc import Callable
from random import Random

import pytest

from openai_batch.clock import SystemClock
from openai_batch.errors import (
    CredentialsRefused,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
)
from openai_batch.poller import Poller
from openai_batch.providers.interface import BatchPage, BatchSnapshot, BatchStatus, RequestCounts


class StoppedClock(SystemClock):
    """A clock whose time moves only when a test says so."""

    def __init__(self) -> None:
        self.time_s = 1000.0

    def monotonic(self) -> float:
        return self.time_s


class FakeProvider:
    """The two calls that a poller makes, over batches listed newest first, two a page."""

    page_size = 2

    def __init__(self, *ids: str):
        self.batches = {batch_id: BatchStatus.IN_PROGRESS for batch_id in ids}
        self.unlisted: set[str] = set()
        self.output: dict[str, str] = {}
        self.completed_requests = 0
        self.calls: list[str] = []
        self.failure: Callable[[str], Exception | None] = lambda call: None

    def _snapshot(self, batch_id: str) -> BatchSnapshot:
        status = self.batches[batch_id]
        self.completed_requests += 1
        return BatchSnapshot(
            batch_id,
            status,
            status.value,
            output_file_id=self.output.get(batch_id),
            counts=RequestCounts(9, self.completed_requests, 0),
        )

    def _call(self, call: str) -> None:
        self.calls.append(call)
        if failure := self.failure(call):
            raise failure

    def retrieve_batch(self, batch_id: str) -> BatchSnapshot:
        self._call(batch_id)
        if batch_id not in self.batches:
            raise NotFound(f"no {batch_id}", status_code=404)
        return self._snapshot(batch_id)

    def list_batches(self, after: str | None = None) -> BatchPage:
        self._call(f"list {after}")
        ids = [batch_id for batch_id in self.batches if batch_id not in self.unlisted]
        start = ids.index(after) + 1 if after else 0
        page = ids[start : start + self.page_size]
        more = start + self.page_size < len(ids)
        return BatchPage(tuple(map(self._snapshot, page)), page[-1] if more else None)


def poller(
    provider: FakeProvider,
    clock: StoppedClock | None = None,
    *,
    can_list: bool = True,
    interval_s: float | None = None,
    random: Random | None = None,
) -> Poller:
    return Poller(
        provider,  # type: ignore[arg-type]
        can_list=can_list,
        clock=clock or StoppedClock(),
        interval_s=interval_s,
        random=random or Middle(),
    )


class Middle(Random):
    """No jitter."""

    def uniform(self, a: float, b: float) -> float:
        return (a + b) / 2


# What is asked


def test_few_batches_are_asked_for_one_by_one():
    """Two batches cost two calls, as a listing might not even show them."""
    provider = FakeProvider("a", "b", "c")
    look = poller(provider).look(["a", "b"])
    assert provider.calls == ["a", "b"]
    assert [seen.id for seen in look.snapshots.values()] == ["a", "b"]
    assert (look.lost, look.others) == ({}, ())


def test_one_listing_serves_many():
    """Three batches or more are looked for in the listing, which ends when all are found."""
    provider = FakeProvider("a", "b", "c", "d", "e", "f")
    look = poller(provider).look(["a", "c", "d"])
    assert provider.calls == ["list None", "list b"]
    assert set(look.snapshots) == {"a", "c", "d"}
    assert [seen.id for seen in look.others] == ["b"]


def test_no_listing_where_the_provider_has_none():
    """`can_list=False` means single calls, however many."""
    provider = FakeProvider("a", "b", "c")
    poller(provider, can_list=False).look(["a", "b", "c"])
    assert provider.calls == ["a", "b", "c"]


def test_a_batch_that_the_listing_lacks_is_asked_for():
    """Listings lag; only a batch's own 404 says that it is lost."""
    provider = FakeProvider("a", "b", "c")
    provider.unlisted = {"b"}
    look = poller(provider).look(["a", "b", "c", "gone"])
    assert provider.calls == ["list None", "b", "gone"]
    assert set(look.snapshots) == {"a", "b", "c"}
    assert list(look.lost) == ["gone"]
    assert str(look.lost["gone"]) == "no gone"


def test_old_batches_end_the_paging():
    """At most two pages and one for each fifty batches are fetched, then single calls."""
    provider = FakeProvider(*(f"new{n}" for n in range(20)), "a", "b", "c")
    look = poller(provider).look(["a", "b", "c"])
    assert provider.calls == ["list None", "list new1", "a", "b", "c"]
    assert set(look.snapshots) == {"a", "b", "c"}
    ids = [f"new{n}" for n in range(20)]
    provider.calls.clear()
    poller(provider).look([*ids, *(f"gone{n}" for n in range(80))])
    assert sum(call.startswith("list") for call in provider.calls) == 4


@pytest.mark.parametrize("status_code", [400, 403, 404, 405, 501])
def test_a_refused_listing_is_not_tried_again(status_code: int):
    """A server without that call is asked for single batches from then on."""
    provider = FakeProvider("a", "b", "c")
    provider.failure = lambda call: (
        ProviderRefused("no listing", status_code=status_code) if call.startswith("list") else None
    )
    watcher = poller(provider)
    assert set(watcher.look(["a", "b", "c"]).snapshots) == {"a", "b", "c"}
    assert set(watcher.look(["a", "b", "c"]).snapshots) == {"a", "b", "c"}
    assert provider.calls == ["list None", "a", "b", "c", "a", "b", "c"]


@pytest.mark.parametrize(
    "failure",
    [
        ProviderUnavailable("down", status_code=503),
        ProviderUnavailable("lost", executed=None),
        QuotaRefused("slow down", status_code=429),
        CredentialsRefused("who", status_code=401),
    ],
)
@pytest.mark.parametrize("call", ["list None", "d"])
def test_failures_are_raised_at_once(failure: Exception, call: str):
    """Whatever fails is told, and nothing is repeated."""
    provider = FakeProvider("a", "b", "c", "d")
    provider.unlisted = {"d"}
    provider.failure = lambda made: failure if made == call else None
    watcher = poller(provider)
    with pytest.raises(type(failure)):
        watcher.look(["a", "b", "d"])
    assert provider.calls.count(call) == 1
    assert provider.calls[-1] == call


def test_an_id_that_is_asked_twice_costs_one_call():
    """Repeated ids are one batch."""
    provider = FakeProvider("a")
    assert set(poller(provider).look(["a", "a", "a"]).snapshots) == {"a"}
    assert provider.calls == ["a"]


# When


def delays(watcher: Poller, ids: list[str], count: int) -> list[float]:
    found = []
    for _ in range(count):
        watcher.look(ids)
        found.append(round(watcher.next_delay_s(), 2))
    return found


def test_the_delay_grows_while_nothing_changes():
    """From half a second, twice as long each time, to a minute."""
    watcher = poller(FakeProvider("a"))
    assert watcher.next_delay_s() == 0.5
    assert delays(watcher, ["a"], 9) == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]


def test_a_change_makes_it_short_again():
    """A new status, a result file or a new batch is a change; a rising count is none."""
    provider = FakeProvider("a", "b")
    watcher = poller(provider)
    assert delays(watcher, ["a"], 3) == [0.5, 1.0, 2.0]
    provider.batches["a"] = BatchStatus.COMPLETED
    assert delays(watcher, ["a"], 2) == [0.5, 1.0]
    provider.output["a"] = "file-1"
    assert delays(watcher, ["a"], 2) == [0.5, 1.0]
    assert delays(watcher, ["a", "b"], 2) == [0.5, 1.0]
    assert delays(watcher, ["b"], 2) == [2.0, 4.0]


def test_the_delay_is_spread():
    """By a fifth either way, so that many runs do not ask at the same moment."""
    watcher = poller(FakeProvider("a"), random=Random(1))
    spread = [watcher.next_delay_s() for _ in range(200)]
    assert 0.4 <= min(spread) < 0.42
    assert 0.58 < max(spread) <= 0.6


def test_an_interval_that_the_user_set_is_kept():
    """It neither grows nor is spread."""
    watcher = poller(FakeProvider("a"), interval_s=7.0, random=Random(1))
    assert delays(watcher, ["a"], 3) == [7.0, 7.0, 7.0]


@pytest.mark.parametrize("interval_s", [None, 0.1])
def test_the_provider_may_ask_for_more(interval_s: float | None):
    """Retry-After counts from the failure on, before any interval, and only until it is over."""
    provider, clock = FakeProvider("a"), StoppedClock()
    watcher = poller(provider, clock, interval_s=interval_s)
    provider.failure = lambda call: QuotaRefused("wait", status_code=429, retry_after_s=90.0)
    with pytest.raises(QuotaRefused):
        watcher.look(["a"])
    assert watcher.next_delay_s() == 90.0
    clock.time_s += 89.0
    assert watcher.next_delay_s() == 1.0
    clock.time_s += 60.0
    assert watcher.next_delay_s() == (interval_s or 1.0)


def test_failures_lengthen_the_delay():
    """A provider that is down is asked less and less often."""
    provider = FakeProvider("a")
    provider.failure = lambda call: ProviderUnavailable("down")
    watcher = poller(provider)
    seen = []
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            watcher.look(["a"])
        seen.append(watcher.next_delay_s())
    assert seen == [1.0, 2.0, 4.0]
