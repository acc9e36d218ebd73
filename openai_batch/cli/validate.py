"""`validate`: what a provider would find wrong with requests, before anything is sent."""

import sys
from typing import Annotated

import typer

from . import console, exits, options, reporting
from .driving import place_for
from .job import show_forecast
from .options import Access


def validate(
    input_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]", help="Requests, one JSON object a line; `-` or none: standard input."
        ),
    ] = None,
    provider: options.ProviderName = None,
    base_url: options.BaseUrl = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> int:
    """Check requests by their provider's rules, and print what they hold.

    Every fault of every line is told on standard error; the record counts them by code. Nothing is
    sent, and no key is needed; what a single model refuses, only the provider knows. `run` does the
    same before it sends anything, and `run --dry-run` also says how many tokens and how much money
    a run needs.

    \b
    openai-batch validate requests.jsonl
    openai-batch create prompts.txt | openai-batch validate --provider parasail
    """
    from ..engine.rehearsal import validate

    name = None if input_file == console.STDIO else input_file
    access = Access(provider, base_url)
    with reporting.reporter(name, quiet=quiet, all_faults=True) as reporter:
        with console.open_input(name) as stream:
            record, invalid = validate(
                stream,
                input_name=name,
                provider_for=access.for_model(),
                place=place_for(state_dir, reporter),
            )
        show_forecast(record, reporter)
        if invalid:
            raise invalid
        if console.is_terminal(sys.stdout):
            reporter.say("no faults")
    return exits.OK
