"""What the engine tells whoever watches: facts for people, never needed for correctness.

The engine calls one function, `on_event(event)`, from the thread that drives the run. Only `cli/`
turns events into text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import Fault


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened."""


@dataclass(frozen=True, slots=True)
class FaultFound(Event):
    """The input has a fault. Sent for each one, in the order of lines; nothing will be sent."""

    fault: Fault


@dataclass(frozen=True, slots=True)
class Planning(Event):
    """The input is being read: so many requests and bytes so far."""

    requests: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Planned(Event):
    """The whole input is valid and on disk as shards. From here on `resume` can continue."""

    run_id: str
    requests: int
    size_bytes: int
    shards: int


@dataclass(frozen=True, slots=True)
class ShardUploaded(Event):
    """A shard's input file is at the provider. `shard` counts from 1, of `shards`."""

    shard: int
    shards: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class BatchStarted(Event):
    """A batch executes a shard. `adopted`: it was found at the provider after a lost reply."""

    shard: int
    shards: int
    attempt: int
    batch_id: str
    requests: int
    adopted: bool


@dataclass(frozen=True, slots=True)
class BatchProgress(Event):
    """A batch's status changed (`status` is OpenAI's word for it; counts None where not told)."""

    shard: int
    shards: int
    batch_id: str
    status: str
    completed: int | None
    failed: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class RunProgress(Event):
    """The sum over all shards, after each look at the provider. For display only."""

    requests: int
    completed: int
    failed: int
    batches_running: int
    shards_done: int
    shards: int


@dataclass(frozen=True, slots=True)
class ShardHarvested(Event):
    """A batch's results are on disk and every row of the shard is accounted for."""

    shard: int
    shards: int
    attempt: int
    succeeded: int
    failed: int
    missing: int


@dataclass(frozen=True, slots=True)
class RetryScheduled(Event):
    """So many rows of a shard are sent again."""

    shard: int
    shards: int
    attempt: int
    rows: int


@dataclass(frozen=True, slots=True)
class QuotaReached(Event):
    """The provider's queue is full; the shard is tried again as batches end, or after a wait."""

    shard: int
    shards: int
    message: str
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class Trouble(Event):
    """A call failed in a way that is tried again, in `wait_s` seconds."""

    what: str
    message: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class Looking(Event):
    """A reply to `create` was lost: the listing is searched for `wait_s` more seconds."""

    shards: int
    wait_s: float


@dataclass(frozen=True, slots=True)
class Warned(Event):
    """Something the user should know, in whole sentences."""

    message: str


@dataclass(frozen=True, slots=True)
class FilesDeleted(Event):
    """So many of a run's files at the provider are gone; `orphans`: no batch used them."""

    run_id: str
    files: int
    orphans: bool


@dataclass(frozen=True, slots=True)
class Delivering(Event):
    """Results are being merged into input order: so many requests of all so far."""

    done: int
    requests: int


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """Every request is accounted for; the three counts add up to `requests`."""

    run_id: str
    requests: int
    succeeded: int
    failed: int
    missing: int
    resent_unconfirmed: int
    output_file: str | None
    error_file: str | None
    record: Mapping[str, Any] = field(default_factory=dict)
    """The run's, with what it used and cost."""


OnEvent = Callable[[Event], None]


def ignore(event: Event) -> None:
    """An `OnEvent` for callers that do not watch."""
