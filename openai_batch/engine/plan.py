"""From input to shards: the whole input is validated and on disk before anything is sent."""

import shutil
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, BinaryIO

from ..errors import StorageError, UsageError
from ..files import free_bytes, make_private_dir
from ..requests.estimate import Estimator
from ..requests.price import Price
from ..requests.price_list import NoBatchPrice, batch_price
from .ceilings import Ceilings
from .events import Planned, Warned
from .intake import Intake, ProviderFor, take_in
from .journal import Journal, RunInfo
from .runs import Place, driving, new_run_id, sweep, unfinished

if TYPE_CHECKING:
    from ..providers.provider import Provider

MAX_METADATA_KEYS = 15
"""OpenAI allows 16, and one is ours (Batch API reference, `metadata`)."""

OUTCOME = "nothing was sent"
"""What comes of an input with faults."""

SAMPLED_BYTES = 4_000_000
"""How much of an input is looked at completely for what it needs, where nothing depends on it."""
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
    ceilings: Ceilings = field(default_factory=Ceilings)
    price: Price | None = None
    """What the user says that a batch costs; None looks it up."""

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
    is wrong with the input, CeilingExceeded where it needs more than the user allows, UsageError
    where an unfinished run has the same input and provider (unless `allow_twin`), StorageError
    where the disk is too full. After any of them nothing is left behind.
    """
    sweep(place)
    run_id = new_run_id(place.clock.now())
    with driving(place, run_id):
        try:
            spool = place.spool(run_id)
            make_private_dir(spool.folder)
            planned, provider = take_in(
                stream,
                provider_for,
                spool,
                place.on_event,
                shard_requests=settings.shard_requests,
                shard_bytes=settings.shard_bytes,
                estimator_for=lambda provider: estimator(settings, place, provider, SAMPLED_BYTES),
            )
            if invalid := planned.faults.verdict(input_name, OUTCOME):
                raise invalid
            needs = planned.needs
            assert needs is not None
            if above := settings.ceilings.refusal(needs):
                raise above
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
                prices={model: price.to_fields() for model, price in needs.prices.items()},
                estimate=needs.to_fields(),
                max_cost_usd=_text(settings.ceilings.cost),
                max_tokens=settings.ceilings.tokens,
            )
            Journal.create(place.journal_path(run_id), info, planned.shards).close()
        except BaseException:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)
            raise
    place.on_event(Planned(run_id, planned.requests, planned.size_bytes, len(planned.shards)))
    return run_id


def estimator(
    settings: Settings, place: Place, provider: "Provider", whole_bytes: int
) -> Estimator:
    """Who sums up what requests to `provider` need: all of an input up to `whole_bytes`, and a
    sample of what follows; every request where a ceiling depends on it."""
    at = datetime.fromtimestamp(place.clock.now(), UTC)
    given = settings.price

    def price_of(model: str) -> Price | NoBatchPrice:
        return given or batch_price(
            model, at, api_url=provider.base_url, provider_id=provider.price_list
        )

    return Estimator(
        price_of,
        sys.maxsize if settings.ceilings.of_size else whole_bytes,
        names_are_true=not provider.starts_server,
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _refuse_twin(planned: Intake, provider: "Provider", place: Place) -> None:
    for run in unfinished(place):
        same_place = (run.provider, run.base_url) == (provider.name, provider.base_url)
        if run.input_sha256 == planned.sha256 and same_place:
            raise UsageError(
                f"{run.run_id} has the same input and is not finished: go on with "
                f"`openai-batch resume {run.run_id}`, or send it all again with --new"
            )


def _check_disk(planned: Intake, place: Place) -> None:
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
