"""What may become of a batch: how long it takes, how it ends, and what its files say."""

import dataclasses
import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from engine_fakes import FakeBatch, FakeProvider, failure, success, unexecuted

from openai_batch.providers.interface import BatchProblem, BatchStatus, RequestCounts


class Row(enum.Enum):
    """What a batch did with one request, and says of it."""

    DONE = "executed, and its result is in the output file"
    BAD = "refused by the model, for good"
    BUSY = "failed with a 500"
    LIMITED = "not executed: 429"
    NULL = "failed without a word"
    TWICE = "executed, and a late failure stands behind its result"
    UNTOUCHED = "not executed, and the provider says so"
    SILENT = "not executed, and no line says so"
    EATEN = "executed, and its result was lost"


EXECUTED = {Row.DONE, Row.TWICE, Row.EATEN}
SUCCEEDED = {Row.DONE, Row.TWICE}
UNEXECUTED = {Row.LIMITED, Row.UNTOUCHED}
"""The provider's word that a request was not executed."""


@dataclass(frozen=True)
class Fate:
    """The life of a batch, look by look.

    It is `validating`, then `running` for so many looks, then it ends as `ending`; what it does
    with its rows is `rows`, over and over. One that is cancelled, or that expires, stops before
    row `stops_at`. Its files are named `late_s` seconds after its end, the output file last.
    """

    validating: int = 0
    running: int = 1
    ending: BatchStatus = BatchStatus.COMPLETED
    code: str | None = None
    """Why its input was refused: then nothing is executed."""
    rows: tuple[Row, ...] = (Row.DONE,)
    stops_at: int = 1
    late_s: float = 0.0
    backwards: bool = False
    one_file: bool = False
    """Failures stand in the output file, too."""
    counts: bool = True
    strange: bool = False
    """It speaks of its running in a word never heard."""
    foreign: tuple[str, ...] = ()
    """Requests that it answers and never got."""
    outlives_its_window: bool = False

    def __repr__(self) -> str:
        return unusual(self)

    def __call__(self, provider: FakeProvider, batch: FakeBatch) -> None:
        """What a look at it brings about."""
        now = provider.clock.monotonic()
        if batch.ending is None:
            self._go_on(provider, batch, now)
        if batch.ending is not None:
            batch.ending.show(batch, now)

    def _go_on(self, provider: FakeProvider, batch: FakeBatch, now: float) -> None:
        if self.outlives_its_window:
            batch.expires_at = batch.created_at + 3600
        if batch.status is BatchStatus.CANCELLING:
            self._end(provider, batch, BatchStatus.CANCELLED, now)
        elif batch.looks <= self.validating:
            batch.status = BatchStatus.VALIDATING
        elif self.code is not None:
            batch.status = BatchStatus.FAILED
            batch.problems = (BatchProblem(self.code, "no"),)
        elif batch.looks <= self.validating + self.running or self.outlives_its_window:
            batch.status = BatchStatus.IN_PROGRESS
            batch.raw_status = "on_mars" if self.strange else None
        else:
            self._end(provider, batch, self.ending, now)

    def _end(
        self, provider: FakeProvider, batch: FakeBatch, status: BatchStatus, now: float
    ) -> None:
        batch.raw_status = None
        became = dict(zip(batch.ids, self._rows(len(batch.ids), status), strict=True))
        provider.execute(custom_id for custom_id, row in became.items() if row in EXECUTED)
        output = [line for id_, row in became.items() for line in lines(batch, id_, row, True)]
        errors = [line for id_, row in became.items() for line in lines(batch, id_, row, False)]
        if self.one_file:
            output, errors = output + errors, []
        strangers = [id_ for id_ in self.foreign if output and id_ not in became]
        output += [answer(batch, custom_id, Row.DONE) for custom_id in strangers]
        if self.backwards:
            output.reverse()
            errors.reverse()
        batch.ending = Ending(
            status,
            provider.publish(output) if output else None,
            provider.publish(errors) if errors else None,
            now + self.late_s / 2,
            now + self.late_s,
            became,
            one_line_each=not strangers and Row.TWICE not in became.values(),
        )
        if self.counts:
            done = sum(row in EXECUTED for row in became.values())
            batch.counts = RequestCounts(len(batch.ids), done, len(batch.ids) - done)

    def _rows(self, count: int, status: BatchStatus) -> Iterable[Row]:
        stopped = status in (BatchStatus.EXPIRED, BatchStatus.CANCELLED)
        for number in range(count):
            row = self.rows[number % len(self.rows)]
            if stopped and number >= self.stops_at:
                row = Row.SILENT if row is Row.SILENT else Row.UNTOUCHED
            yield row


def unusual(value: Any) -> str:
    """What of a dataclass is not as usual: a story of many is read more easily so."""
    told = {f: getattr(value, f.name) for f in dataclasses.fields(value)}
    odd = [f"{f.name}={is_now}" for f, is_now in told.items() if is_now != f.default]
    return f"{type(value).__name__}({', '.join(odd)})"


@dataclass
class Ending:
    """A batch's end, which shows in two steps where its files are late."""

    status: BatchStatus
    output_file_id: str | None
    error_file_id: str | None
    errors_at: float
    output_at: float
    rows: dict[str, Row]
    one_line_each: bool

    def show(self, batch: FakeBatch, now: float) -> None:
        batch.status = self.status
        batch.error_file_id = self.error_file_id if now >= self.errors_at else None
        batch.output_file_id = self.output_file_id if now >= self.output_at else None

    @property
    def file_ids(self) -> list[str]:
        return [file_id for file_id in (self.output_file_id, self.error_file_id) if file_id]


def lines(batch: FakeBatch, custom_id: str, row: Row, output: bool) -> list[dict[str, Any]]:
    """What a batch's output or error file says of a request."""
    if row in (Row.SILENT, Row.EATEN):
        return []
    if row is Row.TWICE:
        return [answer(batch, custom_id, Row.DONE if output else Row.BUSY)]
    return [answer(batch, custom_id, row)] if output == (row is Row.DONE) else []


def answer(batch: FakeBatch, custom_id: str, row: Row) -> dict[str, Any]:
    """A line of a result file, unlike that of any other batch."""
    match row:
        case Row.DONE:
            line = success(custom_id)
        case Row.BAD:
            line = failure(custom_id, 400)
        case Row.BUSY:
            line = failure(custom_id, 500)
        case Row.LIMITED:
            line = failure(custom_id, 429)
        case Row.NULL:
            line = {"custom_id": custom_id, "response": None, "error": None}
        case _:
            cancelled = batch.status is BatchStatus.CANCELLING
            line = unexecuted(custom_id, "batch_cancelled" if cancelled else "batch_expired")
    return {**line, "id": f"{batch.id}_{custom_id}"}
