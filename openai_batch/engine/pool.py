"""A few threads that make remote calls, and never delay Ctrl-C.

The standard executor joins its threads when the interpreter exits, so an upload of 200 MB would
hold an interrupted process for minutes. These are daemons: they die with the process, which the
journal is made for.
"""

import queue
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """A call that came back: its key, and its value or its error."""

    key: Hashable
    value: Any = None
    error: BaseException | None = None


class Lane:
    """One thread that makes calls in turn, each for a caller that waits.

    What takes much memory is done here: every thread that does it keeps as much for the next time.
    """

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Done]]] = (
            queue.SimpleQueue()
        )
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def run(self, call: Callable[[], T]) -> T:
        """What `call` returns, or raise what it raises."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True, name="lane")
                self._thread.start()
        answer: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._waiting.put((call, answer))
        done = answer.get()
        if done.error is not None:
            raise done.error
        value: T = done.value
        return value

    def _work(self) -> None:
        while True:
            call, answer = self._waiting.get()
            try:
                answer.put(Done(None, value=call()))
            except BaseException as error:
                answer.put(Done(None, error=error))


class Pool:
    """Runs calls in the background; `done` holds what came back, in that order."""

    def __init__(self, threads: int):
        self.done: queue.SimpleQueue[Done] = queue.SimpleQueue()
        self._waiting: queue.SimpleQueue[tuple[Hashable, Callable[[], Any]] | None] = (
            queue.SimpleQueue()
        )
        self._threads = threads
        self._started = 0

    def start(self, key: Hashable, call: Callable[[], Any]) -> None:
        """Run `call` as soon as a thread is free."""
        if self._started < self._threads:
            self._started += 1
            threading.Thread(target=self._work, daemon=True, name=f"call-{self._started}").start()
        self._waiting.put((key, call))

    def stop(self) -> None:
        """Let idle threads go; a call under way is left to itself."""
        for _ in range(self._started):
            self._waiting.put(None)
        self._started = 0

    def _work(self) -> None:
        while item := self._waiting.get():
            key, call = item
            try:
                done = Done(key, value=call())
            except BaseException as error:
                done = Done(key, error=error)
            self.done.put(done)
