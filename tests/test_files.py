"""Files and streams that are whole, or cannot be taken for it."""

import io

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
