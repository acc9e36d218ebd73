"""Second batches for what one batch executes already: found in listings, told of, and cancelled.

They come of a listing that lagged for longer than its grace, of a gateway that repeated a `create`,
and of two machines that drive one run at once. Every process decides alike, so that no two cancel
each other's: of two batches that run, the older one counts.
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
from .states import Phase, RunState
from .submit import label_of, listed, seniority, was_refused

TRIES = 3
"""How often a listing, or a cancellation, may fail before that is left to the user."""

_CANCELLED = (BatchStatus.CANCELLING, BatchStatus.CANCELLED)
_UNWELL = (BatchStatus.FAILED, BatchStatus.EXPIRED, *_CANCELLED)


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
    """What the provider lists, as far as it `answered`: all of the run's time, or one page."""

    batches: tuple[BatchSnapshot, ...]
    answered: bool
    deep: bool


def survey(client: BatchClient, info: RunInfo, *, deep: bool) -> Survey:
    """List the newest page of batches or, with `deep`, every page of the run's time.

    A listing that fails is no trouble of the run's. Raises CredentialsRefused.
    """
    try:
        batches = tuple(listed(client, info, pages=None if deep else 1))
    except CredentialsRefused:
        raise
    except ProviderError:
        return Survey((), answered=False, deep=deep)
    return Survey(batches, answered=True, deep=deep)


class Duplicates:
    """Knows when to search for duplicates in this process, and which are still to be cancelled."""

    def __init__(self, journal: Journal, clock: Clock, tell: OnEvent, *, can_list: bool):
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._can_list = can_list
        self._surveys_left = TRIES
        self._suspected = False
        self._failures: Counter[str] = Counter()
        self._left_alone: set[str] = set()
        self.to_cancel: dict[str, str] = {}
        """Batches that are to be cancelled, and by which one each is replaced."""

    @property
    def deep(self) -> bool:
        """Whether one page of the listing is not enough.

        It is not while a batch may turn up for a `create` that was taken for lost.
        """
        running = (
            shard.current
            for shard in self._journal.state.shards.values()
            if shard.current.phase is Phase.RUNNING
        )
        doubted = any(attempt.doubted or attempt.duplicate_batch_ids for attempt in running)
        return doubted or self._suspected

    @property
    def due(self) -> bool:
        """Whether the next look should search the listing."""
        return self._can_list and (self._surveys_left > 0 or self.deep)

    def created(self) -> None:
        """A batch was made: one look at the listing shows whether it is the only one."""
        self._surveys_left = TRIES

    def suspects(self, batch: BatchSnapshot, survey: Survey | None) -> bool:
        """Whether the listing has to say first why a batch of ours is cancelled.

        Another process that drives this run does that where it knows of an older batch.
        """
        suspicious = (
            self._can_list
            and batch.status in _CANCELLED
            and not self._journal.state.cancel_requested
            and not (survey and survey.deep)
        )
        self._suspected |= suspicious
        return suspicious

    def take_in(self, survey: Survey | None, others: Iterable[BatchSnapshot]) -> Iterator[int]:
        """Settle which batch counts for each attempt that has several, and tell of it.

        Yields the shards that have another one now. Nothing is concluded from `others`, which
        stood in an incomplete listing, but that it is time for a survey.
        """
        journal = self._journal
        if survey is None:
            strange = (batch for batch in others if batch.id not in self._left_alone)
            self._suspected = any(find_duplicates(journal.info, journal.state, strange))
            return
        self._suspected = False
        self._surveys_left = 0 if survey.answered else self._surveys_left - 1
        shown = {batch.id: batch for batch in survey.batches}
        for found in list(find_duplicates(journal.info, journal.state, shown.values())):
            attempt = journal.state.shards[found.shard].attempts[found.attempt - 1]
            ours = shown.get(attempt.batch_id or "")
            if ours is None:
                # A gateway may list batches under other ids than it gave them: only where ours is
                # shown as itself is another one surely not the same.
                self._suspected = not survey.deep
                if survey.deep:
                    self._left_alone.add(found.batch.id)
                continue
            if found.batch.id not in attempt.duplicate_batch_ids:
                if self._settle(found, ours):
                    yield found.shard
            elif _runs(found.batch) and found.batch.id not in self._left_alone:
                self.to_cancel[found.batch.id] = ours.id  # there was no time for it

    def _settle(self, found: Duplicate, ours: BatchSnapshot) -> bool:
        """Record which of two batches counts; say whether it is the one that was found."""
        shard = self._journal.state.shards[found.shard]
        attempt = shard.attempts[found.attempt - 1]
        open_still = attempt is shard.current and attempt.phase is Phase.RUNNING
        given_up = found.batch.id in attempt.refused_batch_ids
        replaced = open_still and not given_up and _precedence(found.batch) < _precedence(ours)
        kept, other = (found.batch, ours) if replaced else (ours, found.batch)
        fact = DuplicateFound(found.shard, found.attempt, kept.id, other.id)
        self._journal.append(fact, at=self._clock.now())
        end = "cancelled"
        if _runs(other):
            self.to_cancel[other.id] = kept.id
        elif other.status not in _CANCELLED:
            end = f"{other.status.value}, and what both have done is paid for twice"
        twice = f"{kept.id} and {other.id} execute the same requests"
        self._tell(Warned(f"{twice}: {kept.id} counts, {other.id} is {end}"))
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


def _precedence(batch: BatchSnapshot) -> tuple[int, tuple[float, str]]:
    """By which of two batches is the one that counts, for whoever asks: the lower one.

    What is done counts before what runs, and that before what comes to nothing.
    """
    standings = (batch.status is BatchStatus.COMPLETED, batch.status not in _UNWELL, True)
    return standings.index(True), seniority(batch)
