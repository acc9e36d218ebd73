"""Inputs that are another kind of file altogether, told from how they begin.

Of such a file every line is a fault, and none of those faults says what is wrong. One does.
"""

import io
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from .. import jsonl
from ..errors import Fault, InputInvalid

_PACKED = {
    b"\x1f\x8b": ("gzip", "gunzip -c"),
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -dc"),
    b"BZh91AY&SY": ("bzip2", "bunzip2 -c"),
    b"\xfd7zXZ\x00": ("xz", "xz -dc"),
    b"PK\x03\x04": ("zip", "unzip -p"),
}
"""How packed files begin, what packed them, and what unpacks them to standard output."""

_WIDE = re.compile(rb"\xff\xfe|\xfe\xff|\x00\x00\xfe\xff|[\[{\"]\0[^\0]\0[^\0]\0")
"""How UTF-16 and UTF-32 begin: with a byte order mark, or with JSON of which half is NUL."""

# A sentence has a space after its commas.
_HEADING = re.compile(r'"?[A-Za-z_][\w .-]*"?')
_HEADING_BYTES = 4096


def not_text(head: bytes) -> Fault | None:
    """The fault of an input that is no text in UTF-8. `head` is how it begins."""
    for mark, (packing, unpack) in _PACKED.items():
        if head.startswith(mark):
            return _fault(f"the input is packed ({packing}); unpack it first, with `{unpack}`")
    if _WIDE.match(head):
        return _fault("the input is UTF-16 (PowerShell's `>` writes that); save it as UTF-8")
    if b"\0" in head and not jsonl.is_utf8(head):
        return _fault("the input is binary, not text; is it the right file?")
    return None


def unbroken(lines: Iterable[bytes], input_name: str | None = None) -> Iterator[bytes]:
    """Yield `lines`. Raises InputInvalid where they are no text, or break off in the middle of one.

    For those who take a part of an input: a request that `create` has left unfinished, to say that
    it failed, may not be in their part. Lines are cut at `\\n`, and have it.
    """
    number, line = 0, b""
    for number, line in enumerate(lines, 1):
        if number == 1 and (fault := not_text(line)):
            raise _refusal(fault, input_name)
        yield line
    if not line.endswith(b"\n") and _breaks_off(line.strip(b" \t\r")):
        message = "the input breaks off in the middle of this line; did what writes it fail?"
        raise _refusal(Fault("invalid_json_line", message, number), input_name)


def _breaks_off(content: bytes) -> bool:
    try:
        if content.startswith(b"{"):
            jsonl.parse(content)
    except ValueError:
        return True
    return False


def _refusal(fault: Fault, input_name: str | None) -> InputInvalid:
    name = input_name or "standard input"
    return InputInvalid(f"{name} cannot be used as it is: mend it, and run this again", [fault])


def spread_json(head: bytes) -> Fault | None:
    """The fault of an input whose JSON goes over several lines. `head` has two of them."""
    first, second = _first_lines(head, 2)
    goes_on = first.endswith((b"{", b"[", b","))
    if first.startswith(b"{"):
        if not (goes_on and second.startswith(b'"')):
            return None
        kind, mend = "JSON over several lines", "jq -c ."
    elif first.startswith(b"["):
        inner = first[1:].lstrip(b" \t")[:1] or second[:1]
        if not (goes_on and inner in (b"{", b'"') and second.startswith((b"{", b'"'))):
            return None
        kind, mend = "a JSON array over several lines", "jq -c '.[]'"
    else:
        return None
    return _fault(f"the input is {kind}, and it needs one object a line: `{mend}` writes it so")


def results(head: bytes) -> Fault | None:
    """The fault of an input that holds what came back, not what is sent."""
    (first,) = _first_lines(head, 1)
    try:
        if b'"response"' not in first or not is_result(jsonl.parse(first)):
            return None
    except ValueError:
        return None
    return _fault(
        "the input holds results, not requests; `openai-batch retry RUN_ID` sends those requests "
        "again that failed"
    )


def requests(head: bytes) -> Fault | None:
    """The fault of an input that holds what is sent, not what came back."""
    (first,) = _first_lines(head, 1)
    try:
        request = jsonl.parse(first)
    except ValueError:
        return None
    if not isinstance(request, dict) or "body" not in request or "response" in request:
        return None
    return _fault("the input holds requests, not results; are they the right way round?")


def is_result(value: Any) -> bool:
    """Whether a parsed line is what a provider answers to a request, and no request."""
    return (
        isinstance(value, dict)
        and {"custom_id", "response"} <= value.keys()
        and value.keys().isdisjoint({"method", "url", "body"})
    )


def table(head: bytes) -> Fault | None:
    """The fault of an input that is a table: its first line is the headings of columns."""
    (first,) = _first_lines(head, 1)
    if len(first) > _HEADING_BYTES:
        return None
    heading = first.decode("utf-8", "replace")
    for separator, kind in ((",", "CSV"), (";", "CSV"), ("\t", "tab-separated values")):
        cells = heading.split(separator)
        if len(cells) > 1 and all(map(_HEADING.fullmatch, cells)):
            return _fault(
                f"the input is {kind}, not JSON Lines; write its prompts one a line, and "
                "`openai-batch create` makes requests out of them"
            )
    return None


def _first_lines(head: bytes, count: int) -> list[bytes]:
    """The first lines that are not blank; empty ones where there are not so many."""
    found = [content for _, content in islice(jsonl.lines(io.BytesIO(head)), count)]
    return found + [b""] * (count - len(found))


def _fault(message: str) -> Fault:
    return Fault("invalid_json_line", message, 1)
