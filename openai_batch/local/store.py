"""The server's memory: SQLite for files and batches, and a folder for what is in the files."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..clock import Clock
from ..errors import StorageError
from ..files import make_private_dir
from .lifecycle import Event, advance
from .records import BatchRecord, FileRecord

_VERSION = 1
# A deleted file keeps its row, so that a client who deletes while it pages can name it as cursor.
_SCHEMA = f"""
BEGIN;
CREATE TABLE files (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    final INTEGER NOT NULL,
    record BLOB NOT NULL
);
CREATE INDEX unfinished ON batches (final) WHERE final = 0;
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_FILE_COLUMNS = "id, filename, purpose, size_bytes, created_at, expires_at"


class UnknownCursor(Exception):
    """`after` names nothing that was ever there."""


class Store:
    """One folder's files and batches. Safe to use from several threads.

    What a method has written is durable when it returns. Only one process may open a folder at a
    time: the server's lock sees to that. Raises StorageError where the database cannot be used.
    """

    def __init__(self, folder: Path, clock: Clock):
        self._clock = clock
        self._lock = threading.RLock()
        self._contents = make_private_dir(folder / "files")
        path = folder / "store.db"
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite itself would make it 0644
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            # Durable at each commit for one fsync; alone in the folder, it needs no shared memory.
            for pragma in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._open_schema(path)
        except sqlite3.Error as error:
            raise StorageError(f"cannot open {path}: {error}") from error
        self._sweep()

    def _open_schema(self, path: Path) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._db.executescript(_SCHEMA)
        elif version != _VERSION:
            raise StorageError(f"{path} was written by a newer openai-batch (format {version})")

    def close(self) -> None:
        """Close the database. Nothing may be called after it."""
        with self._lock:
            self._db.close()

    def now_s(self) -> int:
        """Unix time in whole seconds, as the API shows times."""
        return int(self._clock.now())

    # Files

    def content_path(self, file_id: str) -> Path:
        """Where the content of a file is, or will be. The id must be one of ours."""
        return self._contents / file_id

    def add_file(self, record: FileRecord) -> None:
        """Make a file known whose content is durable in its place."""
        with self._transaction():
            self._insert_file(record)

    def get_file(self, file_id: str) -> FileRecord | None:
        """A file that is neither deleted nor expired."""
        with self._lock:
            row = self._db.execute(
                f"SELECT {_FILE_COLUMNS} FROM files "
                "WHERE id = ? AND deleted = 0 AND expires_at > ?",
                (file_id, self.now_s()),
            ).fetchone()
        return _file(row) if row else None

    def list_files(
        self, *, purpose: str | None, after: str | None, newest_first: bool, limit: int
    ) -> list[FileRecord]:
        """Up to `limit` files behind the file `after`. Raises UnknownCursor."""
        with self._lock:
            start = self._cursor("files", after, newest_first)
            rows = self._db.execute(
                f"SELECT {_FILE_COLUMNS} FROM files "
                "WHERE deleted = 0 AND expires_at > ? AND (purpose = ? OR ? IS NULL) "
                f"AND seq {'<' if newest_first else '>'} ? "
                f"ORDER BY seq {'DESC' if newest_first else 'ASC'} LIMIT ?",
                (self.now_s(), purpose, purpose, start, limit),
            ).fetchall()
        return [_file(row) for row in rows]

    def delete_file(self, file_id: str) -> bool:
        """Forget a file; False where there is none. Unfinished batches can still read theirs."""
        with self._transaction():
            found = self.get_file(file_id) is not None
            if found:
                self._db.execute("UPDATE files SET deleted = 1 WHERE id = ?", (file_id,))
        if found:
            self._discard(file_id)
        return found

    # Batches

    def add_batch(self, record: BatchRecord) -> None:
        """Make a new batch known."""
        with self._transaction():
            self._db.execute(
                "INSERT INTO batches (id, final, record) VALUES (?, ?, ?)",
                (record.id, record.status.final, record.to_json()),
            )

    def get_batch(self, batch_id: str) -> BatchRecord:
        """A batch, however old. Raises KeyError where there is none."""
        with self._lock:
            row = self._db.execute(
                "SELECT record FROM batches WHERE id = ?", (batch_id,)
            ).fetchone()
        if row is None:
            raise KeyError(batch_id)
        return BatchRecord.from_json(row[0])

    def list_batches(self, *, after: str | None, limit: int) -> list[BatchRecord]:
        """Up to `limit` batches that are older than the batch `after`, newest first.

        Raises UnknownCursor.
        """
        with self._lock:
            start = self._cursor("batches", after, newest_first=True)
            rows = self._db.execute(
                "SELECT record FROM batches WHERE seq < ? ORDER BY seq DESC LIMIT ?", (start, limit)
            ).fetchall()
        return [BatchRecord.from_json(row[0]) for row in rows]

    def unfinished(self) -> list[BatchRecord]:
        """The batches that still have something to do, oldest first."""
        with self._lock:
            rows = self._db.execute(
                "SELECT record FROM batches WHERE final = 0 ORDER BY seq"
            ).fetchall()
        return [BatchRecord.from_json(row[0]) for row in rows]

    def advance(
        self, batch_id: str, event: Event, *, files: Sequence[FileRecord] = (), **changes: Any
    ) -> BatchRecord:
        """Move a batch on, change its fields and add `files`: all of it, or nothing.

        Raises KeyError where there is no such batch, IllegalMove where the event cannot happen
        (any more).
        """
        with self._transaction():
            record = self.get_batch(batch_id)
            record = record.moved(advance(record.status, event), self.now_s(), changes)
            for file in files:
                self._insert_file(file)
            self._db.execute(
                "UPDATE batches SET final = ?, record = ? WHERE id = ?",
                (record.status.final, record.to_json(), batch_id),
            )
        if record.status.final:
            self._forget_leftovers(record)
        return record

    # Inside

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _cursor(self, table: str, after: str | None, newest_first: bool) -> int:
        if after is None:
            return 2**62 if newest_first else 0
        row = self._db.execute(f"SELECT seq FROM {table} WHERE id = ?", (after,)).fetchone()
        if row is None:
            raise UnknownCursor(after)
        return int(row[0])

    def _insert_file(self, record: FileRecord) -> None:
        self._db.execute(
            f"INSERT INTO files ({_FILE_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
            (
                record.id,
                record.filename,
                record.purpose,
                record.size_bytes,
                record.created_at,
                record.expires_at,
            ),
        )

    def _forget_leftovers(self, record: BatchRecord) -> None:
        """Remove logs that did not become files, and an input that was deleted meanwhile."""
        for file_id in (record.output_log_id, record.error_log_id, record.input_file_id):
            if self.get_file(file_id) is None:
                self._discard(file_id)

    def _discard(self, file_id: str) -> None:
        if file_id in self._needed():
            return
        # Windows refuses while the content is being read; the next start removes it then.
        with contextlib.suppress(OSError):
            self.content_path(file_id).unlink(missing_ok=True)

    def _needed(self) -> set[str]:
        """The contents that unfinished batches read from or write to."""
        return {
            file_id
            for record in self.unfinished()
            for file_id in (record.input_file_id, record.output_log_id, record.error_log_id)
        }

    def _sweep(self) -> None:
        """Remove contents that nothing points to: torn uploads, and files that have expired."""
        live = self._db.execute(
            "SELECT id FROM files WHERE deleted = 0 AND expires_at > ?", (self.now_s(),)
        )
        wanted = self._needed().union(row[0] for row in live)
        for path in self._contents.iterdir():
            if path.name not in wanted:
                path.unlink()


def _file(row: Any) -> FileRecord:
    file_id, filename, purpose, size_bytes, created_at, expires_at = row
    return FileRecord(
        id=file_id,
        filename=filename,
        purpose=purpose,
        size_bytes=size_bytes,
        created_at=created_at,
        expires_at=expires_at,
    )
