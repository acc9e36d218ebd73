"""`retry`: a new run of the requests that failed in an earlier one."""

import tempfile
from collections.abc import Iterable
from typing import Annotated, BinaryIO, cast

import typer

from ..errors import UsageError
from . import console, exits, options, reporting
from .driving import find_or_recover, info_of, place_for
from .job import Job, hand_over, rehearse, run_to_the_end
from .options import Access
from .references import the_one


def retry(
    run_id: Annotated[
        str, typer.Argument(metavar="ID", help="A run's or a batch's id; `-`: its record.")
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="REASON",
            help="Only these: an HTTP status, an error code, or `missing`; repeatable.",
        ),
    ] = None,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the requests, and send nothing.")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", "-c", help="Submit, print the run's record, and leave.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Send nothing; print what would be sent, and faults."),
    ] = False,
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
    max_requests: options.MaxRequests = None,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    delete_remote: options.DeleteRemote = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Send failed requests again, as a new run.

    The run must have ended (it exits 3 where requests of it failed). A successful request is never
    sent again. Results go where those of `run` go. It has ceilings of its own; a price that was
    given for the earlier run holds for this one, too.

    \b
    openai-batch retry run_20261123_101500_4k2m9x7q -o second.jsonl
    openai-batch retry run_20261123_101500_4k2m9x7q --only 429 --only missing
    openai-batch retry --dry-run run_20261123_101500_4k2m9x7q
    openai-batch retry --print run_20261123_101500_4k2m9x7q > failed-requests.jsonl
    """
    from ..engine.run import Run
    from ..engine.spending import own_price

    access = Access(provider, base_url, api_key)
    with reporting.reporter(quiet=quiet) as reporter, tempfile.TemporaryFile() as file:
        requests = cast(BinaryIO, file)  # Windows wraps it
        place = place_for(state_dir, reporter)
        found = find_or_recover(the_one(run_id, "retry"), place, access)
        info = info_of(place, found)
        served_by = access.resolve(recorded=(info.provider, info.base_url))
        with Run(found, place, served_by) as run:
            run.harvest()
            with run.failed_requests(only or ()) as failed:
                count = _write(failed, requests)
        if count == 0:
            raise UsageError(f"{found} has no failed requests{' of that kind' if only else ''}")
        requests.seek(0)
        if print_only:
            reporter.close()
            with console.stdout() as stream:
                stream.writelines(requests)
            return exits.OK
        job = Job(
            input_file=None,
            access=Access(served_by.name, served_by.base_url, served_by.api_key),
            output_file=output_file,
            error_file=error_file,
            force=force,
            interval_s=interval,
            timeout_s=timeout,
            allow_twin=False,
            delete_remote=delete_remote,
            planning={
                "completion_window": info.completion_window,
                "metadata": info.metadata or None,
                "max_in_flight": max_in_flight or info.max_in_flight,
                "max_attempts": info.max_attempts,
                "ceilings": options.limits(max_cost, max_tokens, max_requests),
                "price": options.price(price_in, price_out) or own_price(info),
            },
            source=requests,
        )
        if dry_run:
            return rehearse(job, place, reporter)
        return (hand_over if create else run_to_the_end)(job, place, reporter)


def _write(requests: Iterable[bytes], target: BinaryIO) -> int:
    count = 0
    for request in requests:
        target.write(request + b"\n")
        count += 1
    return count
