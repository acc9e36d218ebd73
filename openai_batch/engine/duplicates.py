"""Second batches for what one batch executes already: told of, and cancelled.

They come of a listing that lagged for longer than its grace, of a gateway that repeated a `create`,
and of two machines that drive one run at once. A survey of the listing shows them (see `surveys`).
Every process that drives the run decides alike which batch counts (see `submit.precedence`), so
that no two of them cancel each other's; only what a user gave up with `--resubmit` never counts.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..clock import Clock
from ..errors import CredentialsMissing, CredentialsRefused, ProviderError, ProviderRefused
from ..providers.interface import BatchSnapshot, BatchStatus
from .entries import DuplicateClosed, DuplicateFound
from .events import OnEvent, Warned
from .journal import Journal, RunInfo
from .label import METADATA_KEY
from .states import Phase, RunState, open_duplicates
from .submit import CANCELLED, comes_to_nothing, label_of, precedence, was_refused

TRIES = 3
"""How often a cancellation may fail in one process."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A batch for an attempt of a shard that has another one."""

    shard: int
    attempt: int
    batch: BatchSnapshot


def find_duplicates(
    info: RunInfo, state: RunState, batches: Iterable[BatchSnapshot]
) -> Iterator[Duplicate]:
    """Those of `batches` that bear the label of an attempt which has another batch. Pure.

    What is recorded as a duplicate already is one of them only once it is completed: a cancellation
    may come too late. A batch without our label is somebody else's, even if it reads our file.
    """
    labels: dict[str, tuple[int, int]] = {}
    ours: set[str] = set()
    known: set[str] = set()
    for index, shard in state.shards.items():
        for attempt in shard.attempts:
            if attempt.batch_id is not None:
                labels[str(label_of(info, shard, attempt))] = index, attempt.number
                ours.add(attempt.batch_id)
                known.update(attempt.duplicate_batch_ids)
    for batch in batches:
        place = labels.get(batch.metadata.get(METADATA_KEY, ""))
        settled = batch.id in known and batch.status is not BatchStatus.COMPLETED
        if place and batch.id not in ours and not settled and not was_refused(batch):
            yield Duplicate(*place, batch)


class Duplicates:
    """Records which of several batches counts, and what becomes of the others."""

    def __init__(self, journal: Journal, clock: Clock, tell: OnEvent):
        self._journal = journal
        self._clock = clock
        self._tell = tell
        self._failures: Counter[str] = Counter()

    @property
    def to_cancel(self) -> tuple[str, ...]:
        """Duplicates that run, as far as we know, and that this process can still cancel."""
        found = open_duplicates(self._journal.state)
        return tuple(batch_id for batch_id in found if self._failures[batch_id] < TRIES)

    def settle(
        self, listed: Iterable[BatchSnapshot], looked: Mapping[str, BatchSnapshot]
    ) -> Iterator[int]:
        """Settle which batch counts for each attempt that has several, and tell of it.

        `looked` are our batches, asked for by their ids, which know better than a listing. Yields
        the shards that have another one now.
        """
        shown = {batch.id: batch for batch in listed}
        for found in list(find_duplicates(self._journal.info, self._journal.state, shown.values())):
            attempt = self._journal.state.shards[found.shard].attempts[found.attempt - 1]
            known = found.batch.id in attempt.duplicate_batch_ids
            # A gateway may list batches under other ids than it gave them: only where ours is
            # shown as itself is another one surely not the same.
            ours = shown.get(attempt.batch_id or "")
            if ours and self._settle(found, looked.get(ours.id, ours), known=known):
                yield found.shard

    def _settle(self, found: Duplicate, ours: BatchSnapshot, *, known: bool) -> bool:
        """Record which of two batches counts; say whether it is the one that was found."""
        shard = self._journal.state.shards[found.shard]
        attempt = shard.attempts[found.attempt - 1]
        is_open = attempt is shard.current and attempt.phase is Phase.RUNNING
        given_up = found.batch.id in attempt.refused_batch_ids
        replaced = is_open and not given_up and precedence(found.batch) < precedence(ours)
        kept, other = (found.batch, ours) if replaced else (ours, found.batch)
        if known and not replaced:
            return False
        is_to_end, fate = _fate(other, kept)
        fact = DuplicateFound(found.shard, found.attempt, kept.id, other.id, is_to_end)
        self._journal.append(fact, at=self._clock.now())
        twice = f"{kept.id} and {other.id} execute the same requests"
        self._tell(Warned(f"{twice}: {kept.id} counts, {other.id} {fate}"))
        return replaced

    def cancelled(self, batch_id: str) -> None:
        """The provider has taken note."""
        if place := open_duplicates(self._journal.state).get(batch_id):
            self._journal.append(DuplicateClosed(*place, batch_id), at=self._clock.now())

    def not_cancelled(self, batch_id: str, error: ProviderError) -> bool:
        """It failed: say whether to try again, and tell the user where that is of no use."""
        self._failures[batch_id] += 1
        passes = not isinstance(error, ProviderRefused | CredentialsRefused | CredentialsMissing)
        if passes and self._failures[batch_id] < TRIES:
            return True
        self._failures[batch_id] = TRIES
        if isinstance(error, ProviderRefused):  # most likely it has ended meanwhile
            self.cancelled(batch_id)
        self._tell(Warned(f"the duplicate {batch_id} could not be cancelled: {error}"))
        return False


def _fate(other: BatchSnapshot, kept: BatchSnapshot) -> tuple[bool, str]:
    """Whether a batch that does not count is to be cancelled, and what is said of it."""
    if other.status in CANCELLED:
        return False, "is cancelled"
    if other.status.final:
        return False, f"is {other.status.value}, and what both have done is paid for twice"
    if comes_to_nothing(kept):  # and it is too late to wait for the other
        return False, "goes on, and is left alone"
    return True, "will be cancelled"
