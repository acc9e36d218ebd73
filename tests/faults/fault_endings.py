"""How a batch ends: what its result files hold, what was never executed, and what is lost."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Ending:
    """How a batch ends: the lines of its files without their ends, and what it did not execute.

    A file without lines is not there, unless it is in `present`. What is `lost` was executed, and
    the files do not say so.
    """

    output: list[bytes]
    errors: list[bytes]
    status: str = "completed"
    unexecuted: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    present: set[str] = field(default_factory=set)
    line_end: bytes = b"\n"
    last_line_end: bool = True

    def content(self, name: str) -> bytes | None:
        """The file `output` or `errors`, or None where there is none."""
        lines: list[bytes] = getattr(self, name)
        if not lines:
            return b"" if name in self.present else None
        joined = self.line_end.join(lines)
        return joined + self.line_end if self.last_line_end else joined


Change = Callable[[Ending], None]
ENDINGS: dict[str, Callable[..., Change]] = {}


def _ending(make: Callable[..., Change]) -> Callable[..., Change]:
    ENDINGS[make.__name__] = make
    return make


@_ending
def expires(done: int, *, told: bool = True) -> Change:
    """The window ends after `done` rows; the rest stands in the error file, or nowhere."""
    return _ends_early("expired", done, told)


@_ending
def is_cancelled(done: int, *, told: bool = True) -> Change:
    """Somebody cancels it after `done` rows."""
    return _ends_early("cancelled", done, told)


def _ends_early(status: str, done: int, told: bool) -> Change:
    def change(ending: Ending) -> None:
        rest = [_id(line) for line in ending.output[done:]]
        ending.status = status
        ending.output = ending.output[:done]
        ending.unexecuted.update(rest)
        if told:
            error = {"code": f"batch_{status}", "message": "This request was not executed."}
            ending.errors += [_line(custom_id, None, error) for custom_id in rest]

    return change


@_ending
def shuffles(seed: int = 1) -> Change:
    """Rows come in any order."""
    return lambda ending: random.Random(seed).shuffle(ending.output)


@_ending
def drops(every: int) -> Change:
    """One row in so many comes back nowhere, although it was executed."""

    def change(ending: Ending) -> None:
        ending.lost.update(_id(line) for line in ending.output[every - 1 :: every])
        ending.output = [line for at, line in enumerate(ending.output, 1) if at % every]

    return change


@_ending
def loses_to_errors(every: int, status_code: int | None = 0) -> Change:
    """One row in so many stands in the error file with a status that says nothing."""

    def change(ending: Ending) -> None:
        lost = ending.output[::every]
        ending.lost.update(map(_id, lost))
        ending.output = [line for at, line in enumerate(ending.output) if at % every]
        response = {"status_code": status_code, "request_id": "", "body": None}
        ending.errors += [_line(_id(line), response, None) for line in lost]

    return change


@_ending
def repeats(rows: int) -> Change:
    """The first rows come twice."""

    def change(ending: Ending) -> None:
        ending.output += ending.output[:rows]

    return change


@_ending
def adds_foreign(rows: int) -> Change:
    """Rows of somebody else's batch stand between ours."""

    def change(ending: Ending) -> None:
        response = {"status_code": 200, "request_id": "x", "body": {"choices": []}}
        foreign = [_line(f"foreign-{number}", response, None) for number in range(1, rows + 1)]
        ending.output[1:1] = foreign

    return change


@_ending
def contradicts_itself(rows: int) -> Change:
    """The first rows succeeded, and stand in the error file as expired all the same."""

    def change(ending: Ending) -> None:
        error = {"code": "batch_expired", "message": "This request was not executed."}
        ending.errors += [_line(_id(line), None, error) for line in ending.output[:rows]]

    return change


@_ending
def replaces(old: str, new: str) -> Change:
    """Text in the rows is another, as UTF-8."""

    def change(ending: Ending) -> None:
        ending.output = [line.replace(old.encode(), new.encode()) for line in ending.output]

    return change


@_ending
def ends_lines(line_end: str = "\r\n", *, last: bool = True) -> Change:
    """Lines end in another way, the last one perhaps not at all."""

    def change(ending: Ending) -> None:
        ending.line_end = line_end.encode()
        ending.last_line_end = last

    return change


@_ending
def keeps_empty_files() -> Change:
    """Both files are there, even where one is empty."""
    return lambda ending: ending.present.update({"output", "errors"})


def _id(line: bytes) -> str:
    custom_id: str = json.loads(line)["custom_id"]
    return custom_id


def _line(custom_id: str, response: Any, error: Any) -> bytes:
    line = {"id": f"br_{custom_id}", "custom_id": custom_id, "response": response, "error": error}
    return json.dumps(line).encode()
