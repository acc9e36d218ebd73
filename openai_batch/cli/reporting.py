"""Who tells people how a command goes: a live display, plain lines, or silence.

A reporter is an `OnEvent` that is also told what commands themselves have to say. Faults of the
input and errors reach people through every reporter; the rest is silent with `--quiet`. Every
command loads this module and only some need a reporter, so it loads none, nor the events.
"""

from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from . import console

if TYPE_CHECKING:
    from ..engine.events import Event
    from ..errors import InputInvalid

FAULTS_SHOWN = 100
"""How many faults `run` prints; `run --dry-run` prints all."""


def tell_faults(invalid: "InputInvalid", input_name: str | None) -> None:
    """Say what is wrong with an input, a line for each fault that was kept."""
    for fault in invalid.faults:
        console.say(fault.at(input_name or "stdin"))
    if invalid.count > len(invalid.faults):
        console.say(f"and {invalid.count - len(invalid.faults):,} more")


class Reporter(Protocol):
    """Where a command's messages go. Close it before anything else writes to a terminal."""

    def __call__(self, event: "Event") -> None:
        """Take note of an event."""

    def about(self, run_id: str) -> None:
        """From here on it is about this run."""

    def say(self, message: str) -> None:
        """Tell people one line that is no error."""

    def fail(self, message: str) -> None:
        """Tell people one line that is an error, or what one came of: with `--quiet`, too."""

    def close(self) -> None:
        """Leave nothing on the screen that moves. May be repeated; `say` still works."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def reporter(
    input_name: str | None = None, *, quiet: bool = False, all_faults: bool = False
) -> Reporter:
    """The reporter for standard error as it is. `input_name` stands before each fault's line."""
    from .progress import FaultLines, PlainLines, Silence

    faults = FaultLines(input_name or "stdin", None if all_faults else FAULTS_SHOWN)
    if quiet:
        return Silence(faults)
    if console.STDERR.isatty():
        from .screen import Screen, obeys

        if obeys(console.STDERR):
            from .live import LiveDisplay

            return LiveDisplay(faults, Screen(console.STDERR))
    return PlainLines(faults)
