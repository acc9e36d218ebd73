"""From input to shards: the whole input is validated and on disk before anything is sent."""

import io
import math
import shutil
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO

from .. import jsonl
from ..blocks import read_blocks
from ..errors import Fault, InputInvalid, StorageError, UsageError
from ..files import free_bytes, make_private_dir
from ..requests.unique import UniqueIds
from ..requests.validate import Checked, Rules, Validator
from .cutting import Limits, ShardWriter
from .entries import ShardPlan
from .events import FaultFound, OnEvent, Planned, Planning, Warned
from .journal import Journal, RunInfo
from .runs import Place, driving, new_run_id, sweep, unfinished
from .spool import Spool

if TYPE_CHECKING:
    from ..providers.provider import Provider

MAX_METADATA_KEYS = 15
"""OpenAI allows 16, and one is ours (Batch API reference, `metadata`)."""

_FAULTS_KEPT = 100
_PROGRESS_EVERY = 20_000
_RESULT_BYTES_PER_REQUEST = 1_000
"""What a short answer takes; the check for free disk is a guard against the hopeless case only."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a run is planned. Sizes in bytes; None leaves the choice to the provider's limits."""

    completion_window: str = "24h"
    metadata: dict[str, str] = field(default_factory=dict)
    shard_requests: int | None = None
    shard_bytes: int | None = None
    max_in_flight: int | None = None
    max_attempts: int = 3
    output_file: str | None = None
    error_file: str | None = None

    def __post_init__(self) -> None:
        if len(self.metadata) > MAX_METADATA_KEYS:
            raise UsageError(f"at most {MAX_METADATA_KEYS} metadata keys, not {len(self.metadata)}")
        for key, value in self.metadata.items():
            if len(key) > 64 or len(value) > 512:
                raise UsageError(
                    f"metadata {key[:64]!r}: a key has at most 64 characters, a value at most 512"
                )
        for name in ("shard_requests", "shard_bytes", "max_in_flight", "max_attempts"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise UsageError(f"--{name.replace('_', '-')} must be at least 1, not {value}")
        if self.max_attempts > 100:
            raise UsageError(f"--max-attempts must be at most 100, not {self.max_attempts}")


ProviderFor = Callable[[str | None], "Provider"]
"""Answers the provider for the model that the first request names."""


def plan(
    stream: BinaryIO,
    *,
    input_name: str | None,
    provider_for: ProviderFor,
    settings: Settings,
    place: Place,
    allow_twin: bool = False,
) -> str:
    """Validate `stream` and record it as a new run; return its id. Sends nothing.

    On return the run is durable and `Run.open` can take it up. Raises InputInvalid where anything
    is wrong with the input, UsageError where an unfinished run has the same input and provider
    (unless `allow_twin`), StorageError where the disk is too full. After any of them nothing is
    left behind.
    """
    sweep(place)
    run_id = new_run_id(place.clock.now())
    with driving(place, run_id):
        try:
            spool = place.spool(run_id)
            make_private_dir(spool.folder)
            first, blocks = _peek(stream)
            provider = provider_for(first)
            planned = _read(blocks, provider, settings, spool, place.on_event)
            planned.raise_if_faulty(input_name)
            if not allow_twin:
                _refuse_twin(planned, provider, place)
            _check_disk(planned, place)
            info = RunInfo(
                run_id=run_id,
                created_at=place.clock.now(),
                provider=provider.name,
                base_url=provider.base_url,
                endpoint=planned.endpoint,
                model=planned.models[0] if len(planned.models) == 1 else None,
                completion_window=settings.completion_window,
                input_name=input_name,
                input_sha256=planned.sha256,
                requests=planned.requests,
                size_bytes=planned.size_bytes,
                max_attempts=settings.max_attempts,
                max_in_flight=settings.max_in_flight,
                output_file=settings.output_file,
                error_file=settings.error_file,
                metadata=settings.metadata,
            )
            Journal.create(place.journal_path(run_id), info, planned.shards).close()
        except BaseException:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)
            raise
    place.on_event(Planned(run_id, planned.requests, planned.size_bytes, len(planned.shards)))
    return run_id


def dry_run(
    stream: BinaryIO,
    *,
    input_name: str | None,
    provider_for: ProviderFor,
    settings: Settings,
    place: Place,
) -> dict[str, Any]:
    """Plan `stream` without keeping it, and return what would be sent as a record.

    Each fault is also sent as an event. Nothing is sent, no key is needed, nothing is left behind.
    """
    run_id = new_run_id(place.clock.now())
    with driving(place, run_id):
        try:
            spool = place.spool(run_id)
            make_private_dir(spool.folder)
            first, blocks = _peek(stream)
            provider = provider_for(first)
            planned = _read(blocks, provider, settings, spool, place.on_event, keep=False)
        finally:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)
    return {
        "object": "dry_run",
        "input_file": input_name,
        "provider": provider.name,
        "base_url": provider.base_url,
        "requests": planned.requests,
        "shards": len(planned.shards),
        "bytes": planned.size_bytes,
        "models": planned.models,
        "endpoints": [planned.endpoint] if planned.endpoint else [],
        "faults": dict(planned.fault_codes),
    }


@dataclass(slots=True)
class _Planned:
    shards: list[ShardPlan]
    requests: int
    size_bytes: int
    sha256: str
    endpoint: str
    models: list[str]
    faults: list[Fault]
    fault_codes: Counter[str]

    def raise_if_faulty(self, input_name: str | None) -> None:
        count = self.fault_codes.total()
        if count:
            faults = "1 fault" if count == 1 else f"{count} faults"
            # With not one good request, it is most likely another kind of file.
            hint = "" if self.requests else " (`openai-batch create` makes requests out of prompts)"
            raise InputInvalid(
                f"{input_name or 'standard input'} has {faults}; nothing was sent{hint}",
                self.faults,
                count,
            )


def _peek(stream: BinaryIO) -> tuple[str | None, Iterator[bytes]]:
    """The model that the first request names, and everything, in blocks of whole lines."""
    blocks = read_blocks(stream)
    blank: list[bytes] = []
    for block in blocks:
        for _, content in jsonl.lines(io.BytesIO(block)):
            return _model_of(content), chain(blank, [block], blocks)
        blank.append(block)
    return None, iter(blank)


def _model_of(content: bytes) -> str | None:
    try:
        model = jsonl.parse(content)["body"]["model"]
    except (ValueError, KeyError, TypeError):
        return None  # the validator says what is wrong with it
    return model if isinstance(model, str) else None


def _read(
    blocks: Iterator[bytes],
    provider: "Provider",
    settings: Settings,
    spool: Spool,
    on_event: OnEvent,
    *,
    keep: bool = True,
) -> _Planned:
    faults: list[Fault] = []
    codes: Counter[str] = Counter()

    def report(fault: Fault) -> None:
        codes[fault.code] += 1
        if len(faults) < _FAULTS_KEPT:
            faults.append(fault)
        on_event(FaultFound(fault))

    validator = Validator(rules(provider, settings.shard_bytes), report)
    limits = Limits.of(provider, settings.shard_requests, settings.shard_bytes)
    writer = ShardWriter(spool, limits, keep=keep)
    intake = _Intake(validator, writer)
    progress = _PROGRESS_EVERY
    try:
        for block in blocks:
            intake.take(block)
            if intake.rows >= progress:
                progress = intake.rows + _PROGRESS_EVERY
                on_event(Planning(intake.rows, writer.total_bytes))
        writer.finish()
        validator.finish()
        if suspects := intake.unique.suspects():
            ids = chain.from_iterable(spool.ids(shard.index) for shard in writer.shards)
            lines = ((intake.numbers[row], custom_id) for row, custom_id in enumerate(ids))
            for fault in intake.unique.confirm(suspects, lines):
                report(fault)
    finally:
        writer.close()
    return _Planned(
        writer.shards,
        intake.rows,
        writer.total_bytes,
        writer.sha256.hexdigest(),
        intake.endpoint,
        list(intake.models),
        faults,
        codes,
    )


class _Intake:
    """Takes requests in as they come: a whole block where all are alike, else one by one."""

    def __init__(self, validator: Validator, writer: ShardWriter) -> None:
        self._validator = validator
        self._writer = writer
        self._line = 1
        self.rows = 0
        self.endpoint = ""
        self.models: dict[str, None] = {}
        self.unique = UniqueIds()
        self.numbers = _LineNumbers()

    def take(self, block: bytes) -> None:
        """Check and keep the requests of the next lines, as far as they have no faults."""
        checked = self._validator.check_block(block)
        content = block.removesuffix(b"\n")
        if checked is not None and self._writer.has_room(content, checked):
            self._keep(self._line, content, checked)
        else:
            for number, content in jsonl.lines(io.BytesIO(block), self._line):
                checked = self._validator.check(number, content)
                if checked is not None:
                    self._keep(number, content, checked)
        self._line += block.count(b"\n")

    def _keep(self, number: int, content: bytes, checked: Checked) -> None:
        self.unique.update(checked.custom_ids)
        self.numbers.add(self.rows, number, len(checked.custom_ids))
        self._writer.add(content, checked)
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


def _refuse_twin(planned: _Planned, provider: "Provider", place: Place) -> None:
    for run in unfinished(place):
        same_place = (run.provider, run.base_url) == (provider.name, provider.base_url)
        if run.input_sha256 == planned.sha256 and same_place:
            raise UsageError(
                f"{run.run_id} has the same input and is not finished: go on with "
                f"`openai-batch resume {run.run_id}`, or send it all again with --new"
            )


def _check_disk(planned: _Planned, place: Place) -> None:
    wanted = planned.size_bytes + planned.requests * _RESULT_BYTES_PER_REQUEST
    free = free_bytes(place.state_dir)
    if free < wanted:
        raise StorageError(
            f"{place.state_dir} has {free:,} bytes free, and the results of {planned.requests:,} "
            f"requests may take {wanted:,}: make room or name another folder with --state-dir; "
            "nothing was sent"
        )
    if free < 3 * wanted:
        place.on_event(Warned(f"{place.state_dir} has only {free:,} bytes free for the results"))
