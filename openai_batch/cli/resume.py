"""`resume`: go on with a run where it stopped, on this machine or another."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import console, delivery, options, reporting
from .driving import continuable, drive, find_or_recover, info_of, place_for
from .options import Access
from .quantities import many
from .references import Reference, the_one

if TYPE_CHECKING:
    from ..engine.run import Run
    from ..engine.runs import Place


def resume(
    run_id: Annotated[
        str | None,
        typer.Argument(
            metavar="[ID]", help="A run's or batch's id; `-`: its record; none: the one unfinished."
        ),
    ] = None,
    input_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]", help="Its requests, where some were never submitted and are lost."
        ),
    ] = None,
    output_file: options.OutputFile = None,
    error_file: options.ErrorFile = None,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    interval: options.Interval = None,
    timeout: options.Timeout = None,
    max_in_flight: options.MaxInFlight = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    resubmit: options.Resubmit = False,
    retry: options.Retry = False,
    delete_remote: options.DeleteRemote = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Go on with a run where it stopped.

    Submits what is left, waits, and brings every result back in input order: to where the run was
    told to write, or as `run` does. Ceilings and prices that are named here hold from now on.

    \b
    openai-batch resume
    openai-batch resume run_20261123_101500_4k2m9x7q -o results.jsonl
    openai-batch resume batch_68e1 > results.jsonl     (a batch that was made elsewhere)
    """
    access = Access(provider, base_url, api_key)
    with reporting.reporter(input_file, quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        reference = _named(run_id, input_file) if run_id else _only_unfinished(place)
        found = find_or_recover(reference, place, access, input_file=input_file, retry=retry)
        from ..engine.run import Run

        info = info_of(place, found)
        served_by = access.resolve(recorded=(info.provider, info.base_url))
        with (
            continuable(found),
            Run(
                found,
                place,
                served_by,
                interval_s=interval,
                timeout_s=timeout,
                max_in_flight=max_in_flight,
            ) as run,
        ):
            reporter.about(found)
            destination = _destination(run, output_file, error_file, force=force)
            run.limit(options.limits(max_cost, max_tokens), options.price(price_in, price_out))
            if retry or run_id:
                run.allow_sending(foreign=retry)
            if resubmit:
                run.resubmit_lost()
            return drive(run, destination, reporter, delete_remote=delete_remote)


def _named(run_id: str, input_file: str | None) -> Reference:
    if run_id == input_file == console.STDIO:
        raise UsageError("standard input cannot be both the run and its input")
    return the_one(run_id, "resume")


def _only_unfinished(place: "Place") -> Reference:
    """The one undelivered run. Raises UsageError, having listed them, where there are more."""
    from ..engine.runs import unfinished

    runs = unfinished(place)
    if len(runs) == 1:
        return Reference(runs[0].run_id)
    for run in runs:
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        source = run.input_name or "standard input"
        console.say(f"{run.run_id} {created} {many(run.requests, 'request')} {source}")
    if runs:
        raise UsageError(f"{len(runs)} runs are unfinished; name one: openai-batch resume RUN")
    raise UsageError(
        f"no run in {place.state_dir} is unfinished: `openai-batch list` shows what is over, and "
        "`openai-batch download RUN` fetches it again"
    )


def _destination(
    run: "Run", output_file: str | None, error_file: str | None, *, force: bool
) -> delivery.Destination:
    """As named now, else as named when the run began."""
    if output_file is None:
        output_file, error_file = run.info.output_file, error_file or run.info.error_file
    publishing = run.state.publishing
    return delivery.choose(
        output_file,
        error_file,
        force=force,
        stem=delivery.stem_for(run.info.input_name, run.info.run_id),
        input_file=run.info.input_name,
        own=(publishing.output_file, publishing.error_file) if publishing else (),
    )
