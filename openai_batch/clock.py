"""Time, as one object that is passed in, so that tests never wait."""

import queue
import sys
import time
from typing import Protocol, TypeVar

T = TypeVar("T")

# On Windows a blocked lock does not see Ctrl-C until its time-out ends, so waits are cut in slices.
_SLICE_S = 0.5 if sys.platform == "win32" else float("inf")


class Clock(Protocol):
    """Where the engine gets the time from, and how it waits."""

    def now(self) -> float:
        """Unix time in seconds. May jump; used for what is recorded."""

    def monotonic(self) -> float:
        """Seconds since an arbitrary start. Never jumps; used for intervals and time-outs."""

    def wait(self, source: "queue.SimpleQueue[T]", timeout_s: float | None) -> T | None:
        """The next item of `source`, or None after `timeout_s` seconds (None: no end)."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, source: "queue.SimpleQueue[T]", timeout_s: float | None) -> T | None:
        deadline = float("inf") if timeout_s is None else self.monotonic() + timeout_s
        while True:
            left = min(deadline - self.monotonic(), _SLICE_S)
            try:
                return source.get(timeout=None if left == float("inf") else max(left, 0))
            except queue.Empty:
                if self.monotonic() >= deadline:
                    return None
