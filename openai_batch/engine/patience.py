"""How long to go on: waits between tries, outages, the user's time-out, and graces."""

import random
from collections.abc import Hashable

from ..clock import Clock
from ..errors import GaveUp
from .scheduler import Call, Create, Find

FIRST_WAIT_S = 2.0
MAX_WAIT_S = 120.0

MAX_RETRY_AFTER_S = 3600.0
"""The longest wait that a provider is believed to ask for; servers were seen to send nonsense."""

UNREACHABLE_PATIENCE_S = 60.0
"""How long nothing may work in a process that never reached the provider: a wrong address, most
likely, and nothing is lost by stopping."""

OUTAGE_PATIENCE_S = 3600.0
"""How long nothing may work after something did. Long enough to sit out an evening's incident."""

_LONGEST_SLEEP_S = 86_400.0
"""Then the loop looks around; a system's own limit for a wait is not far above the longest sane
poll interval."""


class Patience:
    """Knows when each call may be tried again, and when to stop altogether."""

    def __init__(self, clock: Clock, run_id: str, timeout_s: float | None):
        self._clock = clock
        self._run_id = run_id
        self._timeout_s = timeout_s
        self._started = clock.monotonic()
        self._reached = False
        self._failing_since: float | None = None
        self._failures: dict[Call, int] = {}
        self.not_before: dict[Call, float] = {}

    def succeeded(self, call: Call) -> None:
        """A call came back well: its waits begin anew.

        Those of a `create` only once its batch is accepted: a full queue refuses it after that.
        """
        self._reached = True
        self.not_before.pop(call, None)
        if not isinstance(call, Find):  # a search that works ends no outage: it comes of one
            self._failing_since = None
        if not isinstance(call, Create):
            self._failures.pop(call, None)

    def accepted(self, call: Create) -> None:
        """The batch that `call` made has a place in the provider's queue."""
        self._failures.pop(call, None)

    def answered(self) -> None:
        """The provider was reached, if not with the outcome that was wanted."""
        self._reached = True

    def postpone(self, call: Call, wait_s: float) -> None:
        """Do not start `call` before so many seconds are over."""
        self.not_before[call] = self._clock.monotonic() + wait_s

    def failed(self, call: Call, message: str, retry_after_s: float | None) -> float:
        """A call failed in a way that may pass: return the seconds until it is tried again.

        The wait doubles each time, with jitter; where the provider asks for a longer one, it is
        honoured. Raises GaveUp where nothing has worked for OUTAGE_PATIENCE_S since a first
        failure: the time that calls take, and that is waited between looks, is no outage.
        """
        now = self._clock.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        silence = now - self._failing_since
        if silence > (OUTAGE_PATIENCE_S if self._reached else UNREACHABLE_PATIENCE_S):
            what = "nothing has worked" if self._reached else "the provider could not be reached"
            raise GaveUp(
                f"{what} for {silence:.0f} s: {message}; the run is "
                f"safe, `openai-batch resume {self._run_id}` goes on"
            )
        wait_s = max(self.backoff_s(call), min(retry_after_s or 0, MAX_RETRY_AFTER_S))
        self.postpone(call, wait_s)
        return wait_s

    def backoff_s(self, call: Call) -> float:
        """The next wait of a call that goes on failing, in seconds."""
        failures = self._failures[call] = self._failures.get(call, 0) + 1
        return min(FIRST_WAIT_S * 2.0 ** (failures - 1), MAX_WAIT_S) * random.uniform(0.8, 1.2)

    def failures(self, call: Call) -> int:
        """How often a call failed since it last came back well."""
        return self._failures.get(call, 0)

    def wait_s(self, due: float | None) -> float | None:
        """Seconds until `due`, or until the time-out if that is sooner. Raises GaveUp after it."""
        now = self._clock.monotonic()
        moments = [] if due is None else [min(due, now + _LONGEST_SLEEP_S)]
        if self._timeout_s is not None:
            end = self._started + self._timeout_s
            if now >= end:
                raise GaveUp(
                    f"the run has not ended within the {self._timeout_s:g} s of --timeout; it is "
                    f"safe, `openai-batch resume {self._run_id}` goes on"
                )
            moments.append(end)
        return max(min(moments) - now, 0) if moments else None


class Grace:
    """Counts how long something has been so, by key."""

    def __init__(self, clock: Clock, grace_s: float):
        self._clock = clock
        self._grace_s = grace_s
        self._since: dict[Hashable, float] = {}

    def over(self, key: Hashable) -> bool:
        """Whether it has been so for longer than the grace. The first call begins the count."""
        now = self._clock.monotonic()
        return now - self._since.setdefault(key, now) >= self._grace_s

    def counts(self, key: Hashable) -> bool:
        """Whether the count has begun."""
        return key in self._since

    def clear(self, key: Hashable) -> None:
        """It is no longer so."""
        self._since.pop(key, None)
