"""Getting a run's files back from the provider, when the spool is gone."""

import contextlib
from pathlib import Path

from .. import jsonl
from ..errors import NotFound, ProviderUnavailable, StorageError
from ..files import replacing
from ..providers.interface import Reader
from .harvest import HarvestJob, Torn, harvest
from .journal import Journal
from .spool import Spool
from .states import Phase, Shard

TRIES = 3
"""Downloads that may come short before that is believed: a transfer in chunks can end early
without a sign of it."""


def fetch_requests(
    client: Reader, spool: Spool, shard: int, file_id: str, expected_rows: int | None
) -> tuple[int, int]:
    """Download a batch's input file as the requests of a shard; return its rows and bytes.

    Durable on return; may be repeated. Raises NotFound where the provider has deleted it,
    ProviderUnavailable where it has fewer than `expected_rows` each time, and ValueError where it
    holds something else than requests.
    """
    path = spool.requests(shard, 1)
    part = path.with_name(path.name + ".part")
    for tries_left in reversed(range(TRIES)):
        client.download(file_id, part)
        try:
            rows, size = _keep(part, path, spool, shard)
        except ValueError:
            if not tries_left:
                raise
            continue
        except OSError as error:
            raise StorageError(f"cannot keep {path}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        if expected_rows is None or rows >= expected_rows:
            return rows, size
    raise ProviderUnavailable(
        f"the input file {file_id} came with {rows} of {expected_rows} requests; try again"
    )


def _keep(part: Path, path: Path, spool: Spool, shard: int) -> tuple[int, int]:
    ids: list[str] = []
    size = 0
    with part.open("rb") as source, replacing(path) as target:
        for _, content in jsonl.lines(source):
            ids.append(_custom_id(content))
            size += target.write(content + b"\n")
    spool.save_ids(shard, ids)
    return len(ids), size


def _custom_id(content: bytes) -> str:
    request = jsonl.parse(content)
    custom_id = request.get("custom_id") if isinstance(request, dict) else None
    if not isinstance(custom_id, str):
        raise ValueError("a request without a custom_id")
    return custom_id


def restore(journal: Journal, client: Reader, spool: Spool) -> None:
    """Fetch requests and results of a delivered run again. May be repeated.

    The journal stays as it is: what it says was harvested is on disk again afterwards. Raises
    ProviderUnavailable where less comes than was harvested.
    """
    spool.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for shard in journal.state.in_order():
        first = shard.attempts[0]
        if first.file_id is not None:
            try:
                rows = shard.plan.rows or None
                fetch_requests(client, spool, shard.plan.index, first.file_id, rows)
            except (NotFound, ValueError):
                spool.forget(shard.plan.index)
        for number in range(1, len(shard.attempts) + 1):
            attempts = shard.attempts[:number]
            if attempts[-1].phase is Phase.HARVESTED:
                _harvest_again(
                    HarvestJob(
                        Shard(shard.plan, attempts),
                        spool,
                        client,
                        may_retry=False,
                        accept_gaps=True,
                        model=journal.info.model,
                        prices={},  # what it took is recorded already
                    )
                )


def _harvest_again(job: HarvestJob) -> None:
    before = job.shard.current.harvested
    for _ in range(TRIES):
        with contextlib.suppress(Torn):
            again, _ = harvest(job)
            # Where the input is gone too, what a short file lacks is not even missing.
            if before is None or (
                again.succeeded >= before.succeeded and again.failed >= before.failed
            ):
                return
    raise ProviderUnavailable(
        f"the results of {job.shard.current.batch_id} came with gaps they did not have before; "
        "try again"
    )
