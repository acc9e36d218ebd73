"""Second batches for what one batch executes already: found in listings, told of, and cancelled.

They come of a listing that lagged for longer than its grace, of a gateway that repeated a `create`,
and of two machines that drive one run at once. Every process decides alike, so that no two cancel
each other's: of two batches that are well, the older one counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ..clock import Clock
from ..errors import CredentialsRefused, ProviderError, ProviderRefused
from ..providers.interface import BatchClient, BatchSnapshot, BatchStatus
from .entries import DuplicateFound
from .events import OnEvent, Warned
from .journal import Journal, RunInfo
from .label import METADATA_KEY
from .states import Attempt, Phase, RunState, Shard
from .submit import label_of, listed, seniority, was_refused

TRIES = 3
"""How often a listing, or a cancellation, may fail before that is left to the user."""

_UNWELL = {
    BatchStatus.FAILED,
    BatchStatus.EXPIRED,
    BatchStatus.CANCELLING,
    BatchStatus.CANCELLED,
}


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A batch for an attempt of a shard that has another one."""

    shard: int
    attempt: int
    batch: BatchSnapshot


def find_duplicates(
    info: RunInfo, state: RunState, batches: Iterable[BatchSnapshot]
) -> Iterator[Duplicate]:
    """Those of `batches` that execute an attempt which has a batch already. Pure.

    They are known by their label or, where a provider keeps no metadata, by their input file.
    """
    labels: dict[str, tuple[int, int]] = {}
    files: dict[str, tuple[int, int]] = {}
    ours: set[str] = set()
    for index, shard in state.shards.items():
        for attempt in shard.attempts:
            if attempt.batch_id is None:
                continue
            ours.add(attempt.batch_id)
            labels[str(label_of(info, shard, attempt))] = index, attempt.number
            # The input of a batch made elsewhere may well have several, and all of them wanted.
            if attempt.file_id and not info.recovered:
                files[attempt.file_id] = index, attempt.number
    for batch in batches:
        label = batch.metadata.get(METADATA_KEY)
        place = labels.get(label) if label else files.get(batch.input_file_id or "")
        if place and batch.id not in ours and not was_refused(batch):
            yield Duplicate(*place, batch)


@dataclass(frozen=True, slots=True)
class Survey:
    """What the provider lists, as far as it answered."""

    batches: tuple[BatchSnapshot, ...]
    answered: bool


def survey(client: BatchClient, info: RunInfo, *, deep: bool) -> Survey:
    """List the newest page of batches or, with `deep`, every page of the run's time.

    A listing that fails is no trouble of the run's. Raises CredentialsRefused.
    """
    try:
        return Survey(tuple(listed(client, info, pages=None if deep else 1)), answered=True)
    except CredentialsRefused:
        raise
    except ProviderError:
        return Survey((), answered=False)


class Duplicates:
    """Knows when to search for duplicates in this process, and which are still to be cancelled."""

    def __init__(self, journal: Journal, clock: Clock, tell: OnEvent):
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._surveys_left = TRIES
        self._failures: Counter[str] = Counter()
        self._left_alone: set[str] = set()
        self.to_cancel: dict[str, str] = {}
        """Batches that are to be cancelled, and by which one each is replaced."""

    @property
    def deep(self) -> bool:
        """Whether a batch may turn up for a `create` that was taken for lost."""
        running = (
            shard.current
            for shard in self._journal.state.shards.values()
            if shard.current.phase is Phase.RUNNING
        )
        return any(attempt.doubted or attempt.duplicate_batch_ids for attempt in running)

    @property
    def due(self) -> bool:
        """Whether the next look should search the listing."""
        return self._surveys_left > 0 or self.deep

    def created(self) -> None:
        """A batch was made: one look at the listing shows whether it is the only one."""
        self._surveys_left = TRIES

    def take_in(self, batches: Iterable[BatchSnapshot], survey: Survey | None) -> Iterator[int]:
        """Settle which batch counts for each attempt that has several, and tell of it.

        Yields the shards that have another one now. `survey` was made with this look, if any was.
        """
        if survey is not None:
            self._surveys_left = 0 if survey.answered else self._surveys_left - 1
        shown = {batch.id: batch for batch in batches}
        journal = self._journal
        for found in list(find_duplicates(journal.info, journal.state, shown.values())):
            attempt = journal.state.shards[found.shard].attempts[found.attempt - 1]
            if found.batch.id not in attempt.duplicate_batch_ids:
                if self._settle(found, shown.get(attempt.batch_id or "")):
                    yield found.shard
            elif _runs(found.batch) and found.batch.id not in self._left_alone:
                self.to_cancel[found.batch.id] = attempt.batch_id or ""  # we had no time for it

    def _settle(self, found: Duplicate, ours: BatchSnapshot | None) -> bool:
        """Record which of two batches counts; say whether it is the one that was found."""
        shard = self._journal.state.shards[found.shard]
        attempt = shard.attempts[found.attempt - 1]
        kept, other = attempt.batch_id or "", found.batch
        replaced = ours is not None and _counts_instead(found.batch, ours, attempt, shard)
        if replaced:
            assert ours is not None
            kept, other = found.batch.id, ours
        fact = DuplicateFound(found.shard, found.attempt, kept, other.id)
        self._journal.append(fact, at=self._clock.now())
        end = "cancelled"
        if _runs(other):
            self.to_cancel[other.id] = kept
        else:
            end = f"{other.status.value}, and what both have done is paid for twice"
        twice = f"{kept} and {other.id} execute the same requests"
        self._tell(Warned(f"{twice}: {kept} counts, {other.id} is {end}"))
        return replaced

    def cancelled(self, batch_id: str) -> None:
        """The provider has taken note."""
        self.to_cancel.pop(batch_id, None)

    def not_cancelled(self, batch_id: str, error: ProviderError) -> bool:
        """It failed: say whether to try again, and tell the user where that is of no use."""
        self._failures[batch_id] += 1
        refused = isinstance(error, ProviderRefused)  # most likely it has ended meanwhile
        if not refused and self._failures[batch_id] < TRIES:
            return True
        kept = self.to_cancel.pop(batch_id)
        self._left_alone.add(batch_id)
        self._tell(Warned(f"{batch_id}, which repeats {kept}, could not be cancelled: {error}"))
        return False


def _runs(batch: BatchSnapshot) -> bool:
    return not batch.status.final and batch.status is not BatchStatus.CANCELLING


def _counts_instead(
    batch: BatchSnapshot, ours: BatchSnapshot, attempt: Attempt, shard: Shard
) -> bool:
    """Whether another batch is to be waited for instead of ours."""
    return (
        attempt is shard.current
        and attempt.phase is Phase.RUNNING
        and batch.id not in attempt.refused_batch_ids
        and batch.status not in _UNWELL
        and seniority(batch) < seniority(ours)
    )
