"""What the shells' completion scripts ask for: `openai-batch __complete KIND [STATE_DIR]`.

One candidate a line, and behind a tab what it is. This runs at each TAB, so it loads neither Typer
nor the engine. It creates nothing and asks nobody, and where something is amiss there are fewer
candidates and no message: it would land in the middle of the line that is being typed.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..providers.provider import Provider

Candidate = tuple[str, str]
"""A value and what it is; the latter may be empty."""

_DESCRIBED_RUNS = 100
"""Looking into a journal takes a fifth of a millisecond, and nobody reads that many."""


def main(arguments: Sequence[str]) -> None:
    """Print the candidates of the kind that is asked for."""
    from ..providers.text import printable

    kind, state_dir = (*arguments, "", "")[:2]
    try:
        found = [pair for pair in KINDS[kind](state_dir) if pair[0].isprintable()]
        left = "".join(f"{value}\t{printable(about)}\n" for value, about in found).encode()
        while left:
            left = left[os.write(1, left) :]
    except (Exception, KeyboardInterrupt):
        pass


def _runs(state_dir: str) -> Iterator[Candidate]:
    from .. import settings
    from ..engine.glance import newest_runs

    for run in newest_runs(settings.state_dir(state_dir or None), _DESCRIBED_RUNS):
        if run.created_at is None:
            yield run.run_id, ""
            continue
        created = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.created_at))
        yield run.run_id, f"{run.status}, {created}, {run.input_name or 'standard input'}"


def _providers(_: str) -> Iterator[Candidate]:
    for row in _catalog():
        yield row.name, row.base_url or row.display_name or "a server that --base-url names"


def _models(_: str) -> Iterator[Candidate]:
    named: dict[str, str] = {}
    for row in _catalog():
        usual = [row.default_chat_model, row.default_embedding_model]
        exact = [name for name in row.models if not set("*?[") & set(name)]
        for model in (*usual, *exact):
            if model:
                named.setdefault(model, str(row))
    yield from named.items()


def _windows(_: str) -> Iterator[Candidate]:
    for window in dict.fromkeys(window for row in _catalog() for window in row.completion_windows):
        yield window, ""


def _catalog() -> "list[Provider]":
    from ..errors import UsageError
    from ..providers.catalog import all_providers, known_providers

    try:
        return known_providers()
    except UsageError:  # the user's own file has a mistake, of which the next command tells
        return all_providers


KINDS: dict[str, Callable[[str], Iterator[Candidate]]] = {
    "runs": _runs,
    "providers": _providers,
    "models": _models,
    "windows": _windows,
}
"""What can be asked for."""
