"""The files of a run: requests on their way out, results on their way back.

For shard 1, in `spool/`:

    shard-00001.ids.json                     its custom_ids, in order
    shard-00001-attempt-1.requests.jsonl     what is uploaded
    shard-00001-attempt-1.output.jsonl       the provider's files, byte for byte
    shard-00001-attempt-1.errors.jsonl
    shard-00001-attempt-1.index              where each row's result stands in those files

An index accounts for every row of the shard, with the results of earlier attempts carried over, so
the newest one is all that merging needs.
"""

import enum
import io
import shutil
import struct
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from .. import jsonl
from ..errors import RunDamaged, StorageError
from ..files import BUFFER_BYTES, fsync_dir, replacing


class Outcome(enum.IntEnum):
    """What became of one row so far. The value is what an index stores."""

    MISSING = 0
    """No line came back for it."""
    SUCCEEDED = 1
    FAILED = 2
    """It failed in a way that another attempt would not mend."""
    RETRYABLE = 3
    """It failed; another attempt may succeed."""


class Source(enum.IntEnum):
    """Which of an attempt's two files a result stands in."""

    OUTPUT = 0
    ERRORS = 1


_READ_WHOLE_BYTES = 32 << 20

_HEADER = struct.Struct("<4sI")
_MAGIC = b"obi1"


class ResultIndex:
    """Where the result of each row of a shard stands. 14 bytes a row, one shard at a time."""

    def __init__(self, rows: int):
        self.outcomes = bytearray(rows)
        self.sources = bytearray(rows)
        self.offsets = array("Q", bytes(8 * rows))
        self.lengths = array("I", bytes(4 * rows))

    def __len__(self) -> int:
        return len(self.outcomes)

    def put(self, row: int, outcome: Outcome, source: int, offset: int, length: int) -> None:
        """Record that a row's result is `length` bytes at `offset` of file `source`."""
        self.outcomes[row] = outcome
        self.sources[row] = source
        self.offsets[row] = offset
        self.lengths[row] = length

    def put_successes(
        self, rows: Iterable[int], source: int, offset: int, lengths: Iterable[int]
    ) -> None:
        """Record successes that stand one after another from `offset` on, one a line."""
        # What `put` does, without a call for each of millions.
        outcomes, sources, offsets, kept = self.outcomes, self.sources, self.offsets, self.lengths
        succeeded = int(Outcome.SUCCEEDED)
        for row, length in zip(rows, lengths, strict=False):
            outcomes[row] = succeeded
            sources[row] = source
            offsets[row] = offset
            kept[row] = length
            offset += length + 1

    def take_over(self, earlier: "ResultIndex") -> None:
        """Begin with what an index of the same rows, or of the first of them, says."""
        rows = len(earlier)
        self.outcomes[:rows] = earlier.outcomes
        self.sources[:rows] = earlier.sources
        self.offsets[:rows] = earlier.offsets
        self.lengths[:rows] = earlier.lengths

    def count(self, outcome: Outcome) -> int:
        """How many rows have this outcome."""
        return self.outcomes.count(outcome)

    def save(self, path: Path) -> None:
        """Write the index, whole and durable on return."""
        with replacing(path) as stream:
            stream.write(_HEADER.pack(_MAGIC, len(self)))
            for part in (self.outcomes, self.sources, self.offsets, self.lengths):
                stream.write(part)

    @classmethod
    def load(cls, path: Path) -> "ResultIndex":
        """Read an index. Raises RunDamaged where it is anything else."""
        data = read(path)
        magic, rows = _HEADER.unpack_from(data.ljust(_HEADER.size, b"\0"))
        if magic != _MAGIC or len(data) != _HEADER.size + 14 * rows:
            raise RunDamaged(f"{path} is damaged")
        index = cls(0)
        at = _HEADER.size
        index.outcomes = bytearray(data[at : at + rows])
        index.sources = bytearray(data[at + rows : at + 2 * rows])
        index.offsets = array("Q", data[at + 2 * rows : at + 10 * rows])
        index.lengths = array("I", data[at + 10 * rows :])
        return index


def source_code(attempt: int, source: Source) -> int:
    """One byte for a result file of a shard; attempts are numbered from 1 and few."""
    return attempt * 2 + source


class Spool:
    """The folder of a run's files. Knows names and formats, decides nothing."""

    def __init__(self, folder: Path):
        self.folder = folder

    def requests(self, shard: int, attempt: int) -> Path:
        """What an attempt uploads."""
        return self.folder / f"shard-{shard:05d}-attempt-{attempt}.requests.jsonl"

    def open_requests(self, shard: int) -> BinaryIO:
        """Open all requests of a shard. Raises RunDamaged where they are gone."""
        path = self.requests(shard, 1)
        try:
            return path.open("rb", BUFFER_BYTES)
        except OSError as error:
            raise RunDamaged(f"{path} is missing from the run: {error.strerror}") from error

    def ids_path(self, shard: int) -> Path:
        """Where the custom_ids of a shard stand."""
        return self.folder / f"shard-{shard:05d}.ids.json"

    def knows_ids(self, shard: int) -> bool:
        """Whether the custom_ids of a shard are here."""
        return self.ids_path(shard).exists()

    def ids(self, shard: int) -> list[str]:
        """The custom_ids of a shard, in order."""
        path = self.ids_path(shard)
        try:
            found: list[str] = jsonl.parse(read(path))
        except ValueError as error:
            raise RunDamaged(f"{path} is damaged: {error}") from error
        return found

    def save_ids(self, shard: int, ids: list[str]) -> None:
        """Write the custom_ids of a shard, whole and durable on return."""
        with replacing(self.ids_path(shard)) as stream:
            stream.write(jsonl.dumps(ids))

    def adopt(self, other: "Spool", shard: int) -> None:
        """Take over a shard's requests, and then its ids: where those are, the others are whole."""
        try:
            other.requests(shard, 1).replace(self.requests(shard, 1))
            other.ids_path(shard).replace(self.ids_path(shard))
            fsync_dir(self.folder)
        except OSError as error:
            raise StorageError(f"cannot write {self.folder}: {error.strerror}") from error

    def forget(self, shard: int) -> None:
        """Delete the requests of a shard: its results alone will give its order."""
        self.ids_path(shard).unlink(missing_ok=True)
        self.requests(shard, 1).unlink(missing_ok=True)

    def results(self, shard: int, attempt: int, source: Source) -> Path:
        """A result file of an attempt, as the provider sent it."""
        name = source.name.lower()
        return self.folder / f"shard-{shard:05d}-attempt-{attempt}.{name}.jsonl"

    def result_file(self, shard: int, code: int) -> Path:
        """The file that `source_code` stands for."""
        return self.results(shard, code // 2, Source(code % 2))

    def open_results(self, shard: int, code: int) -> BinaryIO:
        """Open the file that `source_code` stands for, to be read here and there.

        Short lines come in files of moderate size, and reading those from the disk one by one takes
        far longer than reading the file. Larger files have longer lines, or one line after another.
        """
        path = self.result_file(shard, code)
        try:
            if path.stat().st_size <= _READ_WHOLE_BYTES:
                return io.BytesIO(path.read_bytes())
            return path.open("rb")
        except OSError as error:
            raise RunDamaged(f"{path} is missing from the run: {error.strerror}") from error

    def index_path(self, shard: int, attempt: int) -> Path:
        """The index that accounts for a shard's rows after an attempt."""
        return self.folder / f"shard-{shard:05d}-attempt-{attempt}.index"

    def remove(self) -> None:
        """Delete everything. May be repeated."""
        shutil.rmtree(self.folder, ignore_errors=True)


def read(path: Path) -> bytes:
    """A whole spool file. Raises RunDamaged where it is gone."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise RunDamaged(f"{path} is missing from the run") from None
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
