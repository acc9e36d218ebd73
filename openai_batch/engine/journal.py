"""The journal of one run: what was planned, and every fact since, in SQLite.

One thread writes. Each `append` is one transaction, committed and synced on return, so a fact that
was recorded survives a power cut. Reading (`status`, `list`) needs no lock and sees whole
transactions only.
"""

import contextlib
import secrets
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any, Self

from .. import jsonl
from ..errors import RunDamaged, StorageError
from ..files import publish
from .entries import CeilingsNamed, Entry, ShardPlan, from_fields, to_fields
from .states import IllegalMove, RunState, advance, begin

SCHEMA_VERSION = 3
"""1: 0.4 before it knew of duplicates and of deleted files; 2: before it knew of prices and tokens.
What they wrote is read as it is; what is written since they would not understand, so a journal is
marked at the first entry."""

UNKNOWN_SHA256 = "0" * 64
"""Stands for the input of a batch that was made elsewhere."""

_SCHEMA = """
CREATE TABLE run (body TEXT NOT NULL);
CREATE TABLE shard (
    idx INTEGER PRIMARY KEY,
    first_row INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL
);
CREATE TABLE entry (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    kind TEXT NOT NULL,
    body TEXT NOT NULL
);
"""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What a run is; fixed when it is planned.

    `input_sha256` is of the requests as they are sent, one a line. `ordered` is False where the
    provider deleted the input of a batch made elsewhere, so that only its output's order is known.
    `harvest_only`: nothing is ever sent for it. `recovered`: rebuilt from what the provider has, so
    that a batch may exist of which this journal does not know.

    `prices` has, for each model of the requests whose batches have a known price, that price as
    `Price.to_fields` gives it, and `estimate` what the requests were thought to need, as `run
    --dry-run` prints it; both are as they were when the run was planned. `max_cost_usd` and
    `max_tokens` are ceilings that the user set for all attempts together; `resume` may name others.
    """

    run_id: str
    created_at: float
    provider: str
    base_url: str | None
    endpoint: str
    model: str | None
    completion_window: str
    input_name: str | None
    input_sha256: str
    requests: int
    size_bytes: int
    max_attempts: int = 3
    max_in_flight: int | None = None
    harvest_only: bool = False
    ordered: bool = True
    recovered: bool = False
    output_file: str | None = None
    error_file: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    prices: dict[str, dict[str, Any]] = field(default_factory=dict)
    estimate: dict[str, Any] | None = None
    max_cost_usd: str | None = None
    max_tokens: int | None = None

    @property
    def made_elsewhere(self) -> bool:
        """Whether it is of a batch that none of our runs has made."""
        return self.input_sha256 == UNKNOWN_SHA256

    def limited_by(self, named: CeilingsNamed | None) -> "RunInfo":
        """The same with other ceilings, and another price."""
        if named is None:
            return self
        models = {*self.prices, *([self.model] if self.model else [])}
        return replace(
            self,
            max_cost_usd=named.max_cost_usd or self.max_cost_usd,
            max_tokens=named.max_tokens or self.max_tokens,
            prices=dict.fromkeys(models, named.price) if named.price else self.prices,
        )


class Journal:
    """An open journal and the state it stands for."""

    def __init__(self, connection: sqlite3.Connection, path: Path):
        self._connection = connection
        self._path = path
        self._last_seq = 0
        with _reading(path):
            self._planned = RunInfo(**_parse(self._one("SELECT body FROM run")))
            rows = connection.execute(
                "SELECT idx, first_row, rows, size_bytes FROM shard"
            ).fetchall()
        self.plans = [ShardPlan(*row) for row in rows]
        self.state: RunState = begin(self.plans)
        self.last_at = self._planned.created_at
        self.refresh()

    @property
    def info(self) -> RunInfo:
        """What the run is, with the ceilings and the price that were named since."""
        return self._planned.limited_by(self.state.ceilings)

    @classmethod
    def create(
        cls, path: Path, info: RunInfo, plans: list[ShardPlan], facts: Sequence[Entry] = ()
    ) -> Self:
        """Record a planned run, with what is known of it already. Durable on return.

        The file takes its name at the end: before this returns, the run does not exist. Raises
        StorageError where there is a journal already, IllegalMove before anything is written.
        """
        reduce(advance, facts, begin(plans))
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            with _writing(path), contextlib.closing(_connect(part)) as connection, connection:
                connection.executescript(
                    "BEGIN;" + _SCHEMA + f"PRAGMA user_version={SCHEMA_VERSION};"
                )
                connection.execute("INSERT INTO run VALUES (?)", (_text(asdict(info)),))
                connection.executemany(
                    "INSERT INTO shard VALUES (?, ?, ?, ?)",
                    [(p.index, p.first_row, p.rows, p.size_bytes) for p in plans],
                )
                _insert(connection, facts, info.created_at)
            publish(part, path, exclusive=True)
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
        finally:
            part.unlink(missing_ok=True)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing journal and fold it. Raises RunDamaged where it cannot be understood."""
        if not path.exists():
            raise RunDamaged(f"{path} is missing")
        connection = _connect(path)
        try:
            with _reading(path):
                version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version > SCHEMA_VERSION:
                raise RunDamaged(
                    f"{path} was written by a newer openai-batch (format {version}, "
                    f"this one knows {SCHEMA_VERSION}): upgrade openai-batch"
                )
            if version < 1:
                raise RunDamaged(f"{path} holds no run: planning it was never finished")
            return cls(connection, path)
        except BaseException:
            connection.close()
            raise

    def append(self, *entries: Entry, at: float) -> RunState:
        """Record `entries` in one transaction and return the new state. Durable on return.

        What another process has recorded since is taken in first. `at` is unix time in seconds.
        Raises IllegalMove before anything is written.
        """
        with _writing(self._path), self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            state = self.refresh()
            for entry in entries:
                state = advance(state, entry)
            last_seq = _insert(self._connection, entries, at)
            self._connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        self.state = state
        self._last_seq = last_seq or self._last_seq
        self.last_at = at
        return state

    def refresh(self) -> RunState:
        """Take in what another process has recorded since (`cancel` does)."""
        with _reading(self._path):
            rows = self._connection.execute(
                "SELECT seq, at, kind, body FROM entry WHERE seq > ? ORDER BY seq",
                (self._last_seq,),
            ).fetchall()
            for seq, at, kind, body in rows:
                self.state = advance(self.state, from_fields(kind, _parse(body)))
                self._last_seq, self.last_at = seq, at
        return self.state

    def history(self) -> Iterator[Entry]:
        """Every entry there is, from the first on."""
        with _reading(self._path):
            rows = self._connection.execute("SELECT kind, body FROM entry ORDER BY seq").fetchall()
            for kind, body in rows:
                yield from_fields(kind, _parse(body))

    def close(self) -> None:
        """Let the database go. May be repeated."""
        self._connection.close()

    def _one(self, query: str) -> Any:
        row = self._connection.execute(query).fetchone()
        if row is None:
            raise RunDamaged(f"{self._path} holds no run")
        return row[0]


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry], at: float) -> int | None:
    """Write `entries`, to be committed; return the number of the last one."""
    seq = None
    for entry in entries:
        cursor = connection.execute(
            "INSERT INTO entry (at, kind, body) VALUES (?, ?, ?)",
            (at, entry.kind, _text(to_fields(entry))),
        )
        seq = cursor.lastrowid
    return seq


def _text(value: dict[str, Any]) -> str:
    return jsonl.dumps(value).decode()


def _parse(text: str) -> Any:
    return jsonl.parse(text.encode())


def _connect(path: Path) -> sqlite3.Connection:
    try:
        with contextlib.ExitStack() as opened:
            # A library's user may poll from another thread than the one that submitted; callers
            # see to it that there is one at a time.
            connection = sqlite3.connect(path, timeout=30, check_same_thread=False)
            opened.callback(connection.close)
            path.chmod(0o600)
            # Beyond FULL this syncs the folder when the rollback journal is deleted, which is the
            # commit: else a power cut could bring that file back, and undo a recorded intent.
            connection.execute("PRAGMA synchronous=EXTRA")
            opened.pop_all()
    except (sqlite3.OperationalError, OSError) as error:
        raise StorageError(f"cannot open {path}: {error}") from error
    except sqlite3.Error as error:
        raise _damaged(path, error) from error
    return connection


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StorageError(f"cannot write {path}: {error}") from error


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, IllegalMove, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> RunDamaged:
    return RunDamaged(
        f"{path} is damaged: {error}. With its folder moved away, "
        f"`openai-batch resume {path.parent.name}` rebuilds the run from what the provider has"
    )
