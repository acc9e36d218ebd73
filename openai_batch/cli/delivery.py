"""Where results go: standard output, files that the user named, or names made from the input's."""

import contextlib
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..errors import StorageError, UsageError
from ..files import replacing, whole_or_cut
from . import console, exits

if TYPE_CHECKING:
    from ..engine.merge import Counts
    from ..engine.run import Run


@dataclass(frozen=True, slots=True)
class Destination:
    """Where results go. `output` None is standard output; `errors` None: in the same stream.

    `chosen`: the user named the file for results, so that standard output is free for the record.
    `drop_empty_errors`: the user did not name the error file, and does not want an empty one.
    """

    output: Path | None
    errors: Path | None
    force: bool = False
    chosen: bool = False
    drop_empty_errors: bool = False


_LONGEST_STEM = 200
"""File systems take names of 255 bytes."""


@dataclass(slots=True)
class NamedByBatch:
    """Tells `run` to name files by the batch's id, as `python -m openai_batch.run` always did.

    What the id is, `run` notes here for its caller.
    """

    batch_id: str | None = None

    def file_names(self, output_file: str | None, error_file: str | None) -> tuple[str, str]:
        """The names of both files, as far as the user has not chosen them.

        An id is the provider's word: what no name can have is not taken over from it.
        """
        stem = re.sub(r"[^\w.-]", "_", (self.batch_id or "")[:_LONGEST_STEM], flags=re.ASCII)
        return output_file or f"{stem}-output.jsonl", error_file or f"{stem}-errors.jsonl"


def choose(
    output_file: str | None,
    error_file: str | None,
    *,
    force: bool,
    stem: Path | None,
    input_file: str | None = None,
    own: tuple[str | None, ...] = (),
) -> Destination:
    """Decide where results go, and check that they can go there.

    Names made from `stem` are for terminals, which results would flood; with None they are not
    made. `own` are the paths that this very run has begun to publish. Raises UsageError for a path
    that is taken (unless `force`), in a folder that is missing or closed to us, or used twice.
    """
    flooding = output_file is None and stem is not None and console.is_terminal(sys.stdout)
    drop_empty_errors = flooding and error_file is None
    if flooding:
        output_file = f"{stem}.output.jsonl"
        error_file = error_file or f"{stem}.errors.jsonl"
    if error_file == console.STDIO:
        raise UsageError("--error-file wants a file: without it failures stand in the results")
    output = None if output_file in (None, console.STDIO) else checked(output_file, force, own)
    errors = None if error_file is None else checked(error_file, force, own)
    if output is not None and errors is not None and _same(output, errors):
        raise UsageError(f"results and failed requests cannot both go to {output}")
    for path in (output, errors):
        if path is not None and input_file is not None and _same(path, Path(input_file).resolve()):
            raise UsageError(f"{path} is the input: name another file for what comes back")
    chosen = output is not None and not flooding
    return Destination(output, errors, force, chosen, drop_empty_errors)


def stem_for(input_name: str | None, run_id: str) -> Path:
    """What the names of a run's files begin with: beside its input, else here, by its id."""
    if input_name is None:
        return Path(run_id)
    path = Path(input_name)
    stem = path.with_suffix("") if path.suffix in (".jsonl", ".json", ".ndjson") else path
    return stem if os.access(stem.parent, os.W_OK) else Path(stem.name)


def deliver(run: "Run", destination: Destination, *, partial: bool = False) -> "Counts":
    """Write a run's results to `destination`."""
    from ..engine.deliver import Delivery

    with contextlib.ExitStack() as stack:
        output = stack.enter_context(_opened(destination.output))
        errors = destination.errors and stack.enter_context(_opened(destination.errors))
        return run.deliver(
            Delivery(
                output,
                errors,
                force=destination.force,
                partial=partial,
                drop_empty_errors=destination.drop_empty_errors,
            )
        )


def deliver_together(
    runs: "Sequence[tuple[Run, bool]]", destination: Destination
) -> "list[Counts]":
    """Write the results of several runs, one after another; each comes with whether it is partial.

    They count as delivered when the file has its name.
    """
    from ..engine.deliver import Delivery

    with contextlib.ExitStack() as stack:
        output = stack.enter_context(_stream(destination.output, destination.force))
        errors = destination.errors and stack.enter_context(
            _stream(destination.errors, destination.force)
        )
        counts = [
            run.deliver(Delivery(output, errors, partial=partial, held=True))
            for run, partial in runs
        ]
    names = [str(path) if path else None for path in (destination.output, destination.errors)]
    for run, partial in runs:
        if not partial:
            run.confirm_delivery(*names)
    return counts


def exit_code(counts: "Counts") -> int:
    """0 where every request succeeded, 3 where some did not."""
    return exits.OK if counts.all_succeeded else exits.SOME_FAILED


def lines_to(
    output_file: str | None, *inputs: str | None, force: bool
) -> contextlib.AbstractContextManager[BinaryIO]:
    """Where the lines go that a command makes out of `inputs`: a file, or standard output.

    The file appears whole or not at all; standard output ends in the middle of a line where not all
    was written. Raises UsageError as `choose` does, before anything is opened.
    """
    if output_file in (None, console.STDIO):
        return _cut_unless_whole()
    path = checked(output_file, force)
    for name in inputs:
        if name not in (None, console.STDIO) and _same(path, Path(name).resolve()):
            raise UsageError(f"{path} is an input: name another file for what is made of it")
    return _stream(path, force)


@contextlib.contextmanager
def _cut_unless_whole() -> Iterator[BinaryIO]:
    with console.stdout() as target, whole_or_cut(target) as stream:
        yield stream


@contextlib.contextmanager
def _opened(path: Path | None) -> Iterator[Path | BinaryIO]:
    """What the engine writes to. A pipe or device is written, never replaced by a file."""
    if path is None:
        with console.stdout() as stream:
            yield stream
    elif path.exists() and not path.is_file():
        try:
            with path.open("wb") as stream:
                yield stream
        except OSError as error:
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
    else:
        yield path


@contextlib.contextmanager
def _stream(path: Path | None, force: bool) -> Iterator[BinaryIO]:
    with _opened(path) as target:
        if not isinstance(target, Path):
            yield target
            return
        try:
            with replacing(target, exclusive=not force) as stream:
                yield stream
        except FileExistsError:
            raise StorageError(f"{path} has appeared meanwhile and was left alone") from None


def settled(name: str) -> Path:
    """A path as it will mean the same later, from another folder, and where its link is gone.

    What is no file stays as it is named: /dev/stdout is a link to a pipe that has no other name.
    """
    path = Path(name).expanduser()
    return path.absolute() if _is_special(path) else path.resolve()


def checked(name: str, force: bool, own: tuple[str | None, ...] = ()) -> Path:
    """`settled`, and nothing is in the way of writing there. Raises UsageError as `choose` does."""
    path = settled(name)
    if path.is_dir():
        raise UsageError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written: there is no folder {path.parent}")
    if _is_special(path):
        return path
    if path.exists() and not force and str(path) not in own:
        raise UsageError(f"{path} exists: --force replaces it, --output-file names another")
    if not os.access(path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written: {path.parent} is closed to you")
    return path


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe: written into as it is, and never replaced."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _same(one: Path, other: Path) -> bool:
    with contextlib.suppress(OSError):
        return one.samefile(other) and one.is_file()
    return one == other
