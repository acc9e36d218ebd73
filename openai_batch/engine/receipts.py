"""What an answer means: from what came back to entries in the journal, and events for people."""

from collections.abc import Collection
from typing import Any

from ..clock import Clock
from ..errors import (
    CredentialsMissing,
    CredentialsRefused,
    Error,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
)
from ..poller import Look as PollerLook
from ..poller import Poller
from ..providers.interface import BatchSnapshot, BatchStatus
from . import entries
from .budget import Budget
from .doubts import Doubts
from .duplicates import Duplicates, find_duplicates
from .events import (
    BatchStarted,
    Looking,
    OnEvent,
    RetryScheduled,
    ShardHarvested,
    ShardUploaded,
    Trouble,
    Warned,
)
from .harvest import Gaps, Torn
from .journal import Journal
from .patience import Patience
from .refusals import Refusals
from .scheduler import (
    Call,
    Cancel,
    CancelDuplicate,
    Create,
    Find,
    Halve,
    Harvest,
    Look,
    Quota,
    Upload,
)
from .spool import Spool
from .states import Phase, Shard
from .submit import CANCELLED, CannotList, Found, was_refused
from .surveys import Survey, Surveys
from .watching import Progress

CANCEL_AGAIN_S = 60
"""When to ask again for a batch to end that does not say it is being cancelled."""

GAPS_TRIES = 3
"""Downloads that may show gaps before rows without a line are taken for missing."""


class Receipts:
    """Records answers. Knows what was seen in this process; what must last is in the journal."""

    def __init__(
        self,
        journal: Journal,
        spool: Spool,
        *,
        budget: Budget,
        clock: Clock,
        tell: OnEvent,
        poller: Poller,
        patience: Patience,
        quota: Quota,
        can_list: bool,
        listing_grace_s: float,
        idempotent: bool,
    ):
        self._journal = journal
        self._budget = budget
        self._clock = clock
        self._tell = tell
        self._poller = poller
        self._patience = patience
        self._quota = quota
        self._gaps: dict[int, int] = {}
        self._strange: set[str] = set()
        self._progress = Progress(journal, tell)
        self._refusals = Refusals(
            journal,
            spool,
            clock=clock,
            tell=tell,
            patience=patience,
            quota=quota,
            progress=self._progress,
            search_after_s=listing_grace_s if can_list else 0,
        )
        self.doubts = Doubts(journal, clock, listing_grace_s=listing_grace_s, idempotent=idempotent)
        """What cannot be known, for now or for good."""
        self.duplicates = Duplicates(journal, clock, tell)
        """Batches that do others' work."""
        self.surveys = Surveys(clock, can_list, listing_grace_s)
        """When to search for those."""
        running = [s.current for s in journal.state.in_order() if s.current.phase is Phase.RUNNING]
        if running:
            self.surveys.created(repeated=any(attempt.doubted for attempt in running))
        self.look_at: float = clock.monotonic()
        """When to ask how the batches are, in monotonic seconds."""
        self.looks = 0
        """How often that was answered."""

    def gaps_are_final(self, shard: int) -> bool:
        """Whether the shard's results were downloaded often enough to believe their gaps."""
        return self._gaps.get(shard, 0) >= GAPS_TRIES - 1

    # --- calls that came back well --------------------------------------------------------------

    def succeeded(self, call: Call, value: Any) -> None:
        """Record what a call answered."""
        match call:
            case Upload(shard=index):
                shard = self._shard(index)
                self._record(entries.Uploaded(index, shard.current.number, value.id))
                self._tell(ShardUploaded(*self._progress.place(shard), shard.current.size_bytes))
            case Create(shard=index):
                snapshot, adopted = value
                self._created(self._shard(index), snapshot, adopted=adopted)
            case Halve(shard=index):
                self._halve(self._shard(index), value)
            case Find():
                self._found(*value)
            case Look():
                settled = self._seen(*value)
                self.looks += settled
                failed = value[1] is not None and not value[1].answered
                wait_s = self._poller.next_delay_s() if settled or failed else 0
                self.look_at = self._clock.monotonic() + wait_s
            case Cancel(shard=index):
                self._patience.postpone(call, CANCEL_AGAIN_S)
                attempt = self._shard(index).current
                if attempt.phase is Phase.RUNNING and attempt.batch_id == value.id:
                    self._take_in(self._shard(index), value)
            case CancelDuplicate(batch_id=batch_id):
                self.duplicates.cancelled(batch_id)
            case Harvest(shard=index):
                self._harvested(self._shard(index), *value)

    def _created(self, shard: Shard, snapshot: BatchSnapshot, *, adopted: bool) -> None:
        index, attempt = shard.plan.index, shard.current
        self.doubts.create_settled(index)
        self.surveys.created(repeated=attempt.doubted)
        self._record(entries.BatchCreated(index, attempt.number, snapshot.id, adopted))
        self._tell(
            BatchStarted(
                *self._progress.place(shard), attempt.number, snapshot.id, attempt.rows, adopted
            )
        )
        self.look_at = min(self.look_at, self._clock.monotonic() + self._poller.next_delay_s())

    @property
    def to_halve(self) -> Collection[int]:
        """Shards that are refused although nothing of ours is queued."""
        return self._refusals.to_halve

    def _halve(self, shard: Shard, found: BatchSnapshot | None) -> None:
        """Cut a shard in two, unless a batch was found that would execute what the halves do."""
        index, attempt = shard.plan.index, shard.current
        if found is not None:
            self._refusals.to_halve.discard(index)
            self._record(entries.CreateStarted(index, attempt.number, self._clock.now()))
            self._created(self._shard(index), found, adopted=True)
        elif set(attempt.open_duplicate_ids) & set(self.duplicates.to_cancel):
            self._patience.postpone(Halve(index), CANCEL_AGAIN_S)
        else:
            self._refusals.halve(shard)

    def _found(self, began: float, found: Found) -> None:
        """Adopt what was found; create again what was not, once the grace is over.

        A search that `began` (monotonic seconds) within the grace proves nothing by its end.
        """
        took_s = self._clock.monotonic() - began
        in_doubt = [s for s in self._journal.state.in_order() if s.current.phase is Phase.CREATING]
        waits = []
        for shard in in_doubt:
            index = shard.plan.index
            left = self.doubts.listing_grace_left_s(shard) + took_s
            if index in found.batches:
                self._created(shard, found.batches[index], adopted=True)
            elif left > 0:
                waits.append(left)
            elif index in found.hidden:
                self.doubts.shows_nothing(shard)
            else:
                self._repeat(shard)
        if waits:
            self._tell(Looking(len(waits), max(waits)))
            self._patience.postpone(Find(), min(max(waits), 5))

    def _repeat(self, shard: Shard) -> None:
        """Create again: no batch was found, or the same one comes back."""
        index, number = shard.plan.index, shard.current.number
        reason = "the provider shows no such batch"
        self.doubts.create_settled(index)
        self._record(entries.CreateRejected(index, number, reason, doubtful=True))

    def _seen(self, look: PollerLook, survey: Survey | None) -> bool:
        """Take in where the batches stand; False where another look has to come first."""
        self._journal.refresh()
        settled = self._settle_duplicates(look, survey)
        running = [s for s in self._journal.state.in_order() if s.current.phase is Phase.RUNNING]

        def was_not_refused(shard: Shard) -> bool:
            snapshot = look.snapshots.get(shard.current.batch_id or "")
            return snapshot is None or not was_refused(snapshot)

        # What a refusal for quota means depends on what was queued beside it: that is told before
        # the others are seen to have ended.
        for shard in sorted(running, key=was_not_refused):
            batch_id = shard.current.batch_id or ""
            snapshot = look.snapshots.get(batch_id)
            if snapshot and self._is_suspicious(shard, snapshot):
                settled = False
            elif snapshot:
                self.doubts.is_known(shard)
                self._take_in(shard, snapshot)
            elif batch_id in look.lost:
                self.doubts.is_unknown(shard, str(look.lost[batch_id]))
        self._progress.tell_sum()
        return settled

    def _settle_duplicates(self, look: PollerLook, survey: Survey | None) -> bool:
        """Take in what was found; False where a shard has another batch now, not seen yet."""
        replaced = False
        if survey is not None:
            self.surveys.came(survey)
            for index in self.duplicates.settle(survey.batches, look.snapshots):
                self._progress.forget(index)
                replaced = True
        # From a listing that need not be complete nothing is concluded but that one is wanted.
        for found in find_duplicates(self._journal.info, self._journal.state, look.others):
            self.surveys.explains_first(f"{found.batch.id} was found")
        return not replaced

    def _is_suspicious(self, shard: Shard, snapshot: BatchSnapshot) -> bool:
        """Whether a survey has to come before the end of a batch is believed.

        Another process that drives this run cancels batches of ours where it knows of better ones;
        and where a `create` was repeated, the first one's batch may be better.
        """
        attempt = shard.current
        unexplained = snapshot.status in CANCELLED and not self._journal.state.cancel_requested
        twofold = attempt.doubted or attempt.duplicate_batch_ids
        doubtful = unexplained or (snapshot.status.final and twofold)
        return bool(doubtful) and self.surveys.explains_first(f"{snapshot.id} has ended")

    def _take_in(self, shard: Shard, snapshot: BatchSnapshot) -> None:
        index, attempt = shard.plan.index, shard.current
        if was_refused(snapshot):
            self._refusals.of_batch(shard, snapshot)
            return
        if snapshot.status is not BatchStatus.VALIDATING:
            self._patience.accepted(Create(index))
        final = snapshot.status.final and self.doubts.names_its_files(shard, snapshot)
        counts = snapshot.counts
        seen = entries.BatchSeen(
            index,
            attempt.number,
            status=snapshot.status.value,
            final=final,
            total=counts.total if counts else None,
            completed=counts.completed if counts else None,
            failed=counts.failed if counts else None,
            output_file_id=snapshot.output_file_id,
            error_file_id=snapshot.error_file_id,
            expires_at=snapshot.expires_at,
            usage=dict(snapshot.usage) if snapshot.usage else None,
        )
        self._progress.seen(shard, seen, snapshot.id)
        # Counts change with every look and are worth nothing later: only a change of status, or
        # the end, is worth a write.
        if final or attempt.seen is None or attempt.seen.status != seen.status:
            self._record(seen)
        if not snapshot.known and snapshot.raw_status not in self._strange:
            self._strange.add(snapshot.raw_status)
            self._tell(
                Warned(
                    f"{snapshot.id} has a status that is not known here, "
                    f"{snapshot.raw_status!r}; it is taken for running"
                )
            )
        if final:
            self._quota.ended(attempt.size_bytes)
        else:
            self.doubts.goes_on(shard, snapshot)

    def _harvested(
        self,
        shard: Shard,
        harvested: entries.Harvested,
        retry: entries.RetryPlanned | None,
        begun: BatchSnapshot | None,
    ) -> None:
        self._gaps.pop(shard.plan.index, None)
        self.doubts.results_are_here(shard)
        state = self._journal.state
        if retry and not begun and (refusal := self._budget.refusal(state, harvested, retry)):
            self._tell(Warned(refusal))
            retry = None
        self._record(harvested, *([retry] if retry else []))
        self._tell(
            ShardHarvested(
                *self._progress.place(shard),
                harvested.attempt,
                harvested.succeeded,
                harvested.failed,
                harvested.missing,
            )
        )
        if harvested.foreign or harvested.repeated:
            self._tell(
                Warned(
                    f"batch {shard.current.batch_id}: {harvested.foreign} lines belong "
                    f"to no open request, {harvested.repeated} answer one again; "
                    "they were left out"
                )
            )
        if retry:
            self._progress.forget(shard.plan.index)
            self._tell(RetryScheduled(*self._progress.place(shard), retry.attempt, retry.rows))
        if retry and begun:
            name = (retry.shard, retry.attempt)
            self._record(
                entries.UploadStarted(*name),
                entries.Uploaded(*name, begun.input_file_id or ""),
                entries.CreateStarted(*name, self._clock.now()),
            )
            self._created(self._shard(retry.shard), begun, adopted=True)
        self._progress.tell_sum()

    # --- calls that failed ----------------------------------------------------------------------

    def failed(self, call: Call, error: Error) -> None:
        """Record what a failure means, or raise it where it ends the drive."""
        if isinstance(error, ProviderError) and isinstance(call, CancelDuplicate):
            if self.duplicates.not_cancelled(call.batch_id, error):
                self._patience.postpone(call, self._patience.backoff_s(call))
            return
        if isinstance(error, CredentialsMissing | CredentialsRefused):
            self._reject(call, error)
            raise error
        if isinstance(error, CannotList):
            for shard in self.doubts.cannot_list(str(error)):
                self._repeat(shard)
            return
        if isinstance(error, QuotaRefused):
            self._refused_for_quota(call, error)
            return
        if isinstance(error, ProviderUnavailable):
            if isinstance(call, Create) and error.executed is None:
                self._doubt(call, error)
                return
            self._reject(call, error)
            if error.executed is None:
                self._patience.answered()
            if isinstance(call, Harvest) and isinstance(error, Torn):
                self._results_refused(call, error)
                return
            if isinstance(call, Harvest) and isinstance(error, Gaps):
                self._gaps[call.shard] = self._gaps.get(call.shard, 0) + 1
            self._try_again(call, error)
            return
        if isinstance(error, ProviderRefused):
            self._refused(call, error)
            return
        raise error

    def _refused(self, call: Call, error: ProviderRefused) -> None:
        """The provider said no for good: that ends the drive, unless it says something else."""
        match call:
            case Cancel():
                # Most likely it has ended meanwhile (409): the next look tells.
                self._patience.postpone(call, CANCEL_AGAIN_S)
                self.look_at = self._clock.monotonic()
                return
            case Harvest():
                self._results_refused(call, error)
                return
            case Create(shard=index) | Upload(shard=index):
                number = self._shard(index).current.number
                self._record(entries.Refused(index, number, error.code or "", str(error)))
        raise error

    def _try_again(self, call: Call, error: ProviderError) -> None:
        """Wait, then make the same call. Raises GaveUp where that has gone on for too long."""
        wait_s = self._patience.failed(call, str(error), error.retry_after_s)
        if isinstance(call, Look):
            self.look_at = self._clock.monotonic() + wait_s
        self._tell(Trouble(_NAMES[type(call)], str(error), wait_s))

    def _doubt(self, call: Create, error: ProviderUnavailable) -> None:
        """The batch may exist: it stays in doubt, and the provider is searched for it.

        Should there be none, the `create` has to wait as any call that failed.
        """
        self.doubts.create_failed(call.shard)
        self._tell(Trouble(_NAMES[Create], f"{error}; the batch may exist all the same", 0))
        self._patience.failed(call, str(error), error.retry_after_s)
        self._patience.postpone(Find(), 1)

    def _results_refused(self, call: Harvest, error: ProviderError) -> None:
        """The provider does not hand out the results: for now, not whole, or they were deleted."""
        self._patience.answered()
        if not self.doubts.results_are_lost(self._shard(call.shard), str(error)):
            self._try_again(call, error)

    def _reject(self, call: Call, error: Error) -> None:
        """A `create` that certainly did nothing is no longer in doubt."""
        if isinstance(call, Create):
            number = self._shard(call.shard).current.number
            self._record(entries.CreateRejected(call.shard, number, str(error)))

    def _refused_for_quota(self, call: Call, error: QuotaRefused) -> None:
        self._patience.answered()
        self._reject(call, error)
        self._refusals.raise_if_unpaid([error.code], str(error))
        if isinstance(call, Create):
            shard = self._shard(call.shard)
            self._refusals.no_room(shard, str(error), error.retry_after_s, error.code)
        else:
            self._try_again(call, error)

    # --- small things ---------------------------------------------------------------------------

    def _shard(self, index: int) -> Shard:
        return self._journal.state.shards[index]

    def _record(self, *facts: entries.Entry) -> None:
        self._journal.append(*facts, at=self._clock.now())


_NAMES: dict[type[Call], str] = {
    Upload: "uploading",
    Create: "creating a batch",
    Find: "looking for a batch",
    Look: "asking for the status",
    Cancel: "cancelling a batch",
    CancelDuplicate: "cancelling a batch",
    Halve: "looking for a batch",
    Harvest: "downloading results",
}
