"""Collecting faults, and saying in plain words why a line cannot be read."""

import json
import re

from ..errors import Fault, InputInvalid

KEPT_FAULTS = 100
"""How many faults are kept for showing. All are counted."""

_POSITION = re.compile(r": line \d+ column (\d+) \(char \d+\)$")


class Faults:
    """Counts every fault and keeps the first ones. Memory does not grow with their number."""

    def __init__(self) -> None:
        self.first: list[Fault] = []
        self.count = 0

    def add(self, fault: Fault) -> None:
        """Take note of one fault."""
        self.count += 1
        if len(self.first) < KEPT_FAULTS:
            self.first.append(fault)

    def raise_if_any(self, message: str) -> None:
        """Raise InputInvalid with `message` and the faults, if there are any."""
        if self.count:
            raise InputInvalid(message, self.first, self.count)


def invalid_json(line_number: int, content: bytes, error: ValueError, mend: str = "") -> Fault:
    """The fault of a line that `jsonl.parse` refused with `error`. `mend` may add advice."""
    message = _why_not_json(content, error)
    return Fault("invalid_json_line", f"{message}; {mend}" if mend else message, line_number)


def invalid_text(line_number: int, content: bytes, error: UnicodeDecodeError) -> Fault:
    """The fault of a line that is not UTF-8."""
    return Fault("invalid_json_line", _why_not_utf8(content, error), line_number)


def shown(value: object, limit: int = 60) -> str:
    """A value as a message may quote it: on one line, printable, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"


def _why_not_json(content: bytes, error: ValueError) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as utf8_error:
        return _why_not_utf8(content, utf8_error)
    if _has_object_after_object(text):
        return "several JSON objects on one line; each request needs a line of its own"
    return "not valid JSON: " + _POSITION.sub(r" at column \1", str(error))


def _why_not_utf8(content: bytes, error: UnicodeDecodeError) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8"
    return f"not valid UTF-8 at byte {error.start + 1}; save the input as UTF-8"


def _has_object_after_object(text: str) -> bool:
    try:
        first, end = json.JSONDecoder().raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return False
    rest = text.lstrip()[end:].lstrip(" \t,")
    return isinstance(first, dict) and rest.startswith("{")
