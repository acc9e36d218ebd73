"""The provider as a client of the proxy sees it: an account of its own at the real server.

It knows every batch that was created through it, and so how often each request was executed, and
so paid. What a provider does by its own rules (queues, listings, endings) is done here; what goes
wrong on the way is `fault_calls`.
"""

import itertools
import json
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from fault_endings import Change, Ending, is_cancelled
from fault_quirks import Quirk
from fault_wire import Answer, Request, ask

_FINAL = ("completed", "failed", "expired", "cancelled")
_TOKEN_LIMIT = "token_limit_exceeded"


@dataclass
class Quota:
    """How much may wait or run at a time, until the client was shown that a batch has ended.

    `late`: `create` answers well and the batch fails; else `create` is refused with a 429.
    """

    requests: float = float("inf")
    size_bytes: float = float("inf")
    late: bool = True
    retry_after: float | None = None


@dataclass
class Listing:
    """How batches are listed.

    A batch is hidden for the first `lag` listings after its creation and for its first `lag_s`
    seconds. `refused` is the status with which listings are refused, `stall_s` how long one takes.
    """

    page_size: int = 100
    lag: int = 0
    lag_s: float = 0.0
    refused: int | None = None
    stall_s: float = 0.0


@dataclass
class AccountBatch:
    """One batch. `refused` is its whole object where it was never executed at all."""

    id: str
    custom_ids: tuple[str, ...]
    size_bytes: int
    changes: tuple[Change, ...]
    refused: dict[str, Any] | None = None
    unexecuted: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    looks: int = 0
    listings: int = 0
    cancelled: bool = False
    made_at: float = field(default_factory=time.monotonic)
    finals: int = 0
    shown: dict[str, Any] = field(default_factory=dict)

    @property
    def executed(self) -> set[str]:
        """The requests that this batch executed, as far as anybody can know."""
        if self.refused is not None:
            return set()
        return set(self.custom_ids) - self.unexecuted


class Account:
    """Answers calls: asks the real server, and changes what it says by the rules that are set.

    `endings` are used up one a new batch (each a tuple of changes), `every_ending` is for the rest.
    A batch runs for `looks_before_end` looks; of one that is cancelled meanwhile,
    `cancelling_leaves` rows were executed.
    """

    def __init__(self, upstream_url: str):
        self._upstream_url = upstream_url
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, AccountBatch] = {}
        self._creations: list[Request] = []
        self.endings: list[tuple[Change, ...]] = []
        self.every_ending: tuple[Change, ...] = ()
        self.quirks: list[Quirk] = []
        self.listing = Listing()
        self.quota: Quota | None = None
        self.refusals = 0
        """How often the queue was full."""
        self.looks_before_end = 0
        self.cancelling_leaves = 0

    def executed(self) -> Counter[str]:
        """How often each request was executed, by custom_id."""
        with self._lock:
            return Counter(id_ for batch in self.batches.values() for id_ in batch.executed)

    def lost(self) -> Counter[str]:
        """How often each request was executed and its answer lost, by custom_id."""
        with self._lock:
            return Counter(id_ for batch in self.batches.values() for id_ in batch.lost)

    def batch_sizes(self) -> list[int]:
        """How many requests each batch had that was really executed, in the order of creation."""
        with self._lock:
            return [len(batch.custom_ids) for batch in self.batches.values() if batch.executed]

    def kind(self, request: Request) -> str:
        """What kind of call it is: `upload`, `create`, `list`, `retrieve`, `download_output`, …"""
        match request.method, request.parts:
            case "POST", ["files"]:
                return "upload"
            case "POST", ["batches"]:
                return "create"
            case "GET", ["batches"]:
                return "list"
            case "GET", ["batches", _]:
                return "retrieve"
            case "POST", ["batches", _, "cancel"]:
                return "cancel"
            case "GET", ["files", file_id, "content"]:
                return "download_" + self._kind_of_file(file_id)
            case "DELETE", ["files", _]:
                return "delete"
            case _:
                return "other"

    def answer(self, request: Request, kind: str) -> Answer:
        """What the provider does and says."""
        match kind:
            case "create":
                with self._lock:
                    return self._create(request)
            case "list":
                return self._list(request)
            case "retrieve" | "cancel":
                return self._look(request, cancel=kind == "cancel")
        if (
            kind.startswith("download")
            and (content := self.files.get(request.parts[1])) is not None
        ):
            return Answer(200, content, {"content-type": "application/octet-stream"})
        return ask(self._upstream_url, request)

    def make_again(self) -> None:
        """Make a second batch for each one that there is, as another client with the key may."""
        with self._lock:
            for request in list(self._creations):
                self._create(request)

    # --- creation -------------------------------------------------------------------------------

    def _create(self, request: Request) -> Answer:
        self._creations.append(request)
        asked = json.loads(request.body)
        content = self._fetch(request, f"/files/{asked['input_file_id']}/content").body
        ids = tuple(json.loads(line)["custom_id"] for line in content.split(b"\n") if line)
        if self.quota and not self._has_room(self.quota, len(ids), len(content)):
            self.refusals += 1
            if not self.quota.late:
                after = self.quota.retry_after
                headers = {} if after is None else {"retry_after": f"{after:g}"}
                return Answer.error(429, "The queue is full.", _TOKEN_LIMIT, **headers)
            refused = self._refused(asked)
            self.batches[refused["id"]] = AccountBatch(
                refused["id"], ids, len(content), (), refused
            )
            return Answer.of({**refused, "status": "validating", "errors": None})
        answer = ask(self._upstream_url, request)
        if answer.status == 200:
            batch = answer.json
            changes = self.endings.pop(0) if self.endings else self.every_ending
            self.batches[batch["id"]] = AccountBatch(batch["id"], ids, len(content), changes)
            self.batches[batch["id"]].shown = batch
            return Answer.of(self._spelled(batch, 0))
        return answer

    def _has_room(self, quota: Quota, requests: int, size_bytes: int) -> bool:
        queued = [b for b in self.batches.values() if not b.finals and b.refused is None]
        return (
            sum(len(batch.custom_ids) for batch in queued) + requests <= quota.requests
            and sum(batch.size_bytes for batch in queued) + size_bytes <= quota.size_bytes
        )

    def _refused(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A batch that failed because the queue was full, as OpenAI shows it."""
        problem = {
            "code": _TOKEN_LIMIT,
            "message": "Enqueued token limit reached. Limit: 20 enqueued tokens.",
            "line": None,
            "param": None,
        }
        return {
            "id": f"batch_refused_{next(self._numbers)}",
            "object": "batch",
            "endpoint": asked["endpoint"],
            "errors": {"object": "list", "data": [problem]},
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "status": "failed",
            "output_file_id": None,
            "error_file_id": None,
            "created_at": int(time.time()),
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "metadata": asked.get("metadata"),
        }

    # --- looks ----------------------------------------------------------------------------------

    def _look(self, request: Request, *, cancel: bool) -> Answer:
        batch = self.batches.get(request.parts[1])
        if batch is None:
            return Answer.error(404, f"No batch found with id '{request.parts[1]}'.")
        if cancel:
            if batch.finals or batch.refused:
                return Answer.error(409, "The batch has ended.")
            if not batch.cancelled:
                batch.cancelled = True
                batch.changes = (*batch.changes, is_cancelled(self.cancelling_leaves))
            return Answer.of(self._spelled({**batch.shown, "status": "cancelling"}, 0))
        return Answer.of(self._show(batch, request))

    def _list(self, request: Request) -> Answer:
        listing = self.listing
        threading.Event().wait(listing.stall_s)
        if listing.refused is not None:
            return Answer.error(listing.refused, "There is no such call here.")
        with self._lock:
            known = list(reversed(self.batches.values()))
        first_page = "after" not in request.query
        for batch in known:
            batch.listings += first_page
        newest = time.monotonic() - listing.lag_s
        shown = [b for b in known if b.listings > listing.lag and b.made_at <= newest]
        ids = [batch.id for batch in shown]
        start = 0 if first_page else ids.index(request.query["after"]) + 1
        end = start + min(listing.page_size, int(request.query.get("limit", "20")))
        data = [self._show(batch, request) for batch in shown[start:end]]
        return Answer.of(
            {
                "object": "list",
                "data": data,
                "first_id": data[0]["id"] if data else None,
                "last_id": data[-1]["id"] if data else None,
                "has_more": end < len(shown),
            }
        )

    def _show(self, batch: AccountBatch, request: Request) -> dict[str, Any]:
        with self._lock:
            if batch.refused is not None:
                raw = dict(batch.refused)
            elif batch.finals:
                raw = dict(batch.shown)
            else:
                raw = self._fetch(request, f"/batches/{batch.id}").json
                batch.looks += 1
                if batch.looks <= self.looks_before_end and not batch.cancelled:
                    raw.update(status="in_progress", output_file_id=None, error_file_id=None)
                elif raw["status"] in _FINAL and batch.changes:
                    self._end(batch, raw, request)
            batch.shown = dict(raw)
            batch.finals += raw["status"] in _FINAL
            return self._spelled(raw, batch.finals)

    def _spelled(self, raw: dict[str, Any], finals: int) -> dict[str, Any]:
        spelled = dict(raw)
        for quirk in self.quirks:
            quirk(spelled, finals)
        return spelled

    def _end(self, batch: AccountBatch, raw: dict[str, Any], request: Request) -> None:
        """Let a batch that the real server has finished end in another way."""
        output, errors = (
            self._lines(request, raw[name]) for name in ("output_file_id", "error_file_id")
        )
        ending = Ending(output, errors)
        for change in batch.changes:
            change(ending)
        batch.unexecuted, batch.lost = frozenset(ending.unexecuted), frozenset(ending.lost)
        raw["status"] = ending.status
        for name, key in (("output", "output_file_id"), ("errors", "error_file_id")):
            content = ending.content(name)
            raw[key] = None
            if content is not None:
                raw[key] = f"file-proxy-{name}-{batch.id}"
                self.files[raw[key]] = content
        raw["request_counts"] = {
            "total": len(batch.custom_ids),
            "completed": len(ending.output),
            "failed": len(ending.errors),
        }

    def _lines(self, request: Request, file_id: str | None) -> list[bytes]:
        if file_id is None:
            return []
        content = self._fetch(request, f"/files/{file_id}/content").body
        return [line for line in content.split(b"\n") if line]

    def _fetch(self, request: Request, path: str) -> Answer:
        """Ask the real server in the client's name."""
        named = {name: text for name, text in request.headers.items() if name == "authorization"}
        return ask(self._upstream_url, Request("GET", path, named, b""))

    def _kind_of_file(self, file_id: str) -> str:
        with self._lock:
            for batch in self.batches.values():
                for name, key in (("output", "output_file_id"), ("errors", "error_file_id")):
                    if batch.shown.get(key) == file_id:
                        return name
        return "input"
