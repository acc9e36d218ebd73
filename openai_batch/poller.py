"""When to ask the provider next, and what it answered.

One listing tells about a hundred batches, so many batches cost few calls. But listings lag: what
one does not show, or shows unchanged for long, is asked for by itself, and only a batch's own 404
says that it is lost.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from .clock import Clock
from .errors import NotFound, ProviderError
from .providers.interface import BatchClient, BatchSnapshot, BatchStatus

SHORTEST_DELAY_S = 0.5
LONGEST_DELAY_S = 60.0
_GROWTH = 2.0
_JITTER = 0.2  # so that many runs started together do not ask together for ever

_WORTH_A_LISTING = 3  # below that, asking for each costs no more calls
_BATCHES_PER_EXTRA_PAGE = 50  # others' batches stand between ours, about one for one
_STILL_LOOKS = 3  # listings that show a batch unchanged before it is asked for by itself
_STILL_AT_ONCE = 10  # such batches in one look
_NO_LISTING = (400, 403, 404, 405, 501)  # there is no such call, or not for this key


@dataclass(frozen=True, slots=True)
class Look:
    """What one look brought: each batch asked for is in `snapshots` or in `lost`."""

    snapshots: dict[str, BatchSnapshot] = field(default_factory=dict)
    lost: dict[str, NotFound] = field(default_factory=dict)
    """Batches that the provider does not know, or does not show to this key."""
    others: tuple[BatchSnapshot, ...] = ()
    """Batches that were not asked for and stood in the listing, where one was fetched."""


class Poller:
    """Looks at batches, and says how long to wait before the next look.

    For one thread at a time. `can_list` is the provider's; a refused listing turns it off for good.
    `interval_s` fixes the delay, else it grows from 0.5 to 60 seconds while nothing changes.
    """

    def __init__(
        self,
        client: BatchClient,
        *,
        can_list: bool,
        clock: Clock,
        interval_s: float | None = None,
        random: Random | None = None,
    ):
        self._client = client
        self._can_list = can_list
        self._clock = clock
        self._interval_s = interval_s
        self._random = random or Random()
        self._delay_s = SHORTEST_DELAY_S
        self._not_before = 0.0
        self._seen: dict[str, _Standing] = {}
        self._still: Counter[str] = Counter()

    def next_delay_s(self) -> float:
        """Seconds to wait before the next look, from now. Never shorter than the provider asked."""
        asked_s = self._not_before - self._clock.monotonic()
        if self._interval_s is not None:
            return max(self._interval_s, asked_s)
        spread = self._random.uniform(1 - _JITTER, 1 + _JITTER)
        return max(self._delay_s * spread, asked_s)

    def look(self, batch_ids: Sequence[str]) -> Look:
        """Where each batch stands. Asks once for each thing and repeats nothing.

        Raises ProviderError where any answer but a batch's own 404 failed; nothing is remembered
        then but how long to wait.
        """
        try:
            look = self._look(dict.fromkeys(batch_ids))
        except ProviderError as error:
            self._wait_longer()
            self._not_before = self._clock.monotonic() + (error.retry_after_s or 0.0)
            raise
        standing = {batch_id: _standing(seen) for batch_id, seen in look.snapshots.items()}
        if any(self._seen.get(batch_id) != now for batch_id, now in standing.items()):
            self._delay_s = SHORTEST_DELAY_S
        else:
            self._wait_longer()
        self._seen = standing
        return look

    def _wait_longer(self) -> None:
        self._delay_s = min(self._delay_s * _GROWTH, LONGEST_DELAY_S)

    def _look(self, wanted: dict[str, None]) -> Look:
        listed: dict[str, BatchSnapshot] = {}
        if self._can_list and len(wanted) >= _WORTH_A_LISTING:
            listed = self._listed(wanted)
            self._distrust(listed, wanted)
        snapshots = {batch_id: listed.pop(batch_id) for batch_id in wanted if batch_id in listed}
        lost: dict[str, NotFound] = {}
        for batch_id in wanted:
            if batch_id in snapshots:
                continue
            try:
                snapshots[batch_id] = self._client.retrieve_batch(batch_id)
            except NotFound as error:
                lost[batch_id] = error
        return Look(snapshots, lost, tuple(listed.values()))

    def _distrust(self, listed: dict[str, BatchSnapshot], wanted: dict[str, None]) -> None:
        """Drop what the listing shows unchanged for long: the batch itself may know better.

        Seen at servers that move a batch only when it is looked at, or cache their listing.
        """
        still = self._still
        for batch_id in wanted:
            seen = listed.get(batch_id)
            same = seen is not None and self._seen.get(batch_id) == _standing(seen)
            still[batch_id] = still[batch_id] + 1 if same else 0
        longest = [batch_id for batch_id, looks in still.most_common(_STILL_AT_ONCE)]
        for batch_id in longest:
            if still[batch_id] >= _STILL_LOOKS:
                listed.pop(batch_id, None)
                still[batch_id] = 0

    def _listed(self, wanted: dict[str, None]) -> dict[str, BatchSnapshot]:
        """The listing, newest first, as far as it takes to see all of `wanted`, within a bound."""
        listed: dict[str, BatchSnapshot] = {}
        after: str | None = None
        for _ in range(2 + len(wanted) // _BATCHES_PER_EXTRA_PAGE):
            try:
                page = self._client.list_batches(after)
            except ProviderError as error:
                if error.status_code not in _NO_LISTING:
                    raise
                self._can_list = False
                break
            for seen in page.batches:
                listed.setdefault(seen.id, seen)
            after = page.next_after
            if after is None or wanted.keys() <= listed.keys():
                break
        return listed


_Standing = tuple[BatchStatus, str | None, str | None]
"""What a change is: counts rise all the time and would keep the delay short for a day."""


def _standing(seen: BatchSnapshot) -> _Standing:
    return seen.status, seen.output_file_id, seen.error_file_id
