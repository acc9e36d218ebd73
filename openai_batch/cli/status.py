"""`status`: how runs are, without driving them."""

import contextlib
import sys
from collections.abc import Callable
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import CredentialsRefused, Error, NotFound
from . import console, exits, options, progress
from .driving import find_or_recover, place_for, providers_to_ask, show_records
from .options import Access, Recorded
from .references import Reference, read_references

if TYPE_CHECKING:
    from ..engine.runs import Place
    from ..providers.provider import Provider

_RUNNING = ("in_progress", "cancelling")
_WATCH_EVERY_S = 30.0


def status(
    ids: options.Ids = None,
    exit_status: Annotated[
        bool, typer.Option("--exit-status", help="Exit 8 while anything is running.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again and again until nothing is running.")
    ] = False,
    interval: options.Interval = None,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    api_key: options.ApiKey = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Ask how runs are, and print a record each.

    \b
    openai-batch status run_20261123_101500_4k2m9x7q
    openai-batch status --exit-status < run.json
    openai-batch status --watch --interval 60 batch_68e1
    """
    references = read_references(ids, "status")
    with progress.reporter(quiet=quiet) as reporter:
        place = place_for(state_dir, reporter)
        looker = _Looker(references, place, Access(provider, base_url, api_key))
        if watch:
            _watch(looker, _WATCH_EVERY_S if interval is None else interval)
        else:
            show_records(looker.look())
    if looker.failure is not None:
        return exits.exit_code_for(looker.failure)
    return exits.STILL_RUNNING if exit_status and looker.running else exits.OK


class _Looker:
    """Looks at several runs; one that cannot be answered for does not hide the others."""

    def __init__(self, references: list[Reference], place: "Place", access: Access):
        self.failure: Error | None = None
        self.running = False
        self.place = place
        self._references = references
        self._access = access

    def look(self) -> list[dict[str, Any]]:
        """A record of each run that can be asked for. Raises Error where the only one cannot."""
        records = []
        self.failure = None
        for reference in self._references:
            try:
                records.append(self._record(reference))
            except Error as error:
                if len(self._references) == 1:
                    raise
                console.say(f"{reference.name}: {error}")
                self.failure = self.failure or error
        self.running = any(record["status"] in _RUNNING for record in records)
        return records

    def _record(self, reference: Reference) -> dict[str, Any]:
        from ..engine.inspect import inspect_run
        from ..engine.runs import find_run

        run_id = find_run(self.place, reference.name)
        if run_id is None and reference.batch_ids:
            return self._record_of_batches(reference)
        if run_id is None:  # only the labels of its batches say which they are
            run_id = find_or_recover(reference, self.place, self._access)

        def provider_for(recorded: Recorded | None) -> "Provider":
            return self._access.resolve(recorded=recorded)

        return inspect_run(run_id, place=self.place, provider_for=provider_for)

    def _record_of_batches(self, reference: Reference) -> dict[str, Any]:
        from ..engine.inspect import inspect_batches

        asked = {"batch_ids": reference.batch_ids}
        providers = providers_to_ask(reference, self.place, self._access)
        for provider in providers:
            known = {"provider": provider.name, "base_url": provider.base_url}
            try:
                return inspect_batches(
                    (reference.record or asked) | known, place=self.place, provider=provider
                )
            except (NotFound, CredentialsRefused) as error:
                failure = error
        if len(providers) == 1:
            raise failure
        raise NotFound(f"none of {', '.join(map(str, providers))} knows {reference.name}")


def _watch(looker: _Looker, every_s: float) -> None:
    """Look until nothing runs: a table that changes on a terminal, else each change as a record."""
    with contextlib.ExitStack() as stack:
        show = _show_changes()
        if console.is_terminal(sys.stdout):
            from .tables import live_table

            show = stack.enter_context(live_table())
        while True:
            try:
                show(looker.look())
            except Error as error:
                if not error.retryable:
                    raise
                console.say(f"{error}; looking again in {every_s:.0f} s")
            else:
                if not looker.running:
                    return
            looker.place.clock.wait(SimpleQueue[None](), every_s)


def _show_changes() -> Callable[[list[dict[str, Any]]], None]:
    shown: list[dict[str, Any]] = []

    def show(records: list[dict[str, Any]]) -> None:
        console.print_records([record for record in records if record not in shown])
        shown[:] = records

    return show
