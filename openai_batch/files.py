"""Files that appear whole or not at all, and folders that only their owner can read."""

import contextlib
import io
import os
import select
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from .errors import StorageError


def make_private_dir(path: Path) -> Path:
    """Create `path` and its parents, mode 0700 where the system has modes. May be repeated."""
    try:
        for folder in (*reversed(path.parents), path):
            if not folder.is_dir():  # `parents=True` would give those the usual, open mode
                _make_dir(folder)
    except OSError as error:
        raise StorageError(f"cannot create the folder {path}: {error.strerror}") from error
    return path


def _make_dir(path: Path) -> None:
    # `exist_ok` fails where another process makes the folder and removes it in the same moment.
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_file():
            raise


def fsync_dir(path: Path) -> None:
    """Make renames inside `path` durable. Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


BUFFER_BYTES = 1 << 20
"""For files of many lines. Each call to the system lets other threads in, and the way back from it
may take milliseconds where those are busy, so there had better be few."""


def open_private(path: Path) -> BinaryIO:
    """Open `path` for writing from its start, mode 0600."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o600)
    return os.fdopen(descriptor, "wb", BUFFER_BYTES)


_BINARY = getattr(os, "O_BINARY", 0)


@contextlib.contextmanager
def replacing(path: Path, *, exclusive: bool = False) -> Iterator[BinaryIO]:
    """Write `path` so that it appears whole, mode 0600, or not at all.

    The bytes go to a temporary name in the same folder, are synced, and take the name at the end;
    on return they are durable. With `exclusive`, a file that has taken the name meanwhile is left
    alone and FileExistsError is raised. Raises StorageError where the disk refuses.
    """
    # `secrets` would load OpenSSL, a sixth of the time that the command line takes to start.
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    try:
        with open_private(temporary) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        publish(temporary, path, exclusive=exclusive)
    except FileExistsError:
        raise
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def publish(temporary: Path, path: Path, *, exclusive: bool) -> None:
    """Give a synced file its name, durably. Raises FileExistsError if `exclusive` and taken."""
    if not exclusive:
        temporary.replace(path)
    elif os.name == "nt":
        temporary.rename(path)  # refuses an existing target on Windows
    else:
        try:
            os.link(temporary, path)  # atomic, and refuses an existing target
        except FileExistsError:
            raise
        except OSError:
            # A file system without hard links (FAT, some network mounts): the check and the
            # rename are two steps there, and the window between them is accepted.
            if path.exists():
                raise FileExistsError(path) from None
            temporary.replace(path)
        else:
            temporary.unlink()
    fsync_dir(path.parent)


@contextlib.contextmanager
def whole_or_cut(target: BinaryIO) -> Iterator[BinaryIO]:
    """A stream into `target` that ends in the middle of a line unless all of it was written.

    JSON Lines that stop between two lines look like a shorter file, and nobody who reads a pipe is
    told that its other end has failed. So the last two bytes of what has left are always held back,
    `}` and its newline, until the end is reached without an error; then no reader of JSON takes a
    part for the whole. What goes into a pipe leaves in pieces that it takes whole or not at all,
    each of which ends inside a line, so that this holds even for kill -9 while the pipe is full.
    """
    holding = _HoldingBack(target)
    stream = io.BufferedWriter(holding, BUFFER_BYTES)
    try:
        yield stream
        stream.flush()
        holding.release()
    finally:
        holding.drop()


_ATOMIC_BYTES: int = getattr(select, "PIPE_BUF", 512)
"""What POSIX has a pipe take whole or not at all. Of more, it takes as much as there is room for,
and a process that is killed while it waits for the rest has written that part."""


class _HoldingBack(io.RawIOBase):
    _HELD_BYTES = len(b"}\n")

    def __init__(self, target: BinaryIO):
        self._target = target
        self._into_pipe = _is_pipe(target)
        self._held = b""
        self._dropping = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if not self._dropping:
            ready = self._held + bytes(data)
            start = 0
            for end in self._cuts(ready):
                self._target.write(ready[start:end])
                if self._into_pipe:
                    self._target.flush()
                start = end
            self._held = ready[start:]
        return len(data)

    def _cuts(self, ready: bytes) -> Iterator[int]:
        """Where the pieces end that may leave; what is behind the last one is held back."""
        if not self._into_pipe:
            if len(ready) > self._HELD_BYTES:
                yield len(ready) - self._HELD_BYTES
            return
        start = 0
        while len(ready) - start > _ATOMIC_BYTES:
            most = start + _ATOMIC_BYTES
            # Neither after a newline nor before one: a last line may well lack it.
            ends = range(most, start, -1)
            inside = (end for end in ends if b"\n" not in ready[end - 1 : end + 1])
            start = next(inside, most)  # nothing but blank lines: they may be cut anywhere
            yield start

    def release(self) -> None:
        """Write what was held back: all is well."""
        self._target.write(self._held)
        self._held = b""

    def drop(self) -> None:
        """Swallow whatever is still written: the buffer above flushes once more when it goes."""
        self._dropping = True


def _is_pipe(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except (OSError, ValueError):  # a stream in memory
        return False


@contextlib.contextmanager
def rereadable(stream: BinaryIO) -> Iterator[BinaryIO]:
    """`stream` where it can be read again, else a copy of the rest of it in a temporary file."""
    if stream.seekable():
        yield stream
        return
    import tempfile  # takes a while to load, and only pipes need it

    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(stream, copy, BUFFER_BYTES)
        copy.seek(0)
        yield cast(BinaryIO, copy)  # Windows wraps it


def free_bytes(path: Path) -> int:
    """Bytes that may still be written where `path` lives."""
    return shutil.disk_usage(path).free


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Write a file that the user named, replacing what is there: whole, as `replacing` does.

    What is no regular file (a device, a named pipe) is written into as the bytes come, and a
    symbolic link keeps pointing where it did. Raises StorageError where the disk refuses.
    """
    if path.is_file() or not path.exists():
        with replacing(path.resolve()) as stream:
            yield stream
        return
    try:
        with path.open("wb") as stream:
            yield stream
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
