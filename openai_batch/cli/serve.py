"""`serve`: the local batch server in the foreground, for as long as it is wanted."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from ..settings import environment
from . import console, exits, options
from .exits import StdoutClosed

if TYPE_CHECKING:
    from ..local.server import Ready


def serve(
    port: Annotated[
        int,
        typer.Option(
            "--port",
            metavar="PORT",
            parser=options.whole_number(0, 65535),
            help="The port; 0 takes a free one.",
        ),
    ] = 0,
    model_file: Annotated[
        Path | None,
        typer.Option("--model-file", metavar="FILE", help="A GGUF file with the weights."),
    ] = None,
    executor: Annotated[
        str | None,
        typer.Option(
            "--executor",
            metavar="EXECUTOR",
            help="llama (a model file), upstream, or echo (a test).",
        ),
    ] = None,
    upstream: Annotated[
        str | None,
        typer.Option("--upstream", metavar="URL", help="Send each request on to this server."),
    ] = None,
    parallel: Annotated[
        int | None,
        typer.Option(
            "--parallel", metavar="N", parser=options.whole_number(1), help="Requests at a time."
        ),
    ] = None,
    max_output_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-output-tokens",
            metavar="N",
            parser=options.whole_number(1),
            help="Where a request names no limit.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DIR", help="Where its files and batches are kept."),
    ] = None,
    quiet: options.Quiet = False,
    state_dir: options.StateDir = None,
) -> None:
    """Run a batch server on this machine.

    While it runs, commands with `--provider local` use it instead of starting their own. Its
    address is a line of JSON on standard output, and words on a terminal.

    \b
    openai-batch serve --model-file model.gguf
    openai-batch serve --upstream http://127.0.0.1:8000/v1
    openai-batch run -c --provider local requests.jsonl > run.json     (in another terminal)
    """
    from ..local.__main__ import TOKEN_VARIABLE, UPSTREAM_KEY_VARIABLE, leave
    from ..local.executor import NAMES, ExecutorOptions
    from ..local.server import SERVER_FILE, Options
    from ..local.server import serve as serve_until_stopped
    from ..providers.local import data_folder

    if executor is not None and executor not in NAMES:
        raise UsageError(f"--executor {executor}: it is one of {', '.join(NAMES)}")
    chosen: dict[str, Any] = {
        "name": executor or ("upstream" if upstream else None),
        "model_file": model_file,
        "upstream_url": upstream,
        "upstream_key": environment(UPSTREAM_KEY_VARIABLE),
        "parallel": parallel,
        "max_output_tokens": max_output_tokens,
    }
    known = {name: value for name, value in chosen.items() if value is not None}
    folder = data or data_folder(state_dir)

    def announce(ready: "Ready") -> None:
        with contextlib.suppress(StdoutClosed):  # it serves all the same
            if not console.is_terminal(sys.stdout):
                console.print_record(
                    {
                        "object": "server",
                        "base_url": ready.base_url,
                        "pid": ready.pid,
                        "server_file": str(folder / SERVER_FILE),
                    }
                )
        if not quiet:
            console.say(f"serving on {ready.base_url}; Ctrl-C ends it, and its work is kept")
            console.say("use it with: openai-batch run --provider local requests.jsonl")
            console.say(f"other clients find address and token in {folder / SERVER_FILE}")

    server_options = Options(
        data=folder,
        port=port,
        token=environment(TOKEN_VARIABLE),
        executor=ExecutorOptions(**known),
    )
    serve_until_stopped(server_options, announce)
    leave(exits.OK)
