"""What to do next. Pure: from what is known to a list of calls, with no call made here."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import isfinite

from .states import Attempt, Phase, RunState, Shard

MAX_UPLOADS = 3
"""Uploads at once. One fills most lines; more hide the provider's own pauses."""

MAX_HARVESTS = 3
"""Downloads at once."""

MAX_UPLOADED_AHEAD = 3
"""Uploaded shards that may wait for a place in the provider's queue."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Upload the current attempt of a shard."""

    shard: int


@dataclass(frozen=True, slots=True)
class Create:
    """Create the batch for an uploaded attempt."""

    shard: int


@dataclass(frozen=True, slots=True)
class Halve:
    """Cut an uploaded shard in two, unless a batch for it turns up at the provider."""

    shard: int


@dataclass(frozen=True, slots=True)
class Find:
    """Look at the provider for batches whose `create` got no reply: one search for all."""


@dataclass(frozen=True, slots=True)
class Look:
    """Ask how the running batches are."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the provider to end a batch of a run that the user has cancelled."""

    shard: int


@dataclass(frozen=True, slots=True)
class CancelDuplicate:
    """Ask the provider to end a batch that executes what another one does."""

    batch_id: str


@dataclass(frozen=True, slots=True)
class Harvest:
    """Download and reconcile the results of an ended attempt."""

    shard: int


Call = Upload | Create | Halve | Find | Look | Cancel | CancelDuplicate | Harvest


@dataclass
class Quota:
    """What the provider's queue was seen to accept, in bytes of requests under way.

    Providers count tokens, and tell neither how many are queued nor how many may be; bytes follow
    tokens closely enough for a cap that is learned from refusals.
    """

    cap_bytes: float = float("inf")

    def refused(self, in_flight_bytes: int) -> None:
        """A batch was refused while so much of ours was in the queue: that much was accepted."""
        self.cap_bytes = in_flight_bytes

    def ended(self, size_bytes: int) -> None:
        """A batch left the queue: try for a little more than was accepted before."""
        self.cap_bytes += size_bytes / 4

    def allows(self, in_flight_bytes: int, size_bytes: int) -> bool:
        """Whether a batch may be tried beside what is queued."""
        return in_flight_bytes + size_bytes <= self.cap_bytes


@dataclass
class View:
    """All that the decision depends on. `now` and `not_before` are monotonic seconds."""

    state: RunState
    now: float
    may_submit: bool
    look_at: float
    quota: Quota
    max_in_flight: int | None = None
    busy: frozenset[Call] = frozenset()
    not_before: Mapping[Call, float] = field(default_factory=dict)
    set_aside: Mapping[int, str] = field(default_factory=dict)
    """Shards of which nothing more can be known for now."""
    to_halve: Collection[int] = ()
    """Shards that are refused although nothing of ours is queued."""
    duplicates: Collection[str] = ()
    """Batches to be cancelled because others do their work."""

    def in_phase(self, *phases: Phase) -> list[Shard]:
        """The shards that are worked on and whose current attempt is in one of `phases`."""
        return [
            shard
            for shard in self.state.in_order()
            if shard.current.phase in phases and shard.plan.index not in self.set_aside
        ]

    def startable(self, call: Call) -> bool:
        """Whether a call is neither under way nor waiting for its time."""
        return call not in self.busy and self.not_before.get(call, 0) <= self.now


def next_calls(view: View) -> list[Call]:
    """The calls to start now, the most useful first."""
    calls: list[Call] = [CancelDuplicate(batch_id) for batch_id in view.duplicates]
    calls += _harvests(view)
    if view.in_phase(Phase.CREATING) and not _creating(view):
        calls.append(Find())
    if view.in_phase(Phase.RUNNING) and view.now >= view.look_at:
        calls.append(Look())
    if view.state.cancel_requested:
        calls += _cancellations(view)
    elif view.may_submit:
        calls += _submissions(view)
    return [call for call in calls if view.startable(call)]


def waits_until(view: View) -> float | None:
    """When the next call becomes due if nothing comes back before; None where nothing will."""
    moments = [moment for call, moment in view.not_before.items() if call not in view.busy]
    if view.in_phase(Phase.RUNNING) and Look() not in view.busy and isfinite(view.look_at):
        moments.append(view.look_at)
    return min((moment for moment in moments if moment > view.now), default=None)


def in_flight(view: View) -> list[Attempt]:
    """The attempts that take room in the provider's queue, or may do."""
    return [shard.current for shard in view.state.shards.values() if _queued(shard.current)]


def _queued(attempt: Attempt) -> bool:
    return attempt.phase in (Phase.RUNNING, Phase.CREATING)


def _creating(view: View) -> bool:
    return any(isinstance(call, Create) for call in view.busy)


def _harvests(view: View) -> list[Call]:
    calls: list[Call] = [Harvest(shard.plan.index) for shard in view.in_phase(Phase.ENDED)]
    under_way = sum(call in view.busy for call in calls)
    idle = [call for call in calls if view.startable(call)]
    return idle[: MAX_HARVESTS - under_way]


def _cancellations(view: View) -> list[Call]:
    return [
        Cancel(shard.plan.index)
        for shard in view.in_phase(Phase.RUNNING)
        if not (shard.current.seen and shard.current.seen.status == "cancelling")
    ]


def _submissions(view: View) -> list[Call]:
    calls: list[Call] = []
    queued = in_flight(view)
    room = view.max_in_flight is None or len(queued) < view.max_in_flight
    uploaded = view.in_phase(Phase.UPLOADED)
    calls += [Halve(s.plan.index) for s in uploaded if s.plan.index in view.to_halve]
    # One `create` at a time, and none while an earlier one is in doubt: a refusal for quota then
    # says exactly how much was accepted before it.
    if uploaded and room and not _creating(view) and not view.in_phase(Phase.CREATING):
        size = sum(attempt.size_bytes for attempt in queued)
        fitting = (
            Create(shard.plan.index)
            for shard in uploaded
            if shard.plan.index not in view.to_halve
            if not queued or view.quota.allows(size, shard.current.size_bytes)
        )
        calls += [call for call in fitting if view.startable(call)][:1]
    uploads = sum(isinstance(call, Upload) for call in view.busy)
    ahead = len(uploaded) + uploads
    for shard in view.in_phase(Phase.PLANNED, Phase.UPLOADING):
        call = Upload(shard.plan.index)
        if call in view.busy:
            continue
        if uploads >= MAX_UPLOADS or ahead >= MAX_UPLOADED_AHEAD:
            break
        calls.append(call)
        uploads += 1
        ahead += 1
    return calls
