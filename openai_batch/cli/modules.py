"""Commands as modules: `python -m openai_batch.run` and the other names in published articles."""

import sys
from collections.abc import Sequence
from typing import Protocol

from .delivery import NamedByBatch
from .main import run_command


class Main(Protocol):
    """What a module's `main` is: called with arguments, or with those of the process."""

    def __call__(self, args: Sequence[str] | None = None) -> None: ...


def entry(command: str) -> Main:
    """The `main` of a module: runs `command`, returns when all is well, else raises SystemExit."""

    def main(args: Sequence[str] | None = None) -> None:
        _run(command, args)

    return main


def run_main(args: Sequence[str] | None = None) -> str | None:
    """Run `run`; return the id of the batch, or of the run where it took several.

    Raises SystemExit with the exit code where not everything succeeded.
    """
    named = NamedByBatch()
    _run("run", args, named)
    return named.batch_id


def _run(command: str, args: Sequence[str] | None, caller: object = None) -> None:
    arguments = sys.argv[1:] if args is None else args
    code = run_command([command, *arguments], caller)
    if code:
        raise SystemExit(code)
