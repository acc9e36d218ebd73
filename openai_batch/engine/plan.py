"""From input to shards: the whole input is validated and on disk before anything is sent."""

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import InputInvalid, StorageError, UsageError
from ..files import free_bytes, make_private_dir
from .events import Planned, Warned
from .intake import Intake, ProviderFor, take_in
from .journal import Journal, RunInfo
from .runs import Place, driving, new_run_id, sweep, unfinished

if TYPE_CHECKING:
    from ..providers.provider import Provider

MAX_METADATA_KEYS = 15
"""OpenAI allows 16, and one is ours (Batch API reference, `metadata`)."""

_OUTCOME = "nothing was sent"
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
            planned, provider = take_in(
                stream,
                provider_for,
                spool,
                place.on_event,
                shard_requests=settings.shard_requests,
                shard_bytes=settings.shard_bytes,
            )
            if invalid := planned.faults.verdict(input_name, _OUTCOME):
                raise invalid
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
) -> tuple[dict[str, Any], InputInvalid | None]:
    """Plan `stream` without keeping it; return what would be sent as a record, and what forbids it.

    Each fault is also sent as an event. Nothing is sent, no key is needed, nothing is left behind.
    """
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
                keep=False,
            )
        finally:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)
    record = {
        "object": "dry_run",
        "input_file": input_name,
        "provider": provider.name,
        "base_url": provider.base_url,
        "requests": planned.requests,
        "shards": len(planned.shards),
        "bytes": planned.size_bytes,
        "models": planned.models,
        "endpoints": [planned.endpoint] if planned.endpoint else [],
        "faults": dict(planned.faults.codes),
    }
    return record, planned.faults.verdict(input_name, _OUTCOME)


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
