"""A run as a record: one JSON object that one command prints and the next one reads."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..providers.interface import BatchSnapshot, BatchStatus
from ..requests.price import dollars
from .journal import RunInfo
from .label import METADATA_KEY, Label
from .spending import Spent, own_price, spent
from .states import Phase, RunState, Shard, settled
from .tokens import Tokens, added, told_by_batch


def record(
    info: RunInfo, state: RunState, live: Mapping[str, BatchSnapshot] | None = None
) -> dict[str, Any]:
    """What is known of a run, `live` being looks at its batches that the journal has not seen."""
    live = live or {}
    shards = state.in_order()
    counts = [_counts(shard, live, closed=settled(state)) for shard in shards]
    completed = sum(done for done, _, _ in counts)
    failed = sum(failed for _, failed, _ in counts)
    missing = sum(missing for _, _, missing in counts)
    return {
        "object": "run",
        "run_id": info.run_id,
        "status": status(state, live),
        "provider": info.provider,
        "base_url": info.base_url,
        "endpoint": info.endpoint,
        "model": info.model,
        "batch_ids": [
            attempt.batch_id
            for shard in shards
            for attempt in shard.attempts
            if attempt.batch_id is not None
        ],
        "duplicate_batch_ids": [
            batch_id
            for shard in shards
            for attempt in shard.attempts
            for batch_id in attempt.duplicate_batch_ids
        ],
        "request_counts": {
            "total": max(info.requests, completed + failed + missing),
            "completed": completed,
            "failed": failed,
            "missing": missing,
        },
        "created_at": int(info.created_at),
        **_spending(info, spent(info, state, live)),
        "resent_unconfirmed": resent_unconfirmed(state),
        "input_file": info.input_name,
        "output_file": _delivered(state, "output_file", info.output_file),
        "error_file": _delivered(state, "error_file", info.error_file),
        "metadata": info.metadata,
    }


def as_openai_batch(info: RunInfo, state: RunState, batch_id: str) -> dict[str, Any]:
    """The run in the shape of OpenAI's batch object, with the sums of all its batches.

    A run of one batch has that batch's status and files; a run of several is `in_progress` until
    every request is accounted for.
    """
    whole = record(info, state)
    shards = state.in_order()
    attempt = shards[0].current
    seen = attempt.seen if len(shards) == 1 else None
    word = {"resumable": "in_progress", "in_progress": "in_progress"}.get(
        whole["status"], whole["status"]
    )
    told = word == "in_progress" and not (seen and seen.final)
    if seen is not None and (told or (info.harvest_only and word == "completed")):
        word = seen.status
    reasons = [(s.current.code, s.current.reason) for s in shards if s.current.reason]
    counts = whole["request_counts"]
    return {
        "id": batch_id,
        "object": "batch",
        "endpoint": info.endpoint,
        "model": info.model,
        "completion_window": info.completion_window,
        "status": word,
        "created_at": whole["created_at"],
        "expires_at": seen.expires_at if seen else None,
        "input_file_id": attempt.file_id or "",
        "output_file_id": seen.output_file_id if seen else None,
        "error_file_id": seen.error_file_id if seen else None,
        "request_counts": {
            "total": counts["total"],
            "completed": counts["completed"],
            "failed": counts["failed"] + counts["missing"],
        },
        "errors": {
            "object": "list",
            "data": [{"code": code, "message": reason} for code, reason in reasons],
        }
        if reasons
        else None,
        "usage": _openai_usage(spent(info, state).tokens),
        "metadata": info.metadata,
    }


def _openai_usage(tokens: Tokens | None) -> dict[str, Any] | None:
    return tokens and {
        "input_tokens": tokens.input,
        "input_tokens_details": {"cached_tokens": tokens.cached},
        "output_tokens": tokens.output,
        "output_tokens_details": {"reasoning_tokens": tokens.reasoning},
        "total_tokens": tokens.total,
    }


def status(state: RunState, live: Mapping[str, BatchSnapshot] | None = None) -> str:
    """One word for where a run stands.

    `cancelling`: batches still come to their end. `cancelled`: they have, and may be fetched.
    `in_progress`: batches run, or are over and not fetched. `resumable`: only `resume` can go on.
    `completed`: every request is accounted for. `failed`: the provider refused the input.
    """
    live = live or {}
    shards = list(state.shards.values())
    if settled(state):
        return "cancelled" if state.cancel_requested else "completed"
    running = [shard for shard in shards if shard.current.phase in _WITH_PROVIDER]
    statuses = {_provider_status(shard, live) for shard in running}
    if state.cancel_requested:
        # A lost create may have made a batch that has to be cancelled yet.
        moving = any(shard.current.phase is Phase.CREATING for shard in shards)
        over = not moving and all(s is not None and s.final for s in statuses)
        return "cancelled" if over else "cancelling"
    if statuses and not all(s is not None and s.final for s in statuses):
        return "in_progress"
    if any(shard.current.phase is Phase.REFUSED for shard in shards):
        return "failed"
    if len(running) == len(_open(shards)) and statuses == {BatchStatus.COMPLETED}:
        return "completed"
    return "resumable"


_WITH_PROVIDER = (Phase.RUNNING, Phase.ENDED)


def _open(shards: Iterable[Shard]) -> list[Shard]:
    return [shard for shard in shards if shard.current.phase is not Phase.HARVESTED]


def _provider_status(shard: Shard, live: Mapping[str, BatchSnapshot]) -> BatchStatus | None:
    attempt = shard.current
    if snapshot := live.get(attempt.batch_id or ""):
        return snapshot.status
    return BatchStatus(attempt.seen.status) if attempt.seen else None


def _counts(
    shard: Shard, live: Mapping[str, BatchSnapshot], *, closed: bool
) -> tuple[int, int, int]:
    """Completed, failed and missing of one shard, with a retry under way counted on top."""
    harvested, attempt = shard.last_harvest, shard.current
    done = harvested.succeeded if harvested else 0
    if harvested and (closed or attempt.phase is Phase.HARVESTED):
        return done, harvested.failed, harvested.missing
    if closed:
        return 0, 0, shard.plan.rows
    snapshot = live.get(attempt.batch_id or "")
    counts = snapshot.counts if snapshot else None
    if counts is not None:
        return done + counts.completed, counts.failed, 0
    if attempt.seen:
        return done + (attempt.seen.completed or 0), attempt.seen.failed or 0, 0
    return done, 0, 0


def resent_unconfirmed(state: RunState) -> int:
    """Requests that were sent again without the provider's word that they had not been executed."""
    return sum(
        attempt.harvested.unconfirmed
        for shard in state.shards.values()
        for attempt in shard.attempts[:-1]
        if attempt.harvested
    )


def _spending(info: RunInfo, spent: Spent) -> dict[str, Any]:
    """What a run used and cost, and what it was thought to. Numbers that nobody knows are None."""
    cost, several = spent.cost, len(spent.by_model) > 1
    by_model = {model: _numbers(tokens) for model, tokens in sorted(spent.by_model.items())}
    return {
        "usage": _numbers(spent.tokens) if spent.tokens else None,
        **({"usage_by_model": by_model} if several else {}),
        "cost_usd": dollars(cost.batch) if cost else None,
        "realtime_cost_usd": dollars(cost.realtime) if cost else None,
        "estimate": info.estimate,
        **_named_by_the_user(info),
    }


_NAMED = ("price_given", "max_cost_usd", "max_tokens")
"""What a record says of money only where the user has, and no other machine could find out."""


def _named_by_the_user(info: RunInfo) -> dict[str, Any]:
    given = own_price(info)
    price = given and {"input": float(given.input.base), "output": float(given.output.base)}
    cost = None if info.max_cost_usd is None else float(info.max_cost_usd)
    named = zip(_NAMED, (price, cost, info.max_tokens), strict=True)
    return {name: value for name, value in named if value is not None}


def _numbers(tokens: Tokens) -> dict[str, int]:
    return {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "total_tokens": tokens.total,
        "cached_tokens": tokens.cached,
        "reasoning_tokens": tokens.reasoning,
    }


def _delivered(state: RunState, name: str, planned: str | None) -> str | None:
    if state.delivered is not None:
        path: str | None = getattr(state.delivered, name)
        return path
    return planned


def record_of_batches(
    reference: Mapping[str, Any], snapshots: Iterable[BatchSnapshot]
) -> dict[str, Any]:
    """A record for a run whose journal is elsewhere, from looks at its batches alone.

    What only the journal could say is taken from `reference`, an earlier record or part of one.
    """
    snapshots = list(snapshots)
    last = _last_attempts(snapshots)
    taken = [tokens for s in snapshots if (tokens := told_by_batch(s.usage))]
    created = [s.created_at for s in snapshots if s.created_at]
    told = reference.get
    return {
        "object": "run",
        "run_id": told("run_id"),
        "status": _status_of_batches({s.status for s in last}),
        "provider": told("provider"),
        "base_url": told("base_url"),
        "endpoint": snapshots[0].endpoint if snapshots else None,
        "model": told("model"),
        "batch_ids": [s.id for s in snapshots],
        "duplicate_batch_ids": told("duplicate_batch_ids", []),
        "request_counts": _counts_of_batches(snapshots, last),
        "created_at": told("created_at") or (int(min(created)) if created else None),
        "usage": _numbers(added(*taken)) if taken else None,
        "cost_usd": None,
        "realtime_cost_usd": None,
        "estimate": told("estimate"),
        **{name: reference[name] for name in _NAMED if name in reference},
        "resent_unconfirmed": told("resent_unconfirmed", 0),
        "input_file": told("input_file"),
        "output_file": told("output_file"),
        "error_file": told("error_file"),
        "metadata": told("metadata", {}),
    }


def _last_attempts(snapshots: Sequence[BatchSnapshot]) -> list[BatchSnapshot]:
    """Of the batches that execute the same rows, one after the other, the last; every other one."""
    last: dict[object, BatchSnapshot] = {}
    for snapshot in sorted(snapshots, key=_attempt):
        label = Label.parse(snapshot.metadata.get(METADATA_KEY))
        last[(label.first_row, label.last_row) if label else snapshot.id] = snapshot
    return list(last.values())


def _attempt(snapshot: BatchSnapshot) -> int:
    label = Label.parse(snapshot.metadata.get(METADATA_KEY))
    return label.attempt if label else 1


def _counts_of_batches(
    snapshots: Sequence[BatchSnapshot], last: Sequence[BatchSnapshot]
) -> dict[str, int]:
    """The sums, in which a request that was sent again counts once."""
    total = sum(s.counts.total for s in snapshots if s.counts and _attempt(s) == 1)
    return {
        "total": total,
        "completed": sum(s.counts.completed for s in snapshots if s.counts),
        "failed": sum(s.counts.failed for s in last if s.counts),
        "missing": 0,
    }


def _status_of_batches(statuses: set[BatchStatus]) -> str:
    if not all(status.final for status in statuses):
        return "in_progress"
    if statuses == {BatchStatus.COMPLETED}:
        return "completed"
    return "failed" if statuses == {BatchStatus.FAILED} else "resumable"
