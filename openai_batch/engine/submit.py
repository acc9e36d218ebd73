"""Handing a shard to the provider, and finding out what became of a `create` without a reply."""

import hashlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import (
    CredentialsRefused,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
    RunDamaged,
)
from ..providers.interface import BatchClient, BatchPage, BatchSnapshot, BatchStatus
from .entries import RetryPlanned
from .journal import RunInfo
from .label import METADATA_KEY, Label
from .states import Attempt, Shard


def label_of(info: RunInfo, shard: Shard, attempt: Attempt | None = None) -> Label:
    """What the batch of an attempt carries; of the shard's current one where none is named."""
    plan = shard.plan
    last_row = plan.first_row + plan.rows - 1
    return Label(
        info.run_id,
        plan.first_row,
        last_row,
        info.requests,
        (attempt or shard.current).number,
        info.input_sha256,
    )


def create(
    client: BatchClient,
    info: RunInfo,
    shard: Shard,
    *,
    look_first: bool,
    former: Collection[str] = (),
) -> tuple[BatchSnapshot, bool]:
    """Start the batch of a shard's current attempt, and say whether it was there already.

    Costs; called once for each recorded intent. With `look_first` it is searched for: another
    machine may have gone on with the run, and its batches are not in this journal. `former` are
    batches of shards that this one is a part of.
    """
    assert shard.current.file_id is not None
    if look_first and not shard.current.resubmitted:
        found = made_already(client, info, shard, former)
        if found is not None:
            return found, True
    label = label_of(info, shard)
    snapshot = client.create_batch(
        input_file_id=shard.current.file_id,
        endpoint=info.endpoint,
        completion_window=info.completion_window,
        metadata={**info.metadata, METADATA_KEY: str(label)},
        idempotency_key=_idempotency_key(label, shard.current),
    )
    return snapshot, False


def _idempotency_key(label: Label, attempt: Attempt) -> str:
    """The same for as long as the same batch is meant.

    A batch refused for want of quota is over, and creating it again is a new request, as is one for
    another input file.
    """
    tries = len(attempt.refused_batch_ids)
    file = hashlib.sha256((attempt.file_id or "").encode()).hexdigest()[:12]
    return f"{label.run_id}-{label.first_row}-{label.last_row}-{label.attempt}-{tries}-{file}"


def made_already(
    client: BatchClient, info: RunInfo, shard: Shard, former: Collection[str] = ()
) -> BatchSnapshot | None:
    """The batch of a shard's current attempt, where some other process has made it.

    Where listing is refused, the journal is all that is known. Raises ProviderUnavailable where it
    fails: that says nothing of the `create`, which was not called. Raises RunDamaged where another
    machine has cut the same rows otherwise.
    """
    found: BatchSnapshot | None = None
    try:
        for snapshot in listed(client, info):
            if was_refused(snapshot) or snapshot.id in former:
                continue
            if _is_of(snapshot, info, shard):
                found = min(found or snapshot, snapshot, key=precedence)
            elif _overlaps(snapshot, info, shard):
                raise RunDamaged(
                    f"{snapshot.id} executes requests of {info.run_id} that are cut otherwise "
                    "here: another machine has gone on with the run. Remove its folder in the "
                    f"state directory, and `openai-batch resume {info.run_id}` rebuilds it from "
                    "what the provider has"
                )
    except CannotList:
        return None
    except (ProviderUnavailable, QuotaRefused) as error:
        raise ProviderUnavailable(
            str(error), status_code=error.status_code, retry_after_s=error.retry_after_s
        ) from error
    return found


def begun_elsewhere(
    client: BatchClient, info: RunInfo, shard: Shard, retry: RetryPlanned, former: Collection[str]
) -> BatchSnapshot | None:
    """The batch of the next attempt at a shard, where another machine has made it already.

    Raises as `made_already` does.
    """
    attempt = Attempt(retry.attempt, retry.rows, retry.size_bytes)
    return made_already(client, info, replace(shard, attempts=(*shard.attempts, attempt)), former)


def _overlaps(snapshot: BatchSnapshot, info: RunInfo, shard: Shard) -> bool:
    """Whether a batch of this run executes some of the shard's rows, but is of another cut."""
    label = Label.parse(snapshot.metadata.get(METADATA_KEY))
    if label is None or label.run_id != info.run_id:
        return False
    ours = label_of(info, shard)
    apart = label.last_row < ours.first_row or ours.last_row < label.first_row
    same = (label.first_row, label.last_row) == (ours.first_row, ours.last_row)
    return not apart and not same


def was_refused(snapshot: BatchSnapshot) -> bool:
    """Whether the provider refused the whole input, so that nothing was executed."""
    files = snapshot.output_file_id or snapshot.error_file_id
    return snapshot.status is BatchStatus.FAILED and not files


CANCELLED = (BatchStatus.CANCELLING, BatchStatus.CANCELLED)


def precedence(snapshot: BatchSnapshot) -> tuple[int, float, str]:
    """By which of several batches for one attempt is the one that counts: the lowest.

    What has ended with results is paid, and comes first; then what runs; then what was cancelled,
    or has ended with nothing; then what was refused. Of two alike the older one counts.
    """
    status = snapshot.status
    if was_refused(snapshot):
        standing = 3
    elif status in CANCELLED:
        standing = 2
    elif not status.final:
        standing = 1
    else:
        done = snapshot.counts.completed if snapshot.counts else 0
        has_results = status is BatchStatus.COMPLETED or snapshot.output_file_id or done
        standing = 0 if has_results else 2
    return standing, snapshot.created_at or 0, snapshot.id


def comes_to_nothing(snapshot: BatchSnapshot) -> bool:
    """Whether a batch was cancelled or refused, or has ended without a result."""
    return precedence(snapshot)[0] >= 2


class CannotList(ProviderRefused):
    """The provider has no listing, so a lost reply cannot be cleared up."""


@dataclass(frozen=True, slots=True)
class Found:
    """The batches found for shards whose `create` got no reply, by shard.

    `hidden` are shards without one whose input file is not shown either: that a batch is not in
    the listing says nothing then, because this key may belong to somebody else.
    """

    batches: dict[int, BatchSnapshot]
    hidden: frozenset[int] = frozenset()


def find(client: BatchClient, info: RunInfo, shards: Sequence[Shard], *, can_list: bool) -> Found:
    """Search the whole listing for the shards' batches, by file id or label.

    A miss is no proof while the listing may lag; the caller decides how long to go on looking.
    Raises CannotList, or what the listing raises.
    """
    if not can_list:
        raise CannotList("this provider cannot list batches")
    found: dict[int, BatchSnapshot] = {}
    shown_file: str | None = None
    for snapshot in listed(client, info):
        label = Label.parse(snapshot.metadata.get(METADATA_KEY))
        if label is not None and label.run_id == info.run_id:
            shown_file = snapshot.input_file_id
        for shard in shards:
            if _is_of(snapshot, info, shard):
                other = found.get(shard.plan.index, snapshot)
                found[shard.plan.index] = min(other, snapshot, key=precedence)
    lacking = [shard for shard in shards if shard.plan.index not in found]
    hidden = [s.plan.index for s in lacking if not _is_shown(client, s.current.file_id)]
    # Where not even the file of a batch that is listed is shown, 404 says nothing of the key.
    if hidden and shown_file and not _is_shown(client, shown_file):
        hidden = []
    return Found(found, frozenset(hidden))


def _is_shown(client: BatchClient, file_id: str | None) -> bool:
    """Whether the provider shows a file to this key, as far as it has a call for that."""
    try:
        client.retrieve_file(file_id or "")
    except NotFound:
        return False
    except ProviderRefused:
        return True
    return True


def listed(
    client: BatchClient, info: RunInfo, *, pages: int | None = None
) -> Iterator[BatchSnapshot]:
    """Every batch that may be the run's, page by page, from the newest; `pages` bounds that.

    Raises CannotList, or what a page raises.
    """
    after = None
    for _ in range(pages) if pages else itertools.count():
        try:
            page = client.list_batches(after)
        except (ProviderRefused, CredentialsRefused) as error:
            if error.status_code == 401:
                raise
            raise CannotList(f"the listing was refused: {error}") from error
        yield from page.batches
        if page.next_after in (None, after) or _all_older(page, info.created_at - LISTED_BEFORE_S):
            return
        after = page.next_after


LISTED_BEFORE_S = 86_400
"""How far before the run a search goes: more than clocks differ, and listings are out of order."""


def _all_older(page: BatchPage, moment: float) -> bool:
    return all(s.created_at is not None and s.created_at < moment for s in page.batches)


def _is_of(snapshot: BatchSnapshot, info: RunInfo, shard: Shard) -> bool:
    attempt: Attempt = shard.current
    if snapshot.id in attempt.refused_batch_ids + attempt.duplicate_batch_ids:
        return False
    if attempt.file_id is not None and snapshot.input_file_id == attempt.file_id:
        return True
    return snapshot.metadata.get(METADATA_KEY) == str(label_of(info, shard))
