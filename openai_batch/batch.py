"""The library's face: one class over the engine that the command line uses."""

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from weakref import WeakValueDictionary, finalize

from .engine.deliver import Delivery, Target
from .engine.journal import RunInfo
from .engine.plan import Settings, plan
from .engine.records import as_openai_batch
from .engine.recover import recover
from .engine.run import Run
from .engine.runs import Place, find_run, open_journal, remove_run, twin_of
from .engine.states import Phase
from .errors import (
    CredentialsMissing,
    CredentialsRefused,
    Error,
    GaveUp,
    InputInvalid,
    NotFound,
    ProviderRefused,
    StillRunning,
    UsageError,
)
from .providers.catalog import (
    all_providers,
    get_provider_by_model,
    providers_with_keys,
    resolve,
)
from .requests.build import RequestKinds, request_line
from .requests.endpoints import Kind as BatchType
from .requests.submission import SubmissionFile, SubmissionInput
from .settings import state_dir

if TYPE_CHECKING:
    from openai.types import Batch as OpenAIBatch

    from .providers.provider import Provider

__all__ = ["FINISHED_STATES", "Batch", "BatchType", "all_providers", "get_provider_by_model"]

FINISHED_STATES = ("failed", "completed", "expired", "cancelled")
"""The statuses after which nothing more happens."""

DRY_RUN_ID = "batch-dry-run"

_FIRST_DELAY_S = 1.5

OutputFile = str | Path | None

_driving: "WeakValueDictionary[tuple[Path, int], Batch]" = WeakValueDictionary()
"""Which Batch of a thread has a run open. Another one for the same run takes it over, so that a
script may submit with one and look with the next."""


class Batch:
    """Requests of one kind, sent through a provider's Batch API.

    Past one file's limits it becomes a run of several batches, behind the same calls. Everything
    that is submitted is on disk (see `settings.state_dir`), so that another process can go on with
    `Batch(batch_id=…)` or `openai-batch resume`. Use as a context manager, or let it be collected.
    Not for several threads at once.
    """

    def __init__(
        self,
        submission_input_file: SubmissionInput = None,
        output_file: OutputFile = None,
        error_file: OutputFile = None,
        custom_id_prefix: str = "line",
        batch_id: str | None = None,
        provider: "Provider | None" = None,
    ):
        """Begin a new batch, or take up the one that `batch_id` names: a batch's id or a run's.

        `submission_input_file` is where requests are written and then read from: a path, an open
        file, a StringIO, or bytes that are complete already. `output_file` and `error_file` are
        paths; what is there already is replaced without asking, when there are results and not
        before. Without them a free name is found. `provider` None: the model tells. Calls nobody.
        """
        if submission_input_file is not None and batch_id is not None:
            raise ValueError(
                "Cannot specify both submission_input_file and batch_id because adding to an "
                "existing batch is not supported"
            )
        self.output_file = output_file
        self.error_file = error_file
        self.custom_id_prefix = custom_id_prefix
        self.batch_id = batch_id
        self.provider = provider
        self.n_requests = 0
        self.n_bytes = 0
        self._kinds = RequestKinds()
        self._place = Place(state_dir())
        self._run: Run | None = None
        self._planned: str | None = None
        self._opened = contextlib.ExitStack()
        finalize(self, self._opened.close)
        self.submission_input_file = submission_input_file
        self._extra_headers: dict[str, str] = {}
        self._extra_query: dict[str, object] = {}

    @property
    def submission_input_file(self) -> SubmissionInput:
        """What was given; for a path or None, the open file once there is a request in it."""
        return self._submission.source

    @submission_input_file.setter
    def submission_input_file(self, source: SubmissionInput) -> None:
        self._submission = SubmissionFile(source)
        finalize(self, self._submission.close)

    @property
    def batch_type(self) -> BatchType | None:
        """The kind of the requests; None before the first, unless it was set."""
        return self._kinds.kind

    @batch_type.setter
    def batch_type(self, kind: BatchType | None) -> None:
        self._kinds.kind = kind

    @property
    def model(self) -> str | None:
        """The model of the first request; None before it, unless it was set."""
        model: str | None = self._kinds.model
        return model

    @model.setter
    def model(self, model: str | None) -> None:
        self._kinds.model = model

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close files and connections; a batch that was submitted goes on. May be repeated."""
        self._submission.close()
        self._let_go()

    def add_to_batch(self, **request: Any) -> None:
        """Add one request, with the parameters of the endpoint that it is for.

        Its kind is told from them: `messages` → chat completions, `input` → embeddings, responses
        or moderations, `prompt` → completions or images, `text_1` → score, `documents` → rerank.
        `custom_id` names the request; else it is the prefix and its number. Raises ValueError where
        they fit none, several, or not the requests before. Sends nothing.
        """
        if self.batch_id is not None:
            raise ValueError("Adding to an existing batch is not supported")
        if "model" not in request:
            raise ValueError("Model must be specified in arguments")
        custom_id = request.pop("custom_id", f"{self.custom_id_prefix}-{self.n_requests + 1}")
        provider = self.provider or get_provider_by_model(request["model"])
        url, body = self._kinds.build(request, provider)
        self.provider = provider
        line = request_line(custom_id, url, body)
        self._submission.write(line)
        self.n_requests += 1
        self.n_bytes += len(line) + 1

    def submit(self, metadata: dict[str, str] | None = None, dry_run: bool = False) -> str:
        """Validate all requests, hand them to the provider, and return the id.

        That is the batch's id, or the run's where the requests needed several batches. On return
        the batches exist and the run is durable. An unfinished run with the same requests and
        metadata, as a killed program leaves it, is taken up and not sent again. With `dry_run`
        nothing is sent and the id is `batch-dry-run`. May be repeated: what was handed over is not
        sent again. Raises CredentialsMissing and InputInvalid before anything is sent or kept,
        GaveUp where the provider takes no more for now (`batch_id` is set then, and `status` goes
        on), and ProviderError.
        """
        if not self._submission.given and not (dry_run and self.provider):
            raise ValueError("No requests have been added to the batch")
        if dry_run:
            self.batch_id = DRY_RUN_ID
            return self.batch_id
        if self.batch_id in (None, DRY_RUN_ID):
            self.batch_id = self._plan(metadata or {})
        run = self._open()
        run.submit()
        self.batch_id = run.public_id
        return self.batch_id

    def _plan(self, metadata: dict[str, str]) -> str:
        self._require_access()
        named = self.provider
        try:
            with self._submission.reader() as stream:
                run_id = plan(
                    stream,
                    input_name=self._submission.name,
                    provider_for=self._provider_for,
                    settings=Settings(metadata=metadata),
                    place=self._place,
                    allow_twin=True,
                )
        except InputInvalid as invalid:
            self.provider = named  # the mended input may name another model
            for fault in invalid.faults:
                invalid.add_note(str(fault))  # a traceback shows them
            raise
        try:
            self._require_access()
        except Error:
            remove_run(self._place, run_id)
            raise
        twin = twin_of(self._place, run_id)
        if twin is None or self._info_of(twin).metadata != metadata:
            self._planned = run_id
            return run_id
        # A program that was killed and started again means to go on, not to pay again.
        remove_run(self._place, run_id)
        warnings.warn(
            f"{twin} has the same input and is not finished: this goes on with it. "
            f"`openai-batch cancel {twin}` ends it, if it is to be sent anew",
            stacklevel=3,
        )
        return twin

    def _info_of(self, run_id: str) -> RunInfo:
        journal = open_journal(self._place, run_id)
        journal.close()
        return journal.info

    def status(
        self,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Any = None,
        timeout: Any = None,
        dry_run: bool = False,
    ) -> "OpenAIBatch":
        """Take one step and return how things stand, as OpenAI's `Batch` with summed counts.

        A step asks the provider once, fetches what has ended, and submits what is still to be
        submitted; it waits for no batch. `status` is one of FINISHED_STATES when every request is
        accounted for; what the provider refused is in `errors`. `extra_headers` and `extra_query`
        go with each call of this step. `extra_body` and `timeout` are accepted and not used: a look
        has no body, and its time limits are its own. May be repeated. Raises GaveUp where nothing
        can be done for now, OutcomeUnknown where only the user can say how to go on.
        """
        if not self.batch_id:
            raise ValueError("Batch has not been submitted yet")
        from .providers.client import to_openai_batch

        if dry_run:
            return to_openai_batch(_dry_run_batch(self.batch_id))
        self._send_along(extra_headers, extra_query)
        run = self._open()
        _despite_refusals(run, run.step)
        return to_openai_batch(as_openai_batch(run.info, run.state, self.batch_id))

    def download(
        self,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Any = None,
        timeout: Any = None,
        dry_run: bool = False,
    ) -> tuple[OutputFile, OutputFile]:
        """Write the results in input order; return the paths of the output and the error file.

        `output_file` and `error_file` are replaced, atomically, where the caller named them, and
        returned as they were named; else it is `batch_output.jsonl` and `batch_errors.jsonl`, or
        the next free name. The error path is None where nothing failed; both are None, and nothing
        is written, while batches run and where nothing was executed. The extra arguments are as in
        `status`. Durable on return; may be repeated.
        """
        if not self.batch_id:
            raise ValueError("Batch has not been submitted yet")
        if dry_run:
            return self._write_nothing()
        self._send_along(extra_headers, extra_query)
        run = self._open()
        refused = False
        try:
            _despite_refusals(run, run.harvest)
        except StillRunning:
            return None, None
        except (GaveUp, ProviderRefused):
            refused = run.record()["status"] == "failed"
            if not refused:
                raise
        if refused and not any(shard.last_harvest for shard in run.state.in_order()):
            return None, None
        output = self.output_file or str(_free_name("batch_output"))
        errors = self.error_file or str(_free_name("batch_errors"))
        with _target(output) as results, _target(errors) as failures:
            counts = run.deliver(
                Delivery(results, failures, force=True, partial=refused, drop_empty_errors=True)
            )
        return output, errors if counts.failed + counts.missing else None

    def submit_wait_download(
        self,
        interval: float = 60,
        status_callback: "Callable[[OpenAIBatch], Any] | None" = None,
        extra_headers: Mapping[str, str] | None = None,
        extra_query: Mapping[str, object] | None = None,
        extra_body: Any = None,
        timeout: Any = None,
        metadata: dict[str, str] | None = None,
        dry_run: bool = False,
    ) -> "tuple[OpenAIBatch, OutputFile, OutputFile]":
        """Submit, wait, download; return the final status and the paths of both files.

        Looks every `interval` seconds at the latest, sooner in the beginning. `status_callback` is
        called with each status. The extra arguments are as in `status`, and go with every call.
        """
        self._send_along(extra_headers, extra_query)
        with contextlib.suppress(GaveUp):  # there may be room later, and `status` goes on
            self.submit(metadata=metadata, dry_run=dry_run)
        delay_s = min(_FIRST_DELAY_S, interval)
        while True:
            batch = self.status(extra_headers, extra_query, dry_run=dry_run)
            if status_callback is not None:
                status_callback(batch)
            if batch.status in FINISHED_STATES:
                break
            time.sleep(delay_s)
            delay_s = min(delay_s * 1.5, interval)
        output, errors = self.download(extra_headers, extra_query, dry_run=dry_run)
        return batch, output, errors

    def _provider_for(self, model: str | None) -> "Provider":
        if self.provider is None:
            self.provider = get_provider_by_model(model or "")
            if model:  # without one the input is faulty, most likely, and that is told first
                self._require_access()
        return self.provider

    def _require_access(self) -> None:
        """Notice a missing address or key while there is no run yet."""
        provider = self.provider
        if provider is None or provider.starts_server:
            return
        if provider.base_url is None:
            raise UsageError(f"no address is known for {provider}: set its `base_url`")
        if provider.find_key():
            return
        missing = CredentialsMissing(
            f"{provider} needs a key: set {provider.key_variable}, "
            "or name a provider whose `api_key` is set: Batch(provider=…)"
        )
        self._submission.close()  # so that nothing is missing in it
        if name := self._submission.name:
            missing.add_note(f"The requests are in {name}: Batch({name!r}).submit() sends them.")
        raise missing

    def _send_along(
        self, headers: Mapping[str, str] | None, query: Mapping[str, object] | None
    ) -> None:
        """From now on, let these go with every call to the provider."""
        extras = dict(headers or {}), dict(query or {})
        if extras != (self._extra_headers, self._extra_query):
            self._extra_headers, self._extra_query = extras
            self._let_go()  # connections are opened with them

    def _with_extras(self, provider: "Provider") -> "Provider":
        return replace(
            provider,
            extra_headers={**provider.extra_headers, **self._extra_headers},
            extra_query={**provider.extra_query, **self._extra_query},
        )

    def _open(self) -> Run:
        """The run behind `batch_id`, its lock held; rebuilt from the provider where need be."""
        if self._run is None:
            run_id = self._find()
            key = (self._place.folder(run_id), threading.get_ident())
            if holder := _driving.get(key):
                holder._let_go()
            provider = self._with_extras(self._provider_of(run_id))
            run = Run(run_id, self._place, provider, fresh=run_id == self._planned)
            self._run = self._opened.enter_context(run)
            _driving[key] = self
        return self._run

    def _find(self) -> str:
        """The run behind `batch_id`, rebuilt from the provider where it is not on this machine."""
        assert self.batch_id is not None
        return find_run(self._place, self.batch_id) or self._recover(self.batch_id)

    def _let_go(self) -> None:
        self._run = None
        self._opened.close()

    def auto_detect_provider(self) -> None:
        """Find out which provider has the batch, and set `provider`, unless it is known.

        Every provider whose key is set is asked. `status` and `download` do this by themselves.
        Raises ValueError where none of them knows it.
        """
        if not self.batch_id:
            raise ValueError("Batch has not been submitted yet")
        if self.provider is None:
            self._provider_of(self._find())

    def _provider_of(self, run_id: str) -> "Provider":
        if self.provider is None:
            info = self._info_of(run_id)
            self.provider = resolve(recorded=(info.provider, info.base_url))
        return self.provider

    def _recover(self, batch_id: str) -> str:
        candidates = [self.provider] if self.provider else providers_with_keys()
        asked = [self._with_extras(provider) for provider in candidates]
        try:
            return recover(batch_id, place=self._place, providers=asked)
        except (UsageError, NotFound, CredentialsRefused) as error:
            if self.provider is not None:
                raise
            raise ValueError(
                f"Could not auto-detect provider for batch ID {batch_id}. "
                "Please specify a provider."
            ) from error

    def _write_nothing(self) -> tuple[OutputFile, OutputFile]:
        for path in (self.output_file, self.error_file):
            if path:
                Path(path).write_bytes(b"")
        return self.output_file or None, self.error_file or None


def _despite_refusals(run: Run, take: Callable[[], None]) -> None:
    """Call `take` again after each refusal of a batch: it is recorded, and the others go on."""
    while True:
        before = _refused(run)
        try:
            return take()
        except ProviderRefused:
            if _refused(run) == before:
                raise


def _refused(run: Run) -> int:
    return sum(shard.current.phase is Phase.REFUSED for shard in run.state.in_order())


def _free_name(stem: str) -> Path:
    path, number = Path(f"{stem}.jsonl"), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}.jsonl"), number + 1
    return path


@contextlib.contextmanager
def _target(name: str | Path) -> Iterator[Target]:
    """What the engine writes to. A link is followed; a pipe or device is written, not replaced."""
    path = Path(name).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        with path.open("wb") as stream:
            yield stream
    else:
        yield path


def _dry_run_batch(batch_id: str) -> dict[str, Any]:
    return {
        "id": batch_id,
        "status": "completed",
        "completion_window": "24h",
        "created_at": 0,
        "endpoint": "/v1/chat/completions",
        "input_file_id": "file-dry-run-input",
        "output_file_id": "file-dry-run-output",
        "error_file_id": "file-dry-run-error",
    }
