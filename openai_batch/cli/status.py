"""`status`: how runs are, without driving them."""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CredentialsRefused, Error, NotFound
from . import console, exits, options, reporting, watching
from .driving import (
    find_or_recover,
    place_for,
    providers_to_ask,
    show_with_next_steps,
    was_delivered,
)
from .options import Access, Recorded
from .references import Reference, read_references

if TYPE_CHECKING:
    from ..engine.runs import Place
    from ..providers.provider import Provider

_CODES = {
    "in_progress": exits.STILL_RUNNING,
    "cancelling": exits.STILL_RUNNING,
    "resumable": exits.GAVE_UP,
    "failed": exits.REFUSED,
}
"""What `--exit-status` makes of a run's status; the others are 0. Of several runs the highest
counts, so that 8 means that waiting is still of use."""

_WATCH_EVERY_S = 30.0


def status(
    ids: options.Ids = None,
    exit_status: Annotated[
        bool,
        typer.Option(
            "--exit-status",
            help="Exit 8 while anything runs, 7 where only `resume` can go on, 6 where the "
            "provider refused.",
        ),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again until nothing is running.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            "--interval",
            metavar="S",
            parser=options.parse_amount,
            help="With --watch: look every S seconds [30].",
        ),
    ] = None,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Ask how runs are, and print a record each.

    On a terminal a table; piped, one JSON object a line, and with --watch one for each change.

    \b
    openai-batch status run_20261123_101500_4k2m9x7q
    openai-batch status --exit-status < run.json
    openai-batch status --watch --interval 60 batch_68e1     (until it has ended)
    """
    references = read_references(ids, "status")
    with reporting.reporter(quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        looker = _Looker(references, place, Access(provider, base_url, api_key))
        if watch:
            every_s = _WATCH_EVERY_S if interval is None else interval
            records = watching.watch(looker, reporter, place.clock, every_s, quiet=quiet)
        else:
            records = looker.look(reporter.fail)
        if not watch or console.is_terminal(sys.stdout):  # piped, changes were printed as they came
            delivered = was_delivered(records, place)
            show_with_next_steps(records, reporter, delivered=delivered)
    if looker.failure is not None:
        return exits.exit_code_for(looker.failure)
    codes = [_CODES.get(record["status"], exits.OK) for record in records]
    return max(codes, default=exits.OK) if exit_status else exits.OK


class _Looker:
    """Looks at several runs; one that cannot be answered for does not hide the others."""

    def __init__(self, references: list[Reference], place: "Place", access: Access):
        self.failure: Error | None = None
        self.running = False
        self._place = place
        self._references = references
        self._access = access
        self._told: set[str] = set()

    def look(self, fail: Callable[[str], None]) -> list[dict[str, Any]]:
        """A record of each run that can be asked for. Raises Error where the only one cannot."""
        records = []
        self.failure = None
        for reference in self._references:
            try:
                records.append(self._record(reference))
            except Error as error:
                if len(self._references) == 1:
                    raise
                message = f"{reference.name}: {error}"
                if message not in self._told:
                    fail(message)
                self._told.add(message)
                self.failure = self.failure or error
        running = [r for r in records if _CODES.get(r["status"]) == exits.STILL_RUNNING]
        self.running = bool(running) or (self.failure is not None and self.failure.retryable)
        return records

    def _record(self, reference: Reference) -> dict[str, Any]:
        from ..engine.inspect import inspect_run
        from ..engine.runs import find_run

        run_id = find_run(self._place, reference.name)
        if run_id is None and reference.batch_ids:
            return self._record_of_batches(reference)
        if run_id is None:  # only the labels of its batches say which they are
            run_id = find_or_recover(reference, self._place, self._access)

        def provider_for(recorded: Recorded | None) -> "Provider":
            return self._access.resolve(recorded=recorded)

        return inspect_run(run_id, place=self._place, provider_for=provider_for)

    def _record_of_batches(self, reference: Reference) -> dict[str, Any]:
        from ..engine.inspect import inspect_batches
        from ..engine.recover import unknown

        asked = {"batch_ids": reference.batch_ids}
        providers = providers_to_ask(reference, self._place, self._access)
        for provider in providers:
            known = {"provider": provider.name, "base_url": provider.base_url}
            try:
                return inspect_batches(
                    (reference.record or asked) | known, place=self._place, provider=provider
                )
            except CredentialsRefused:
                if len(providers) == 1:
                    raise
            except NotFound:
                pass
        raise unknown(reference.name, self._place, providers)
