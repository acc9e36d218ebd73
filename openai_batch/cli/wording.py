"""The engine's events in words."""

from collections.abc import Iterator, Mapping
from typing import Any

from ..engine import events
from .quantities import many, money, size


def describe(event: events.Event) -> str | None:
    """The event as one line; None for those that only move a display."""
    match event:
        case events.Planned():
            return (
                f"planned {event.run_id}: {many(event.requests, 'request')} "
                f"({size(event.size_bytes)}) in {many(event.shards, 'shard')}"
            )
        case events.BatchStarted():
            verb = "found again" if event.adopted else "started"
            again = f", attempt {event.attempt}" if event.attempt > 1 else ""
            return (
                f"{_shard(event)}: batch {event.batch_id} {verb} "
                f"({many(event.requests, 'request')}{again})"
            )
        case events.BatchProgress():
            return f"batch {event.batch_id}: {event.status}{_counted(event)}"
        case events.RunProgress():
            return (
                f"{event.completed + event.failed} of {many(event.requests, 'request')} done, "
                f"{many(event.batches_running, 'batch', 'batches')} running"
            )
        case events.ShardHarvested():
            return (
                f"{_shard(event)}: {event.succeeded} succeeded, {event.failed} failed, "
                f"{event.missing} missing"
            )
        case events.RetryScheduled():
            return (
                f"{_shard(event)}: {many(event.rows, 'request')} sent again, "
                f"attempt {event.attempt}"
            )
        case events.QuotaReached():
            when = "as batches end" if event.wait_s is None else f"in {event.wait_s:.0f} s"
            return f"{_shard(event)}: the queue is full, tried again {when}: {event.message}"
        case events.Trouble():
            return f"{event.what}: {event.message}; tried again in {event.wait_s:.0f} s"
        case events.Looking():
            return (
                f"a reply was lost: looking for {many(event.shards, 'batch', 'batches')} at the "
                f"provider for {event.wait_s:.0f} s"
            )
        case events.FilesDeleted():
            unused = " that no batch used" if event.orphans else ""
            files = many(event.files, "file")
            return f"{event.run_id}: deleted {files} at the provider{unused}"
        case events.Warned():
            return f"warning: {event.message}"
        case events.Finished():
            return finished(event)
    return None


def finished(event: events.Finished) -> str:
    """The closing line: the sum, and where the results are."""
    line = (
        f"{many(event.requests, 'request')}: {event.succeeded} succeeded, "
        f"{event.failed} failed, {event.missing} missing"
    )
    if pending := event.requests - event.succeeded - event.failed - event.missing:
        line += f", {pending} not finished"
    if event.resent_unconfirmed:
        line += f" ({event.resent_unconfirmed} sent again that may have been executed before)"
    if used := spending(event.record):
        line += f"; {used}"
    if event.output_file:
        line += f"; results in {event.output_file}"
    if event.error_file:
        empty = event.failed + event.missing == 0
        line += f", {'nothing' if empty else 'failed requests'} in {event.error_file}"
    return line


def spending(record: Mapping[str, Any]) -> str:
    """What a run used and cost, beside what was expected; empty where nothing is known of it."""
    usage, cost = record.get("usage"), record.get("cost_usd")
    told = [many(usage["total_tokens"], "token")] if usage else []
    if cost is not None:
        beside = "; ".join(_beside(record))
        told.append(f"{money(cost)} ({beside})" if beside else money(cost))
    return ", ".join((*told, *_above(record)))


def _above(record: Mapping[str, Any]) -> Iterator[str]:
    """The ceilings that a run has passed all the same: a provider need not keep to a request's."""
    usage, cost = record.get("usage") or {}, record.get("cost_usd")
    tokens, dollars = record.get("max_tokens"), record.get("max_cost_usd")
    if tokens is not None and usage.get("total_tokens", 0) > tokens:
        yield f"above --max-tokens {tokens}"
    if dollars is not None and cost is not None and cost > dollars:
        yield f"above --max-cost {money(dollars)}"


def _beside(record: Mapping[str, Any]) -> Iterator[str]:
    estimate = (record.get("estimate") or {}).get("cost_usd")
    if estimate and estimate["high"] is None:
        yield f"estimated {money(estimate['low'])} or more"
    elif estimate:
        yield f"estimated {money(estimate['low'])} to {money(estimate['high'], at_most=True)}"
    realtime = record.get("realtime_cost_usd")
    if realtime is not None:
        yield f"{money(realtime)} in real time"


def _shard(
    event: events.BatchStarted
    | events.ShardHarvested
    | events.RetryScheduled
    | events.QuotaReached,
) -> str:
    return f"shard {event.shard}/{event.shards}"


def _counted(event: events.BatchProgress) -> str:
    if event.completed is None or event.total is None:
        return ""
    return f" {event.completed + (event.failed or 0)}/{event.total}"
