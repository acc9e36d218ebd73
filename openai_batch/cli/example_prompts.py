"""`example-prompts`: something to try the other commands with."""

from pathlib import Path
from typing import Annotated

import typer

from . import console, options


def example_prompts(
    output_file: Annotated[
        str | None,
        typer.Argument(
            metavar="[OUTPUT]", help="Prompts; replaced if it exists. `-` is standard output."
        ),
    ] = None,
    number: Annotated[
        int,
        typer.Option(
            "--number", "-n", metavar="N", parser=options.whole_number(0), help="How many prompts."
        ),
    ] = 1000,
    embedding: Annotated[
        bool, typer.Option("--embedding", "-e", help="Documents to embed, instead of questions.")
    ] = False,
    seed: Annotated[
        int | None,
        typer.Option("--seed", metavar="N", help="The same seed gives the same prompts."),
    ] = None,
) -> None:
    """Write example prompts that `create` takes as they are.

    \b
    openai-batch example-prompts -n 10 | openai-batch create > requests.jsonl
    """
    from ..files import writing
    from ..requests import examples

    target = (
        console.stdout() if output_file in (None, console.STDIO) else writing(Path(output_file))
    )
    with target as stream:
        for block in examples.example_prompts(number, embedding=embedding, seed=seed):
            stream.write(block)
