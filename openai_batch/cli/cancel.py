"""`cancel`: end runs, and keep what was finished."""

from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import RunLocked
from . import exits, options, reporting
from .driving import find_or_recover, info_of, place_for, show_with_next_steps, was_delivered
from .options import Access
from .references import Reference, read_references

if TYPE_CHECKING:
    from ..engine.runs import Place

_ASK_AGAIN_S = 2.0


def cancel(
    ids: options.Ids = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until the batches have ended, and fetch what they did.")
    ] = False,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    interval: options.Interval = None,
    timeout: options.Timeout = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """End runs, and keep what was finished.

    Nothing more of them is sent, and their batches are cancelled. What was finished is paid, and
    kept: `download` brings it, with a line for each request that was not. A process that drives
    the run notices and comes to its end. `resume RUN` takes a cancelled run up again. Standard
    output has a record of each.

    \b
    openai-batch cancel run_20261123_101500_4k2m9x7q
    openai-batch cancel --wait < run.json && openai-batch download < run.json > results.jsonl
    """
    access = Access(provider, base_url, api_key)
    references = read_references(ids, "cancel")
    with reporting.reporter(quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        records = [
            _cancelled(
                reference,
                place,
                access,
                reporter,
                wait=wait,
                interval_s=interval,
                timeout_s=timeout,
            )
            for reference in references
        ]
        delivered = was_delivered(records, place)
        show_with_next_steps(records, reporter, delivered=delivered)
    return exits.OK


def _cancelled(
    reference: Reference,
    place: "Place",
    access: Access,
    reporter: reporting.Reporter,
    *,
    wait: bool,
    interval_s: float | None,
    timeout_s: float | None,
) -> dict[str, Any]:
    """Cancel one run and return its record."""
    from ..engine.inspect import recorded
    from ..engine.run import Run
    from ..engine.runs import request_cancel
    from ..engine.states import settled

    run_id = find_or_recover(reference, place, access)
    reporter.about(run_id)
    if settled(recorded(run_id, place)[1]):
        reporter.say(f"{run_id} had ended already: there was nothing to cancel")
    request_cancel(place, run_id)
    info = info_of(place, run_id)
    served_by = access.resolve(recorded=(info.provider, info.base_url))
    while True:
        try:
            with Run(run_id, place, served_by, interval_s=interval_s, timeout_s=timeout_s) as run:
                if wait:
                    run.settle()
                else:
                    run.step()
                return run.record()
        except RunLocked as error:
            reporter.say(f"{error}, which cancels it")
            if not wait:
                return recorded(run_id, place)[0]
            place.clock.wait(SimpleQueue[None](), _ASK_AGAIN_S)
