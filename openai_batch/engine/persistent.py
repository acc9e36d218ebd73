"""A client that reads, and does not give up at the first call that fails."""

import queue
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ..errors import ProviderUnavailable, QuotaRefused
from ..providers.interface import BatchPage, BatchSnapshot, Reader, RemoteFile
from .events import Trouble
from .runs import Place

T = TypeVar("T")

WAITS_S = (2.0, 4.0, 8.0)
"""Between tries. Rebuilding a run takes a call for each of its batches and begins anew where one
fails: with one call in a hundred that does, it would hardly ever come to its end."""

LONGEST_WAIT_S = 60.0
"""The longest wait that a provider may ask for: somebody sits there and waits for an answer."""


class Persistent:
    """Makes a call again, three times, where it failed in a way that passes.

    The user is told of each failure but the last, which is raised.
    """

    def __init__(self, client: Reader, place: Place):
        self._client = client
        self._place = place

    def retrieve_batch(self, batch_id: str) -> BatchSnapshot:
        return self._call("asking for a batch", lambda: self._client.retrieve_batch(batch_id))

    def list_batches(self, after: str | None = None) -> BatchPage:
        return self._call("listing batches", lambda: self._client.list_batches(after))

    def retrieve_file(self, file_id: str) -> RemoteFile:
        return self._call("asking for a file", lambda: self._client.retrieve_file(file_id))

    def download(self, file_id: str, path: Path) -> int:
        return self._call("downloading a file", lambda: self._client.download(file_id, path))

    def _call(self, what: str, call: Callable[[], T]) -> T:
        for wait_s in WAITS_S:
            try:
                return call()
            except (ProviderUnavailable, QuotaRefused) as error:
                wait_s = max(wait_s, min(error.retry_after_s or 0.0, LONGEST_WAIT_S))
                self._place.on_event(Trouble(what, str(error), wait_s))
                nothing: queue.SimpleQueue[None] = queue.SimpleQueue()
                self._place.clock.wait(nothing, wait_s)
        return call()
