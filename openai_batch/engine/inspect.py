"""Asking how a run is, without driving it: no lock, nothing recorded, nothing sent."""

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..poller import Poller
from ..providers.interface import BatchSnapshot
from .driver import in_phase
from .records import record, record_of_batches
from .runs import Place, open_journal
from .states import Phase, RunState

if TYPE_CHECKING:
    from ..providers.provider import Provider

ProviderFor = Callable[[tuple[str, str | None] | None], "Provider"]
"""Answers the provider for a recorded name and address."""


def recorded(run_id: str, place: Place) -> tuple[dict[str, Any], RunState]:
    """A run's record and state as they stand on this machine. Asks nobody."""
    with contextlib.closing(open_journal(place, run_id)) as journal:
        return record(journal.info, journal.state), journal.state


def inspect_run(run_id: str, *, place: Place, provider_for: ProviderFor) -> dict[str, Any]:
    """The record of a run of this machine, with a fresh look at the batches that have not ended."""
    journal = open_journal(place, run_id)
    try:
        running = in_phase(journal.state, Phase.RUNNING)
        ids = [shard.current.batch_id for shard in running if shard.current.batch_id]
        live: Mapping[str, BatchSnapshot] = {}
        if ids:
            provider = provider_for((journal.info.provider, journal.info.base_url))
            live = _look(provider, ids, place)
        return record(journal.info, journal.state, live)
    finally:
        journal.close()


def inspect_batches(
    reference: Mapping[str, Any], *, place: Place, provider: "Provider"
) -> dict[str, Any]:
    """The record of a run whose journal is elsewhere, from its batches at the provider."""
    ids = list(reference.get("batch_ids") or ())
    snapshots = _look(provider, ids, place)
    found = [snapshots[batch_id] for batch_id in ids if batch_id in snapshots]
    return record_of_batches(reference, found)


def _look(provider: "Provider", ids: list[str], place: Place) -> Mapping[str, BatchSnapshot]:
    from ..providers.client import open_client

    client = open_client(provider, state_dir=place.state_dir)
    try:
        look = Poller(client, can_list=provider.can_list, clock=place.clock).look(ids)
    finally:
        client.close()
    if len(look.snapshots) < len(ids) and look.lost:
        raise next(iter(look.lost.values()))
    return look.snapshots
