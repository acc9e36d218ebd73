"""`stats`: what a file of requests or results holds."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputInvalid
from . import console, exits, options, reporting
from .quantities import grouped, many, size

if TYPE_CHECKING:
    from ..requests.distribution import Distribution
    from ..requests.stats import Stats

_BAR = 40


def stats(
    input_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]", help="Requests or results; `-` or none reads standard input."
        ),
    ] = None,
    quiet: options.Quiet = False,
) -> int:
    """Tell what a file of requests or results holds: how many, how large, and of what kinds.

    Of requests: endpoints, models, parameters, input tokens and ceilings of output. Of results:
    statuses, errors, models and the tokens that the provider counted. Above 16 MB the tokens of
    requests are summed from a sample, and `error_percent` says how far off the sum may be (95 %
    confidence); percentiles are at most 1.6 % too low, apart from the sample.

    On a terminal a report; piped, one JSON object. Lines that are no request, or no result where
    the first is one, are counted as faulty, and the exit code is 5.

    \b
    openai-batch stats requests.jsonl
    openai-batch stats < results.jsonl | jq .output_tokens
    """
    from ..requests.stats import Stats

    input_name = None if input_file == console.STDIO else input_file
    found = Stats()
    try:
        with console.open_input(input_file) as source:
            found.read(source, input_name)
    except InputInvalid as invalid:
        reporting.tell_faults(invalid, input_name)
        raise
    record = found.record()
    if console.is_terminal(sys.stdout):
        from .tables import print_fields

        print_fields(_report(found, record))
    else:
        console.print_record(record)
    if not found.faulty:
        return exits.OK
    wanted = "a request" if found.kind == "requests" else "a result"
    console.say(
        f"{many(found.faulty, 'line')} not counted, which should be "
        f"{wanted if found.kind else 'requests or results'}; the first is "
        f"{input_name or 'stdin'}:{found.first_faulty}"
    )
    return exits.INVALID_INPUT


def _report(found: "Stats", record: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield record["kind"] or "lines", f"{grouped(record['lines'])} ({size(record['bytes'])})"
    for what in ("endpoints", "models", "statuses", "errors", "parameters"):
        if record.get(what):
            names = (f"{name} ({grouped(count)})" for name, count in record[what].items())
            yield what, ", ".join(names)
    yield "line bytes", _figures(record["line_bytes"])
    for what, tokens in found.tokens.items():
        if what in record and record[what]["max"] is not None:
            error = record[what].get("error_percent")
            within = f" ±{error} %" if error else ""
            total = f"{grouped(record[what]['total'])}{within} in all; "
            yield what.replace("_", " "), total + _figures(record[what])
            yield from _bars(tokens)
    if ceilings := record.get("output_ceilings"):
        yield (
            "output ceilings",
            f"{grouped(ceilings['requests'])} requests, {grouped(ceilings['total'])} in all",
        )


def _figures(summary: dict[str, Any]) -> str:
    names = ("min", "median", "p90", "p99", "max", "mean")
    return ", ".join(f"{name} {summary[name]:,}" for name in names if summary[name] is not None)


def _bars(distribution: "Distribution") -> Iterator[tuple[str, str]]:
    rows = list(distribution.by_powers_of_two())
    most = max(count for _, _, count in rows)
    bar = "█" if console.STDOUT.can_show("█") else "#"
    for least, below, count in rows:
        yield f"  {least:,}-{below - 1:,}", f"{bar * round(_BAR * count / most)} {count:,.0f}"
