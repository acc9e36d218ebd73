"""Collecting faults, and saying in plain words why a line cannot be read."""

import json
import re
import reprlib
from collections import Counter
from pathlib import Path
from typing import Any

from ..errors import Fault, InputInvalid

KEPT_FAULTS = 100
"""How many faults are kept for showing. All are counted."""

KEPT_LINES = 10
"""How many lines with faults of each code are kept."""

_POSITION = re.compile(r": line \d+ column (\d+) \(char \d+\)$")


class Faults:
    """Counts faults, which come in the order of lines, and keeps the first ones.

    Memory does not grow with their number.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many there are."""
        self.first: list[Fault] = []
        self.codes: Counter[str] = Counter()
        """How many there are of each code."""
        self.lines: dict[str, list[int]] = {}
        """The first lines with faults of each code; none for a fault of the whole input."""
        self._lines = 0
        self._last_line: int | None = None

    def add(self, fault: Fault) -> None:
        """Take note of one fault."""
        self.count += 1
        self.codes[fault.code] += 1
        lines = self.lines.setdefault(fault.code, [])
        if fault.line is not None and len(lines) < KEPT_LINES and fault.line not in lines:
            lines.append(fault.line)
        if fault.line != self._last_line:
            self._lines += 1
            self._last_line = fault.line
        if len(self.first) < KEPT_FAULTS:
            self.first.append(fault)

    def to_fields(self) -> dict[str, Any]:
        """As a record has them: of each code how many there are, and the first lines."""
        return {
            code: {"count": count, "lines": self.lines[code]} for code, count in self.codes.items()
        }

    def verdict(self, input_name: str | None, outcome: str) -> InputInvalid | None:
        """The sum of the faults, and what to do about them; None where there are none.

        `outcome` says what did not happen because of them.
        """
        if not self.count:
            return None
        name = Path(input_name).name if input_name else "standard input"
        place = f"{_many(self._lines, 'line')} of {name}" if self._lines else name
        mend = "mend the lines named, and run this again" if self._lines else "name another input"
        message = f"{_many(self.count, 'fault')} in {place}; {outcome}: {mend}"
        return InputInvalid(message, self.first, self.count)


def invalid_json(line_number: int, content: bytes, error: ValueError, mend: str = "") -> Fault:
    """The fault of a line that `jsonl.parse` refused with `error`. `mend` may add advice."""
    message = _why_not_json(content, error)
    return Fault("invalid_json_line", f"{message}; {mend}" if mend else message, line_number)


def invalid_text(line_number: int, content: bytes, error: UnicodeDecodeError) -> Fault:
    """The fault of a line that is not UTF-8."""
    return Fault("invalid_json_line", _why_not_utf8(content, error), line_number)


def shown(value: object, limit: int = 60) -> str:
    """A value as a message may quote it: on one line, printable, and cut where it is long."""
    try:
        text = repr(value)
    except RecursionError:
        text = reprlib.repr(value)  # a parser takes deeper ones
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _many(number: int, thing: str) -> str:
    return f"{number:,} {thing if number == 1 else thing + 's'}"


def _why_not_json(content: bytes, error: ValueError) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as utf8_error:
        return _why_not_utf8(content, utf8_error)
    if _has_object_after_object(text):
        return "several JSON objects on one line; each request needs a line of its own"
    if text.startswith("{'"):
        return "a dict as Python prints it, not JSON; write it with json.dumps"
    message = "not valid JSON: " + _POSITION.sub(r" at column \1", str(error))
    if "unexpected end of data" in message:
        message += " (is it cut off, or spread over several lines?)"
    return message


def _why_not_utf8(content: bytes, error: UnicodeDecodeError) -> str:
    return f"not valid UTF-8 at byte {error.start + 1}; save the input as UTF-8"


def _has_object_after_object(text: str) -> bool:
    try:
        first, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    rest = text.lstrip()[end:].lstrip(" \t,")
    return isinstance(first, dict) and rest.startswith("{")
