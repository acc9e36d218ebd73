"""Lines of JSON that are alike, read many at a time.

Apart from `jsonl` because loading msgspec takes as long as a quarter of the command line's start.
"""

import re
from typing import TypeVar

import msgspec

from .jsonl import is_utf8

T = TypeVar("T")

Unreadable = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a decoder raises for anything but what it is made for."""


def decode_block(decoder: "msgspec.json.Decoder[T]", block: bytes) -> list[T] | None:
    """Read lines that are all alike: each one object of the decoder's type, and its newline.

    None where any line is anything else, be it blank or JSON with a space before it: such a block
    is for those who look closer.
    """
    if block[:1] != b"{" or block[-1:] != b"\n" or _ODD_NEWLINE.search(block):
        return None
    if not is_utf8(block):
        return None
    try:
        found = decoder.decode_lines(block)
    except Unreadable:
        return None
    return found if len(found) == block.count(b"\n") else None


# The decoder takes two objects on a line, and one on two lines. Where every newline stands between
# the end of an object and the beginning of another, none is inside one; then as many objects as
# newlines are one on each line.
_ODD_NEWLINE = re.compile(rb"\n(?:(?<!\}\n)|[^{])")
