"""Which runs a command is about: ids as arguments, ids or records on standard input."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import jsonl
from ..errors import UsageError
from . import console
from .options import Recorded


@dataclass(frozen=True, slots=True)
class Reference:
    """A run as it was named: by its id, by the id of one of its batches, or by its record."""

    name: str
    record: dict[str, Any] | None = None

    @property
    def batch_ids(self) -> list[str]:
        """The batches that are known without asking; none where only a run's id is."""
        if self.record is not None:
            ids = self.record.get("batch_ids")
            return [name for name in ids if isinstance(name, str)] if isinstance(ids, list) else []
        return [] if self.name.startswith("run_") else [self.name]

    @property
    def recorded(self) -> Recorded | None:
        """The provider that the record names."""
        if self.record is None or not isinstance(self.record.get("provider"), str):
            return None
        base_url = self.record.get("base_url")
        return self.record["provider"], base_url if isinstance(base_url, str) else None


def read_references(ids: Sequence[str] | None, command: str) -> list[Reference]:
    """The runs that `ids` name; those on standard input for `-`, or where there are none.

    Raises UsageError where none is named, or a line is neither an id nor a record.
    """
    if not ids:
        if console.is_terminal(sys.stdin):
            raise UsageError(f"name a run: openai-batch {command} RUN_ID")
        ids = [console.STDIO]
    references: list[Reference] = []
    for name in ids:
        references += _on_stdin() if name == console.STDIO else [by_name(name)]
    if not references:
        raise UsageError("standard input names no run: it holds neither an id nor a record")
    return list(dict((reference.name, reference) for reference in references).values())


def by_name(name: str) -> Reference:
    """The run that an argument names. Raises UsageError for what is a file's name rather."""
    is_file = False
    with contextlib.suppress(OSError):  # some gateways' ids are too long for a file's name
        is_file = Path(name).is_file()
    if is_file or name.endswith((".json", ".jsonl")):
        raise UsageError(f"{name} is no id; a file of records is read with: < {name}")
    return Reference(name)


def _on_stdin() -> Iterator[Reference]:
    with console.open_input(None) as stream:
        for number, content in jsonl.lines(stream):
            yield _parse(number, content)


_ID = re.compile(r"[\w.:=+/|~@-]+")
"""What ids are made of, at every provider seen; a torn record or a sentence is none."""


def _parse(number: int, content: bytes) -> Reference:
    try:
        value = jsonl.parse(content)
    except ValueError:
        value = content.decode("utf-8", "replace")
    if isinstance(value, str) and _ID.fullmatch(value):
        return Reference(value)
    if isinstance(value, dict) and value.get("object") == "run" and (name := _name_of(value)):
        return Reference(name, value)
    if isinstance(value, dict) and isinstance(value.get("id"), str):  # a provider's batch object
        return Reference(value["id"])
    raise UsageError(
        f"standard input, line {number}: neither an id nor a record: "
        f"{json.dumps(content[:60].decode('utf-8', 'replace'))}"
    )


def _name_of(record: dict[str, Any]) -> str | None:
    batch_ids = record.get("batch_ids")
    first_batch = batch_ids[0] if isinstance(batch_ids, list) and batch_ids else None
    name = record.get("run_id") or first_batch
    return name if isinstance(name, str) else None


def the_one(run_id: str, command: str) -> Reference:
    """The run that an argument names, or the one line of standard input where it is `-`.

    Raises UsageError where that has more.
    """
    if run_id != console.STDIO:
        return by_name(run_id)
    references = read_references([run_id], command)
    if len(references) > 1:
        verb = {"resume": "resume goes on with", "retry": "retry sends again what failed in"}
        raise UsageError(f"{verb[command]} one run, and standard input names {len(references)}")
    return references[0]
