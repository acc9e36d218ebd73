"""What the commands that drive a run have in common."""

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import (
    CredentialsMissing,
    CredentialsRefused,
    GaveUp,
    ProviderError,
    ProviderRefused,
    RunLocked,
    StorageError,
)
from . import console, delivery
from .delivery import Destination
from .exits import StdoutClosed, Terminated
from .options import Access
from .references import Reference
from .reporting import Reporter

if TYPE_CHECKING:
    from ..engine.journal import RunInfo
    from ..engine.run import Run
    from ..engine.runs import Place
    from ..providers.provider import Provider


def place_for(state_dir: Path | None, reporter: Reporter) -> "Place":
    """Where runs are kept, watched by `reporter`."""
    from .. import settings
    from ..engine.runs import Place

    return Place(settings.state_dir(state_dir), on_event=reporter)


def info_of(place: "Place", run_id: str) -> "RunInfo":
    """What a run of this machine is. Needs no lock."""
    from ..engine.runs import open_journal

    journal = open_journal(place, run_id)
    journal.close()
    return journal.info


def providers_to_ask(reference: Reference, place: "Place", access: Access) -> "list[Provider]":
    """Who may know a run that is not on this machine. Raises CredentialsMissing: nobody."""
    providers = access.candidates(reference.recorded)
    if not providers:
        raise CredentialsMissing(
            f"{reference.name} is not in {place.state_dir}, and no provider's key is set to ask "
            "for it: set one, or name the provider with --provider"
        )
    return providers


def find_or_recover(
    reference: Reference,
    place: "Place",
    access: Access,
    *,
    input_file: str | None = None,
    retry: bool = False,
) -> str:
    """The run that `reference` means, rebuilt from its provider where it is not on this machine.

    `input_file` gives back requests that were never submitted. Raises CredentialsMissing where
    there is nobody to ask.
    """
    from ..engine.runs import find_run

    run_id = find_run(place, reference.name)
    with contextlib.ExitStack() as stack:
        stream = input_file and stack.enter_context(console.open_input(input_file))
        if run_id is None:
            from ..engine.recover import recover

            run_id = recover(
                reference.record or reference.name,
                place=place,
                providers=providers_to_ask(reference, place, access),
                stream=stream or None,
                retry=retry,
            )
        elif stream:
            from ..engine.supply import supply

            info = info_of(place, run_id)
            provider = access.resolve(recorded=(info.provider, info.base_url))
            supply(place, run_id, stream, provider)
    return run_id


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Say that nothing was sent, where we are stopped before there is a run."""
    try:
        yield
    except (KeyboardInterrupt, Terminated) as error:
        error.add_note("nothing was sent")
        raise


def show_records(records: Sequence[Mapping[str, Any]], reporter: Reporter) -> None:
    """Print records of runs: one JSON object a line, on a terminal a table."""
    reporter.close()
    if not console.is_terminal(sys.stdout):
        console.print_records(records)
    elif records:
        from .tables import print_table

        print_table(records)


def show_with_next_steps(
    records: Sequence[Mapping[str, Any]], reporter: Reporter, *, delivered: bool = False
) -> None:
    """Print records; at a terminal say what to do next with a single run.

    `delivered`: its results are where they were wanted.
    """
    show_records(records, reporter)
    if len(records) == 1 and console.is_terminal(sys.stdout):
        for line in _next_steps(records[0], delivered=delivered):
            reporter.say(line)


def _next_steps(record: Mapping[str, Any], *, delivered: bool) -> Iterator[str]:
    """What there is to be done with a run, and by which command."""
    name = record.get("run_id") or next(iter(record.get("batch_ids") or ()), None)
    status, counts = record.get("status"), record.get("request_counts") or {}
    if status == "in_progress":
        yield f"to wait for its end: openai-batch status --watch {name}"
    if status == "cancelling":
        yield f"to wait for its end: openai-batch cancel --wait {name}"
    if status == "resumable":
        yield f"to send what is left: openai-batch resume {name}"
    if status in ("completed", "cancelled") and not delivered:
        yield f"to write its results: openai-batch download {name}"
    if status == "in_progress":
        yield f"then, to write its results: openai-batch download {name}"
    if status == "completed" and counts.get("failed", 0) + counts.get("missing", 0):
        yield f"to send failed requests again: openai-batch retry {name}"
    if status == "cancelled":
        yield f"to take it up again: openai-batch resume {name}"


def was_delivered(records: Sequence[Mapping[str, Any]], place: "Place") -> bool:
    """Whether the results of all these runs have been delivered from this machine."""
    from ..engine.inspect import recorded
    from ..engine.runs import find_run

    found = [find_run(place, record.get("run_id") or "") for record in records]
    return all(run_id and recorded(run_id, place)[1].delivered for run_id in found)


@contextlib.contextmanager
def continuable(run_id: str) -> Iterator[None]:
    """Say how to go on, where the run is left before its end."""
    try:
        yield
    except RunLocked as error:
        error.add_note(f"to see how it is: openai-batch status {run_id}")
        error.add_note(f"to end it: openai-batch cancel {run_id}")
        raise
    except (
        KeyboardInterrupt,
        Terminated,
        StdoutClosed,
        GaveUp,
        ProviderError,
        StorageError,
    ) as error:
        command = f"openai-batch resume {run_id}"
        if isinstance(error, ProviderRefused):
            error.add_note(
                f"where the reason was at the provider and is mended, {command} tries again; "
                "a mended input is simply run anew"
            )
        elif run_id not in str(error):
            if isinstance(error, CredentialsRefused):
                error.add_note("the key was that of --api-key, else of the provider's variable")
            error.add_note(f"the run is safe; continue with: {command}")
        raise


def drive(
    run: "Run", destination: Destination, reporter: Reporter, *, delete_remote: bool = False
) -> int:
    """Take a run to its end, deliver its results, and return the exit code."""
    run.settle()
    if destination.output is None and console.is_terminal(sys.stdout):
        reporter.close()
    counts = delivery.deliver(run, destination)
    reporter.close()
    if destination.chosen:
        show_with_next_steps([run.record()], reporter, delivered=True)
    if delete_remote:
        run.delete_remote_files()
    return delivery.exit_code(counts)
