"""Bringing an ended batch's results home, and accounting for every row.

A provider's counts are never trusted: each line of both files is matched with the shard's
custom_ids, and what is left over is missing.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard, cast

from .. import jsonl
from ..errors import ProviderUnavailable, RunDamaged, StorageError
from ..files import BUFFER_BYTES, replacing
from ..providers.interface import Reader
from ..requests.price import Price
from .entries import Harvested, RetryPlanned
from .pool import Lane
from .results import parse_result, succeeded
from .spool import Outcome, ResultIndex, Source, Spool, source_code
from .states import Attempt, Shard
from .usage import Meter


class Gaps(ProviderUnavailable):
    """The files hold no line for some requests; another download may."""


class Torn(ProviderUnavailable):
    """A file ended before its end: nothing may be concluded from what it does not hold."""


@dataclass(frozen=True, slots=True)
class HarvestJob:
    """What a worker needs to know to harvest one attempt; it writes files and nothing else."""

    shard: Shard
    spool: Spool
    client: Reader
    may_retry: bool
    accept_gaps: bool
    """Whether rows that the files do not hold are missing for good, or worth another download."""
    model: str | None
    """What all requests ask for; None where they differ, or nobody knows."""
    prices: Mapping[str, Price]
    """Of each model that has one: where that has tiers, tokens are summed for each."""


def harvest(job: HarvestJob) -> tuple[Harvested, RetryPlanned | None]:
    """Download both result files, index them, and write the next attempt's requests if one is due.

    May be repeated. On return everything it speaks of is durable on disk. Raises
    ProviderUnavailable where a file came short, Torn where that shows by what it holds, and Gaps
    where rows lack and `accept_gaps` is False.
    """
    files = _download(job, job.shard.current)
    return _ONE_INDEX.run(lambda: _account(job, files))


_ONE_INDEX = Lane()
"""Downloads go side by side, but only one shard's index is in memory at a time."""


def _account(job: HarvestJob, files: dict[Source, Path]) -> tuple[Harvested, RetryPlanned | None]:
    attempt = job.shard.current
    ids, known = _ids(job, files)
    tally = _reconcile(job, ids, files)
    tally.missing_now = tally.missing_now if known else 0
    if tally.missing_now and (torn := _torn(attempt, files)):
        raise Torn(f"the results of batch {attempt.batch_id} came short: {torn}")
    if (tally.unreadable or tally.missing_now) and not job.accept_gaps:
        raise Gaps(
            f"the results of batch {attempt.batch_id} have gaps: {tally.missing_now} of "
            f"{attempt.rows} requests without a line, {tally.unreadable} unreadable lines"
        )
    index = tally.index
    index.save(job.spool.index_path(job.shard.plan.index, attempt.number))
    retryable = [row for row, outcome in enumerate(index.outcomes) if outcome in _RETRYABLE]
    missing = index.count(Outcome.MISSING)
    # Rows that neither the input nor a result names: they have no place in the index.
    nameless = max(job.shard.plan.rows - len(index), 0)
    succeeded = index.count(Outcome.SUCCEEDED)
    harvested = Harvested(
        shard=job.shard.plan.index,
        attempt=attempt.number,
        succeeded=succeeded,
        failed=len(index) - succeeded - missing,
        missing=missing + nameless,
        retryable=len(retryable),
        unconfirmed=len(retryable) - tally.unexecuted,
        repeated=tally.repeated,
        foreign=tally.foreign,
        usage=tally.meter.sums(),
        unmetered=tally.meter.unmetered,
    )
    if not (job.may_retry and retryable and known):
        return harvested, None
    return harvested, _plan_retry(job.shard, job.spool, retryable)


def _torn(attempt: Attempt, files: dict[Source, Path]) -> str | None:
    """What shows that a file is not all there, where the transfer itself did not show it."""
    output = files.get(Source.OUTPUT)
    if output and output.stat().st_size == 0 and attempt.seen and attempt.seen.completed:
        return f"the output file is empty, and {attempt.seen.completed} requests are done"
    for path in files.values():
        last = _unended_line(path)
        if last.strip() and parse_result(last) is None:
            return "its last line is cut off"
    return None


_RETRYABLE = (Outcome.MISSING, Outcome.RETRYABLE)
_SETTLED = (Outcome.SUCCEEDED, Outcome.FAILED)


def _download(job: HarvestJob, attempt: Attempt) -> dict[Source, Path]:
    seen = attempt.seen
    ids = {
        Source.OUTPUT: seen.output_file_id if seen else None,
        Source.ERRORS: seen.error_file_id if seen else None,
    }
    files = {}
    for source, file_id in ids.items():
        if file_id:
            path = job.spool.results(job.shard.plan.index, attempt.number, source)
            job.client.download(file_id, path)
            _sync(path)
            files[source] = path
    return files


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(f"cannot keep {path}: {error.strerror}") from error


@dataclass(slots=True)
class _Tally:
    index: ResultIndex
    meter: Meter
    missing_now: int = 0
    unexecuted: int = 0
    repeated: int = 0
    foreign: int = 0
    unreadable: int = 0


def _reconcile(job: HarvestJob, ids: list[str], files: dict[Source, Path]) -> _Tally:
    attempt = job.shard.current
    tally = _Tally(_previous_index(job, len(ids)), Meter(job.model, job.prices))
    index, meter = tally.index, tally.meter
    rows = {custom_id: row for row, custom_id in enumerate(ids)}
    taken = bytearray(_CLOSED * (outcome in _SETTLED) for outcome in index.outcomes)
    unexecuted: set[int] = set()
    metered: set[int] = set()  # of the rows that failed so far
    for source, path in files.items():
        code = source_code(attempt.number, source)
        for offset, line in _take_successes(path, rows, taken, tally, code):
            result = parse_result(line)
            if result is None:
                tally.unreadable += 1
                continue
            row = rows.get(result.custom_id)
            if row is None or taken[row] == _CLOSED:
                tally.foreign += 1
                continue
            if taken[row]:
                tally.repeated += 1
                if index.outcomes[row] == Outcome.SUCCEEDED:
                    continue  # a success is never replaced by a later line
                unexecuted.discard(row)
            taken[row] = _ANSWERED
            if result.unexecuted:
                unexecuted.add(row)
            index.put(row, result.outcome, code, offset, len(line))
            succeeded = result.outcome == Outcome.SUCCEEDED
            if row not in metered and meter.add(result.answer, succeeded=succeeded):
                metered.add(row)
    tally.missing_now = attempt.rows - taken.count(_ANSWERED)
    tally.unexecuted = sum(index.outcomes[row] == Outcome.RETRYABLE for row in unexecuted)
    return tally


def _take_successes(
    path: Path, rows: dict[str, int], taken: bytearray, tally: _Tally, code: int
) -> Iterator[tuple[int, bytes]]:
    """Enter what is plain, which nearly everything is; yield every other line with its offset.

    Plain is a block of lines which all are successes, of requests that wait for one.
    """
    offset = 0
    for block in _blocks(path):
        ids, answers = succeeded(block) or ((), ())
        found = list(map(rows.get, ids))
        if not found or not _are_waiting(found, taken):
            yield from _lines(block, offset)
        else:
            tally.index.put_successes(found, code, offset, map(len, block.split(b"\n")))
            tally.meter.add_all(answers)
            for row in found:
                taken[row] = _ANSWERED
        offset += len(block)


def _are_waiting(found: list[int | None], taken: bytearray) -> TypeGuard[list[int]]:
    """Whether these are rows without an answer, each but once."""
    if None in found or len(set(found)) < len(found):
        return False
    return not any(map(taken.__getitem__, cast("list[int]", found)))


_CLOSED, _ANSWERED = 1, 2
"""What a row may be before its line comes: closed by an earlier attempt, or answered by this."""


def _ids(job: HarvestJob, files: dict[Source, Path]) -> tuple[list[str], bool]:
    """The shard's custom_ids, and whether they are those of its input.

    Where the provider has deleted the input of a batch, only its results can say what was in it:
    they keep the order in which they came, those of earlier attempts first.
    """
    index = job.shard.plan.index
    if job.spool.knows_ids(index):
        return job.spool.ids(index), True
    earlier = (job.spool.results(index, a.number, s) for a in _earlier(job) for s in Source)
    seen: dict[str, None] = {}
    for path in (*(path for path in earlier if path.exists()), *files.values()):
        for block in _blocks(path):
            for _, line in _lines(block, 0):
                if result := parse_result(line):
                    seen[result.custom_id] = None
    return list(seen), False


def _earlier(job: HarvestJob) -> list[Attempt]:
    return [attempt for attempt in job.shard.attempts[:-1] if attempt.harvested]


def _previous_index(job: HarvestJob, rows: int) -> ResultIndex:
    """What earlier attempts brought, for so many rows."""
    index = ResultIndex(rows)
    if earlier := _earlier(job):
        path = job.spool.index_path(job.shard.plan.index, earlier[-1].number)
        index.take_over(ResultIndex.load(path))
    return index


def _unended_line(path: Path) -> bytes:
    """What stands behind the last newline of a file."""
    line = b""
    with path.open("rb") as stream:
        for line in stream:  # noqa: B007  # the last one is wanted, and no other kept
            pass
    return b"" if line.endswith(b"\n") else line


def _blocks(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb", BUFFER_BYTES) as stream:
            yield from jsonl.blocks(stream)
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error


def _lines(block: bytes, offset: int) -> Iterator[tuple[int, bytes]]:
    """Every line that is not blank, with its offset in bytes; the block's own is `offset`."""
    for line in block.split(b"\n"):
        content = line.rstrip(b"\r")
        if content and not content.isspace():
            yield offset, content
        offset += len(line) + 1


def plan_open_rows(shard: Shard, spool: Spool) -> RetryPlanned | None:
    """Plan an attempt at what a harvested shard left open.

    None where that is nothing, where the requests are nowhere any more, or where nobody can say
    whether they were executed.
    """
    if not spool.knows_ids(shard.plan.index) or _ended_without_a_word(shard.current):
        return None
    index = ResultIndex.load(spool.index_path(shard.plan.index, shard.current.number))
    retryable = [row for row, outcome in enumerate(index.outcomes) if outcome in _RETRYABLE]
    return _plan_retry(shard, spool, retryable) if retryable else None


def _ended_without_a_word(attempt: Attempt) -> bool:
    """Whether a batch named no file at its end, nor said that it was cancelled with nothing done.

    Of a cancelled run it counts as harvested all the same: nothing of it was to be sent again.
    """
    seen = attempt.seen
    assert seen is not None
    undone = seen.status == "cancelled" and seen.completed == 0
    return not (seen.output_file_id or seen.error_file_id or undone)


def _plan_retry(shard: Shard, spool: Spool, retryable: list[int]) -> RetryPlanned:
    """Write the open rows' requests as the next attempt's file. Durable on return."""
    index, number = shard.plan.index, shard.current.number + 1
    wanted = set(retryable)
    rows = size = 0
    with (
        spool.open_requests(index) as requests,
        replacing(spool.requests(index, number)) as stream,
    ):
        for row, (_, content) in enumerate(jsonl.lines(requests)):
            if row in wanted:
                rows += 1
                size += stream.write(content + b"\n")
    if rows != len(retryable):
        raise RunDamaged(f"{spool.requests(index, 1)} is not what was uploaded")
    return RetryPlanned(index, number, rows, size)
