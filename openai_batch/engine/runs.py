"""Which runs there are, where each is kept, and who drives it."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ..clock import Clock, SystemClock
from ..errors import RunDamaged, RunLocked, StorageError
from ..files import make_private_dir, replacing
from .entries import CancelRequested
from .events import OnEvent, ignore
from .journal import Journal
from .spool import Spool
from .states import refused_outright, settled

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class Place:
    """Where runs are kept, by which clock they live, and who watches."""

    state_dir: Path
    clock: Clock = field(default_factory=SystemClock)
    on_event: OnEvent = ignore

    @property
    def runs(self) -> Path:
        """The folder of all runs."""
        return self.state_dir / "runs"

    def folder(self, run_id: str) -> Path:
        """The folder of one run, whether it exists or not."""
        return self.runs / run_id

    def journal_path(self, run_id: str) -> Path:
        """The journal of one run, whether it exists or not."""
        return self.folder(run_id) / "journal.db"

    def spool(self, run_id: str) -> Spool:
        """The spool of one run, whether it exists or not."""
        return Spool(self.folder(run_id) / "spool")


def new_run_id(now: float) -> str:
    """An id that sorts by time (UTC, to the millisecond) and does not meet another machine's."""
    stamp = time.strftime("%Y%m%d_%H%M%S", time.gmtime(now))
    high, low = divmod(int(now % 1 * 1024), len(_ALPHABET))
    rest = "".join(secrets.choice(_ALPHABET) for _ in range(6))
    return f"run_{stamp}_{_ALPHABET[high]}{_ALPHABET[low]}{rest}"


def list_runs(place: Place) -> list[str]:
    """The ids of all runs that were planned to the end, oldest first."""
    if not place.runs.is_dir():
        return []
    folders = (path.name for path in place.runs.iterdir() if path.name.startswith("run_"))
    return sorted(name for name in folders if place.journal_path(name).exists())


def open_journal(place: Place, run_id: str) -> Journal:
    """The journal of a run. Raises RunDamaged where it is missing or cannot be understood."""
    return Journal.open(place.journal_path(run_id))


def find_run(place: Place, name: str) -> str | None:
    """The id of the run that `name` means: its own id, or the id of a batch of it."""
    # A batch's id may be longer than a file's name can be (LiteLLM's are).
    if name.startswith("run_") and place.journal_path(name).exists():
        return name
    for run_id, journal in _readable(place):
        attempts = (a for shard in journal.state.shards.values() for a in shard.attempts)
        if any(name in attempt.batch_ids for attempt in attempts):
            return run_id
    return None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """Enough of a run to recognise it. `created_at` is unix time in seconds."""

    run_id: str
    created_at: float
    input_name: str | None
    input_sha256: str
    provider: str
    base_url: str | None
    requests: int

    def same_work(self, other: "RunSummary") -> bool:
        """Whether both send the same requests to the same place."""
        return (self.input_sha256, self.provider, self.base_url) == (
            other.input_sha256,
            other.provider,
            other.base_url,
        )


def unfinished(place: Place) -> list[RunSummary]:
    """The runs whose results are still to come, oldest first: not what was cancelled, or refused
    before anything was executed."""
    return [
        RunSummary(
            run_id,
            journal.info.created_at,
            journal.info.input_name,
            journal.info.input_sha256,
            journal.info.provider,
            journal.info.base_url,
            journal.info.requests,
        )
        for run_id, journal in _readable(place)
        if journal.state.delivered is None
        and not journal.state.cancel_requested
        and not refused_outright(journal.state)
    ]


def request_cancel(place: Place, run_id: str) -> None:
    """Record that the run is to end, whoever drives it. Durable on return; may be repeated.

    Nothing more of it is sent. Its batches are cancelled by whoever drives it next, or does now.
    """
    with contextlib.closing(open_journal(place, run_id)) as journal:
        if not (journal.state.cancel_requested or settled(journal.state)):
            journal.append(CancelRequested(), at=place.clock.now())


def remove_run(place: Place, run_id: str) -> None:
    """Delete a run from this machine; at the provider nothing changes. Raises RunLocked."""
    with _locked(place.folder(run_id), _LOCK_WAIT_S) as folder:
        # Without its journal it is no run any more, whatever else a crash may leave.
        place.journal_path(run_id).unlink(missing_ok=True)
        shutil.rmtree(folder, ignore_errors=True)


def twin_of(place: Place, run_id: str) -> str | None:
    """Another unfinished run with the same input at the same provider."""
    runs = {run.run_id: run for run in unfinished(place)}
    this = runs.pop(run_id, None)
    twins = (run for run in runs.values() if this and run.same_work(this))
    return next((run.run_id for run in twins), None)


def _readable(place: Place) -> Iterator[tuple[str, Journal]]:
    for run_id in list_runs(place):
        # Damage concerns one run: the others are found all the same.
        with contextlib.suppress(RunDamaged, StorageError):
            journal = open_journal(place, run_id)
            try:
                yield run_id, journal
            finally:
                journal.close()


@contextlib.contextmanager
def driving(place: Place, run_id: str) -> Iterator[None]:
    """Hold the run's lock. Raises RunLocked, naming the holder, where another process has it."""
    with _locked(place.folder(run_id), _LOCK_WAIT_S) as folder:
        with replacing(folder / "driver.json") as stream:
            driver = {"pid": os.getpid(), "host": socket.gethostname(), "since": place.clock.now()}
            stream.write(json.dumps(driver).encode())
        yield


@contextlib.contextmanager
def _locked(folder: Path, wait_s: float) -> Iterator[Path]:
    from filelock import FileLock, Timeout

    # Not thread-local: whoever closes a run may be another thread than the one that opened it.
    lock = FileLock(folder / "lock", timeout=wait_s, mode=0o600, thread_local=False)
    try:
        while True:
            make_private_dir(folder)
            # A sweep may take the new folder away before there is a lock in it, or while the lock
            # makes it once more.
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                lock.acquire()
                break
    except Timeout:
        raise RunLocked(f"{folder.name} is driven by {_holder(folder)}") from None
    try:
        yield folder
    finally:
        lock.release()


_LOCK_WAIT_S = 0.5
"""Whoever drives a run holds its lock for as long as that takes, a sweep only for a moment."""


def _holder(folder: Path) -> str:
    try:
        driver = json.loads((folder / "driver.json").read_bytes())
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(driver["since"]))
        return f"process {driver['pid']} on {driver['host']} since {since}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


def sweep(place: Place) -> None:
    """Remove what died while it was planned: no run exists there, and nothing was sent."""
    if not place.runs.is_dir():
        return
    for folder in place.runs.iterdir():
        if not folder.name.startswith("run_") or place.journal_path(folder.name).exists():
            continue
        # Only under the lock is it certain that it is neither being planned nor just finished.
        with contextlib.suppress(RunLocked), _locked(folder, wait_s=0):
            if not place.journal_path(folder.name).exists():
                shutil.rmtree(folder, ignore_errors=True)
