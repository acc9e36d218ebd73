"""The journal: facts that last, in one file that is there whole or not at all."""

import contextlib
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from openai_batch.engine.entries import (
    BatchCreated,
    BatchSeen,
    CancelRequested,
    CreateStarted,
    ShardPlan,
    Uploaded,
    UploadStarted,
)
from openai_batch.engine.journal import Journal, RunInfo
from openai_batch.engine.states import IllegalMove, Phase
from openai_batch.errors import RunDamaged, StorageError

INFO = RunInfo(
    run_id="run_1",
    created_at=5.0,
    provider="p",
    base_url=None,
    endpoint="/v1/chat/completions",
    model=None,
    completion_window="24h",
    input_name="in.jsonl",
    input_sha256="ab" * 32,
    requests=20,
    size_bytes=200,
    metadata={"a": "b"},
)
PLANS = [ShardPlan(1, 0, 10, 100), ShardPlan(2, 10, 10, 100)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Journal:
    return Journal.create(path, INFO, PLANS)


def test_what_was_recorded_is_read_again(path: Path, journal: Journal) -> None:
    """Info, plan and state are the same in the next process."""
    journal.append(UploadStarted(1, 1), Uploaded(1, 1, "f"), at=6.0)
    journal.append(UploadStarted(2, 1), at=7.0)
    journal.close()
    again = Journal.open(path)
    assert (again.info, again.plans) == (INFO, PLANS)
    assert [s.current.phase for s in again.state.in_order()] == [Phase.UPLOADED, Phase.UPLOADING]
    assert again.last_at == 7.0
    again.close()


def test_it_is_there_whole_or_not_at_all(path: Path) -> None:
    """What cannot be recorded leaves no file, and nobody's journal is written over."""
    with pytest.raises(IllegalMove):
        Journal.create(path, INFO, PLANS, [Uploaded(1, 1, "f")]).close()
    assert list(path.parent.iterdir()) == []
    Journal.create(path, INFO, PLANS).close()
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.db"]
    with pytest.raises(StorageError, match=r"cannot write .*journal\.db"):
        Journal.create(path, replace(INFO, requests=1), [])
    assert [entry.name for entry in path.parent.iterdir()] == ["journal.db"]
    again = Journal.open(path)
    assert again.info == INFO
    again.close()


def test_facts_come_with_the_plan(path: Path) -> None:
    """A rebuilt run exists with all that is known of it: there is no moment between."""
    facts = [UploadStarted(1, 1), Uploaded(1, 1, "f")]
    journal = Journal.create(path, INFO, PLANS, facts)
    assert journal.state.shards[1].current.phase is Phase.UPLOADED
    journal.close()


def test_a_transaction_is_all_or_nothing(path: Path, journal: Journal) -> None:
    """An illegal entry takes those before it along."""
    with pytest.raises(IllegalMove):
        journal.append(UploadStarted(1, 1), Uploaded(2, 1, "f"), at=6.0)
    assert journal.state.shards[1].current.phase is Phase.PLANNED
    journal.append(UploadStarted(2, 1), at=6.0)
    journal.close()
    again = Journal.open(path)
    assert [s.current.phase for s in again.state.in_order()] == [Phase.PLANNED, Phase.UPLOADING]
    again.close()


def test_another_process_is_heard(path: Path, journal: Journal) -> None:
    """A cancellation by another process is not lost, whoever writes next."""
    other = Journal.open(path)
    journal.append(UploadStarted(1, 1), at=6.0)
    other.append(CancelRequested(), at=7.0)
    assert other.state.shards[1].current.phase is Phase.UPLOADING
    journal.append(Uploaded(1, 1, "f"), at=8.0)
    assert journal.state.cancel_requested
    other.refresh()
    assert other.state == journal.state
    journal.close()
    other.close()


def test_reading_needs_no_lock(path: Path, journal: Journal) -> None:
    """While another process is in the middle of writing, the last whole state is read."""
    writer = sqlite3.connect(path)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO entry (at, kind, body) VALUES (1, 'cancel_requested', '{}')")
    reader = Journal.open(path)
    assert not reader.state.cancel_requested
    writer.commit()
    assert reader.refresh().cancel_requested
    for connection in (writer, reader, journal):
        connection.close()


def test_strange_text_is_no_obstacle(path: Path) -> None:
    """Names of files that are no Unicode, and numbers of any size, are stored as they are."""
    info = replace(INFO, input_name="\udcff.jsonl")
    journal = Journal.create(path, info, PLANS)
    for entry in (UploadStarted(1, 1), Uploaded(1, 1, "f"), CreateStarted(1, 1, 5.0)):
        journal.append(entry, at=6.0)
    journal.append(BatchCreated(1, 1, "b"), at=6.0)
    journal.append(BatchSeen(1, 1, "x", False, usage={"n": 2**70, "\ud800": 1}), at=6.0)
    journal.close()
    again = Journal.open(path)
    assert again.info.input_name == "\udcff.jsonl"
    assert again.state.shards[1].current.seen is not None
    assert again.state.shards[1].current.seen.usage == {"n": 2**70, "\ud800": 1}
    again.close()


def test_damage_is_said_to_be_damage(path: Path, journal: Journal) -> None:
    """A missing, torn, foreign or newer journal names itself, and how to go on."""
    journal.close()
    whole = path.read_bytes()
    for content, message in (
        (b"", "holds no run: planning it was never finished"),
        (whole[:4096], "is damaged"),
        (b"\x00" * 8192, "is damaged"),
        (b"no database at all" * 100, "is damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(RunDamaged, match=message):
            Journal.open(path)
    path.unlink()
    with pytest.raises(RunDamaged, match="is missing"):
        Journal.open(path)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("PRAGMA user_version=4", "newer openai-batch .*upgrade openai-batch"),
        ("DELETE FROM run", "holds no run"),
        ("UPDATE run SET body='{'", "is damaged"),
        ('UPDATE run SET body=\'{"run_id":"x"}\'', "is damaged"),
        ("INSERT INTO entry (at, kind, body) VALUES (1, 'uploaded', '{}')", "is damaged"),
        ("INSERT INTO entry (at, kind, body) VALUES (1, 'nonsense', '{}')", "is damaged"),
        (
            "INSERT INTO entry (at, kind, body) VALUES "
            '(1, \'uploaded\', \'{"shard":1,"attempt":1,"file_id":"f"}\')',
            "uploaded for attempt 1 of shard 1, whose attempt 1 is planned",
        ),
    ],
)
def test_a_journal_that_makes_no_sense_is_damage(
    path: Path, journal: Journal, statement: str, message: str
) -> None:
    """Entries that cannot be, and a version from the future, are never guessed at."""
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    with pytest.raises(RunDamaged, match=message):
        Journal.open(path)


def test_a_commit_is_synced_with_its_folder(journal: Journal) -> None:
    """EXTRA: the deletion of the rollback journal, which is the commit, survives a power cut."""
    assert journal._connection.execute("PRAGMA synchronous").fetchone() == (3,)
    journal.close()


def test_a_process_killed_in_a_transaction_leaves_the_state_before(
    path: Path, journal: Journal
) -> None:
    """kill -9 with half a transaction on disk: the next one reads what was committed."""
    journal.append(UploadStarted(1, 1), at=6.0)
    journal.close()
    script = (
        "import sqlite3, sys, os\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA cache_size=1')\n"
        "c.execute('BEGIN IMMEDIATE')\n"
        "for _ in range(200):\n"
        "    c.execute(\"INSERT INTO entry (at, kind, body) VALUES (1, 'x', ?)\", ('y' * 999,))\n"
        "os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == 9
    assert path.with_name("journal.db-journal").exists()
    again = Journal.open(path)
    assert again.state.shards[1].current.phase is Phase.UPLOADING
    again.append(Uploaded(1, 1, "f"), at=7.0)
    again.close()


VERSION_1 = """
CREATE TABLE run (body TEXT NOT NULL);
CREATE TABLE shard (idx INTEGER PRIMARY KEY, first_row INTEGER NOT NULL, rows INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL);
CREATE TABLE entry (seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, kind TEXT NOT NULL,
    body TEXT NOT NULL);
INSERT INTO run VALUES ('{"run_id":"run_1","created_at":5.0,"provider":"p","base_url":null,
    "endpoint":"/v1/chat/completions","model":"m","completion_window":"24h","input_name":null,
    "input_sha256":"ab","requests":2,"size_bytes":20}');
INSERT INTO shard VALUES (1, 0, 2, 20);
INSERT INTO entry (at, kind, body) VALUES
    (6.0, 'upload_started', '{"shard":1,"attempt":1}'),
    (7.0, 'uploaded', '{"shard":1,"attempt":1,"file_id":"file-1"}'),
    (8.0, 'create_started', '{"shard":1,"attempt":1,"at":8.0}'),
    (9.0, 'create_rejected', '{"shard":1,"attempt":1,"reason":"no room"}');
PRAGMA user_version=1;
"""


def test_a_journal_of_version_1_is_read_and_marked_at_the_first_entry(tmp_path: Path) -> None:
    """An older program that meets a newer entry is told to upgrade, not that it is damaged."""
    path = tmp_path / "journal.db"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(VERSION_1)
    with contextlib.closing(Journal.open(path)) as journal:
        attempt = journal.state.shards[1].current
        assert (attempt.phase, attempt.file_id, attempt.doubted) == (
            Phase.UPLOADED,
            "file-1",
            False,
        )
        assert version(path) == 1
        journal.append(CreateStarted(1, 1, 10.0), at=10.0)
    assert version(path) == 3


def version(path: Path) -> int:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        number: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return number
