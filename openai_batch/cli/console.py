"""The three standard streams: JSON Lines in and out as bytes, everything for people on stderr."""

import codecs
import contextlib
import errno
import io
import os
import select
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from .. import jsonl
from ..errors import StorageError, UsageError
from ..providers.text import printable
from .exits import StdoutClosed

STDIO = "-"
"""What stands for standard input or output where a path is asked for."""

_BUFFER_BYTES = 256 * 1024

# A pipe without a reader is EPIPE; Windows says EINVAL.
_GONE = {errno.EPIPE, errno.EINVAL} if os.name == "nt" else {errno.EPIPE}


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sits at `stream`. A closed or replaced stream is no terminal."""
    try:
        return stream is not None and stream.isatty()
    except (AttributeError, ValueError, OSError):
        return False


def open_input(path: str | None) -> BinaryIO:
    """Open `path` for reading; `-`, and None where stdin is not a terminal, are standard input.

    Closing what is returned leaves standard input open. Raises UsageError where there is nothing to
    read from, StorageError where the file cannot be read.
    """
    if path is None and is_terminal(sys.stdin):
        raise UsageError("no input: name a file, or pipe it into standard input")
    if path is None or path == STDIO:
        return _stdin()
    try:
        return Path(path).open("rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _stdin() -> BinaryIO:
    stream = sys.stdin
    if stream is None:
        raise UsageError("standard input is closed: name a file")
    buffer = getattr(stream, "buffer", None)
    if buffer is None:  # replaced by a stream of text, as notebooks and tests do
        return io.BytesIO(stream.read().encode("utf-8", "surrogatepass"))
    # Some parents make pipes non-blocking, and one with nothing in it yet would look like its end.
    # Python 3.11 has this for no pipe on Windows, where nobody does so either.
    with contextlib.suppress(AttributeError, OSError, ValueError):
        os.set_blocking(stream.fileno(), True)
    try:
        return cast(BinaryIO, open(stream.fileno(), "rb", closefd=False))
    except OSError:  # a stream in memory has no descriptor
        return cast(BinaryIO, buffer)


@contextlib.contextmanager
def stdout() -> Iterator[BinaryIO]:
    """Standard output as a buffered stream of bytes; what was written has left us on return.

    Raises StdoutClosed as soon as nobody reads any more, StorageError where the disk that it was
    redirected to is full. Either way nothing is left behind for the interpreter to flush.
    """
    raw = _Stdout()
    writer = io.BufferedWriter(raw, _BUFFER_BYTES)
    try:
        yield writer
        writer.flush()
    finally:
        raw.drop()


class _Stdout(io.RawIOBase):
    """Writes past Python's own buffer, so that no byte can fail after we have looked."""

    def __init__(self) -> None:
        self._dropping = False
        self._target = _target()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(getattr(self._target, "fileno", super().fileno)())

    def drop(self) -> None:
        """Swallow whatever is still written: the buffer above flushes once more when it goes."""
        self._dropping = True

    def write(self, data: Any) -> int:
        if self._dropping:
            return len(data)
        try:
            while (written := self._target.write(data)) is None:
                # The pipe is non-blocking (some parents make it so) and full.
                select.select([], [sys.stdout], [])
            return int(written)
        except OSError as error:
            self._dropping = True
            if error.errno in _GONE:
                raise StdoutClosed("standard output was closed by its reader") from None
            raise StorageError(f"cannot write standard output: {error.strerror}") from error
        except ValueError:
            self._dropping = True
            raise StdoutClosed("standard output is closed") from None


def _target() -> Any:
    stream = sys.stdout
    if stream is None:
        return _Closed()
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
    buffer = getattr(stream, "buffer", None)
    if buffer is None:
        return _Text(stream)
    return getattr(buffer, "raw", buffer)


class _Closed:
    """Standard output that the process was started without."""

    def write(self, data: Any) -> int:
        raise ValueError


class _Text:
    """A text stream in the place of standard output, as notebooks and tests put there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, data: Any) -> int:
        self._stream.write(self._decoder.decode(bytes(data)))
        return len(data)


def print_records(records: Iterable[Mapping[str, Any]]) -> None:
    """Write records to standard output, one line of JSON each."""
    with stdout() as stream:
        for record in records:
            stream.write(jsonl.dumps(record) + b"\n")


def print_record(record: Mapping[str, Any]) -> None:
    """Write one record to standard output."""
    print_records([record])


class TextStream:
    """Standard error or output as text for people; once it fails, what is said is lost, no more."""

    def __init__(self, name: str):
        """`name` is `stderr` or `stdout`; the stream is whatever `sys` has under it when asked."""
        self._name = name

    def write(self, text: str) -> int:
        """Write and flush. Characters that the encoding has not are replaced by what it has."""
        stream = getattr(sys, self._name)
        if stream is not None:
            try:
                stream.write(text if self.can_show(text) else _spelled(text, self._encoding))
                stream.flush()
            except RuntimeError:
                pass  # a signal's handler writes while the write that it interrupted waits
            except (OSError, ValueError):
                # Left in place, the unwritten text would make the interpreter exit with 120.
                setattr(sys, self._name, None)
        return len(text)

    def can_show(self, text: str) -> bool:
        """Whether the stream's encoding has all these characters."""
        with contextlib.suppress(UnicodeEncodeError):
            text.encode(self._encoding)
            return True
        return False

    def isatty(self) -> bool:
        return is_terminal(getattr(sys, self._name))

    def fileno(self) -> int:
        """The stream's descriptor. Raises OSError or ValueError where it has none."""
        stream = getattr(sys, self._name)
        if stream is None:
            raise ValueError(f"{self._name} is closed")
        return int(stream.fileno())

    @property
    def _encoding(self) -> str:
        return getattr(getattr(sys, self._name), "encoding", None) or "utf-8"


STDERR = TextStream("stderr")
STDOUT = TextStream("stdout")

_SPELLINGS = str.maketrans({"…": "...", "–": "-", "—": "-", "“": '"', "”": '"', "’": "'"})


def _spelled(text: str, encoding: str) -> str:
    return text.translate(_SPELLINGS).encode(encoding, "replace").decode(encoding)


def tolerate_encodings() -> None:
    """Let no character end the command: what an encoding has not is shown as `?`.

    For the text that is printed by others than us, which is help. JSON is written as bytes.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def say(message: str) -> None:
    """Write one line for people to standard error, without what would control their terminal."""
    STDERR.write(printable(message) + "\n")
