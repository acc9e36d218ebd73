"""Files and streams that are whole, or cannot be taken for it."""

import contextlib
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_batch import files
from openai_batch.files import whole_or_cut


class Interrupted(Exception):
    pass


@given(st.lists(st.binary(max_size=6)), st.integers(1, 8), st.booleans())
def test_a_stream_is_whole_or_lacks_its_last_two_bytes(
    parts: list[bytes], buffer_bytes: int, fails: bool
) -> None:
    """However it is written, two bytes at least of what has left wait for the end."""
    target = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "BUFFER_BYTES", buffer_bytes)
        try:
            with whole_or_cut(target) as stream:
                for part in parts:
                    stream.write(part)
                    stream.flush()
                if fails:
                    raise Interrupted
        except Interrupted:
            pass
    content = b"".join(parts)
    assert target.getvalue() == (content[:-2] if fails else content)


LINE = b'{"text": "' + b"x" * 116 + b'"}\n'
"""So long that what a pipe holds, a power of two, ends with a whole line."""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no pipe that is full and says so")
@pytest.mark.parametrize("lines", [100, 20_000])
def test_what_a_full_pipe_has_taken_ends_inside_a_line(lines: int) -> None:
    """So does what leaves a process that is killed while it waits for room; less comes whole."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    stream = os.fdopen(writer, "wb", 1 << 18)
    full = False
    try:
        with whole_or_cut(stream) as cut:
            cut.write(LINE * lines)
        stream.flush()
    except BlockingIOError:
        full = True
    taken = os.read(reader, len(LINE) * lines)
    with contextlib.suppress(BlockingIOError):
        stream.close()
    os.close(reader)
    assert full == (lines == 20_000)
    if full:
        assert len(taken) > 10_000
        assert not taken.endswith((b"}", b"\n"))
        assert (LINE * lines).startswith(taken)
    else:
        assert taken == LINE * lines


@pytest.mark.skipif(os.name == "nt", reason="as above")
@pytest.mark.parametrize("line", [b"\n", b"}\n", b"x" * 4094 + b"}\n", b"x" * 4095 + b"}\n"])
def test_lines_of_any_length_go_through_a_pipe(line: bytes) -> None:
    """Also where a piece could only end at a line's end."""
    content = line * (20_000 // len(line))
    reader, writer = os.pipe()
    with os.fdopen(writer, "wb") as stream, whole_or_cut(stream) as cut:
        cut.write(content)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == content
