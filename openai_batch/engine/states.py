"""The states of a run, and the one function that moves them.

An *entry* is a fact that the journal holds. The state of a run is the fold of its entries:
`advance(state, entry)` is pure, raises on an illegal move, and is the only way a state changes.
"""

import dataclasses
import enum
from dataclasses import dataclass, field
from typing import Any

from .entries import (
    BatchCreated,
    BatchSeen,
    CancelRequested,
    CeilingsNamed,
    CreateRejected,
    CreateStarted,
    Delivered,
    DuplicateClosed,
    DuplicateFound,
    Entry,
    Harvested,
    Publishing,
    QuotaRefused,
    Refused,
    RemoteDeletionStarted,
    RemoteFilesDeleted,
    Reopened,
    RetryPlanned,
    SendingAllowed,
    ShardPlan,
    ShardSplit,
    SpoolRemoved,
    Uploaded,
    UploadStarted,
)


class Phase(enum.Enum):
    """Where one attempt at a shard stands."""

    PLANNED = "planned"
    """Its requests are on disk; nothing was sent."""
    UPLOADING = "uploading"
    """An upload was begun; a file may exist at the provider, which costs nothing."""
    UPLOADED = "uploaded"
    """Its input file is at the provider, and no batch uses it."""
    CREATING = "creating"
    """`create` was begun; a batch may exist, which costs."""
    RUNNING = "running"
    """A batch with a known id executes it."""
    ENDED = "ended"
    """The provider will not move the batch any more; its results are not here yet."""
    HARVESTED = "harvested"
    """Its results are on disk, and every row is accounted for."""
    REFUSED = "refused"
    """The provider refused the input for good; nothing was executed."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a shard, or at those of its rows that an earlier try left open, from 1."""

    number: int
    rows: int
    size_bytes: int
    phase: Phase = Phase.PLANNED
    file_id: str | None = None
    create_started_at: float | None = None
    key_used_at: float | None = None
    """When its idempotency key was first used; none is used for a second input file or batch."""
    batch_id: str | None = None
    refused_batch_ids: tuple[str, ...] = ()
    """Batches of this attempt that were refused or given up; never to be adopted."""
    duplicate_batch_ids: tuple[str, ...] = ()
    """Batches that execute the same, and do not count."""
    open_duplicate_ids: tuple[str, ...] = ()
    """Those of them that are still to be cancelled."""
    doubted: bool = False
    """A `create` without a reply was taken for lost: its batch may turn up yet."""
    resubmitted: bool = False
    """The user has it sent again, whatever became of it: nobody looks for an earlier batch."""
    seen: BatchSeen | None = None
    harvested: Harvested | None = None
    reason: str | None = None
    """Why it was refused."""
    code: str | None = None
    """The provider's code for that."""

    @property
    def batch_ids(self) -> tuple[str, ...]:
        """Every batch that was ever known for it."""
        current = (self.batch_id,) if self.batch_id else ()
        return current + self.refused_batch_ids + self.duplicate_batch_ids


@dataclass(frozen=True, slots=True)
class Shard:
    """A slice of the input and every attempt at it, in order."""

    plan: ShardPlan
    attempts: tuple[Attempt, ...]

    @property
    def current(self) -> Attempt:
        """The attempt that counts now."""
        return self.attempts[-1]

    @property
    def last_harvest(self) -> Harvested | None:
        """The most recent harvest, which accounts for every row of the shard."""
        return next((a.harvested for a in reversed(self.attempts) if a.harvested), None)


@dataclass(frozen=True, slots=True)
class RunState:
    """What is known of a run. Shards that were split are not in it; their parts are."""

    shards: dict[int, Shard] = field(default_factory=dict)
    cancel_requested: bool = False
    sending_allowed: bool = False
    """Whether the user lifted what kept the run from sending anything more."""
    former_batch_ids: tuple[str, ...] = ()
    """Batches of shards that were split since."""
    publishing: Publishing | None = None
    delivered: Delivered | None = None
    spool_removed: bool = False
    remote_deletion_began: bool = False
    remote_files_deleted: bool = False
    ceilings: CeilingsNamed | None = None
    """What the user has named since the run was planned, the last of each."""

    def in_order(self) -> list[Shard]:
        """Every shard, by its rows."""
        return sorted(self.shards.values(), key=lambda shard: shard.plan.first_row)


def settled(state: RunState) -> bool:
    """Whether every request is accounted for: its result is here, or it will never be sent."""
    closed = {Phase.HARVESTED, *(_UNSENT if state.cancel_requested else ())}
    return all(shard.current.phase in closed for shard in state.shards.values())


def may_be_removed(state: RunState) -> bool:
    """Whether the spool may go, and may be gone: delivered, with nothing in it but copies.

    What was never sent of a cancelled run is nowhere else.
    """
    harvested = all(s.current.phase is Phase.HARVESTED for s in state.shards.values())
    return state.delivered is not None and harvested


_UNSENT = {Phase.PLANNED, Phase.UPLOADING, Phase.UPLOADED, Phase.REFUSED}


def refused_outright(state: RunState) -> bool:
    """Whether the provider refused the run's input, and nothing of it was ever executed."""
    phases = {shard.current.phase for shard in state.shards.values()}
    executed = any(shard.last_harvest for shard in state.shards.values())
    return Phase.REFUSED in phases and phases <= _UNSENT and not executed


def disposable(state: RunState) -> bool:
    """Whether a run may be forgotten: delivered, or nothing of it was executed or ever will be."""
    ended = settled(state) if state.cancel_requested else refused_outright(state)
    executed = any(shard.last_harvest for shard in state.shards.values())
    return state.delivered is not None or (ended and not executed)


def was_cancelled(shard: Shard) -> bool:
    """Whether the batch of the current attempt was cancelled, by whomever."""
    seen = shard.current.seen
    return seen is not None and seen.status == "cancelled"


def open_duplicates(state: RunState) -> dict[str, tuple[int, int]]:
    """Batches that are to be cancelled because others do their work: shard and attempt of each."""
    return {
        batch_id: (shard.plan.index, attempt.number)
        for shard in state.shards.values()
        for attempt in shard.attempts
        for batch_id in attempt.open_duplicate_ids
    }


class IllegalMove(Exception):
    """A journal entry that cannot follow what is recorded before it: a bug, or damage."""


def begin(plans: list[ShardPlan]) -> RunState:
    """The state of a run of which nothing is recorded but its plan."""
    return RunState({plan.index: _fresh(plan) for plan in plans})


def _fresh(plan: ShardPlan) -> Shard:
    return Shard(plan, (Attempt(1, plan.rows, plan.size_bytes),))


def _towards_delivery(state: RunState, entry: Publishing | Delivered | SpoolRemoved) -> RunState:
    match entry:
        case Publishing():
            return dataclasses.replace(state, publishing=entry)
        case Delivered():
            return dataclasses.replace(state, delivered=entry)
        case SpoolRemoved():
            return dataclasses.replace(state, spool_removed=True)


def advance(state: RunState, entry: Entry) -> RunState:
    """The state after `entry`. Raises IllegalMove where `entry` cannot happen in `state`."""
    match entry:
        case CancelRequested():
            return dataclasses.replace(state, cancel_requested=True)
        case SendingAllowed():
            shards = state.shards
            if state.remote_deletion_began:
                shards = {index: _without_file(shard) for index, shard in shards.items()}
            return dataclasses.replace(
                state,
                shards=shards,
                cancel_requested=False,
                sending_allowed=True,
                publishing=None,
                delivered=None,
                spool_removed=False,
                remote_deletion_began=False,
                remote_files_deleted=False,
            )
        case CeilingsNamed():
            return dataclasses.replace(state, ceilings=entry.over(state.ceilings))
        case Publishing() | Delivered() | SpoolRemoved():
            return _towards_delivery(state, entry)
        case RemoteDeletionStarted():
            return dataclasses.replace(state, remote_deletion_began=True)
        case RemoteFilesDeleted():
            return dataclasses.replace(state, remote_files_deleted=True)
        case ShardSplit(shard=index, into=parts):
            _expect(state, entry, _CAN_SPLIT)
            shards = {i: shard for i, shard in state.shards.items() if i != index}
            shards |= {plan.index: _fresh(plan) for plan in parts}
            former = [name for a in state.shards[index].attempts for name in a.batch_ids]
            former_ids = (*state.former_batch_ids, *former)
            return dataclasses.replace(state, shards=shards, former_batch_ids=former_ids)
        case RetryPlanned(shard=index, attempt=number, rows=rows, size_bytes=size_bytes):
            _expect(state, dataclasses.replace(entry, attempt=number - 1), {Phase.HARVESTED})
            shard = state.shards[index]
            attempts = (*shard.attempts, Attempt(number, rows, size_bytes))
            return _with(state, dataclasses.replace(shard, attempts=attempts))
        case DuplicateFound() | DuplicateClosed():
            return _with(state, _move_duplicate(state, entry))
        case _:
            shard = _expect(state, entry, _LEGAL_FROM[type(entry)])
            moved = _move(shard.current, entry)
            return _with(state, dataclasses.replace(shard, attempts=(*shard.attempts[:-1], moved)))


def _move(attempt: Attempt, entry: Entry) -> Attempt:
    change = dataclasses.replace
    match entry:
        case UploadStarted():
            return change(attempt, phase=Phase.UPLOADING)
        case Uploaded(file_id=file_id):
            return change(attempt, phase=Phase.UPLOADED, file_id=file_id)
        case CreateStarted(at=at):
            first = at if attempt.key_used_at is None else attempt.key_used_at
            return change(attempt, phase=Phase.CREATING, create_started_at=at, key_used_at=first)
        case CreateRejected(doubtful=doubtful):
            return change(
                attempt,
                phase=Phase.UPLOADED,
                create_started_at=None,
                doubted=attempt.doubted or doubtful,
            )
        case BatchCreated(batch_id=batch_id):
            return change(attempt, phase=Phase.RUNNING, batch_id=batch_id)
        case BatchSeen(final=final):
            return change(attempt, phase=Phase.ENDED if final else Phase.RUNNING, seen=entry)
        case QuotaRefused():
            refused = (*attempt.refused_batch_ids, attempt.batch_id or "")
            return change(
                attempt,
                phase=Phase.UPLOADED,
                batch_id=None,
                seen=None,
                create_started_at=None,
                key_used_at=None,
                refused_batch_ids=refused,
            )
        case Refused(reason=reason, code=code):
            return change(attempt, phase=Phase.REFUSED, reason=reason, code=code)
        case Reopened():
            given_up = (attempt.batch_id,) if attempt.batch_id else ()
            return change(
                attempt,
                phase=Phase.PLANNED,
                batch_id=None,
                seen=None,
                file_id=None,
                create_started_at=None,
                key_used_at=None,
                refused_batch_ids=attempt.refused_batch_ids + given_up,
                doubted=attempt.doubted or attempt.phase is Phase.CREATING,
                resubmitted=attempt.resubmitted or attempt.phase is not Phase.REFUSED,
                reason=None,
                code=None,
            )
        case Harvested():
            return change(attempt, phase=Phase.HARVESTED, harvested=entry)
    raise IllegalMove(f"unknown entry {entry.kind}")


def _without_file(shard: Shard) -> Shard:
    """The shard to be uploaded anew, where its input waited at the provider for its batch."""
    if shard.current.phase is not Phase.UPLOADED:
        return shard
    planned = dataclasses.replace(shard.current, phase=Phase.PLANNED, file_id=None)
    return dataclasses.replace(shard, attempts=(*shard.attempts[:-1], planned))


def _move_duplicate(state: RunState, entry: DuplicateFound | DuplicateClosed) -> Shard:
    """The shard with what is now known of its duplicates; any of its attempts may have some."""
    shard = state.shards.get(entry.shard)
    if shard is None or not 0 < entry.attempt <= len(shard.attempts):
        raise IllegalMove(f"{entry.kind}: shard {entry.shard} has no attempt {entry.attempt}")
    attempts = list(shard.attempts)
    attempt = attempts[entry.attempt - 1]
    if isinstance(entry, DuplicateFound):
        moved = _without_duplicate(attempt, entry, is_current=attempt is shard.current)
    else:
        left = tuple(name for name in attempt.open_duplicate_ids if name != entry.batch_id)
        moved = dataclasses.replace(attempt, open_duplicate_ids=left)
    attempts[entry.attempt - 1] = moved
    return dataclasses.replace(shard, attempts=tuple(attempts))


def _without_duplicate(attempt: Attempt, entry: DuplicateFound, *, is_current: bool) -> Attempt:
    """The attempt with one batch that counts. Another may take its place while it runs."""
    change = dataclasses.replace
    if entry.kept_id != attempt.batch_id:
        if not is_current or attempt.phase is not Phase.RUNNING:
            raise IllegalMove(
                f"{entry.kind}: attempt {entry.attempt} of shard {entry.shard} is "
                f"{attempt.phase.value}, and {attempt.batch_id} counts"
            )
        attempt = change(attempt, batch_id=entry.kept_id, seen=None)
    others = [name for name in attempt.duplicate_batch_ids if name != entry.kept_id]
    still_open = [name for name in attempt.open_duplicate_ids if name != entry.kept_id]
    return change(
        attempt,
        duplicate_batch_ids=(*others, entry.batch_id),
        open_duplicate_ids=(*still_open, entry.batch_id) if entry.runs else tuple(still_open),
    )


_CAN_SPLIT = {Phase.PLANNED, Phase.UPLOADING, Phase.UPLOADED}

_LEGAL_FROM: dict[type[Entry], set[Phase]] = {
    UploadStarted: {Phase.PLANNED, Phase.UPLOADING, Phase.UPLOADED},
    Uploaded: {Phase.UPLOADING},
    CreateStarted: {Phase.UPLOADED},
    CreateRejected: {Phase.CREATING},
    BatchCreated: {Phase.CREATING},
    BatchSeen: {Phase.RUNNING, Phase.ENDED},
    QuotaRefused: {Phase.RUNNING},
    Refused: {Phase.UPLOADING, Phase.CREATING, Phase.RUNNING},
    Reopened: {Phase.REFUSED, Phase.CREATING, Phase.RUNNING, Phase.ENDED},
    # A harvest is done again when the spool was removed and the results are wanted once more.
    Harvested: {Phase.ENDED, Phase.HARVESTED},
}


def _expect(state: RunState, entry: Any, phases: set[Phase]) -> Shard:
    shard = state.shards.get(entry.shard)
    if shard is None:
        raise IllegalMove(f"{entry.kind}: there is no shard {entry.shard}")
    attempt = getattr(entry, "attempt", shard.current.number)
    if attempt != shard.current.number or shard.current.phase not in phases:
        raise IllegalMove(
            f"{entry.kind} for attempt {attempt} of shard {entry.shard}, "
            f"whose attempt {shard.current.number} is {shard.current.phase.value}"
        )
    return shard


def _with(state: RunState, shard: Shard) -> RunState:
    return dataclasses.replace(state, shards={**state.shards, shard.plan.index: shard})
