"""`run`: requests in, results out."""

from typing import Annotated

import typer

from ..errors import UsageError
from . import console, exits, options, reporting
from .delivery import NamedByBatch
from .driving import place_for
from .job import Job, hand_over, rehearse, run_to_the_end
from .options import Access


def run(
    context: typer.Context,
    input_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]", help="Requests, one JSON object a line; `-` or none: standard input."
        ),
    ] = None,
    output_file: options.OutputFile = None,
    error_file: options.ErrorFile = None,
    create: Annotated[
        bool, typer.Option("--create", "-c", help="Submit, print the run's record, and leave.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", "-n", help="Send nothing; print what would be sent, and faults."),
    ] = False,
    resume_id: Annotated[
        str | None,
        typer.Option("--resume", metavar="ID", help="Continue a run: the same as `resume ID`."),
    ] = None,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    interval: options.Interval = None,
    timeout: options.Timeout = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--metadata", metavar="KEY=VALUE", help="Kept with each batch; repeatable."),
    ] = None,
    completion_window: options.CompletionWindow = None,
    shard_requests: Annotated[
        int | None,
        typer.Option(
            "--shard-requests",
            metavar="N",
            parser=options.whole_number(1),
            help="At most N requests a batch [the provider's limit].",
        ),
    ] = None,
    shard_bytes: Annotated[
        int | None,
        typer.Option(
            "--shard-bytes",
            metavar="SIZE",
            parser=options.parse_size,
            help="At most so many bytes a batch, as in 100MB [the provider's limit].",
        ),
    ] = None,
    max_in_flight: options.MaxInFlight = None,
    max_attempts: Annotated[
        int | None,
        typer.Option(
            "--max-attempts",
            metavar="N",
            parser=options.whole_number(1),
            help="Send a request N times in all [3].",
        ),
    ] = None,
    max_cost: options.MaxCost = None,
    max_tokens: options.MaxTokens = None,
    max_requests: options.MaxRequests = None,
    price_in: options.PriceIn = None,
    price_out: options.PriceOut = None,
    new: Annotated[
        bool, typer.Option("--new", help="Go on although an unfinished run has the same input.")
    ] = False,
    delete_remote: options.DeleteRemote = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Send requests and bring every result back.

    Waits for the batches; results come in input order, on standard output or in -o FILE, and then
    standard output has the run's record. On a terminal, without -o, they go to INPUT.output.jsonl
    and INPUT.errors.jsonl. What is under way goes to standard error.

    \b
    openai-batch run requests.jsonl -o results.jsonl
    openai-batch create prompts.txt | openai-batch run > results.jsonl
    openai-batch run -c requests.jsonl > run.json     (and later: download < run.json)
    openai-batch run --dry-run requests.jsonl
    openai-batch run --max-cost 25 requests.jsonl
    """
    access = Access(provider, base_url, api_key)
    named = context.obj if isinstance(context.obj, NamedByBatch) else None
    if resume_id is not None:
        if create or (dry_run and not named):
            raise UsageError("--resume goes with neither --create nor --dry-run")
        if named:
            named.batch_id = resume_id
            output_file, error_file = named.file_names(output_file, error_file)
        if dry_run:
            console.say(f"would wait for {resume_id} and write its results to {output_file}")
            return exits.OK
        planned = {
            "--metadata": metadata,
            "--completion-window": completion_window,
            "--shard-requests": shard_requests,
            "--shard-bytes": shard_bytes,
            "--max-attempts": max_attempts,
            "--max-requests": max_requests,
            "--new": new or None,
        }
        if given := [name for name, value in planned.items() if value is not None]:
            raise UsageError(f"--resume goes on as it was planned, without {', '.join(given)}")
        from .resume import resume

        return resume(
            resume_id,
            input_file,
            output_file,
            error_file,
            provider,
            base_url,
            api_key,
            interval,
            timeout,
            max_in_flight,
            max_cost=max_cost,
            max_tokens=max_tokens,
            price_in=price_in,
            price_out=price_out,
            delete_remote=delete_remote,
            force=force,
            quiet=quiet,
            state_dir=state_dir,
        )
    job = Job(
        input_file=None if input_file == console.STDIO else input_file,
        access=access,
        output_file=output_file,
        error_file=error_file,
        force=force,
        interval_s=interval,
        timeout_s=timeout,
        allow_twin=new,
        delete_remote=delete_remote,
        planning={
            "completion_window": completion_window,
            "metadata": options.parse_metadata(metadata) or None,
            "shard_requests": shard_requests,
            "shard_bytes": shard_bytes,
            "max_in_flight": max_in_flight,
            "max_attempts": max_attempts,
            "ceilings": options.limits(max_cost, max_tokens, max_requests),
            "price": options.price(price_in, price_out),
        },
    )
    with reporting.reporter(job.input_file, quiet=quiet, all_faults=dry_run) as reporter:
        place = place_for(state_dir, reporter)
        if dry_run:
            if named:
                named.batch_id = "batch-dry-run"
            return rehearse(job, place, reporter)
        if create:
            return hand_over(job, place, reporter, named)
        return run_to_the_end(job, place, reporter, named)
