"""Which runs there are, for a shell that completes their ids: fast, and never in anybody's way.

It waits for no lock, writes nothing, and loads neither the states nor the entries, which would take
longer than everything else between TAB and its answer. Whoever has the time asks `inspect`.
"""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Glance(NamedTuple):
    """A run's id and, where its journal can be read at once, what it is about.

    `created_at` is unix time in seconds.
    """

    run_id: str
    status: str | None = None
    created_at: float | None = None
    input_name: str | None = None


def newest_runs(state_dir: Path, described: int) -> Iterator[Glance]:
    """Every run that was planned to the end, newest first; the first `described` with details."""
    journals = sorted((state_dir / "runs").glob("run_*/journal.db"), reverse=True)
    for number, journal in enumerate(journals):
        yield _look(journal) if number < described else Glance(journal.parent.name)


def _look(path: Path) -> Glance:
    run_id = path.parent.name
    try:
        uri = f"{path.absolute().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0)) as connection:
            (body,) = connection.execute("SELECT body FROM run").fetchone()
            turns = [kind for (kind,) in connection.execute(_TURNS)]
        info = json.loads(body)
        input_name = info["input_name"]
        return Glance(
            run_id,
            _status(turns),
            float(info["created_at"]),
            Path(input_name).name if input_name else None,
        )
    except (sqlite3.Error, ValueError, KeyError, TypeError):  # damaged, or somebody writes it
        return Glance(run_id)


_TURNS = """
SELECT kind FROM entry
WHERE kind IN ('delivered', 'cancel_requested', 'sending_allowed') ORDER BY seq
"""


def _status(turns: list[str]) -> str:
    if "delivered" in turns:
        return "delivered"
    return "cancelled" if turns[-1:] == ["cancel_requested"] else "unfinished"
