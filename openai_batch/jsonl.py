"""Reading and writing JSON Lines, byte for byte.

Lines end at `\\n` and nowhere else: U+2028, U+0085 and a lone `\\r` are text. What is inside a line
is never re-serialised by this module.
"""

import json
import math
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import orjson

BOM = b"\xef\xbb\xbf"

BLOCK_BYTES = 1 << 18
"""About what is looked at together, where most lines are alike: a thousand short lines."""


def lines(stream: BinaryIO | Iterable[bytes], first: int = 1) -> Iterator[tuple[int, bytes]]:
    """Yield `(line_number, content)` for every line that is not blank.

    Numbers count from `first` and include blank lines, so they are the ones an editor shows. A byte
    order mark, `\\r` before `\\n`, and a missing final newline are accepted and not part of the
    content.
    """
    for number, line in enumerate(stream, first):
        if number == 1 and line.startswith(BOM):
            line = line[len(BOM) :]
        content = line.strip(b" \t\r\n")
        if content:
            yield number, content


def blocks(stream: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """Yield everything in pieces of whole lines, of about BLOCK_BYTES or of one line.

    A pipe is not waited for longer than to the end of a line.
    """
    read, read_line = getattr(stream, "read", None), getattr(stream, "readline", None)
    if read is None or read_line is None:
        yield from stream
        return
    seekable = getattr(stream, "seekable", None)
    if seekable is None or not seekable():
        read = getattr(stream, "read1", read)  # what there is now; of a file it is less than asked
    while content := read(BLOCK_BYTES):
        yield content if content.endswith(b"\n") else content + read_line()


def peek(stream: BinaryIO | Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """How `stream` begins, and all of it in `blocks`; both without a byte order mark.

    The beginning has two lines that are not blank, if there are so many and they are short: of a
    pipe the first block may be a single line.
    """
    rest = blocks(stream)
    begun = [next(rest, b"").removeprefix(BOM)]
    lines_seen, bytes_seen = _lines_with_content(begun[0]), len(begun[0])
    while lines_seen < 2 and bytes_seen < BLOCK_BYTES and (block := next(rest, b"")):
        begun.append(block)
        lines_seen += _lines_with_content(block)
        bytes_seen += len(block)
    return b"".join(begun), chain(begun, rest)


def _lines_with_content(block: bytes) -> int:
    """0, 1, or more than 1 for more: blank lines between two others may be among them."""
    content = block.strip(b" \t\r\n")
    return 1 + content.count(b"\n") if content else 0


def parse(content: bytes) -> Any:
    """Parse one JSON text. Raises ValueError where it is not JSON.

    orjson refuses lone surrogates in escapes, which JSON (RFC 8259) allows. Such a text is parsed
    again by the standard library, which accepts them; NaN and Infinity, which that library also
    accepts, are refused here. Integers above 64 bits come back as floats: fine for looking at a
    request, wrong for writing it again.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as strict:
        try:
            return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
        except _NoNumber:
            raise  # it says more than the other, to which it is an unexpected character
        except (ValueError, RecursionError):
            raise ValueError(str(strict)) from None


def is_utf8(content: bytes) -> bool:
    """Whether `content` is text all through, which decoders do not look at in what they skip."""
    if content.isascii():
        return True
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def parse_exactly(content: bytes, *, short_numbers: bool = False) -> Any:
    """Parse one JSON text so that `dumps` writes the same values again.

    As `parse`, but integers of any size stay integers, and a number that no float can hold is
    refused with ValueError: orjson would write it as null. `short_numbers`: somebody has looked
    already, and there is no long number in it (`has_long_number`).
    """
    if short_numbers or not has_long_number(content):
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            pass
    try:
        return json.loads(
            content.decode("utf-8"), parse_constant=_refuse_constant, parse_float=_finite
        )
    except _NoNumber:
        raise
    except (ValueError, RecursionError):
        parse(content)  # says in the words that it has for all what is wrong, if it is no JSON
        raise ValueError("nested too deeply") from None


def has_long_number(content: bytes) -> bool:
    """Whether there may be an integer beyond 64 bits, which orjson reads as a float."""
    return _LONG_NUMBER in content.translate(_DIGITS_AS_ZERO)


# The shortest such integers have nineteen digits. Looking for that many zeros after a translation
# takes a twelfth of the time of a regular expression.
_LONG_NUMBER = b"0" * 19
_DIGITS_AS_ZERO = bytes.maketrans(b"123456789", b"000000000")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _NoNumber(f"{text[:40]} is too large a number")
    return number


class _NoNumber(ValueError):
    """NaN or Infinity, which JSON has not, or a number that nothing here can hold."""


def _refuse_constant(name: str) -> None:
    raise _NoNumber(f"{name} is no number in JSON: write null, or leave it out")


def dumps(value: Any) -> bytes:
    """Serialise `value` to one line, without the newline.

    Falls back to the standard library for what orjson refuses: integers above 64 bits and
    lone surrogates, which it writes as escapes.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode()


def dumps_each(values: list[Any]) -> list[bytes]:
    """`dumps` of several values, in less time than one after the other."""
    try:
        return list(map(orjson.dumps, values))
    except TypeError:
        return list(map(dumps, values))
