"""The command line's entry: register, invoke, catch, exit.

Typer's own entry turns errors into tracebacks and drops what commands return, so this one invokes
the command tree itself. What works on Typer 0.27, 0.28 and 0.29 alike is used, and no more: its
classes of usage errors have moved between them.
"""

import contextlib
import os
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn, cast

import typer
import typer.main
from typer.core import TyperGroup

from ..errors import Error
from ..settings import environment
from . import console, exits
from .exits import StdoutClosed, Terminated

PROGRAM = "openai-batch"

COMMANDS = {
    "example-prompts": "example_prompts",
    "create": "create",
    "validate": "validate",
    "run": "run",
    "status": "status",
    "download": "download",
    "resume": "resume",
    "list": "listing",
    "cancel": "cancel",
    "retry": "retry",
    "sample": "sample",
    "join": "join",
    "stats": "stats",
    "serve": "serve",
    "completion": "completion",
}
"""Each command, and the module beside this one whose function of the same name it is."""

_ISSUES = "https://github.com/parasail-ai/openai-batch/issues"

# The vendored click is private, and `import click` finds another package, if any.
_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__base__)

_SETTINGS: dict[str, Any] = {
    "add_completion": False,
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
    "context_settings": {"help_option_names": ["-h", "--help"]},
}


class _Commands(TyperGroup):
    """Loads a command when it is asked for, so that `create` does not wait for `run`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = dict.fromkeys(COMMANDS)  # type: ignore[assignment]  # names, for "did you mean"

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        name = COMMANDS[cmd_name]
        app = typer.Typer(**_SETTINGS)
        app.command(cmd_name)(getattr(import_module(f".{name}", __package__), name))
        return typer.main.get_command(app)


def command_tree() -> TyperGroup:
    """Every command with its options, for invoking and for documenting."""
    app = typer.Typer(cls=_Commands, epilog=_exit_codes(), **_SETTINGS)
    app.callback()(_root)
    return cast(TyperGroup, typer.main.get_command(app))


def _print_version(wanted: bool) -> None:
    if wanted:
        from .. import __version__

        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Send huge numbers of LLM requests through providers' Batch APIs, and bring every result back.

    \b
    openai-batch example-prompts | openai-batch create | openai-batch run > results.jsonl

    \b
    openai-batch run requests.jsonl -o results.jsonl
    openai-batch run -c requests.jsonl > run.json
    openai-batch download < run.json > results.jsonl
    """


def _exit_codes() -> str:
    columns = min(shutil.get_terminal_size().columns, 80) - 2
    rows = (
        textwrap.fill(
            row.meaning, columns, initial_indent=f"  {row.code:<5}", subsequent_indent=" " * 7
        )
        for row in exits.TABLE
    )
    return "\b\nExit codes:\n" + "\n".join(rows)


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """The console script: run the command and leave the process.

    At once: taking the interpreter apart would take a seventh of a short command's time, and would
    wait for a transfer under way after Ctrl-C. Whatever has to be closed is closed by now.
    """
    _fill_closed_descriptors()
    console.tolerate_encodings()
    code = run_command(sys.argv[1:] if argv is None else argv)
    if not _flush("stdout") and code == exits.OK:
        code = exits.exit_code_for(StdoutClosed())
    _flush("stderr")
    os._exit(code)


def run_command(argv: Sequence[str], caller: object = None) -> int:
    """Run one command line and return its exit code. Errors are told on standard error.

    `caller` is handed to the command as the context's `obj`.
    """
    try:
        with _terminable():
            return _invoke(list(argv), caller)
    except BaseException as error:
        return _explain(error)


def _invoke(argv: list[str], caller: object) -> int:
    tree = command_tree()
    if not argv:
        console.STDERR.write(tree.get_help(typer.Context(tree, info_name=PROGRAM)) + "\n")
        return exits.USAGE
    with tree.make_context(PROGRAM, argv, obj=caller) as context:
        code = tree.invoke(context)
    return code if isinstance(code, int) else exits.OK


def _explain(error: BaseException) -> int:
    match error:
        case typer.Exit():
            return error.exit_code
        case SystemExit(code=code):
            return code if isinstance(code, int) else exits.UNEXPECTED
        case StdoutClosed() | BrokenPipeError():
            if hasattr(error, "__notes__"):  # a run of which something is to be said
                console.say("standard output was closed before all was written")
                _say_notes(error)
            return exits.exit_code_for(StdoutClosed())
        case KeyboardInterrupt():
            console.say("interrupted")
        case Terminated():
            console.say("terminated")
        case Error():
            console.say(f"{PROGRAM}: {error}")
        case _ if isinstance(error, _USAGE_ERROR):
            return _explain_usage(error)
        case OSError():
            console.say(f"{PROGRAM}: the system failed: {error}")
        case _:
            console.say(
                f"{PROGRAM} hit a bug: {type(error).__name__}: {error}; "
                f"please report it at {_ISSUES} (OPENAI_BATCH_DEBUG=1 shows where)"
            )
    _say_notes(error)
    if environment("OPENAI_BATCH_DEBUG"):
        import traceback

        console.STDERR.write("".join(traceback.format_exception(error)))
    return exits.exit_code_for(error)


def _say_notes(error: BaseException) -> None:
    for note in getattr(error, "__notes__", ()):
        console.say(note)


def _explain_usage(error: Any) -> int:
    command = error.ctx.command_path if error.ctx else PROGRAM
    console.say(f"{command}: {error.format_message()}")
    console.say(f"Try: {command} --help")
    return exits.USAGE


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """Raise Terminated in the main thread on SIGTERM, so that what is open is closed."""

    def terminate(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough: closing takes no time
        raise Terminated

    in_main_thread = threading.current_thread() is threading.main_thread()
    if not in_main_thread or signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:
        yield
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _fill_closed_descriptors() -> None:
    """Keep 0, 1 and 2 from being given to the next file opened, where one of them is closed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number free: this one


def _flush(name: str) -> bool:
    """Flush a standard stream so that the interpreter has nothing left to fail on."""
    stream = getattr(sys, name)
    try:
        if stream is not None:
            stream.flush()
    except (OSError, ValueError):
        setattr(sys, name, None)
        return False
    return True
