"""Downloads arrive whole on disk, or raise: what servers and proxies do to a body."""

import gzip
import zlib
from pathlib import Path

import pytest
from scripted_server import Answer, ScriptedServer, error, head, html, resets, says, says_raw

from openai_batch.errors import NotFound, ProviderUnavailable, StorageError
from openai_batch.providers.client import OpenAIClient

LINE = b'{"custom_id":"1","response":{"status_code":200}}\n'


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


@pytest.mark.parametrize(
    ("answer", "content"),
    [
        (says(LINE), LINE),
        (says(b""), b""),
        (says(LINE, length=False), LINE),
        (says_raw(head(200, {"transfer-encoding": "chunked"}) + chunked(LINE, b"")), LINE),
        (says(gzip.compress(LINE), headers={"content-encoding": "gzip"}), LINE),
        (says(gzip.compress(LINE), headers={"content-encoding": "gzip"}, length=False), LINE),
        (says(gzip.compress(LINE) * 2, headers={"content-encoding": "gzip"}), LINE * 2),
        (says(zlib.compress(LINE), headers={"content-encoding": "deflate"}), LINE),
        (says(b"", headers={"content-encoding": "gzip"}), b""),
        (says(b"\xff\xfe not JSON"), b"\xff\xfe not JSON"),
    ],
    ids=[
        "plain",
        "empty",
        "no length",
        "chunked",
        "gzip",
        "gzip without length",
        "gzip in two members",
        "deflate",
        "empty gzip",
        "bytes as they are",
    ],
)
def test_whole_bodies_are_stored(
    client: OpenAIClient, server: ScriptedServer, tmp_path: Path, answer: Answer, content: bytes
):
    """The file holds the decoded body, replaces what was there, and its size is returned."""
    path = tmp_path / "out"
    path.write_bytes(b"older and longer than anything that comes" * 10)
    server.will(answer)
    assert client.download("file-1", path) == len(content)
    assert path.read_bytes() == content
    assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "answer",
    [
        says_raw(head(200, {"content-length": "500"}) + LINE),
        says_raw(head(200, {"transfer-encoding": "chunked"}) + chunked(LINE)),
        says(gzip.compress(LINE)[:-9], headers={"content-encoding": "gzip"}, length=False),
        says(gzip.compress(LINE)[:-9], headers={"content-encoding": "gzip"}),
        says(LINE, headers={"content-encoding": "gzip"}),
        says(LINE, headers={"content-encoding": "br"}),
        says(b"  <!DOCTYPE html><p>Please sign in"),
        says(LINE, headers={"content-type": "text/html"}),
        html(200),
        html(502),
        says_raw(b""),
        resets,
    ],
    ids=[
        "short body",
        "chunks without end",
        "gzip without end",
        "short gzip under its own length",
        "not gzip",
        "unasked encoding",
        "a page",
        "a page by its type",
        "a page by both",
        "bad gateway",
        "nothing",
        "reset",
    ],
)
def test_anything_else_is_refused(client, server, tmp_path: Path, answer: Answer):
    """A body that is not whole, or not the file, never passes for one."""
    server.will(answer)
    with pytest.raises(ProviderUnavailable, match=r"Somewhere .* to download file file-1"):
        client.download("file-1", tmp_path / "out")


def test_a_missing_file_is_not_found(client, server, tmp_path: Path):
    """404 is told from an outage."""
    server.will(error(404, "No such File object: file-1"))
    with pytest.raises(NotFound, match="404 No such File object: file-1"):
        client.download("file-1", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_disk_that_refuses_is_a_storage_error(client, server, tmp_path: Path):
    """What the local disk does is not blamed on the provider."""
    server.will(says(LINE))
    with pytest.raises(StorageError, match=r"cannot write .*out: No such file or directory"):
        client.download("file-1", tmp_path / "gone" / "out")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_is_a_storage_error(client, server):
    """Running out of space in the middle of a body, or at its end, is told as such."""
    for size in (10, 5_000_000):
        server.will(says(b"x" * size))
        with pytest.raises(StorageError, match="cannot write /dev/full: No space left on device"):
            client.download("file-1", Path("/dev/full"))


def test_large_compressed_bodies_come_in_parts(client, server, tmp_path: Path):
    """A few bytes that stand for 50 MB are decoded piece by piece."""
    content = b"\n" * 50_000_000
    server.will(says(gzip.compress(content, 9), headers={"content-encoding": "gzip"}))
    assert client.download("file-1", tmp_path / "out") == 50_000_000
    assert (tmp_path / "out").read_bytes() == content
