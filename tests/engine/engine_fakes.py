"""A provider and a clock in memory, and runs that are driven with both."""

import io
import json
import queue
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from openai_batch.engine.deliver import Delivery
from openai_batch.engine.events import Event
from openai_batch.engine.plan import Settings, plan
from openai_batch.engine.run import Run
from openai_batch.engine.runs import Place
from openai_batch.errors import (
    NotFound,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
)
from openai_batch.providers.interface import (
    BatchPage,
    BatchProblem,
    BatchSnapshot,
    BatchStatus,
    RemoteFile,
    RequestCounts,
)
from openai_batch.providers.provider import Provider

URL = "/v1/chat/completions"
REAL_WAIT_S = 20.0
START = 1_800_000_000.0


class FakeClock:
    """Time that passes only while nothing is under way, and then at once.

    `busy` says whether a call is under way whose answer comes by a queue: that is waited for in
    real time. `tick_s` passes at every look at the clock, as if the machine were slow. A wait
    without end is a hang.
    """

    def __init__(self, tick_s: float = 0.0):
        self.tick_s = tick_s
        self.wall_offset_s = START
        self.waits = 0
        self.busy: Callable[[Any], bool] = lambda source: False
        self._lock = threading.Lock()
        self._monotonic = 1000.0

    def now(self) -> float:
        return self.wall_offset_s + self.monotonic()

    def monotonic(self) -> float:
        with self._lock:
            self._monotonic += self.tick_s
            return self._monotonic

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._monotonic += seconds

    def wait(self, source: "queue.SimpleQueue[Any]", timeout_s: float | None) -> Any:
        self.waits += 1
        assert self.waits < 20_000, "it spins"
        if self.busy(source) or not source.empty():
            return source.get(timeout=REAL_WAIT_S)
        assert timeout_s is not None, "it waits for ever"
        self.advance(timeout_s)
        return None


def request(custom_id: str, text: str = "hello") -> dict[str, Any]:
    body = {"model": "m", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": URL, "body": body}


def jsonl(objects: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(value).encode() + b"\n" for value in objects)


def success(custom_id: str) -> dict[str, Any]:
    response = {"status_code": 200, "request_id": "q", "body": {"answer": custom_id}}
    return {"id": f"br_{custom_id}", "custom_id": custom_id, "response": response, "error": None}


def failure(custom_id: str, status_code: int = 400) -> dict[str, Any]:
    body = {"error": {"message": "bad", "code": "bad"}}
    response = {"status_code": status_code, "request_id": "q", "body": body}
    return {"id": f"br_{custom_id}", "custom_id": custom_id, "response": response, "error": None}


def unexecuted(custom_id: str, code: str = "batch_expired") -> dict[str, Any]:
    error = {"code": code, "message": "not executed"}
    return {"id": f"br_{custom_id}", "custom_id": custom_id, "response": None, "error": error}


@dataclass
class FakeBatch:
    """A batch as the provider sees it. `behave` is called at every look at it."""

    id: str
    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: dict[str, str]
    created_at: float
    ids: list[str]
    behave: "Behaviour"
    status: BatchStatus = BatchStatus.VALIDATING
    raw_status: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    counts: RequestCounts | None = None
    problems: tuple[BatchProblem, ...] = ()
    usage: Mapping[str, Any] | None = None
    expires_at: float | None = None
    looks: int = 0
    hidden: bool = False
    shown_at: float = 0.0
    """When the listing begins to show it, in monotonic seconds."""
    ending: Any = None
    """What a behaviour has decided, and does not show yet."""

    @property
    def snapshot(self) -> BatchSnapshot:
        return BatchSnapshot(
            id=self.id,
            status=self.status,
            raw_status=self.raw_status or self.status.value,
            known=self.raw_status is None,
            endpoint=self.endpoint,
            completion_window=self.completion_window,
            input_file_id=self.input_file_id,
            output_file_id=self.output_file_id,
            error_file_id=self.error_file_id,
            counts=self.counts,
            problems=self.problems,
            created_at=self.created_at,
            expires_at=self.expires_at,
            metadata=self.metadata,
            usage=self.usage,
        )


Behaviour = Callable[["FakeProvider", FakeBatch], None]
Fault = Callable[[Callable[[], Any]], Any]


@dataclass
class FakeProvider:
    """A `BatchClient` whose other side is in memory too.

    `faults[call]` are used up one a call; `behaviours` one a new batch; `executed` counts what was
    executed, and so paid, by custom_id.
    """

    clock: FakeClock
    page_size: int = 2
    keeps_metadata: bool = True
    honours_keys: bool = False
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    batches: dict[str, FakeBatch] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    behaviours: list[Behaviour] = field(default_factory=list)
    executed: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    made: dict[str, FakeBatch] = field(default_factory=dict)
    kept: int = 0
    _lock: Any = field(default_factory=threading.RLock)

    # --- what a test says -----------------------------------------------------------------------

    def will(self, call: str, *faults: Fault) -> None:
        self.faults.setdefault(call, []).extend(faults)

    def batch(self, number: int) -> FakeBatch:
        """A batch by its number, from 1."""
        return self.batches[f"batch_{number}"]

    def publish(self, lines: Iterable[Any]) -> str:
        """A new file of these lines."""
        return self.keep("results.jsonl", jsonl(lines))

    def keep(self, name: str, content: bytes) -> str:
        self.kept += 1
        file_id = f"file-{self.kept}"
        self.files[file_id] = (name, content)
        return file_id

    def execute(self, ids: Iterable[str]) -> list[dict[str, Any]]:
        ids = list(ids)
        self.executed.update(ids)
        return [success(custom_id) for custom_id in ids]

    # --- what the engine calls ------------------------------------------------------------------

    def upload(self, path: Path, name: str) -> RemoteFile:
        content = path.read_bytes()
        return self._call("upload", lambda: RemoteFile(self.keep(name, content), name))

    def create_batch(
        self,
        *,
        input_file_id: str,
        endpoint: str,
        completion_window: str,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> BatchSnapshot:
        def create() -> BatchSnapshot:
            if self.honours_keys and idempotency_key in self.made:
                return self.made[idempotency_key].snapshot
            self.keys.append(idempotency_key)
            batch = self.begin(input_file_id, endpoint, completion_window, metadata)
            self.made[idempotency_key] = batch
            return batch.snapshot

        return self._call("create", create)

    def begin(
        self, input_file_id: str, endpoint: str, window: str, metadata: Mapping[str, str]
    ) -> FakeBatch:
        """The batch that a `create` makes."""
        content = self.files[input_file_id][1]
        batch = FakeBatch(
            f"batch_{len(self.batches) + 1}",
            input_file_id,
            endpoint,
            window,
            dict(metadata) if self.keeps_metadata else {},
            self.clock.now(),
            [json.loads(line)["custom_id"] for line in content.splitlines()],
            self.behaviours.pop(0) if self.behaviours else completes,
        )
        self.batches[batch.id] = batch
        return batch

    def retrieve_batch(self, batch_id: str) -> BatchSnapshot:
        return self._call("retrieve", lambda: self._look(self._find(batch_id)))

    def list_batches(self, after: str | None = None) -> BatchPage:
        def page() -> BatchPage:
            now = self.clock.monotonic()
            listed = [
                batch
                for batch in reversed(self.batches.values())
                if not batch.hidden and batch.shown_at <= now
            ]
            names = [batch.id for batch in listed]
            start = names.index(after) + 1 if after else 0
            shown = listed[start : start + self.page_size]
            more = len(listed) > start + self.page_size
            return BatchPage(tuple(map(self._look, shown)), shown[-1].id if more else None)

        return self._call("list", page)

    def cancel_batch(self, batch_id: str) -> BatchSnapshot:
        def cancel() -> BatchSnapshot:
            batch = self._find(batch_id)
            if batch.status.final:
                raise ProviderRefused(f"{batch_id} has ended.", status_code=409)
            batch.status = BatchStatus.CANCELLING
            return batch.snapshot

        return self._call("cancel", cancel)

    def download(self, file_id: str, path: Path) -> int:
        def fetch() -> int:
            if file_id not in self.files:
                raise NotFound(f"no file {file_id}.", status_code=404)
            return path.write_bytes(self.files[file_id][1])

        return self._call("download", fetch)

    def retrieve_file(self, file_id: str) -> RemoteFile:
        def look() -> RemoteFile:
            if file_id not in self.files:
                raise NotFound(f"no file {file_id}.", status_code=404)
            return RemoteFile(file_id, self.files[file_id][0])

        return self._call("retrieve_file", look)

    def delete_file(self, file_id: str) -> None:
        def delete() -> None:
            if self.files.pop(file_id, None) is None:
                raise NotFound(f"no file {file_id}.", status_code=404)

        self._call("delete", delete)

    def list_files(self, after: str | None = None) -> tuple[tuple[RemoteFile, ...], str | None]:
        def page() -> tuple[tuple[RemoteFile, ...], str | None]:
            names = list(reversed(self.files))
            start = names.index(after) + 1 if after else 0
            shown = names[start : start + self.page_size]
            files = tuple(RemoteFile(name, self.files[name][0]) for name in shown)
            return files, shown[-1] if len(names) > start + self.page_size else None

        return self._call("list_files", page)

    def close(self) -> None:
        """Nothing is open."""

    # --- behind it ------------------------------------------------------------------------------

    def _call(self, name: str, proceed: Callable[[], Any]) -> Any:
        with self._lock:
            self.calls[name] += 1
            faults = self.faults.get(name)
            return faults.pop(0)(proceed) if faults else proceed()

    def _find(self, batch_id: str) -> FakeBatch:
        if batch_id not in self.batches:
            raise NotFound(f"no batch {batch_id}.", status_code=404)
        return self.batches[batch_id]

    def _look(self, batch: FakeBatch) -> BatchSnapshot:
        batch.looks += 1
        batch.behave(self, batch)
        return batch.snapshot


# --- faults of calls ----------------------------------------------------------------------------


def reply_is_lost(proceed: Callable[[], Any]) -> Any:
    """The call is carried out, and nobody hears of it."""
    proceed()
    raise ProviderUnavailable("the reply was lost", executed=None)


def request_is_lost(proceed: Callable[[], Any]) -> Any:
    """The call is not carried out, and nobody can tell."""
    raise ProviderUnavailable("the reply was lost", executed=None)


def server_error(proceed: Callable[[], Any]) -> Any:
    raise ProviderUnavailable("502 Bad Gateway", status_code=502, executed=None)


def unreachable(proceed: Callable[[], Any]) -> Any:
    raise ProviderUnavailable("connection refused", executed=False)


def raising(error: ProviderError) -> Fault:
    def fault(proceed: Callable[[], Any]) -> Any:
        raise error

    return fault


def no_room(retry_after_s: float | None = None, code: str | None = None) -> Fault:
    return raising(QuotaRefused("429", status_code=429, code=code, retry_after_s=retry_after_s))


def well(proceed: Callable[[], Any]) -> Any:
    return proceed()


# --- behaviours of batches ----------------------------------------------------------------------


def completes(provider: FakeProvider, batch: FakeBatch) -> None:
    """Everything is executed by the second look."""
    if batch.looks == 1:
        batch.status = BatchStatus.IN_PROGRESS
    elif not batch.status.final:
        end(provider, batch, provider.execute(batch.ids))


def end(
    provider: FakeProvider,
    batch: FakeBatch,
    output: list[dict[str, Any]],
    errors: list[dict[str, Any]] | None = None,
    status: BatchStatus = BatchStatus.COMPLETED,
) -> None:
    """Let a batch end with these lines; a file without lines is not there."""
    batch.status = status
    batch.output_file_id = provider.publish(output) if output else None
    batch.error_file_id = provider.publish(errors) if errors else None
    batch.counts = RequestCounts(len(batch.ids), len(output), len(errors or ()))


def expires_after(rows: int) -> Behaviour:
    """So many requests are executed; then the window ends."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            done = provider.execute(batch.ids[:rows])
            rest = [unexecuted(custom_id) for custom_id in batch.ids[rows:]]
            end(provider, batch, done, rest, BatchStatus.EXPIRED)

    return behave


def answers(*lines: dict[str, Any]) -> Behaviour:
    """It completes with exactly these lines, of which nothing counts as executed."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        if not batch.status.final:
            end(provider, batch, list(lines))

    return behave


def stays(provider: FakeProvider, batch: FakeBatch) -> None:
    """It runs for ever."""
    batch.status = BatchStatus.IN_PROGRESS


def is_forgotten(provider: FakeProvider, batch: FakeBatch) -> None:
    """It was executed, and the provider does not know it any more."""
    if not provider.executed[batch.ids[0]]:
        provider.execute(batch.ids)
    batch.hidden = True
    raise NotFound(f"no batch {batch.id}.", status_code=404)


def ends_without_files(provider: FakeProvider, batch: FakeBatch) -> None:
    if not batch.status.final:
        provider.execute(batch.ids)
    batch.status = BatchStatus.COMPLETED


def fails(code: str, message: str = "no") -> Behaviour:
    """The input is refused after the batch was made."""

    def behave(provider: FakeProvider, batch: FakeBatch) -> None:
        batch.status = BatchStatus.FAILED
        batch.problems = (BatchProblem(code, message),)

    return behave


# --- runs ---------------------------------------------------------------------------------------


class FakeRun(Run):
    """A run that is driven with a given client, and may be with a given pool."""

    def __init__(self, *args: Any, client: FakeProvider, pool: Any = None, **options: Any):
        self._given = client
        self._pool = pool
        super().__init__(*args, **options)

    def _open_client(self) -> Any:
        return self._given

    def _drive(self) -> Any:
        driver = super()._drive()
        driver._pool = self._pool or driver._pool
        done = driver._pool.done
        self._given.clock.busy = lambda source: source is done and bool(driver._busy)
        return driver


class Bench:
    """A state directory, a clock and a provider."""

    def __init__(self, folder: Path, clock: FakeClock | None = None, **row: Any):
        self.clock = clock or FakeClock()
        self.server = FakeProvider(self.clock)
        self.events: list[Event] = []
        self.place = Place(folder / "state", self.clock, self.events.append)
        self.row = Provider(**{"name": "p", "base_url": "http://p/v1", "api_key": "k", **row})
        self.folder = folder
        self._fresh: set[str] = set()

    def plan(self, requests: int | bytes, **settings: Any) -> str:
        """Plan r1, r2, … or an input given as bytes."""
        numbers = range(1, requests + 1) if isinstance(requests, int) else ()
        content = requests if isinstance(requests, bytes) else ids_as_input(numbers)
        run_id = plan(
            io.BytesIO(content),
            input_name="input.jsonl",
            provider_for=lambda model: self.row,
            settings=Settings(**settings),
            place=self.place,
        )
        self._fresh.add(run_id)
        return run_id

    def open(self, run_id: str, **options: Any) -> FakeRun:
        """Open a run, as the process that has planned it does, and later as any other."""
        options = {"fresh": run_id in self._fresh, **options}
        self._fresh.discard(run_id)
        return FakeRun(run_id, self.place, self.row, client=self.server, **options)

    def settle(self, run_id: str, **options: Any) -> None:
        with self.open(run_id, **options) as run:
            run.settle()

    def deliver(self, run_id: str, **options: Any) -> list[dict[str, Any]]:
        """The results of a run, delivered to a stream."""
        stream = io.BytesIO()
        with self.open(run_id) as run:
            run.deliver(Delivery(stream, **options))
        return [json.loads(line) for line in stream.getvalue().split(b"\n") if line]

    def record(self, run_id: str) -> dict[str, Any]:
        with self.open(run_id) as run:
            return run.record()

    def seen(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def ids_as_input(numbers: Iterable[int]) -> bytes:
    return jsonl(request(f"r{number}") for number in numbers)


def outcome(results: Iterable[dict[str, Any]]) -> list[tuple[str, str]]:
    """Each result as its custom_id and what became of it."""
    return [(line["custom_id"], _word(line)) for line in results]


def _word(line: dict[str, Any]) -> str:
    if line.get("error"):
        return str(line["error"]["code"])
    return str(line["response"]["status_code"])
