"""Getting a run's files back from the provider, when the spool is gone."""

import contextlib
from pathlib import Path
from typing import NamedTuple

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


class Fetched(NamedTuple):
    """What a batch's input file holds."""

    rows: int
    size_bytes: int
    models: frozenset[str]


def fetch_requests(
    client: Reader, spool: Spool, shard: int, file_id: str, expected_rows: int | None
) -> Fetched:
    """Download a batch's input file as the requests of a shard; return what it holds.

    Durable on return; may be repeated. Raises NotFound where the provider has deleted it,
    ProviderUnavailable where it has fewer than `expected_rows` each time, and ValueError where it
    holds something else than requests.
    """
    path = spool.requests(shard, 1)
    part = path.with_name(path.name + ".part")
    for tries_left in reversed(range(TRIES)):
        client.download(file_id, part)
        try:
            fetched = _keep(part, path, spool, shard)
        except ValueError:
            if not tries_left:
                raise
            continue
        except OSError as error:
            raise StorageError(f"cannot keep {path}: {error.strerror}") from error
        finally:
            part.unlink(missing_ok=True)
        if expected_rows is None or fetched.rows >= expected_rows:
            return fetched
    raise ProviderUnavailable(
        f"the input file {file_id} came with {fetched.rows} of {expected_rows} requests; try again"
    )


def _keep(part: Path, path: Path, spool: Spool, shard: int) -> Fetched:
    ids: list[str] = []
    models: set[str] = set()
    size = 0
    with part.open("rb") as source, replacing(path) as target:
        for _, content in jsonl.lines(source):
            custom_id, model = _id_and_model(content)
            ids.append(custom_id)
            models.add(model)
            size += target.write(content + b"\n")
    spool.save_ids(shard, ids)
    return Fetched(len(ids), size, frozenset(models))


def _id_and_model(content: bytes) -> tuple[str, str]:
    """A request's custom_id and its model, which is empty where it names none."""
    request = jsonl.parse(content)
    custom_id = request.get("custom_id") if isinstance(request, dict) else None
    if not isinstance(custom_id, str):
        raise ValueError("a request without a custom_id")
    body = request.get("body")
    model = body.get("model") if isinstance(body, dict) else None
    return custom_id, model if isinstance(model, str) else ""


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
