"""When a server ends: a signal, the end of its input, or a failure that leaves it no choice."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator


class Stop:
    """Why and whether the server should end. Set from signal handlers and any thread."""

    def __init__(self) -> None:
        self.asked = False
        self.failure: BaseException | None = None

    def ask(self) -> None:
        """End well."""
        self.asked = True

    def because_of(self, failure: BaseException) -> None:
        """End as well as may be; only the first failure is kept."""
        self.failure = self.failure or failure
        self.asked = True

    @contextlib.contextmanager
    def on_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as an order to end well, where this thread may set that."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGTERM, signal.SIGINT]
        if sys.platform == "win32":
            numbers.append(signal.SIGBREAK)
        before = [(number, signal.signal(number, lambda *_: self.ask())) for number in numbers]
        try:
            yield
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    @contextlib.contextmanager
    def on_end_of_input(self, wanted: bool) -> Iterator[None]:
        """Take the end of standard input as that order too. What is read is ignored."""

        def watch() -> None:
            # Not sys.stdin: this thread, blocked in it, would abort the interpreter's end.
            with contextlib.suppress(OSError):
                while os.read(0, 4096):
                    pass
            self.ask()

        if wanted:
            threading.Thread(target=watch, daemon=True).start()
        yield
