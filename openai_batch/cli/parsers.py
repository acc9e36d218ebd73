"""The modules' flags in 0.3, as parsers of `argparse`: for scripts that extend or document them.

The commands parse for themselves, and know more; see `modules`.
"""

import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from .console import STDIO


def prompts_parser() -> ArgumentParser:
    """What `openai_batch.example_prompts` takes."""
    parser = ArgumentParser()
    parser.add_argument("output", nargs="?", default=STDIO, type=_written, help="Prompts.")
    parser.add_argument("-n", type=int, default=1000, help="How many prompts.")
    parser.add_argument("-e", "--embedding", action="store_true", help="Documents to embed.")
    return parser


def create_parser() -> ArgumentParser:
    """What `openai_batch.create_batch_input` takes."""
    parser = ArgumentParser()
    parser.add_argument("input", nargs="?", default=STDIO, type=_read, help="Prompts, one a line.")
    parser.add_argument("output", nargs="?", default=STDIO, type=_written, help="Requests.")
    parser.add_argument("--model", default="gpt-4", help="The model of every request.")
    parser.add_argument("-e", "--embedding", action="store_true", help="Embeddings requests.")
    parser.add_argument("--score", metavar="TEXT", help="Score TEXT against each prompt.")
    parser.add_argument("--rerank", metavar="QUERY", help="Rank each prompt for QUERY.")
    _add_provider(parser)
    return parser


def run_parser(argv: Sequence[str] = ()) -> ArgumentParser:
    """What `openai_batch.run` takes; with `--resume` among `argv` the input may be missing."""
    parser = ArgumentParser()
    count = "?" if "--resume" in argv else 1
    parser.add_argument("input_file", nargs=count, help="Requests; - is standard input.")
    parser.add_argument("-o", "--output-file", metavar="FILE", help="Results.")
    parser.add_argument("-e", "--error-file", metavar="FILE", help="Failed requests.")
    parser.add_argument("--resume", metavar="ID", help="Wait for this batch.")
    parser.add_argument("-c", "--create", action="store_true", help="Do not wait.")
    parser.add_argument("-n", "--dry-run", action="store_true", help="Send nothing.")
    _add_provider(parser)
    parser.add_argument("--base-url", metavar="URL", help="Where the provider's API is.")
    parser.add_argument("--api-key", metavar="KEY", help="The provider's key.")
    return parser


def _add_provider(parser: ArgumentParser) -> None:
    from ..providers.catalog import all_providers

    names = [provider.name for provider in all_providers]
    parser.add_argument("-p", "--provider", choices=names, help="Who executes.")


def _read(name: str) -> TextIO:
    return sys.stdin if name == STDIO else Path(name).open(encoding="utf-8")


def _written(name: str) -> TextIO:
    return sys.stdout if name == STDIO else Path(name).open("w", encoding="utf-8")
