"""Rebuilding a run where its state directory is not: from the labels of its batches.

Everything that is needed to go on is at the provider: each batch says which rows of which run it
executes, its input file holds those requests, its result files the answers. Only shards that were
never submitted need the input again (see `supply`).
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import (
    CredentialsRefused,
    NotFound,
    ProviderError,
    ProviderRefused,
    RunDamaged,
    UsageError,
)
from ..files import make_private_dir
from ..providers.interface import BatchSnapshot, Reader
from .entries import BatchCreated, CreateStarted, Entry, ShardPlan, Uploaded, UploadStarted
from .events import Warned
from .journal import UNKNOWN_SHA256, Journal, RunInfo
from .label import METADATA_KEY, Label
from .persistent import Persistent
from .repricing import ceilings_again, estimate_again, prices_again
from .restore import Fetched, fetch_requests
from .runs import Place, driving, new_run_id
from .spool import Spool
from .submit import comes_to_nothing, precedence, was_refused
from .supply import supply

if TYPE_CHECKING:
    from ..providers.provider import Provider


def recover(
    reference: str | Mapping[str, Any],
    *,
    place: Place,
    providers: Sequence["Provider"],
    stream: BinaryIO | None = None,
    retry: bool = False,
) -> str:
    """Rebuild the run that `reference` means, and return its id.

    `reference` is a run's id, a batch's id, or a record; each of `providers` is asked until one
    knows it. A batch that is not of ours becomes a run of one shard, whose results are only
    fetched, unless `retry` allows its failed requests to be sent again. `stream` is the input, for
    shards that were never submitted.

    The run is durable on return; nothing was sent. Raises UsageError where no provider knows it,
    ProviderError where one that may know it could not answer.
    """
    unclear: ProviderError | None = None
    for provider, client in _clients(providers, place):
        try:
            batches = _batches(reference, client, provider)
        except ProviderError as error:
            if len(providers) == 1 and not isinstance(error, NotFound):
                raise
            if not isinstance(error, NotFound | CredentialsRefused):
                unclear = unclear or error
            continue
        if batches:
            told = {} if isinstance(reference, str) else reference
            run_id = _build(batches, place, provider, client, retry=retry, told=told)
            if stream is not None:
                supply(place, run_id, stream, provider)
            return run_id
    if unclear is not None:
        raise unclear
    name = reference if isinstance(reference, str) else reference.get("run_id")
    raise unknown(str(name), place, providers)


def unknown(name: str, place: Place, asked: Sequence["Provider"]) -> UsageError:
    """The error for what is neither on this machine nor known to those who were `asked`."""
    whom = ", ".join(map(str, asked)) or "none: no key is set"
    return UsageError(
        f"{name} is neither in {place.state_dir} nor known to a provider (asked: {whom}). A key "
        "of another organisation or project would look the same; --provider and --api-key say "
        "whom to ask"
    )


def _clients(providers: Iterable["Provider"], place: Place) -> Iterable[tuple["Provider", Reader]]:
    from ..providers.client import open_client

    for provider in providers:
        client = open_client(provider, state_dir=place.state_dir)
        try:
            yield provider, Persistent(client, place)
        finally:
            client.close()


@dataclass(frozen=True, slots=True)
class _Batch:
    snapshot: BatchSnapshot
    label: Label | None


def _batches(
    reference: str | Mapping[str, Any], client: Reader, provider: "Provider"
) -> list[_Batch]:
    """The batches that `reference` speaks of, and the others of the same run."""
    if isinstance(reference, str):
        run_id = reference if reference.startswith("run_") else None
        batch_ids = [] if run_id else [reference]
    else:
        run_id = reference.get("run_id")
        batch_ids = list(reference.get("batch_ids") or ())
    known = {id_: _labelled(client.retrieve_batch(id_), client) for id_ in batch_ids}
    labels = [batch.label for batch in known.values() if batch.label]
    run_id = run_id or (labels[0].run_id if labels else None)
    if run_id and provider.can_list:
        try:
            for batch in _listed(client, provider):
                if batch.label and batch.label.run_id == run_id:
                    known.setdefault(batch.snapshot.id, batch)
        except ProviderRefused:
            if not known:  # else it has no listing, and what the record names will do
                raise
    return list(known.values())


def _listed(client: Reader, provider: "Provider") -> Iterable[_Batch]:
    after = None
    while True:
        page = client.list_batches(after)
        for snapshot in page.batches:
            if provider.supports_metadata:
                yield _Batch(snapshot, Label.parse(snapshot.metadata.get(METADATA_KEY)))
            else:
                yield _labelled(snapshot, client)
        if page.next_after is None or page.next_after == after:
            return
        after = page.next_after


def _labelled(snapshot: BatchSnapshot, client: Reader) -> _Batch:
    """A batch with its label: from its metadata, else from the name of its input file."""
    label = Label.parse(snapshot.metadata.get(METADATA_KEY))
    if label is None and snapshot.input_file_id:
        try:
            label = Label.parse(client.retrieve_file(snapshot.input_file_id).name)
        except ProviderRefused:  # it is deleted, or there is no such call
            label = None
    return _Batch(snapshot, label)


def _build(
    batches: list[_Batch],
    place: Place,
    provider: "Provider",
    client: Reader,
    *,
    retry: bool,
    told: Mapping[str, Any],
) -> str:
    """Record the run of these batches; `told` is what its record says, where there is one."""
    labels = [batch.label for batch in batches if batch.label]
    run_id = labels[0].run_id if labels else new_run_id(place.clock.now())
    if place.journal_path(run_id).exists():
        return run_id
    with driving(place, run_id):
        if place.journal_path(run_id).exists():  # another process was faster
            return run_id
        spool = place.spool(run_id)
        try:
            make_private_dir(spool.folder)
            shards = _ours(batches) if labels else _foreign(batches)
            _record(run_id, shards, spool, place, provider, client, retry=retry, told=told)
        except BaseException:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)
            raise
    return run_id


@dataclass(slots=True)
class _Found:
    """A slice of the run, and the batch that first executed it (None: never submitted)."""

    first_row: int
    rows: int
    batch: _Batch | None


def _foreign(batches: list[_Batch]) -> list[_Found]:
    if len(batches) > 1:
        names = ", ".join(batch.snapshot.id for batch in batches)
        raise UsageError(
            f"{names} carry no label that says how they belong together: fetch each by its own id"
        )
    return [_Found(0, 0, batches[0])]


def _ours(batches: list[_Batch]) -> list[_Found]:
    """The run's slices in order, with gaps where nothing was submitted."""
    ranges: dict[tuple[int, int], list[_Batch]] = defaultdict(list)
    total = 0
    for batch in batches:
        label = batch.label
        if was_refused(batch.snapshot):
            continue
        if label is None:
            raise RunDamaged(
                f"{batch.snapshot.id} belongs to this run and carries no label that says which "
                "requests it has: its results can only be fetched by its own id"
            )
        ranges[label.first_row, label.last_row].append(batch)
        total = label.total
    if not ranges:
        raise UsageError("every batch of this run was refused; nothing was executed")
    found: list[_Found] = []
    row = 0
    for first, last in [whole for whole in ranges if _was_cut_anew(whole, ranges)]:
        del ranges[first, last]
    for (first, last), candidates in sorted(ranges.items()):
        if first < row:
            raise RunDamaged(f"batches of this run overlap at row {first}")
        if first > row:
            found.append(_Found(row, first - row, None))
        found.append(_Found(first, last - first + 1, _first_try(candidates)))
        row = last + 1
    if row < total:
        found.append(_Found(row, total - row, None))
    return found


def _was_cut_anew(
    whole: tuple[int, int], ranges: Mapping[tuple[int, int], Sequence[_Batch]]
) -> bool:
    """Whether a slice came to nothing, and parts of it were sent instead."""
    first, last = whole
    parts = any(other != whole and first <= other[0] and other[1] <= last for other in ranges)
    return parts and all(comes_to_nothing(batch.snapshot) for batch in ranges[whole])


def _first_try(candidates: list[_Batch]) -> _Batch:
    """The first attempt's batch; later attempts are adopted when they are about to be made."""

    def order(batch: _Batch) -> tuple[int, tuple[int, float, str]]:
        assert batch.label is not None
        return batch.label.attempt, precedence(batch.snapshot)

    first = min(candidates, key=order)
    if first.label and first.label.attempt != 1:
        raise RunDamaged(
            f"the provider no longer has the first batch of rows {first.label.first_row} to "
            f"{first.label.last_row}"
        )
    return first


def _record(
    run_id: str,
    found: list[_Found],
    spool: Spool,
    place: Place,
    provider: "Provider",
    client: Reader,
    *,
    retry: bool,
    told: Mapping[str, Any],
) -> None:
    plans: list[ShardPlan] = []
    facts: list[Entry] = []
    models: set[str] = set()
    ordered = True
    for index, part in enumerate(found, 1):
        rows, size = part.rows, 0
        if part.batch is not None:
            snapshot = part.batch.snapshot
            fetched = _fetch(client, spool, index, snapshot, rows)
            if fetched is None:
                ordered = False
                rows = rows or (snapshot.counts.total if snapshot.counts else 0)
            elif rows not in (0, fetched.rows):
                raise RunDamaged(
                    f"the input file of {snapshot.id} has {fetched.rows} requests, its label {rows}"
                )
            else:
                rows, size = fetched.rows, fetched.size_bytes
                models |= fetched.models
            facts += _facts(index, snapshot)
        plans.append(ShardPlan(index, part.first_row, rows, size))
    if not ordered:
        place.on_event(
            Warned("The provider has deleted an input file: results keep the order of its output.")
        )
    batch = next(part.batch for part in found if part.batch)
    snapshots = [part.batch.snapshot for part in found if part.batch]
    label = batch.label
    created = [snapshot.created_at for snapshot in snapshots if snapshot.created_at]
    created_at = min(created, default=place.clock.now())
    only_one = len(models) == 1 and ordered and all(part.batch for part in found)
    info = RunInfo(
        run_id=run_id,
        created_at=created_at,
        provider=provider.name,
        base_url=provider.base_url,
        endpoint=batch.snapshot.endpoint or "",
        model=(next(iter(models)) or None) if only_one else None,
        completion_window=batch.snapshot.completion_window or "24h",
        input_name=None,
        input_sha256=label.input_sha256 if label else UNKNOWN_SHA256,
        requests=sum(plan.rows for plan in plans),
        size_bytes=sum(plan.size_bytes for plan in plans),
        harvest_only=label is None and not retry,
        ordered=ordered,
        recovered=True,
        prices=prices_again(models, provider, created_at, told),
        estimate=estimate_again(told),
        **ceilings_again(told),
    )
    Journal.create(place.journal_path(run_id), info, plans, facts).close()


def _fetch(
    client: Reader, spool: Spool, index: int, snapshot: BatchSnapshot, rows: int
) -> Fetched | None:
    """The requests of a batch; None where they are not to be had.

    `rows` is what its label says; without one, the provider's own count has to do.
    """
    if not snapshot.input_file_id:
        return None
    expected = rows or (snapshot.counts.total if snapshot.counts else None)
    try:
        return fetch_requests(client, spool, index, snapshot.input_file_id, expected)
    except (NotFound, ValueError):  # it is gone, or was never good: its batch will say so
        return None


def _facts(index: int, snapshot: BatchSnapshot) -> list[Entry]:
    """What the lost journal said of the batch."""
    return [
        UploadStarted(index, 1),
        Uploaded(index, 1, snapshot.input_file_id or ""),
        CreateStarted(index, 1, snapshot.created_at or 0),
        BatchCreated(index, 1, snapshot.id, adopted=True),
    ]
