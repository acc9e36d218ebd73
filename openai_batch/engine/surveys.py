"""When to search the listing for batches that nobody told us of, and what it shows."""

import math
from dataclasses import dataclass, field

from ..clock import Clock
from ..errors import ProviderError
from ..providers.interface import BatchClient, BatchSnapshot
from .journal import RunInfo
from .submit import listed

TRIES = 3
"""How often a survey may fail before the run goes on without it."""

PAGES = 100
"""The most that one survey asks for: what it does not reach was made long before."""

AGAIN = (4, 16, 64)
"""When to search again after a `create` that was repeated, in graces: listings lag for seconds,
but some for minutes."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the provider lists, as far as it `answered`. It `began` at so many monotonic seconds."""

    began: float
    batches: tuple[BatchSnapshot, ...] = ()
    answered: bool = True


def survey(client: BatchClient, info: RunInfo, *, began: float, pages: int) -> Survey:
    """List the newest batches. Raises nothing: the run can go on without."""
    try:
        return Survey(began, tuple(listed(client, info, pages=pages)))
    except ProviderError:
        return Survey(began, answered=False)


@dataclass(slots=True)
class Surveys:
    """Knows when a survey is due in this process.

    One is due a grace after the last `create`, when the listing surely shows what there is; some
    more where that was repeated; and one at once for each thing that has to be explained.
    """

    clock: Clock
    can_list: bool
    grace_s: float
    _after_create: float = math.inf
    _again: list[float] = field(default_factory=list)
    _unexplained: set[str] = field(default_factory=set)
    _explained: set[str] = field(default_factory=set)
    _failures: int = 0

    @property
    def pages(self) -> int:
        """How many pages of the listing the next look should come with: 0 where none is due.

        What a gateway made twice stands side by side; anything else may stand anywhere.
        """
        now = self.clock.monotonic()
        if not self.can_list:
            return 0
        if self._unexplained or any(moment <= now for moment in self._again):
            return PAGES
        return 1 if self._after_create <= now else 0

    def created(self, *, repeated: bool) -> None:
        """A batch was made; `repeated`: an earlier `create` of the same may have made one, too."""
        now = self.clock.monotonic()
        self._after_create = now + self.grace_s
        if repeated:
            self._again = [now + self.grace_s * graces for graces in (1, *AGAIN)]

    def explains_first(self, what: str) -> bool:
        """Whether a survey has to explain something before it is believed. Each thing needs one."""
        if not self.can_list or what in self._explained:
            return False
        self._unexplained.add(what)
        return True

    def came(self, survey: Survey) -> None:
        """A survey was made. One that failed is made again, twice."""
        self._failures += not survey.answered
        if not survey.answered and self._failures < TRIES:
            return
        self._failures = 0
        if self._after_create <= survey.began:
            self._after_create = math.inf
        self._again = [moment for moment in self._again if moment > survey.began]
        self._explained |= self._unexplained
        self._unexplained.clear()
