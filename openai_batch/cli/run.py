"""`run`: requests in, results out."""

import contextlib
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from ..errors import CredentialsMissing, UsageError
from . import console, delivery, exits, options, reporting
from .delivery import NamedByBatch
from .driving import continuable, drive, interruptible, place_for, show_with_next_steps
from .options import Access
from .reporting import Reporter

if TYPE_CHECKING:
    from ..engine.plan import Settings
    from ..engine.run import Run
    from ..engine.runs import Place
    from ..providers.provider import Provider


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
        },
    )
    with reporting.reporter(job.input_file, quiet=quiet, all_faults=dry_run) as reporter:
        place = place_for(state_dir, reporter)
        if dry_run:
            if named:
                named.batch_id = "batch-dry-run"
            return _rehearse(job, place, reporter)
        if create:
            return hand_over(job, place, reporter, named)
        return run_to_the_end(job, place, reporter, named)


@dataclass(frozen=True, slots=True)
class Job:
    """What was asked for. `planning` are the fields of `Settings`; None leaves the default.

    `source` are the requests where they are in no file of the user's.
    """

    input_file: str | None
    access: Access
    output_file: str | None
    error_file: str | None
    force: bool
    interval_s: float | None
    timeout_s: float | None
    allow_twin: bool
    planning: dict[str, Any]
    delete_remote: bool = False
    source: BinaryIO | None = None

    def open(self) -> "AbstractContextManager[BinaryIO]":
        """The requests."""
        if self.source is not None:
            return contextlib.nullcontext(self.source)
        return console.open_input(self.input_file)

    def destination(
        self, stem: Path | None, named: NamedByBatch | None = None
    ) -> delivery.Destination:
        """Where results go, checked."""
        output_file, error_file = self.output_file, self.error_file
        if named:
            output_file, error_file = named.file_names(output_file, error_file)
        return delivery.choose(
            output_file,
            error_file,
            force=self.force,
            stem=stem,
            input_file=self.input_file,
        )

    def settings(self) -> "Settings":
        """How to plan; where results go is kept for `resume`, as far as the user has said it."""
        from ..engine.plan import Settings

        return Settings(
            **{name: value for name, value in self.planning.items() if value is not None},
            output_file=_lasting(self.output_file),
            error_file=_lasting(self.error_file),
        )


def _lasting(name: str | None) -> str | None:
    return None if name in (None, console.STDIO) else str(delivery.settled(name))


def _rehearse(job: Job, place: "Place", reporter: Reporter) -> int:
    """Send nothing, print the record of what would be sent. Exit 5 where there are faults."""
    from ..engine.plan import dry_run

    with job.open() as stream:
        record, invalid = dry_run(
            stream,
            input_name=job.input_file,
            provider_for=lambda model: job.access.resolve(model=model),
            settings=job.settings(),
            place=place,
        )
    reporter.close()
    if console.is_terminal(sys.stdout):
        from .tables import print_fields, rehearsal

        print_fields(rehearsal(record))
    else:
        console.print_record(record)
    if invalid:
        raise invalid
    if console.is_terminal(sys.stdout):
        reporter.say("nothing was sent")
    return exits.OK


def hand_over(
    job: Job, place: "Place", reporter: Reporter, named: NamedByBatch | None = None
) -> int:
    """`--create`: submit every shard and print the record, whatever came of it."""
    if job.delete_remote:
        raise UsageError("--create delivers nothing yet: say --delete-remote when you `download`")
    job.destination(stem=None)
    with _planned(job, place, lasting=True) as run:
        try:
            run.submit()
        finally:
            if named:
                named.batch_id = run.public_id
            show_with_next_steps([run.record()], reporter)
    return exits.OK


def run_to_the_end(
    job: Job, place: "Place", reporter: Reporter, named: NamedByBatch | None = None
) -> int:
    """Plan, submit, wait, deliver; return the exit code."""
    stem = job.input_file and delivery.stem_for(job.input_file, run_id="")
    destination = job.destination(stem or None)
    with _planned(job, place) as run:
        if stem is None:
            destination = job.destination(delivery.stem_for(None, run.info.run_id))
        if named:
            run.settle()
            named.batch_id = run.public_id
            destination = replace(
                job.destination(None, named), drop_empty_errors=job.error_file is None
            )
        return drive(run, destination, reporter, delete_remote=job.delete_remote)


@contextlib.contextmanager
def _planned(job: Job, place: "Place", *, lasting: bool = False) -> "Iterator[Run]":
    """A new run, on disk and opened; nothing of it was sent. `lasting`: for batches left alone."""
    from ..engine.plan import plan
    from ..engine.run import Run

    met: list[Provider] = []

    def provider_for(model: str | None) -> "Provider":
        provider = job.access.resolve(model=model)
        _require_key(provider)
        if lasting:
            _require_lasting(provider, place)
        met.append(provider)
        return provider

    with job.open() as stream, interruptible():
        run_id = plan(
            stream,
            input_name=job.input_file and str(Path(job.input_file).absolute()),
            provider_for=provider_for,
            settings=job.settings(),
            place=place,
            allow_twin=job.allow_twin,
        )
    with (
        continuable(run_id),
        Run(
            run_id,
            place,
            met[-1],
            interval_s=job.interval_s,
            timeout_s=job.timeout_s,
            fresh=True,
        ) as run,
    ):
        try:
            run.connect()
        except (UsageError, CredentialsMissing):
            run.forget()  # nobody could have been asked anything
            raise
        yield run


def _require_key(provider: "Provider") -> None:
    """Notice a missing key while there is no run yet. The local server brings its own."""
    if provider.base_url is not None and not provider.api_key:
        raise CredentialsMissing(
            f"{provider} needs a key: set {provider.api_key_env_var}, or pass --api-key"
        )


def _require_lasting(provider: "Provider", place: "Place") -> None:
    """Refuse to leave batches to a server that would end with us."""
    if provider.starts_server:
        from ..providers.local import is_served

        if not is_served(place.state_dir):
            raise UsageError(
                "the local server ends with this command, and its batches would wait: start "
                "`openai-batch serve` in another terminal first, or leave out --create"
            )
