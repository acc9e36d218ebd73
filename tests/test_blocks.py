"""Lines that are alike are read together, and only those."""

import io

import msgspec
import pytest

from openai_batch import jsonl
from openai_batch.blocks import decode_block

OBJECTS: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


def test_a_block_of_objects_is_read_at_once() -> None:
    """One object a line, each line ended."""
    assert decode_block(OBJECTS, b'{"a":1}\n{"b":"\xc3\xa9"}\n') == [{"a": 1}, {"b": "é"}]


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"\n",
        b"{}",
        b"{}\n\n",
        b"{}\n\n{}\n",
        b" {}\n",
        b"{}\r\n",
        b"{} \n{}\n",
        b"{}\n[]\n",
        b"{}{}\n",
        b'{} {}\n{"a":\n{}}\n',
        b'{}{}\n{"a":{}\n}\n',
        b'{}{}\n{"a":[{}\n,{}]}\n',
        b'{"a":"\xff"}\n',
        b'{"a":' + b"[" * 9999 + b"}\n",
    ],
)
def test_any_other_block_is_not_taken(block: bytes) -> None:
    """Blank lines, spaces, two objects on a line, one on two, and what is no JSON."""
    assert decode_block(OBJECTS, block) is None


def test_blocks_hold_whole_lines() -> None:
    """Their sum is the stream, whatever its lines are like."""
    content = b"".join(b"x" * length + b"\n" for length in range(3_000)) + b"the end"
    blocks = list(jsonl.blocks(io.BytesIO(content)))
    assert b"".join(blocks) == content
    assert len(blocks) == 18
    assert all(block.endswith(b"\n") for block in blocks[:-1])


def test_an_iterable_of_lines_has_blocks_too() -> None:
    """What cannot be read in pieces is taken line by line."""
    assert list(jsonl.blocks(iter([b"a\n", b"b"]))) == [b"a\n", b"b"]


@pytest.mark.parametrize(
    ("pieces", "head"),
    [
        ([], b""),
        ([b"\xef\xbb\xbf[\n", b"{\n", b"}\n"], b"[\n{\n"),
        ([b"\n", b"a\n", b" \n", b"b\n", b"c\n"], b"\na\n \nb\n"),
        ([b"a\nb\nc\n", b"d\n"], b"a\nb\nc\n"),
        ([b"x" * 262_144 + b"\n", b"b\n"], b"x" * 262_144 + b"\n"),
    ],
)
def test_a_stream_is_looked_into_before_it_is_read(pieces: list[bytes], head: bytes) -> None:
    """Two lines that say something are waited for, if they are short; nothing is lost of them."""
    begun, blocks = jsonl.peek(iter(pieces))
    assert begun == head
    assert b"".join(blocks) == b"".join(pieces).removeprefix(b"\xef\xbb\xbf")
