"""What the journal holds: one class for each kind of fact.

An *intent* says that a call is about to be made, a *receipt* what came of it. Names and fields are
the stored format: a change to them is a migration (see `journal`).
"""

import dataclasses
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """A slice of the input that fits one batch: `rows` rows from `first_row` (0 is the first)."""

    index: int
    first_row: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ModelUsage:
    """Tokens that an attempt's results took of one model, as they say themselves.

    Where the model's price has tiers, each has sums of its own: of the requests whose input has
    more than `above` tokens. `model` is None where results do not name it.
    """

    model: str | None
    above: int
    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int


@dataclass(frozen=True, slots=True)
class Entry:
    """A fact in the journal. Subclasses are its kinds; names and fields are stored."""

    kind: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.kind = "".join("_" + c.lower() if c.isupper() else c for c in cls.__name__).lstrip("_")
        KINDS[cls.kind] = cls


KINDS: dict[str, type[Entry]] = {}


@dataclass(frozen=True, slots=True)
class UploadStarted(Entry):
    """Intent: the attempt's requests are about to be uploaded."""

    shard: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Uploaded(Entry):
    """Receipt: the attempt's requests are at the provider."""

    shard: int
    attempt: int
    file_id: str


@dataclass(frozen=True, slots=True)
class CreateStarted(Entry):
    """Intent: a batch is about to be created. `at` is unix time in seconds."""

    shard: int
    attempt: int
    at: float


@dataclass(frozen=True, slots=True)
class CreateRejected(Entry):
    """Receipt: no batch came of it, and the attempt may be tried again.

    `doubtful`: its reply was lost, and no batch was found within the grace; one may turn up yet.
    """

    shard: int
    attempt: int
    reason: str
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class BatchCreated(Entry):
    """Receipt: a batch executes the attempt. `adopted`: found at the provider, not answered."""

    shard: int
    attempt: int
    batch_id: str
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class DuplicateFound(Entry):
    """Two batches execute the attempt: `kept_id` counts, `batch_id` is cancelled if it `runs`."""

    shard: int
    attempt: int
    kept_id: str
    batch_id: str
    runs: bool


@dataclass(frozen=True, slots=True)
class DuplicateClosed(Entry):
    """Receipt: the provider was asked to cancel a duplicate, and has answered."""

    shard: int
    attempt: int
    batch_id: str


@dataclass(frozen=True, slots=True)
class BatchSeen(Entry):
    """A look at the batch that showed something new. `final`: it will not move any more."""

    shard: int
    attempt: int
    status: str
    final: bool
    total: int | None = None
    completed: int | None = None
    failed: int | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    expires_at: float | None = None
    usage: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class QuotaRefused(Entry):
    """The batch ended unexecuted because the provider's queue was full: it counts for nothing."""

    shard: int
    attempt: int
    reason: str


@dataclass(frozen=True, slots=True)
class Refused(Entry):
    """The provider refused the attempt for good, and says that nothing was executed."""

    shard: int
    attempt: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reopened(Entry):
    """The user decided to send an attempt again that was refused, or whose outcome is unknown."""

    shard: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Harvested(Entry):
    """Both result files are on disk and reconciled with the shard's rows.

    Counts are of the whole shard after this attempt. `retryable` rows failed in a way that another
    attempt may mend; they are part of `failed` and `missing`. `unconfirmed` are the retryable rows
    of which the provider did not say that they were not executed.

    `usage` is of this attempt alone, and None where nobody looked: older versions did not.
    `unmetered` successes of it do not say what they took.
    """

    shard: int
    attempt: int
    succeeded: int
    failed: int
    missing: int
    retryable: int
    unconfirmed: int
    repeated: int = 0
    foreign: int = 0
    usage: tuple[ModelUsage, ...] | None = None
    unmetered: int = 0


@dataclass(frozen=True, slots=True)
class RetryPlanned(Entry):
    """The retryable rows of the attempt before are on disk as the next attempt."""

    shard: int
    attempt: int
    rows: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ShardSplit(Entry):
    """A shard was replaced by smaller ones, which are recorded in the same transaction."""

    shard: int
    into: tuple[ShardPlan, ...]


@dataclass(frozen=True, slots=True)
class CancelRequested(Entry):
    """The user asked for the run to end; what was finished is harvested."""


@dataclass(frozen=True, slots=True)
class SendingAllowed(Entry):
    """The user named a cancelled run, or a batch made elsewhere: its open requests may be sent.

    Requests and results are on disk when it is recorded; the results are to be delivered anew.
    """


@dataclass(frozen=True, slots=True)
class CeilingsNamed(Entry):
    """The user has set ceilings while the run was under way; None leaves the one before.

    `max_cost_usd` is US dollars as text. `price` is what the user says that a batch costs, in the
    fields of `Price.to_fields`, for every model of the run.
    """

    max_cost_usd: str | None
    max_tokens: int | None
    price: dict[str, Any] | None = None

    def over(self, earlier: "CeilingsNamed | None") -> "CeilingsNamed":
        """What holds after this, where there was one before."""
        if earlier is None:
            return self
        kept = dataclasses.asdict(earlier)
        named = {
            name: value for name, value in dataclasses.asdict(self).items() if value is not None
        }
        return CeilingsNamed(**{**kept, **named})


@dataclass(frozen=True, slots=True)
class Publishing(Entry):
    """Intent: results are about to be written to these files (None: standard output)."""

    output_file: str | None
    error_file: str | None


@dataclass(frozen=True, slots=True)
class Delivered(Entry):
    """Receipt: every result was written, whole. The spool may go."""

    output_file: str | None
    error_file: str | None


@dataclass(frozen=True, slots=True)
class SpoolRemoved(Entry):
    """Requests and results are no longer on disk; they can be fetched from the provider again."""


@dataclass(frozen=True, slots=True)
class RemoteDeletionStarted(Entry):
    """Intent: the run's files at the provider are about to be deleted; not all are there now."""


@dataclass(frozen=True, slots=True)
class RemoteFilesDeleted(Entry):
    """The run's files at the provider were deleted, as the user asked: nothing can be fetched."""


def to_fields(entry: Entry) -> dict[str, Any]:
    """The entry as plain values, for storing."""
    return dataclasses.asdict(entry)


def from_fields(kind: str, fields: dict[str, Any]) -> Entry:
    """The entry that `to_fields` came from. Raises KeyError or TypeError for what it cannot be."""
    if kind == ShardSplit.kind:
        fields = {**fields, "into": tuple(ShardPlan(**plan) for plan in fields["into"])}
    if kind == Harvested.kind and fields.get("usage") is not None:
        fields = {**fields, "usage": tuple(ModelUsage(**sums) for sums in fields["usage"])}
    return KINDS[kind](**fields)
