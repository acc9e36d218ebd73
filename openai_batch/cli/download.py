"""`download`: the results of runs that have ended, without waiting for the others."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Error, GaveUp, ProviderRefused, StillRunning
from . import console, delivery, exits, options, reporting
from .driving import continuable, find_or_recover, info_of, place_for, show_with_next_steps
from .options import Access
from .references import read_references

if TYPE_CHECKING:
    from ..engine.merge import Counts
    from ..engine.run import Run
    from ..engine.runs import Place


def download(
    ids: options.Ids = None,
    output_file: options.OutputFile = None,
    error_file: options.ErrorFile = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Take what there is now; the rest is left out.")
    ] = False,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    delete_remote: options.DeleteRemote = False,
    force: options.Force = False,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Fetch results of what has ended, in input order. Waits for nothing and submits nothing.

    Exit 8 while batches run, 7 where only `resume` can go on, and nothing on standard output;
    with --partial what there is, and the same exit code. Results go where those of `run` go.

    \b
    openai-batch download run_20261123_101500_4k2m9x7q > results.jsonl
    openai-batch download < run.json > results.jsonl     (also on another machine)
    openai-batch download --partial run_20261123_101500_4k2m9x7q
    """
    references = read_references(ids, "download")
    access = Access(provider, base_url, api_key)
    with reporting.reporter(quiet=quiet) as reporter, contextlib.ExitStack() as stack:
        place = place_for(state_dir, reporter)
        together = delivery.choose(output_file, error_file, force=force, stem=None)
        found = [find_or_recover(reference, place, access) for reference in references]
        fetched = [
            stack.enter_context(_fetched(run_id, place, access, reporter, partial=partial))
            for run_id in dict.fromkeys(found)  # a run may be named by several of its batches
        ]
        for one in fetched:
            # Some files are gone already: the others go, too, and then it is said.
            if delete_remote and one.run.state.remote_deletion_began:
                one.run.delete_remote_files()
        counts = _deliver(fetched, together, reporter, (output_file, error_file, force))
        reporter.close()
        if together.chosen:
            show_with_next_steps([one.run.record() for one in fetched], reporter, delivered=True)
        if delete_remote:
            for one in fetched:
                if not one.partial:
                    one.run.delete_remote_files()
    codes = [exits.exit_code_for(one.unfinished) for one in fetched if one.unfinished]
    return max([exits.OK, *codes, *map(delivery.exit_code, counts)])


def _deliver(
    fetched: "list[_Fetched]",
    together: delivery.Destination,
    reporter: reporting.Reporter,
    named: tuple[str | None, str | None, bool],
) -> "list[Counts]":
    """Write each run to its own place where there is one, else all of them one after another."""
    output_file, error_file, force = named
    unnamed = output_file is None and error_file is None
    if console.is_terminal(sys.stdout):
        reporter.close()
    if len(fetched) > 1 and not (unnamed and console.is_terminal(sys.stdout)):
        return delivery.deliver_together([(one.run, one.partial) for one in fetched], together)
    places = [
        delivery.choose(
            output_file,
            error_file,
            force=force,
            stem=delivery.stem_for(one.run.info.input_name, one.run.info.run_id),
        )
        for one in fetched
    ]
    pairs = zip(fetched, places, strict=True)
    return [delivery.deliver(one.run, at, partial=one.partial) for one, at in pairs]


@dataclass(frozen=True, slots=True)
class _Fetched:
    """A run with everything that has ended on disk; `unfinished` says why that is not all."""

    run: "Run"
    unfinished: Error | None

    @property
    def partial(self) -> bool:
        return self.unfinished is not None


@contextlib.contextmanager
def _fetched(
    run_id: str, place: "Place", access: Access, reporter: reporting.Reporter, *, partial: bool
) -> Iterator[_Fetched]:
    """Open a run and fetch what has ended.

    Raises StillRunning, GaveUp or ProviderRefused where that is not all, unless `partial`.
    """
    from ..engine.run import Run

    info = info_of(place, run_id)
    provider = access.resolve(recorded=(info.provider, info.base_url))
    with continuable(run_id), Run(run_id, place, provider) as run:
        reporter.about(run_id)
        unfinished = None
        try:
            run.harvest()
        except (StillRunning, GaveUp, ProviderRefused) as error:
            if not partial:
                raise
            unfinished = error
        yield _Fetched(run, unfinished)
