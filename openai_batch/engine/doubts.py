"""What cannot be known of a shard, and how long that is borne with before the user is asked."""

import re

from ..clock import Clock
from ..providers.interface import BatchSnapshot, RequestCounts
from .journal import Journal
from .patience import Grace
from .states import Phase, Shard

FILES_GRACE_S = 600
"""How long a batch may be over before its result files are named.

Seen at OpenAI-compatible gateways: `completed` came before `output_file_id` (litellm#37715).
"""

LOST_GRACE_S = 60
"""How long a batch may be unknown to the provider: some replicas lag."""

RESULTS_GRACE_S = 600
"""How long results may be refused, or come cut off: they are paid, and worth some patience."""

HURRIED_RESULTS_GRACE_S = 10
"""The same for who does not want to wait, and can ask again."""

WINDOW_GRACE_S = 86_400
"""How long a batch may go on after its window, whether it gets on or not. Azure's do (its guide),
and after a crash of the server some stay `in_progress` for ever (seen at OGX 1.5)."""

STILL_GRACE_S = 600
"""How long a batch that goes on for even longer may show no progress."""


KEY_LIFE_S = 3600
"""How long an idempotency key is believed to be remembered. Perplexity, which documents one, does
not say; services that do say so keep them for a day."""


class Doubts:
    """Counts, in this process, how long each doubt has lasted, and keeps those that stay.

    `set_aside` holds the shards of which nothing more can be known for now, and why, for the user.
    """

    def __init__(self, journal: Journal, clock: Clock, *, listing_grace_s: float, idempotent: bool):
        self._journal = journal
        self._clock = clock
        self._listing_grace_s = listing_grace_s
        self._idempotent = idempotent
        self._created_at: dict[int, float] = {}
        self._files = Grace(clock, FILES_GRACE_S)
        self._lost = Grace(clock, LOST_GRACE_S)
        self._results = Grace(clock, RESULTS_GRACE_S)
        self._still = Grace(clock, STILL_GRACE_S)
        self._standing: dict[str, tuple[str, RequestCounts | None]] = {}
        self.set_aside: dict[int, str] = {}

    def hurry(self) -> None:
        """Whoever asks does not wait: what is not handed out now is not to be had for now."""
        self._results = Grace(self._clock, HURRIED_RESULTS_GRACE_S)

    def pending(self) -> bool:
        """Whether some shard's outcome is in doubt, and time alone will settle the doubt."""
        return any(
            shard.current.phase is Phase.CREATING
            or any(
                grace.counts(shard.current.batch_id)
                for grace in (self._lost, self._files, self._results, self._still)
            )
            for shard in self._journal.state.shards.values()
            if shard.plan.index not in self.set_aside
            and shard.current.phase in (Phase.CREATING, Phase.RUNNING, Phase.ENDED)
        )

    # --- a `create` without an answer -----------------------------------------------------------

    def create_failed(self, index: int) -> None:
        """A `create` of this process has just ended, and nobody knows how."""
        self._created_at[index] = self._clock.monotonic()

    def listing_grace_left_s(self, shard: Shard) -> float:
        """Seconds that the batch may still take to show in the listing.

        They count from the end of the call, where it failed in this process: it may have taken a
        minute, and the provider may have begun at its end. Else they count from the intent.
        """
        now = self._clock.monotonic()
        since_intent = self._clock.now() - (shard.current.create_started_at or 0)
        # A clock that was set back must not make the wait longer than the grace.
        since = self._created_at.setdefault(shard.plan.index, now - max(since_intent, 0))
        return self._listing_grace_s - (now - since)

    def create_settled(self, index: int) -> None:
        """It is known what became of the shard's `create`."""
        self._created_at.pop(index, None)

    def shows_nothing(self, shard: Shard) -> None:
        """Neither a batch nor the input file is to be seen, which was there before `create`."""
        self._put_aside(
            shard,
            "The reply to `create` was lost, and the provider shows neither a batch nor the input "
            "file: the key may be that of another organisation or project.",
        )

    def cannot_list(self, why: str) -> list[Shard]:
        """No search clears up a `create` that is in doubt; return those that may be repeated.

        A repeated idempotency key brings back the batch that the first call made, if there is one.
        """
        repeatable = []
        for shard in self._journal.state.in_order():
            if shard.current.phase is not Phase.CREATING:
                continue
            age_s = self._clock.now() - (shard.current.key_used_at or 0)
            if self._idempotent and 0 <= age_s < KEY_LIFE_S:
                repeatable.append(shard)
            else:
                self._put_aside(shard, f"The reply to `create` was lost, and {why}.")
        return repeatable

    # --- a batch that does not behave -----------------------------------------------------------

    def is_unknown(self, shard: Shard, why: str) -> None:
        """The provider does not know the shard's batch, or does not show it to this key."""
        if self._lost.over(shard.current.batch_id):
            self._put_aside(shard, why)

    def is_known(self, shard: Shard) -> None:
        """The provider shows the shard's batch, after whatever was thought of it."""
        self._lost.clear(shard.current.batch_id)
        self.set_aside.pop(shard.plan.index, None)

    def names_its_files(self, shard: Shard, snapshot: BatchSnapshot) -> bool:
        """Whether a batch that is over says where its results are, or is taken at its word.

        Requests that it counts as completed are in the output file; while that has no name, the
        error file alone would make them look as if they had never been executed. A batch without
        any file is believed only where the user has cancelled the run: then nothing of it is sent
        again anyway.
        """
        counts = snapshot.counts
        nothing_done = counts is not None and counts.completed == 0
        if snapshot.output_file_id or (snapshot.error_file_id and nothing_done):
            return True
        if not self._files.over(shard.current.batch_id):
            return False
        if snapshot.error_file_id or self._journal.state.cancel_requested:
            return True
        self._put_aside(
            shard,
            f"{snapshot.id} is {snapshot.status.value} and the provider names "
            f"no result files, {FILES_GRACE_S // 60} minutes after.",
        )
        return False

    def goes_on(self, shard: Shard, snapshot: BatchSnapshot) -> None:
        """The batch is not over: that may be said for too long, too, where it does not get on."""
        info, now = self._journal.info, self._clock.now()
        began = shard.current.create_started_at or info.created_at
        end = snapshot.expires_at or began + window_s(info.completion_window)
        if snapshot.status.final or now <= end + WINDOW_GRACE_S:
            return
        standing = snapshot.raw_status, snapshot.counts
        before = self._standing.setdefault(snapshot.id, standing)
        if before != standing:
            self._standing[snapshot.id] = standing
            self._still.clear(snapshot.id)
        elif self._still.over(snapshot.id):
            word = snapshot.status.value
            self._put_aside(
                shard,
                f"{snapshot.id} is {word} more than a day after its window ended, and has not "
                f"got on for {STILL_GRACE_S // 60} minutes.",
            )

    def results_are_lost(self, shard: Shard, why: str) -> bool:
        """Whether to give up results that the provider does not hand out; else ask once more."""
        if not self._results.over(shard.current.batch_id):
            return False
        self._put_aside(shard, f"The results of {shard.current.batch_id} are lost: {why}")
        return True

    def results_are_here(self, shard: Shard) -> None:
        """They came, after all."""
        self._results.clear(shard.current.batch_id)

    def _put_aside(self, shard: Shard, what: str) -> None:
        info, state = self._journal.info, self._journal.state
        resume = f"`openai-batch resume {info.run_id}`"
        resubmit = f", `openai-batch resume {info.run_id} --resubmit` sends them again"
        may_send = state.sending_allowed or not info.harvest_only
        self.set_aside[shard.plan.index] = (
            f"{what} Whether its {shard.current.rows} requests were executed cannot be known: "
            f"{resume} looks again{resubmit if may_send else ''}"
        )


_WINDOW = re.compile(r"(\d+)\s*([hd])")
_HOURS = {"h": 1, "d": 24}
LONGEST_WINDOW_S = 14 * 86_400
"""What is assumed of a window that cannot be read; the longest that any provider offers."""


def window_s(text: str) -> float:
    """The seconds of a completion window such as `24h`, `7d` or `Standard (24h)`."""
    match = _WINDOW.search(text)
    return int(match[1]) * _HOURS[match[2]] * 3600 if match else LONGEST_WINDOW_S
