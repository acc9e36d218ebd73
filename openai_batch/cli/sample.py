"""`sample`: some lines of a file, drawn at random."""

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InputInvalid, UsageError
from . import console, delivery, options, reporting
from .quantities import many

if TYPE_CHECKING:
    from ..requests.reservoir import Drawing


def _parse_fraction(text: str) -> float:
    """A number from 0 to 1."""
    try:
        fraction = float(text)
    except ValueError:
        fraction = -1.0
    if not 0 <= fraction <= 1:
        raise typer.BadParameter(f"{text!r} is not a number from 0 to 1, such as 0.01")
    return fraction


def sample(
    input_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[INPUT]", help="Requests, results or prompts; `-` or none: standard input."
        ),
    ] = None,
    number: Annotated[
        int | None,
        typer.Option(
            "--number", "-n", metavar="N", parser=options.whole_number(0), help="How many lines."
        ),
    ] = None,
    fraction: Annotated[
        float | None,
        typer.Option(
            "--fraction",
            metavar="SHARE",
            parser=_parse_fraction,
            help="Instead: each line with this probability, such as 0.01.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="The same seed draws the same lines [random]."),
    ] = None,
    output_file: Annotated[
        str | None,
        typer.Option(
            "--output-file", "-o", metavar="FILE", help="The lines; `-` is standard output."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw lines at random, to try something on a few of millions before it is done with all.

    Every line has the same chance, none is drawn twice, and they are written in the order of the
    input, as they are there. Blank lines are none. With -n there are exactly N, or all where there
    are fewer, and nothing is written before the input has ended; with --fraction there are about as
    many as its share, and they are written as they come.

    Without --seed each call draws other lines; the seed that would draw them again is told on
    standard error. FILE appears whole or not at all.

    \b
    openai-batch sample -n 100 requests.jsonl | openai-batch run > trial.jsonl
    openai-batch sample --fraction 0.01 --seed 1 results.jsonl -o to-review.jsonl
    """
    from ..requests.reservoir import Drawing

    if seed is None:
        seed = int.from_bytes(os.urandom(4))
    input_name = None if input_file == console.STDIO else input_file
    target = delivery.lines_to(output_file, input_name, force=force)
    with console.open_input(input_file) as source:
        drawing = Drawing(source, seed, input_name)
        lines = _draw(drawing, number, fraction)
        try:
            with target as stream:
                for line in lines:
                    stream.write(line + b"\n")
        except InputInvalid as invalid:
            reporting.tell_faults(invalid, input_name)
            raise
    if not quiet:
        drawn = f"{drawing.drawn} of {many(drawing.lines, 'line')} drawn"
        console.say(f"{drawn}; the same again: --seed {seed}")


def _draw(drawing: "Drawing", number: int | None, fraction: float | None) -> Iterator[bytes]:
    match number, fraction:
        case int() as wanted, None:
            return drawing.exactly(wanted)
        case None, float() as share:
            return drawing.share(share)
    raise UsageError("say how many lines to draw: either -n 100 or --fraction 0.01")
