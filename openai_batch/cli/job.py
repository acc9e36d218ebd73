"""A new run and what becomes of it: rehearsed, handed over, or taken to its end."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import CredentialsMissing, UsageError
from . import console, delivery, exits
from .delivery import NamedByBatch
from .driving import continuable, drive, interruptible, show_with_next_steps
from .options import Access
from .reporting import Reporter

if TYPE_CHECKING:
    from ..engine.plan import Settings
    from ..engine.run import Run
    from ..engine.runs import Place
    from ..providers.provider import Provider


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


def rehearse(job: Job, place: "Place", reporter: Reporter) -> int:
    """Send nothing, print the record of what would be sent. Exit 5 where there are faults."""
    from ..engine.rehearsal import dry_run

    with job.open() as stream:
        record, invalid = dry_run(
            stream,
            input_name=job.input_file,
            provider_for=lambda model: job.access.resolve(model=model),
            settings=job.settings(),
            place=place,
        )
    show_forecast(record, reporter)
    if invalid:
        raise invalid
    if console.is_terminal(sys.stdout):
        reporter.say("nothing was sent")
    return exits.OK


def show_forecast(record: Mapping[str, Any], reporter: Reporter) -> None:
    """Print what an input holds and needs: a record, on a terminal a report."""
    reporter.close()
    if not console.is_terminal(sys.stdout):
        console.print_record(record)
        return
    from .forecast import forecast
    from .tables import print_fields

    print_fields(forecast(record))


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
    # Names made of the batch's id are not known yet; that files can be where they go, is.
    destination = job.destination(stem or None, named and NamedByBatch("batch"))
    with _planned(job, place) as run:
        if stem is None:
            destination = job.destination(delivery.stem_for(None, run.info.run_id))
        if named:
            run.settle()
            named.batch_id = run.public_id
            with _collectable(run.info.run_id):
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


@contextlib.contextmanager
def _collectable(run_id: str) -> Iterator[None]:
    """Say where the results are, where there is no place for them any more."""
    try:
        yield
    except UsageError as error:
        error.add_note(f"the results are kept: openai-batch download {run_id} -o FILE")
        raise


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
