"""`python -m openai_batch.local`: the embedded batch server in the foreground."""

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .. import settings
from ..errors import Error, UsageError
from .executor import NAMES, ExecutorOptions
from .server import HOST, Options, Ready, check_host, serve
from .validate import Limits

TOKEN_VARIABLE = "OPENAI_BATCH_LOCAL_TOKEN"
UPSTREAM_KEY_VARIABLE = "OPENAI_BATCH_UPSTREAM_KEY"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve as the arguments say, and return the exit code: 0 stopped well, 1 failed, 2 usage."""
    try:
        given = _parser().parse_args(arguments)
        check_host(given.host)
        serve(_options(given), announce if given.announce else None)
    except Error as error:
        sys.stderr.write(f"openai-batch local server: {error}\n")
        return 2 if isinstance(error, UsageError) else 1
    except Exception:  # a bug; caught so that this process still ends by `leave`
        traceback.print_exc()
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """End this process without the interpreter's clean-up.

    That would wait for, or crash in, threads that still execute a request. Everything is saved.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)


def announce(ready: Ready) -> None:
    """Print the ready line. Raises Error where nobody is there to read it."""
    try:
        sys.stdout.buffer.write(ready.to_json() + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        raise Error(f"cannot say that the server is ready: {error}") from error


def _options(given: argparse.Namespace) -> Options:
    return Options(
        data=given.data or settings.state_dir() / "local",
        port=given.port,
        token=settings.environment(given.token_env),
        until_stdin_closes=given.until_stdin_closes,
        window_s=given.window,
        limits=Limits(max_enqueued_tokens=given.max_enqueued_tokens),
        executor=ExecutorOptions(
            name=given.executor,
            parallel=given.parallel,
            model_file=given.model_file,
            max_output_tokens=given.max_output_tokens,
            context_tokens=given.context_tokens,
            upstream_url=given.upstream,
            upstream_key=settings.environment(UPSTREAM_KEY_VARIABLE),
            echo_delay_s=given.echo_delay,
            verbose=given.verbose,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m openai_batch.local",
        description="Serve OpenAI's Files and Batches API on this machine, for this machine.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--host", default=HOST, help="the address to listen on; only %(default)s is allowed")
    add("--port", type=int, default=0, help="the port to listen on (default: a free one)")
    add("--data", type=Path, metavar="DIR", help="files and batches (default: STATE_DIR/local)")
    add("--executor", choices=NAMES, default="llama", help="who answers (default: %(default)s)")
    add("--model-file", type=Path, metavar="FILE", help="llama: a GGUF file with the weights")
    add("--upstream", metavar="URL", help="upstream: where requests go, as in https://host/v1")
    add("--echo-delay", type=_not_negative, default=0.0, metavar="S", help="echo: wait S seconds")
    add(
        "--parallel",
        type=_count,
        default=4,
        metavar="N",
        help="requests at a time (default: %(default)s)",
    )
    add(
        "--max-output-tokens",
        type=_count,
        default=256,
        metavar="N",
        help="llama: output limit where a request names none (default: %(default)s)",
    )
    add(
        "--context-tokens",
        type=_count,
        default=4096,
        metavar="N",
        help="llama: prompt and output of one request together (default: %(default)s)",
    )
    add(
        "--window",
        type=_not_negative,
        default=86_400.0,
        metavar="S",
        help="how long a 24h completion window lasts (default: %(default)s)",
    )
    add(
        "--max-enqueued-tokens",
        type=_count,
        metavar="N",
        help="refuse batches while more wait, as providers do (default: no limit)",
    )
    add(
        "--token-env",
        default=TOKEN_VARIABLE,
        metavar="NAME",
        help="the variable with the token (default: %(default)s; where unset, one is made up)",
    )
    add("--announce", action="store_true", help="print one JSON line when requests are answered")
    add("--until-stdin-closes", action="store_true", help="end when standard input does")
    add("--verbose", action="store_true", help="llama: log to stderr")
    return parser


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every error here."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help explains)")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1")
    return int(text)


def _not_negative(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= float(text) < float("inf"):
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds")


if __name__ == "__main__":
    leave(main())
