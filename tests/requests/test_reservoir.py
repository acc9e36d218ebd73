"""Lines drawn at random: which, how many, and how evenly."""

import io
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

import pytest

from openai_batch.errors import InputInvalid
from openai_batch.requests.reservoir import Drawing

TEN = b"".join(b"%d\n" % number for number in range(10))


def drawing(content: bytes, seed: int = 0) -> Drawing:
    return Drawing(io.BytesIO(content), seed, "in.jsonl")


def test_every_line_is_drawn_as_often_as_any_other() -> None:
    """Of ten lines three are drawn, 3,000 times: each comes in 30 %, within five deviations."""
    seen: Counter[bytes] = Counter()
    for seed in range(3_000):
        lines = list(drawing(TEN, seed).exactly(3))
        assert (len(lines), lines) == (3, sorted(set(lines)))
        seen.update(lines)
    assert len(seen) == 10
    assert all(abs(count - 900) < 5 * sqrt(3_000 * 0.3 * 0.7) for count in seen.values())


def test_lines_far_into_a_long_input_have_their_chance() -> None:
    """Of 20,000 lines 4,000 are drawn: from each tenth about 400, within five deviations."""
    long = b"".join(b"%d\n" % number for number in range(20_000))
    tenths = Counter(int(line) // 2_000 for line in drawing(long, 7).exactly(4_000))
    assert sum(tenths.values()) == 4_000
    assert all(abs(tenths[tenth] - 400) < 5 * sqrt(400) for tenth in range(10))


def test_a_share_is_about_as_many_lines() -> None:
    """Each line of 20,000 is taken with probability 0.2, and the drawing counts them."""
    drawn = drawing(TEN * 2_000)
    assert abs(len(list(drawn.share(0.2))) - 4_000) < 5 * sqrt(20_000 * 0.2 * 0.8)
    assert drawn.lines == 20_000
    assert list(drawing(TEN).share(1.0)) == TEN.split()
    assert list(drawing(TEN).share(0.0)) == []


@pytest.mark.parametrize(("number", "kept"), [(0, 0), (2, 2), (3, 3), (9, 3)])
def test_lines_are_taken_as_they_are(number: int, kept: int) -> None:
    """Blank lines, line ends and the byte order mark are no part of them; U+2028 ends none."""
    odd = b'\xef\xbb\xbf{"a": 1 }\r\n\n  \r\n' + "x\u2028y\n".encode() + b'{"b": "\\ud800"}'
    drawn = drawing(odd)
    lines = list(drawn.exactly(number))
    whole = [b'{"a": 1 }', "x\u2028y".encode(), b'{"b": "\\ud800"}']
    assert [line for line in whole if line in lines] == lines
    assert (len(lines), drawn.drawn, drawn.lines) == (kept, kept, 3)


def test_a_seed_draws_the_same_lines(tmp_path: Path) -> None:
    """Of a file as of a stream without a size; another seed draws others."""
    content = b"".join(b"%d\n" % number for number in range(1_000))
    (tmp_path / "in").write_bytes(content)
    with (tmp_path / "in").open("rb") as file:
        first = list(Drawing(file, 1).exactly(5))
    pieces: Iterator[bytes] = iter(content.splitlines(keepends=True))
    assert list(Drawing(pieces, 1).exactly(5)) == first
    assert list(drawing(content, 2).exactly(5)) != first


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"a": 1}\n{"a": {"b": 2}', "in.jsonl:2: the input breaks off in the middle"),
        (b"\x1f\x8b\x08\0\n", "in.jsonl:1: the input is packed (gzip)"),
        ('{"a": 1}\n'.encode("utf-16-le"), "in.jsonl:1: the input is UTF-16"),
    ],
)
def test_a_part_of_what_is_broken_is_not_drawn(content: bytes, told: str) -> None:
    """What `create` has not finished, and what is no text, is told instead of sampled."""
    with pytest.raises(InputInvalid) as invalid:
        list(drawing(content).exactly(0))
    (fault,) = invalid.value.faults
    assert fault.at("in.jsonl").startswith(told)


def test_what_only_looks_broken_is_drawn() -> None:
    """A last line without a newline may be whole, or plain text."""
    for content in (b'{"a": 1}', b"[it", b"{it\n"):
        assert list(drawing(content).exactly(1)) == [content.strip()]
