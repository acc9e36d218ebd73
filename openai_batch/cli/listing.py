"""`list`: the runs of this machine."""

from typing import Annotated

import typer

from ..errors import Error
from . import console, exits, options, progress
from .driving import place_for, show_records


def listing(
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Only runs whose results are still to come.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove runs that were delivered from this machine.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", metavar="DAYS", min=0.0, help="Only runs older than this."),
    ] = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """List the runs of this machine, oldest first. Asks no provider: `status` does.

    With --prune, runs whose results were delivered are listed and then removed from this machine;
    at the provider nothing changes.

    \b
    openai-batch list --unfinished
    openai-batch list | openai-batch status
    openai-batch list --prune --older-than 30
    """
    from ..engine.inspect import recorded
    from ..engine.runs import list_runs, remove_run

    records = []
    failure: Error | None = None
    with progress.reporter(quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        oldest = None if older_than is None else place.clock.now() - older_than * 86_400
        for run_id in list_runs(place):
            try:
                record, state = recorded(run_id, place)
                delivered = state.delivered is not None
                young = oldest is not None and record["created_at"] > oldest
                if young or (unfinished and delivered) or (prune and not delivered):
                    continue
                if prune:
                    remove_run(place, run_id)
                records.append(record)
            except Error as error:  # damage concerns one run: the others are listed all the same
                console.say(f"{run_id}: {error}")
                failure = error
    show_records(records)
    return exits.exit_code_for(failure) if failure else exits.OK
