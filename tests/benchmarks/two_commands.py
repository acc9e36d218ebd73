"""The floor of start-up times: a Typer program of two commands that parses one option.

python two_commands.py show --number 1
"""

from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def show(number: Annotated[int, typer.Option("--number", "-n")] = 1) -> None:
    """Print a number."""
    print(number)


@app.command()
def nothing() -> None:
    """Do nothing."""


if __name__ == "__main__":
    app()
