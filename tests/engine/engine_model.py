"""A provider that keeps account: of what it executed, what it said of it, and who heard."""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine_fakes import FakeBatch, FakeProvider, fails, jsonl
from engine_fates import SUCCEEDED, UNEXECUTED, Ending, Fate, Row, answer
from engine_turns import Life

from openai_batch.engine.label import METADATA_KEY
from openai_batch.errors import NotFound, ProviderRefused, QuotaRefused
from openai_batch.providers.interface import BatchStatus

SHORT_DOWNLOADS = 2
"""How often one file may come short in silence: what it shows three times is believed."""

CALL_S = 0.01
"""What a call takes at least: without it, a wait that rounds to nothing would never be over."""


@dataclass
class Room:
    """The queue's: so many requests at once. `late`: a batch is refused after it was made."""

    rows: int
    late: bool = False
    code: str | None = None
    retry_after_s: float | None = None


@dataclass
class ModelProvider(FakeProvider):
    """A `FakeProvider` that itself watches over promise 2: no request is paid for twice."""

    life: Life = field(default_factory=Life)
    room: Room | None = None
    lists: bool = True
    honours_keys: bool = False
    lag_s: float = 0.0
    """How long a batch that is made now takes to show in the listing."""
    cuts: list[float] = field(default_factory=list)
    """After which part of the file the next downloads end, in silence."""
    forgotten: set[str] = field(default_factory=set)
    """Batches and files that are not known for now."""
    given_up: set[str] = field(default_factory=set)
    """Batches whose requests the user has said to send again."""
    labels: dict[str, str] = field(default_factory=dict)
    lines: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """What ever stood in a result file, by custom_id."""
    _by_key: dict[str, FakeBatch] = field(default_factory=dict)
    _cut: Counter[str] = field(default_factory=Counter)
    _heard: set[str] = field(default_factory=set)

    # --- what the engine calls ------------------------------------------------------------------

    def download(self, file_id: str, path: Path) -> int:
        if file_id in self.forgotten:
            raise NotFound(f"no file {file_id}.", status_code=404)
        size = super().download(file_id, path)
        if self.cuts and self._cut[file_id] < SHORT_DOWNLOADS and self._shows_a_cut(file_id):
            self._cut[file_id] += 1
            content = self.files[file_id][1]
            end = int(len(content) * self.cuts.pop(0))
            return path.write_bytes(content[: end if end % 2 else content.rfind(b"\n", 0, end) + 1])
        self._heard.add(file_id)
        return size

    def _shows_a_cut(self, file_id: str) -> bool:
        """Whether a request without a line would give it away that a file came short."""
        endings = (batch.ending for batch in self.batches.values() if batch.ending)
        return all(ending.one_line_each or file_id not in ending.file_ids for ending in endings)

    def begin(
        self, input_file_id: str, endpoint: str, window: str, metadata: Mapping[str, str]
    ) -> FakeBatch:
        if self.honours_keys and self.keys[-1] in self._by_key:
            return self._by_key[self.keys[-1]]
        if input_file_id not in self.files:
            raise NotFound(f"no file {input_file_id}.", status_code=404)
        rows = len(self.files[input_file_id][1].splitlines())
        if self.room and self._queued() + rows > self.room.rows:
            if not self.room.late:
                raise QuotaRefused(
                    "full",
                    status_code=429,
                    code=self.room.code,
                    retry_after_s=self.room.retry_after_s,
                )
            self.behaviours.insert(0, fails("token_limit_exceeded"))
        self.behaviours = self.behaviours or [Fate()]
        batch = super().begin(input_file_id, endpoint, window, metadata)
        batch.shown_at = self.clock.monotonic() + self.lag_s
        self._by_key[self.keys[-1]] = batch
        self.labels[batch.id] = metadata[METADATA_KEY]
        for earlier in self.batches.values():
            if earlier is not batch:
                for custom_id in set(earlier.ids).intersection(batch.ids):
                    self._must_have_failed(custom_id, earlier, batch)
        return batch

    def _queued(self) -> int:
        return sum(len(b.ids) for b in self.batches.values() if not b.status.final)

    def _must_have_failed(self, custom_id: str, earlier: FakeBatch, batch: FakeBatch) -> None:
        """Promise 2: a request is sent again once its batch is over, its files are here whole, and
        they hold no success for it; or on the user's word."""
        if refused(earlier) or earlier.id in self.given_up:
            return
        again = f"{custom_id} is sent in {batch.id}, and {earlier.id}, which has it,"
        assert earlier.ending, f"{again} has not ended"
        heard = self._heard.issuperset(earlier.ending.file_ids) and earlier.ending.file_ids
        undone = earlier.status is BatchStatus.CANCELLED and earlier.counts
        if undone and undone.completed == 0:
            return
        assert heard, f"{again} has not been heard of"
        assert earlier.ending.rows[custom_id] not in SUCCEEDED, f"{again} has its result"

    # --- behind it ------------------------------------------------------------------------------

    def publish(self, lines: Iterable[Any]) -> str:
        lines = list(lines)
        for line in lines:
            self.lines[line["custom_id"]].add(jsonl([line]).rstrip(b"\n"))
        return super().publish(lines)

    def _call(self, name: str, proceed: Callable[[], Any]) -> Any:
        self.life.moment()
        self.clock.advance(CALL_S)
        if name == "list" and not self.lists:
            raise ProviderRefused("405", status_code=405)
        answer = super()._call(name, proceed)
        self.life.moment()
        return answer

    def _find(self, batch_id: str) -> FakeBatch:
        if batch_id in self.forgotten:
            raise NotFound(f"no batch {batch_id}.", status_code=404)
        return super()._find(batch_id)

    # --- what a test says -----------------------------------------------------------------------

    def forget(self, name: str) -> None:
        """A batch, or a result file, is not known for now."""
        self.forgotten.add(name)
        if name in self.batches:
            self.batches[name].hidden = True

    def remember(self) -> None:
        """Everything is known again."""
        self.forgotten.clear()
        for batch in self.batches.values():
            batch.hidden = False

    def is_lost(self, batch_id: str) -> bool:
        """Whether a user who waits long enough is still told nothing of a batch."""
        batch = self.batches[batch_id]
        files = batch.ending.file_ids if batch.ending else []
        forgotten = not self.forgotten.isdisjoint([batch_id, *files])
        return forgotten or batch.expires_at is not None or bool(batch.ending and not files)

    def give_up(self, input_file_id: str | None) -> None:
        """The user has said to send again what a batch of this file was to execute."""
        labels = {
            self.labels[batch.id]
            for batch in self.batches.values()
            if batch.input_file_id == input_file_id
        }
        self.given_up |= {id_ for id_, label in self.labels.items() if label in labels}

    def mend(self) -> None:
        """From here on, everything goes well."""
        self.remember()
        self.faults.clear()
        self.cuts.clear()
        self.behaviours.clear()
        self.room, self.lag_s = None, 0.0
        for batch in self.batches.values():
            if isinstance(batch.behave, Fate) and not batch.status.final:
                batch.behave = Fate()
            if batch.ending and not (batch.ending.file_ids or refused(batch)):
                self._tell_at_last(batch, batch.ending)

    def _tell_at_last(self, batch: FakeBatch, ending: Ending) -> None:
        told = {Row.EATEN: Row.BUSY, Row.SILENT: Row.UNTOUCHED}
        ending.rows = {custom_id: told[row] for custom_id, row in ending.rows.items()}
        ending.error_file_id = self.publish(
            answer(batch, custom_id, row) for custom_id, row in ending.rows.items()
        )

    def succeeded(self, batch_ids: Iterable[str]) -> set[str]:
        """The requests that one of these batches has a result for."""
        return {
            custom_id
            for batch_id in batch_ids
            if (ending := self.batches[batch_id].ending)
            for custom_id, row in ending.rows.items()
            if row in SUCCEEDED
        }

    def resent_unconfirmed(self) -> int:
        """How often a request was sent again of which nobody had said that it was not executed."""
        times = 0
        latest: dict[str, Row] = {}
        for batch in self.batches.values():
            if batch.ending and not refused(batch):
                for custom_id, row in batch.ending.rows.items():
                    times += latest.get(custom_id, Row.UNTOUCHED) not in UNEXECUTED
                    latest[custom_id] = row
        return times

    def may_have_said(self, line: bytes, *, of_its_own: bool) -> bool:
        """Whether a batch has said this of a request, and of one that it had."""
        told = json.loads(line)
        custom_id = told["custom_id"]
        batch_id = told["id"].removesuffix(f"_{custom_id}")
        had = custom_id in self.batches[batch_id].ids
        return line in self.lines[custom_id] and (had or not of_its_own)


def refused(batch: FakeBatch) -> bool:
    """Whether the provider refused the whole input of a batch."""
    return batch.status is BatchStatus.FAILED and not (batch.ending and batch.ending.file_ids)
