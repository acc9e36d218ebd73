"""What is noted while an input is read, and wanted only at its end."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from .. import jsonl
from ..errors import StorageError


class Notes:
    """Rows of plain values in the order in which they came, on disk: an input may have millions.

    The file has no name and is gone with the process. Raises StorageError where the disk is full.
    """

    def __init__(self, folder: Path):
        self._folder = folder
        self._file: BinaryIO | None = None

    def add(self, *row: Any) -> None:
        """Append one row."""
        try:
            if self._file is None:
                file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  # closed by `close`
                self._file = cast(BinaryIO, file)
            self._file.write(jsonl.dumps(row) + b"\n")
        except OSError as error:
            raise self._full(error) from error

    def __iter__(self) -> Iterator[list[Any]]:
        """The rows so far. Nothing may be added meanwhile."""
        if self._file is None:
            return
        try:
            self._file.seek(0)
        except OSError as error:
            raise self._full(error) from error
        for line in self._file:
            yield jsonl.parse(line)

    def close(self) -> None:
        """Let the file go. May be repeated."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # what it still holds is not wanted any more
                self._file.close()
            self._file = None

    def _full(self, error: OSError) -> StorageError:
        return StorageError(
            f"cannot keep the faults in {self._folder}: {error.strerror}; nothing was sent"
        )
