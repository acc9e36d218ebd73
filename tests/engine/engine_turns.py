"""A process whose calls come back in any order, by the dice, and which may die at any moment."""

import contextlib
import queue
from collections.abc import Callable, Hashable
from random import Random
from typing import Any

from engine_fakes import FakeClock

from openai_batch.engine.pool import Done
from openai_batch.errors import Error

SLOW_CALL_S = 60.0
"""The longest that one wait for a call goes on without an answer."""


class Died(BaseException):
    """The process is gone, with everything that only its memory held."""


class Life:
    """Counts the moments of a process: looks at the clock, remote calls, events."""

    def __init__(self) -> None:
        self.moments_left: int | None = None
        """None: it does not die."""

    def moment(self) -> None:
        if self.moments_left == 0:
            self.moments_left = None
            raise Died
        if self.moments_left is not None:
            self.moments_left -= 1


class MortalClock:
    """The time as a process sees it, which may be the last that it sees."""

    def __init__(self, clock: FakeClock, life: Life):
        self.dice: Random | None = None
        self._clock = clock
        self._life = life

    def now(self) -> float:
        self._life.moment()
        return self._clock.now()

    def monotonic(self) -> float:
        self._life.moment()
        return self._clock.monotonic()

    def wait(self, source: "queue.SimpleQueue[Any]", timeout_s: float | None) -> Any:
        """As FakeClock's; but with dice, time may pass although calls are under way."""
        self._life.moment()
        slow = self.dice and self._clock.busy(source) and self.dice.random() < 0.3
        if slow and timeout_s is not None and timeout_s <= SLOW_CALL_S:
            self._clock.advance(timeout_s)
            return None
        return self._clock.wait(source, timeout_s)


class Turns:
    """A pool that makes its calls on the thread that waits for them: every run is the same.

    A call is carried out at one turn and answered at a later one, so what it says may be old by
    then. Without dice calls are carried out and answered in the order of their start.
    """

    def __init__(self, dice: Random | None):
        self.done = self
        self._dice = dice
        self._waiting: list[tuple[Hashable, Callable[[], Any]]] = []
        self._answers: list[Done] = []

    def start(self, key: Hashable, call: Callable[[], Any]) -> None:
        self._waiting.append((key, call))

    def stop(self) -> None:
        """Leave what is under way to itself: some of it is carried out all the same."""
        waiting, self._waiting, self._answers = self._waiting, [], []
        for _, call in waiting:
            if self._dice and self._dice.random() < 0.5:
                with contextlib.suppress(Error):  # nobody is there to hear of it
                    call()

    def empty(self) -> bool:
        return not (self._waiting or self._answers)

    def get(self, timeout: float) -> Done:
        while True:
            turns = len(self._answers) + len(self._waiting)
            turn = self._dice.randrange(turns) if self._dice else 0
            if turn < len(self._answers):
                return self._answers.pop(turn)
            self._answers.append(self._carried_out(*self._waiting.pop(turn - len(self._answers))))

    def _carried_out(self, key: Hashable, call: Callable[[], Any]) -> Done:
        try:
            return Done(key, value=call())
        except Exception as error:
            return Done(key, error=error)
