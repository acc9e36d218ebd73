"""`list`: the runs of this machine."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Error, UsageError
from . import console, exits, options, reporting
from .driving import info_of, place_for, show_records
from .options import Access
from .quantities import many

if TYPE_CHECKING:
    from ..engine.runs import Place


def listing(
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Only runs whose results are still to come.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove runs that are over from this machine.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(
            "--older-than",
            metavar="DAYS",
            parser=options.parse_amount,
            help="Only runs older than this.",
        ),
    ] = None,
    delete_remote: Annotated[
        bool,
        typer.Option("--delete-remote", help="With --prune: also their files at the provider."),
    ] = False,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """List the runs of this machine, oldest first. Asks no provider: `status` does.

    On a terminal a table; piped, one JSON object a line.

    With --prune, runs that are over are listed and then removed from this machine: those whose
    results were delivered, and those of which nothing was executed. At the provider nothing
    changes without --delete-remote.

    \b
    openai-batch list --unfinished
    openai-batch list | openai-batch status
    openai-batch list --prune --older-than 30
    openai-batch list --prune --delete-remote
    """
    from ..engine.inspect import recorded
    from ..engine.runs import list_runs, remove_run
    from ..engine.states import disposable

    if delete_remote and not prune:
        raise UsageError("--delete-remote goes with --prune, or with `download RUN`")
    access = Access(provider, base_url, api_key)
    records = []
    failure: Error | None = None
    with reporting.reporter(quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        oldest = None if older_than is None else place.clock.now() - older_than * 86_400
        for run_id in list_runs(place):
            try:
                record, state = recorded(run_id, place)
                delivered = state.delivered is not None
                young = oldest is not None and record["created_at"] > oldest
                if young or (unfinished and delivered) or (prune and not disposable(state)):
                    continue
                if delete_remote:
                    _delete_remote_files(run_id, place, access)
                if prune:
                    remove_run(place, run_id)
                records.append(record)
            except Error as error:  # damage concerns one run: the others are listed all the same
                reporter.fail(f"{run_id}: {error}")
                failure = error
        show_records(records, reporter)
        if console.is_terminal(sys.stdout):
            if any(record["status"] == "in_progress" for record in records):
                reporter.say(
                    "in_progress is what was seen last from here; to ask the provider: "
                    "openai-batch list --unfinished | openai-batch status"
                )
            if not records:
                kind = "such run" if unfinished or prune or older_than is not None else "run"
                reporter.say(f"there is no {kind} in {place.state_dir}")
        if prune and records and not delete_remote:
            reporter.say(
                f"removed {many(len(records), 'run')} here; their files are still at the "
                "provider. --delete-remote would have deleted them, too; now it is: "
                "openai-batch download RUN --delete-remote -o FILE"
            )
    return exits.exit_code_for(failure) if failure else exits.OK


def _delete_remote_files(run_id: str, place: "Place", access: Access) -> None:
    from ..engine.run import Run

    info = info_of(place, run_id)
    with Run(run_id, place, access.resolve(recorded=(info.provider, info.base_url))) as run:
        run.delete_remote_files()
