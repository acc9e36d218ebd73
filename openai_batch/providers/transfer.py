"""A file's content on its way to the disk, known to be whole or refused."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ProviderUnavailable, StorageError
from ..files import open_private
from .failures import Call, is_html

if TYPE_CHECKING:
    import httpx2

CHUNK_BYTES = 1024 * 1024

# httpx would decode by itself, but it takes a compressed stream that was cut short for whole, and
# rows that are missing for that reason would be paid for again.
_ENCODINGS = {"gzip", "x-gzip", "deflate"}


def whole_content(response: "httpx2.Response", call: Call) -> Iterator[bytes]:
    """The content as it comes, decoded, in chunks of at most about 1 MiB.

    Raises ProviderUnavailable for a web page and for compressed data that lacks its end. That less
    came than was announced is noticed by the transport, which raises its own error; plain content
    without a length cannot be checked.
    """
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    received = response.iter_raw()
    if encoding == "identity":
        chunks = received
    elif encoding in _ENCODINGS:
        chunks = _decompressed(received, call)
    else:
        raise _broken(call, f"content encoded as {encoding}, which was not asked for")
    first = next(chunks, b"")
    if is_html(response.headers, first):
        raise _broken(call, "an HTML page instead of the file")
    yield first
    yield from chunks


def _decompressed(chunks: Iterator[bytes], call: Call) -> Iterator[bytes]:
    """The content of gzip (also of several members) or zlib data. Memory stays at a chunk."""
    decoder = _decoder()
    anything = False
    for chunk in chunks:
        anything = True
        rest = chunk
        while True:
            if decoder.eof and rest:
                decoder = _decoder()
            try:
                content = decoder.decompress(rest, CHUNK_BYTES)
            except zlib.error as error:
                raise _broken(call, f"compressed data that cannot be read: {error}") from None
            if content:
                yield content
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
            if not rest and len(content) < CHUNK_BYTES:  # else more may wait inside the decoder
                break
    if anything and not decoder.eof:
        raise _broken(call, "compressed data without its end")


def _decoder() -> "zlib._Decompress":
    return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # tells gzip from zlib by itself


def _broken(call: Call, detail: str) -> ProviderUnavailable:
    return ProviderUnavailable(
        f"{call.provider} sent {call.quote(detail)} when asked to {call.action}",
        status_code=200,
        executed=None,
    )


def store(chunks: Iterator[bytes], path: Path) -> int:
    """Write `chunks` to `path` (replaced, not synced, mode 0600) and return the bytes written.

    Raises StorageError where the disk refuses; what `chunks` raises passes through.
    """
    try:
        stream = open_private(path)
    except OSError as error:
        raise _unwritable(path, error) from error
    size = 0
    try:
        for chunk in chunks:
            try:
                size += stream.write(chunk)
            except OSError as error:
                raise _unwritable(path, error) from error
    finally:
        try:
            stream.close()
        except OSError as error:
            raise _unwritable(path, error) from error
    return size


def _unwritable(path: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write {path}: {error.strerror or error}")
