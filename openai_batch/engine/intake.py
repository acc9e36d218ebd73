"""An input, read once: checked, cut into shards, and every fault told in the order of lines."""

import heapq
import io
import math
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO

from .. import jsonl
from ..errors import Fault
from ..requests.estimate import Estimator, Needs
from ..requests.faults import Faults
from ..requests.unique import UniqueIds
from ..requests.usual import Checked
from ..requests.validate import Rules, Validator
from ..requests.wrong_file import not_text, results, spread_json, table
from .cutting import Limits, ShardWriter
from .entries import ShardPlan
from .events import FaultFound, OnEvent, Planning
from .notes import Notes
from .spool import Spool

if TYPE_CHECKING:
    from ..providers.provider import Provider

_PROGRESS_EVERY = 20_000

ProviderFor = Callable[[str | None], "Provider"]
"""Answers the provider for the model that the first request names."""

EstimatorFor = Callable[["Provider"], Estimator]
"""Answers who sums up what the requests need, of that provider."""


@dataclass(slots=True)
class Intake:
    """What an input holds, its shards being in the spool."""

    shards: list[ShardPlan]
    requests: int
    size_bytes: int
    sha256: str
    endpoint: str
    """The URL of its requests; empty where there are none."""
    models: list[str]
    faults: Faults
    needs: Needs | None
    """What the requests without faults need; None where that was not asked for."""


def take_in(
    stream: BinaryIO,
    provider_for: ProviderFor,
    spool: Spool,
    on_event: OnEvent,
    *,
    shard_requests: int | None,
    shard_bytes: int | None,
    estimator_for: EstimatorFor | None = None,
    keep: bool = True,
) -> "tuple[Intake, Provider]":
    """Check all of `stream`, cut it and sum it up; every fault is told, in the order of lines.

    Without `keep` only ids are written, and nothing is hashed. Raises StorageError where the disk
    is full.
    """
    head, blocks = jsonl.peek(stream)
    provider = provider_for(_first_model(head))
    writer = ShardWriter(spool, Limits.of(provider, shard_requests, shard_bytes), keep=keep)
    estimator = estimator_for(provider) if estimator_for else None
    taker = _Taker(rules(provider, shard_bytes), writer, estimator)
    faults = Faults()
    progress = _PROGRESS_EVERY
    try:
        if wrong := not_text(head) or spread_json(head) or results(head) or table(head):
            found = iter([wrong])
        else:
            for block in blocks:
                taker.take(block)
                if taker.rows >= progress:
                    progress = taker.rows + _PROGRESS_EVERY
                    on_event(Planning(taker.rows, writer.total_bytes))
            found = taker.finish()
        for fault in found:
            faults.add(fault)
            on_event(FaultFound(fault))
    finally:
        taker.close()
    taken = Intake(
        writer.shards,
        taker.rows,
        writer.total_bytes,
        writer.sha256.hexdigest(),
        taker.endpoint,
        list(taker.models),
        faults,
        None if estimator is None else estimator.finish(),
    )
    return taken, provider


def _first_model(head: bytes) -> str | None:
    """The model of the first request that names one: a line before it may be faulty."""
    for _, content in jsonl.lines(io.BytesIO(head)):
        try:
            model = jsonl.parse(content)["body"]["model"]
        except (ValueError, KeyError, TypeError):
            continue  # the validator says what is wrong with it
        if isinstance(model, str):
            return model
    return None


class _Taker:
    """Takes requests in as they come: a whole block where all are alike, else one by one."""

    def __init__(self, rules: Rules, writer: ShardWriter, estimator: Estimator | None) -> None:
        self._writer = writer
        self._estimator = estimator
        self._validator = Validator(rules, self._note)
        # Repeated ids are found last and belong between the others, so all wait for the end.
        self._faults = Notes(writer.folder)
        self._faulty_ids = Notes(writer.folder)
        self._line = 1
        self.rows = 0
        self.endpoint = ""
        self.models: dict[str, None] = {}
        self._unique = UniqueIds()
        self._numbers = _LineNumbers()

    def take(self, block: bytes) -> None:
        """Check and keep the requests of the next lines, as far as they have no faults."""
        checked = self._validator.check_block(block)
        content = block.removesuffix(b"\n")
        if checked is not None and self._writer.has_room(content, checked):
            self._keep(self._line, content, checked)
            self._line += len(checked.custom_ids)
            return
        if checked is not None and (half := block.find(b"\n", len(block) // 2) + 1) < len(block):
            self.take(block[:half])  # a shard ends in it: its parts are alike, too
            self.take(block[half:])
            return
        for number, content in jsonl.lines(io.BytesIO(block), self._line):
            checked = self._validator.check(number, content)
            if checked is not None:
                self._keep(number, content, checked)
            elif (custom_id := self._validator.faulty_id) is not None:
                self._unique.update([custom_id])
                self._faulty_ids.add(number, custom_id)
        self._line += block.count(b"\n")

    def finish(self) -> Iterator[Fault]:
        """End the last shard, and yield every fault in the order of lines."""
        self._writer.finish()
        self._validator.finish()
        found = (Fault(*row) for row in self._faults)
        return heapq.merge(found, self._duplicates(), key=lambda fault: fault.line or 0)

    def close(self) -> None:
        """Let go of every file. May be repeated."""
        self._writer.close()
        self._faults.close()
        self._faulty_ids.close()

    def _note(self, fault: Fault) -> None:
        self._faults.add(fault.code, fault.message, fault.line, fault.param)

    def _duplicates(self) -> Iterator[Fault]:
        suspects = self._unique.suspects()
        if not suspects:
            return iter(())
        lines = ((self._numbers[row], id_) for row, id_ in enumerate(self._writer.all_ids()))
        faulty = ((number, id_) for number, id_ in self._faulty_ids)
        return self._unique.confirm(suspects, heapq.merge(lines, faulty, key=itemgetter(0)))

    def _keep(self, number: int, content: bytes, checked: Checked) -> None:
        self._unique.update(checked.custom_ids)
        self._numbers.add(self.rows, number, len(checked.custom_ids))
        self._writer.add(content, checked)
        if self._estimator is not None:
            self._estimator.take(number, content, len(checked.custom_ids))
        self.models.update(dict.fromkeys(checked.models))
        self.endpoint = self.endpoint or checked.url
        self.rows += len(checked.custom_ids)


def rules(provider: "Provider", shard_bytes: int | None = None) -> Rules:
    """What a provider asks of the requests of one run, and the user of their size."""
    largest_file = min(provider.batch_input_max_bytes, shard_bytes or math.inf)
    return Rules(
        mixed_models=not provider.requires_consistency,
        max_request_bytes=int(min(provider.max_request_bytes or math.inf, largest_file - 1)),
        max_inputs=provider.max_embedding_inputs,
        endpoints=provider.endpoints,
        strict_parameters=provider.strict_parameters,
    )


class _LineNumbers:
    """From row to the user's line number; grows with the gaps (blank lines) only."""

    def __init__(self) -> None:
        self._rows = array("Q")
        self._lines = array("Q")
        self._expected = 0

    def add(self, row: int, line: int, count: int) -> None:
        if line != self._expected:
            self._rows.append(row)
            self._lines.append(line)
        self._expected = line + count

    def __getitem__(self, row: int) -> int:
        gap = bisect_right(self._rows, row) - 1
        return self._lines[gap] + row - self._rows[gap]
