"""The input of a `Batch`: a file that is written request by request, then read once, whole."""

import io
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

SubmissionInput = str | Path | bytes | IO[str] | IO[bytes] | None


class SubmissionFile:
    """A path, an open file (text or binary), a StringIO, a BytesIO, or bytes.

    None becomes `batch_submission_<time>.jsonl` in the working directory with the first request,
    or the next free name. A path is replaced by the first request that is added, and read as it is
    where none is.
    """

    def __init__(self, source: SubmissionInput):
        self._given = source
        self._path: Path | None = None
        self._target: Any = None
        self._own: BinaryIO | None = None
        if isinstance(source, str | Path):
            self._path = Path(source)
        elif isinstance(source, bytes):
            self._target = io.BytesIO()
            self._target.write(source)
        else:
            self._target = source

    @property
    def source(self) -> SubmissionInput:
        """What was given, or from the first request on, the file that was opened for it."""
        return self._own or self._given

    @property
    def given(self) -> bool:
        """Whether there is anything to submit."""
        return self._path is not None or self._target is not None

    @property
    def name(self) -> str | None:
        """The file's name, where it has one."""
        if self._path is not None:
            return str(self._path)
        name = getattr(self._target, "name", None)
        return name if isinstance(name, str) else None

    def write(self, line: bytes) -> None:
        """Append one request. Raises OSError where the file cannot be written."""
        target: Any = self._target or self._open()
        if _is_text(target):
            target.write(_escaped(line) + "\n")
        else:
            target.write(line + b"\n")

    def _open(self) -> BinaryIO:
        if self._path is None:
            self._path, self._own = _new_file(time.strftime("batch_submission_%Y%m%d_%H%M%S"))
        elif self._own is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._own = self._path.open("wb")
        elif self._own.closed:
            self._own = self._path.open("ab")
        return self._own

    def reader(self) -> AbstractContextManager[BinaryIO]:
        """All that was written so far, line by line from the first, for a `with`.

        What the caller has opened for reading is read through that, whatever it is (a zipped file,
        standard input); what is open for writing only is opened again by its name.
        """
        self.close()
        if self._path is not None:
            return self._path.open("rb")
        target = self._target
        if target.closed or not target.readable():
            return Path(target.name).open("rb")
        if target.seekable():
            target.seek(0)
        lines = (line.encode() for line in target) if _is_text(target) else target
        return nullcontext(cast("BinaryIO", lines))

    def close(self) -> None:
        """Close what this object opened itself, and flush what the caller did. May be repeated."""
        if self._own is not None:
            self._own.close()
        elif self._target is not None and not self._target.closed:
            self._target.flush()


def _new_file(stem: str) -> tuple[Path, BinaryIO]:
    """A file of that name, or with the next free number: another batch may begin in this second."""
    path, number = Path(f"{stem}.jsonl"), 2
    while True:
        try:
            return path, path.open("xb")
        except FileExistsError:
            path, number = Path(f"{stem}-{number}.jsonl"), number + 1


def _is_text(target: Any) -> bool:
    """Not told by class: temporary and zipped files are of none that says it."""
    return hasattr(target, "encoding")


def _escaped(line: bytes) -> str:
    """A line of JSON in ASCII, which means the same in whatever encoding a text file has."""
    text = line.decode()
    if text.isascii():
        return text
    units = text.encode("utf-16-be")
    pairs = (int.from_bytes(units[i : i + 2]) for i in range(0, len(units), 2))
    return "".join(chr(unit) if unit < 0x80 else f"\\u{unit:04x}" for unit in pairs)
