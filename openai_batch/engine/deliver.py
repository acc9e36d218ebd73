"""Results to where the user wants them: whole or not at all, and never over another's file."""

import contextlib
import filecmp
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..clock import Clock
from ..errors import StorageError, UsageError
from ..files import fsync_dir, open_private, publish
from .entries import Delivered, Publishing, SpoolRemoved
from .journal import Journal
from .merge import Counts, merge
from .spool import Spool
from .states import may_be_removed, settled

Target = Path | BinaryIO


@dataclass(frozen=True, slots=True)
class Delivery:
    """Where results go. `errors` None: failed requests stand in `output`, each in its place.

    `force` replaces files that exist. `held`: what is written is not safe yet, and recorded by
    `Run.confirm_delivery`. `drop_empty_errors` leaves no error file behind where nothing
    failed, for names that the user did not choose; with `force`, not the one of before either.
    """

    output: Target
    errors: Target | None = None
    force: bool = False
    partial: bool = False
    held: bool = False
    drop_empty_errors: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.output, Path) and self.output == self.errors:
            raise UsageError(f"results and failed requests cannot both go to {self.output}")


def deliver(
    journal: Journal,
    spool: Spool,
    clock: Clock,
    delivery: Delivery,
    on_progress: Callable[[int], None],
) -> Counts:
    """Merge a settled run's results to where `delivery` says, record it, and let the spool go.

    May be repeated after a crash: a file that an earlier try published is known by its content.
    Raises StorageError where a path is taken by somebody else's file; the results are kept.
    """
    shards = journal.state.in_order()
    targets = [_path(delivery.output), _path(delivery.errors)]
    names = [str(path) if path else None for path in targets]

    run_id = journal.info.run_id
    began = journal.state.publishing
    ours = {began.output_file, began.error_file} if began else set()
    with (
        _writing(names),
        _written(delivery.output, run_id) as output,
        _written(delivery.errors, run_id) as errors,
    ):
        error_stream = _stream(errors) if errors else None
        counts = merge(
            shards,
            spool,
            _stream(output),
            error_stream,
            closed=settled(journal.state),
            on_progress=on_progress,
        )
        _finish(output)
        _finish(errors)
        if not delivery.partial:
            journal.append(Publishing(names[0], names[1]), at=clock.now())
        drop = delivery.drop_empty_errors and counts.failed + counts.missing == 0
        if drop and delivery.force and isinstance(errors, _Temporary):
            # First: should we die here, no failures of before stand beside the new results.
            errors.path.unlink(missing_ok=True)
            fsync_dir(errors.path.parent)
        for target in (output, errors):
            if isinstance(target, _Temporary) and not (drop and target is errors):
                _publish(target, delivery, run_id, known=str(target.path) in ours)
    if not (delivery.partial or delivery.held):
        record_delivery(journal, spool, clock, names[0], None if drop else names[1])
    return counts


def record_delivery(
    journal: Journal, spool: Spool, clock: Clock, output_file: str | None, error_file: str | None
) -> None:
    """Record that every result is where the user wants it, and let the spool go."""
    journal.append(Delivered(output_file, error_file), at=clock.now())
    if may_be_removed(journal.state):
        spool.remove()
        journal.append(SpoolRemoved(), at=clock.now())


@dataclass(frozen=True, slots=True)
class _Temporary:
    """A file that is still without its name."""

    path: Path
    written: Path
    stream: BinaryIO


def _path(target: Target | None) -> Path | None:
    return target if isinstance(target, Path) else None


@contextlib.contextmanager
def _writing(names: list[str | None]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        files = " and ".join(name for name in names if name)
        if not files:
            raise
        raise StorageError(
            f"cannot write {files}: {error.strerror or error}; the results are kept"
        ) from error


@contextlib.contextmanager
def _written(target: Target | None, run_id: str) -> Iterator["_Temporary | BinaryIO | None"]:
    if not isinstance(target, Path):
        yield target
        return
    # The run's own name, under its lock: what a killed process left is overwritten, not forgotten.
    written = target.with_name(f".{target.name}.{run_id}.part")
    try:
        with open_private(written) as stream:
            yield _Temporary(target, written, stream)
    finally:
        with contextlib.suppress(OSError):
            written.unlink()


def _stream(target: "_Temporary | BinaryIO | None") -> BinaryIO:
    assert target is not None
    return target.stream if isinstance(target, _Temporary) else target


def _finish(target: "_Temporary | BinaryIO | None") -> None:
    if target is None:
        return
    _stream(target).flush()
    if isinstance(target, _Temporary):
        os.fsync(target.stream.fileno())
        target.stream.close()  # Windows gives no new name to a file that is open


def _publish(target: _Temporary, delivery: Delivery, run_id: str, *, known: bool) -> None:
    """Give the file its name, unless an earlier try of this very delivery already did."""
    if known and target.path.exists() and filecmp.cmp(target.written, target.path, shallow=False):
        return
    try:
        publish(target.written, target.path, exclusive=not delivery.force)
    except FileExistsError:
        raise StorageError(
            f"{target.path} has appeared meanwhile and was left alone; the results are kept: "
            f"`openai-batch download {run_id} -o OTHER` writes them elsewhere"
        ) from None
