"""Cutting requests into shards: the largest that are legal, never many small ones."""

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from ..errors import StorageError
from ..files import open_private
from ..requests.usual import Checked
from .entries import ShardPlan
from .spool import Spool

if TYPE_CHECKING:
    from ..providers.provider import Provider

MAX_SHARD_ROWS = 100_000
"""Whatever a provider allows: one shard's index must fit into memory."""

_FLUSH_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one shard may hold. `inputs` are embedding inputs, summed over its requests."""

    rows: float = math.inf
    size_bytes: float = math.inf
    inputs: float = math.inf

    @classmethod
    def of(cls, provider: "Provider", shard_requests: int | None, shard_bytes: int | None) -> Self:
        """The provider's limits, or the user's where they are lower."""
        return cls(
            min(provider.batch_input_max_requests, shard_requests or math.inf, MAX_SHARD_ROWS),
            min(provider.batch_input_max_bytes, shard_bytes or math.inf),
            provider.max_embedding_inputs or math.inf,
        )


class ShardWriter:
    """Cuts requests into the largest legal shards and writes each to the spool."""

    def __init__(
        self,
        spool: Spool,
        limits: Limits,
        *,
        first_index: int = 1,
        first_row: int = 0,
        keep: bool = True,
    ):
        """Shards are numbered from `first_index`.

        Without `keep` only their ids are written, and nothing is hashed.
        """
        self._spool = spool
        self._limits = limits
        self._first_index = first_index
        self._first_row = first_row
        self._keep = keep
        self.shards: list[ShardPlan] = []
        self.sha256 = hashlib.sha256()
        self._ids: list[str] = []
        self._bytes = 0
        self._inputs = 0
        self._pending: list[bytes] = []
        self._flushed_bytes = 0
        self._stream: BinaryIO | None = None

    @property
    def folder(self) -> Path:
        """Where everything is written."""
        return self._spool.folder

    def all_ids(self) -> Iterator[str]:
        """The custom_ids of all shards that are whole, in order; one shard's at a time is held."""
        for shard in self.shards:
            yield from self._spool.ids(shard.index)

    @property
    def rows(self) -> int:
        """Requests so far."""
        return sum(shard.rows for shard in self.shards) + len(self._ids)

    @property
    def total_bytes(self) -> int:
        """Bytes of the requests so far, one a line."""
        return sum(shard.size_bytes for shard in self.shards) + self._bytes

    def has_room(self, content: bytes, checked: Checked) -> bool:
        """Whether these requests, one a line, still fit into the shard that is being written."""
        limits = self._limits
        return (
            len(self._ids) + len(checked.custom_ids) <= limits.rows
            and self._bytes + len(content) + 1 <= limits.size_bytes
            and self._inputs + checked.inputs <= limits.inputs
        )

    def add(self, content: bytes, checked: Checked) -> None:
        """Append one request, or several that there is room for: lines without the last newline.

        A new shard begins where this one is full.
        """
        if self._ids and not self.has_room(content, checked):
            self._end_shard()
        self._ids += checked.custom_ids
        self._bytes += len(content) + 1
        self._inputs += checked.inputs
        self._pending.append(content)
        if self._bytes - self._flushed_bytes >= _FLUSH_BYTES:
            self._flush()

    def finish(self) -> None:
        """End the last shard."""
        if self._ids:
            self._end_shard()

    def close(self) -> None:
        """Let an unfinished file go."""
        if self._stream is not None:
            with contextlib.suppress(OSError):  # what it still holds is not wanted any more
                self._stream.close()

    def _flush(self) -> None:
        self._flushed_bytes = self._bytes
        if not self._keep:
            self._pending.clear()
            return
        data = b"\n".join(self._pending) + b"\n" if self._pending else b""
        self.sha256.update(data)
        self._pending.clear()
        with self._keeping():
            if self._stream is None:
                self._stream = open_private(self._spool.requests(self._index, 1))
            self._stream.write(data)

    @contextlib.contextmanager
    def _keeping(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"cannot keep the requests in {self._spool.folder}: {error.strerror}; "
                "nothing was sent"
            ) from error

    def _end_shard(self) -> None:
        self._flush()
        index = self._index
        if self._stream is not None:
            with self._keeping():
                self._stream.flush()
                os.fsync(self._stream.fileno())
                self._stream.close()
            self._stream = None
        self._spool.save_ids(index, self._ids)
        first_row = self._first_row + sum(shard.rows for shard in self.shards)
        self.shards.append(ShardPlan(index, first_row, len(self._ids), self._bytes))
        self._ids = []
        self._bytes = self._inputs = self._flushed_bytes = 0

    @property
    def _index(self) -> int:
        return self._first_index + len(self.shards)
