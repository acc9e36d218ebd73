"""Commands as modules: `python -m openai_batch.run` and the other names in published articles."""

import sys
from collections.abc import Iterator, Sequence
from typing import NoReturn, Protocol

from . import exits
from .delivery import NamedByBatch
from .main import run_command

_FLAGS = {
    "example-prompts": ("--embedding",),
    "create": ("--embedding", "--model", "--provider", "--rerank", "--score"),
    "run": (
        "--api-key",
        "--base-url",
        "--create",
        "--dry-run",
        "--error-file",
        "--output-file",
        "--provider",
        "--resume",
    ),
}
"""The long flags that each module had in 0.3, where a flag's beginning was enough."""


class Main(Protocol):
    """What a module's `main` is: called with arguments, or with those of the process."""

    def __call__(self, args: Sequence[str] | None = None) -> None: ...


def entry(command: str, *preset: str) -> Main:
    """The `main` of a module: runs `command`, returns when all is well, else raises SystemExit.

    `preset` are options that hold where the caller gives no others.
    """

    def main(args: Sequence[str] | None = None) -> None:
        code = _run(command, preset, args)
        if code:
            raise SystemExit(code)

    return main


def run_main(args: Sequence[str] | None = None) -> str | None:
    """Run `run`; return the id of the batch, or of the run where it took several.

    Failed requests are in their file, and no reason to stop the caller. Raises SystemExit with the
    exit code where there are no results.
    """
    named = NamedByBatch()
    code = _run_named(args, named)
    if code not in (exits.OK, exits.SOME_FAILED):
        raise SystemExit(code)
    return named.batch_id


def run_program() -> NoReturn:
    """Run `run` as the process that this is, and leave with its exit code."""
    raise SystemExit(_run_named(None, NamedByBatch()))


def _run_named(args: Sequence[str] | None, named: NamedByBatch) -> int:
    # Scripts that run every night replace what they wrote the night before.
    return _run("run", ("--force",), args, named)


def _run(
    command: str, preset: Sequence[str], args: Sequence[str] | None, caller: object = None
) -> int:
    arguments = _spelled_out(command, sys.argv[1:] if args is None else args)
    return run_command([command, *preset, *arguments], caller)


def _spelled_out(command: str, arguments: Sequence[str]) -> Iterator[str]:
    """`arguments`, with every flag in full of which only the beginning is there."""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        begun = [flag for flag in _FLAGS[command] if flag.startswith(name)]
        is_flag = name.startswith("--") and name != "--"
        yield f"{begun[0]}{equals}{value}" if is_flag and len(begun) == 1 else argument
