"""`join`: requests beside their results."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import Fault, UsageError
from . import console, delivery, options
from .quantities import many
from .reporting import FAULTS_SHOWN

if TYPE_CHECKING:
    from ..engine.join import Source
    from ..engine.spool import Outcome

_REPEATED_SHOWN = 10


def join(
    requests: Annotated[
        str, typer.Argument(metavar="REQUESTS", help="What was sent; `-` is standard input.")
    ],
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULTS...", help="What came back: results, error files; one may be `-`."
        ),
    ],
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="OUTCOME",
            help="Only requests that `succeeded`, `failed` or are `missing`; may be repeated.",
        ),
    ] = None,
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output-file", "-o", metavar="FILE", help="The pairs; `-` is standard output."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Put every request beside its result, by custom_id, whatever the order of the results.

    A line for each request, in the order of REQUESTS: an object with `custom_id`, `request` and
    `result`, both of them byte for byte as they are in their files. Where nothing came back,
    `result` is null. Where a request has several results, as after `retry`, the first that
    succeeded counts, or else the last; the others are told on standard error.

    Results that belong to no request are left out and counted on standard error. That is no error,
    and neither are failed and missing requests: REQUESTS may be a part of what was sent. But where
    no result belongs to any request, where a custom_id stands for two requests, or where a line is
    none of a request or result, nothing is joined and the exit code is 5. FILE appears whole or not
    at all. What is piped in is copied to a temporary file first.

    \b
    openai-batch join requests.jsonl results.jsonl > pairs.jsonl
    openai-batch join requests.jsonl out.jsonl errors.jsonl --only failed -o failed.jsonl
    """
    from ..engine.join import Join
    from ..engine.spool import Outcome

    names = [requests, *results]
    if names.count(console.STDIO) > 1:
        raise UsageError("only one of the files can be standard input")
    told = _Told(quiet)
    outcomes = _outcomes(only or [])
    target = delivery.lines_to(output_file, *names, force=force)
    with contextlib.ExitStack() as stack:
        first, *others = (stack.enter_context(_source(name)) for name in names)
        joined = Join(first, others, told.fault, told.repeated)
        try:
            joined.look()
        finally:
            told.rest()
        with target as stream:
            joined.write(stream, outcomes)
    if quiet:
        return
    counts = joined.counts
    console.say(
        f"{many(counts.total(), 'request')}: {counts[Outcome.SUCCEEDED]} succeeded, "
        f"{counts[Outcome.FAILED]} failed, {counts[Outcome.MISSING]} missing"
    )
    if joined.unknown:
        one = joined.unknown == 1
        console.say(
            f"{many(joined.unknown, 'result')} {'belongs' if one else 'belong'} to no request and "
            f"{'was' if one else 'were'} left out; the first is {joined.first_unknown}"
        )


@contextlib.contextmanager
def _source(name: str) -> "Iterator[Source]":
    from ..engine.join import Source
    from ..files import rereadable

    with console.open_input(name) as opened, rereadable(opened) as stream:
        yield Source(stream, "stdin" if name == console.STDIO else name)


def _outcomes(names: list[str]) -> "list[Outcome]":
    from ..engine.spool import Outcome

    known = {
        "succeeded": Outcome.SUCCEEDED,
        "failed": Outcome.FAILED,
        "missing": Outcome.MISSING,
    }
    for name in names:
        if name not in known:
            raise UsageError(f"--only {name!r}: it is one of {', '.join(known)}")
    return [known[name] for name in names]


class _Told:
    """Says what is found in the files: the first faults, and the first repeated results."""

    def __init__(self, quiet: bool):
        self._faults = 0
        self._repeated = 0
        self._quiet = quiet

    def fault(self, name: str, fault: Fault) -> None:
        self._faults += 1
        if self._faults <= FAULTS_SHOWN:
            console.say(fault.at(name))

    def repeated(self, name: str, fault: Fault) -> None:
        self._repeated += 1
        if self._repeated <= _REPEATED_SHOWN and not self._quiet:
            console.say(fault.at(name))

    def rest(self) -> None:
        """Say how many were not shown."""
        if self._faults > FAULTS_SHOWN:
            console.say(f"and {self._faults - FAULTS_SHOWN:,} more faults")
        if self._repeated > _REPEATED_SHOWN and not self._quiet:
            console.say(f"and {self._repeated - _REPEATED_SHOWN:,} more repeated results")
