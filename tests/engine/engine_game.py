"""One run, the processes that drive it one after another, and what must hold all the while."""

import contextlib
import enum
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from engine_fakes import Bench, FakeClock, FakeRun, ids_as_input
from engine_fates import unusual
from engine_model import ModelProvider, refused
from engine_turns import Died, Life, MortalClock, Turns

from openai_batch.engine.deliver import Delivery
from openai_batch.engine.journal import Journal
from openai_batch.engine.merge import Counts
from openai_batch.engine.records import record, resent_unconfirmed
from openai_batch.engine.recover import recover
from openai_batch.engine.results import missing_line
from openai_batch.engine.runs import Place, list_runs, open_journal, request_cancel
from openai_batch.engine.states import Phase, RunState, settled, was_cancelled
from openai_batch.engine.supply import supply
from openai_batch.errors import (
    Error,
    GaveUp,
    ProviderError,
    ProviderRefused,
    RunDamaged,
    StillRunning,
    UsageError,
)

GRACE_S = 15.0
WORDS = {"in_progress", "resumable", "completed", "failed", "cancelling", "cancelled"}


class Leaves(enum.Enum):
    """When a process ends of itself."""

    AT_ONCE = "when it has done what it was asked for"
    ON_ERROR = "when that failed"
    NEVER = "it stays, as a program that calls the library does"


@dataclass(frozen=True)
class Turn:
    """How a process behaves that is asked for something."""

    seed: int = 0
    """Of the order in which its calls come back; 0 keeps them in order."""
    moments: int | None = None
    """After how many it dies."""
    pace: tuple[float, float] = (30.0, 40_000.0)
    """Seconds between looks, and until it gives up, where it is only now started."""
    leaves: Leaves = Leaves.AT_ONCE

    def __repr__(self) -> str:
        return unusual(self)


class Game:
    """A run of r1, r2, … on a machine that may be lost."""

    def __init__(self, folder: Path, requests: int, plan: dict[str, Any], row: dict[str, Any]):
        self.ids = [f"r{number}" for number in range(1, requests + 1)]
        self.clock = FakeClock()
        self.life = Life()
        self.bench = Bench(folder, self.clock, listing_grace_s=GRACE_S, **row)
        self.server = ModelProvider(self.clock, life=self.life)
        self.bench.server = self.server
        self.time = MortalClock(self.clock, self.life)
        self.place = Place(folder / "state", self.time, lambda event: self.life.moment())
        self.bench.place = self.place
        self.plan = plan
        self.run_id: str | None = None
        self.process: FakeRun | None = None
        self.lost = False
        self.rebuilt = False
        self.named = True
        """Whether the provider, or this machine, knows every request's place."""
        self.kept: dict[str, bytes] = {}
        """Results that a look at the run showed."""
        self._settled = False

    # --- what a user does -----------------------------------------------------------------------

    def begin(self, turn: Turn) -> None:
        """Plan the run."""
        with self._mortal(turn):
            self.bench.plan(len(self.ids), **self.plan)
        self.run_id = next(iter(list_runs(self.place)), None)

    def act(self, turn: Turn, do: Callable[[FakeRun], Any], *expected: type[Error]) -> Any:
        """Let the process that drives the run do something, or a new one."""
        if self.rebuilt:
            expected = (*expected, UsageError)
        result = None
        with self._mortal(turn):
            try:
                result = do(self.process or self._start(turn))
            except expected:
                if turn.leaves is Leaves.ON_ERROR:
                    self.leave()
            if turn.leaves is Leaves.AT_ONCE:
                self.leave()
        self.check()
        return result

    def leave(self) -> None:
        """The process ends."""
        self.life.moments_left = None
        run, self.process = self.process, None
        if run is None:
            return
        run.close()
        with self.journal() as journal:
            for shard in journal.state.shards.values():
                attempt = shard.current
                if attempt.phase is Phase.CREATING and attempt.create_started_at is not None:
                    # Who comes next counts the grace from the intent.
                    intent = attempt.create_started_at - self.clock.wall_offset_s
                    for batch in self.server.batches.values():
                        if batch.input_file_id == attempt.file_id:
                            batch.shown_at = min(batch.shown_at, intent + GRACE_S - 1)

    def cancel(self, turn: Turn) -> None:
        """Another process asks for the run to end."""
        with self._mortal(turn):
            request_cancel(self.place, self.run_id or "")
        self.check()

    def take_up(self, turn: Turn) -> None:
        """The user names a run that was cancelled."""
        self._settled = False
        self._fetches_again()
        self.act(turn, lambda run: run.allow_sending(), ProviderError, RunDamaged)

    def resubmit(self, turn: Turn) -> None:
        """The user says that what has no known outcome is to be sent again."""
        before = self.state.shards
        self.act(turn, lambda run: run.resubmit_lost(), ProviderError)
        for index, shard in self.state.shards.items():
            if index not in before:  # a half of what the look at it found too large
                continue
            attempt, now = before[index].current, shard.current
            reopened = now.phase is Phase.PLANNED and attempt.phase is not Phase.PLANNED
            if reopened and now.number == attempt.number:
                lost = attempt.batch_id is None or self.server.is_lost(attempt.batch_id)
                assert lost, f"{attempt.batch_id} was not lost"
                self.server.give_up(attempt.file_id)

    def peek(self, turn: Turn) -> None:
        """See what there is."""
        stream = io.BytesIO()
        self._fetch(turn, Delivery(stream, partial=True))
        for line in stream.getvalue().splitlines():
            told = json.loads(line)
            assert line == self.kept.get(told["custom_id"], line) or not self.named
            if told.get("response") and told["response"]["status_code"] == 200:
                self.kept[told["custom_id"]] = line

    def deliver(self, turn: Turn, *, apart: bool, to_files: bool) -> bool:
        """Write the results; say whether they came."""
        folder = self.bench.folder
        was_settled, output, errors = settled(self.state), io.BytesIO(), io.BytesIO()
        if to_files:
            paths = [folder / "output.jsonl", folder / "errors.jsonl"]
            targets: list[Any] = paths if apart else paths[:1]
            counts = self._fetch(turn, Delivery(*targets, force=True))
        else:
            counts = self._fetch(turn, Delivery(output, errors if apart else None))
        if counts is None:
            return False
        assert was_settled, "delivered before it was settled"
        if to_files:
            written = [path.read_bytes() for path in targets]
        else:
            written = [output.getvalue(), *([errors.getvalue()] if apart else [])]
        self.check_results(counts, written)
        return True

    def _fetch(self, turn: Turn, delivery: Delivery) -> Counts | None:
        self._fetches_again()
        counts: Counts | None = self.act(
            turn, lambda run: run.deliver(delivery), ProviderError, StillRunning
        )
        return counts

    def _fetches_again(self) -> None:
        """What was delivered is fetched anew: by then an input may be deleted."""
        if self.state.delivered and self._input_is_deleted:
            self.named = False

    @property
    def _input_is_deleted(self) -> bool:
        batches = self.server.batches.values()
        return any(batch.input_file_id not in self.server.files for batch in batches)

    # --- another machine ------------------------------------------------------------------------

    def lose(self) -> None:
        """The state directory is gone. Who is elsewhere has waited for the listing."""
        self.leave()
        self.clock.advance(2 * GRACE_S)
        shutil.rmtree(self.place.state_dir)
        self.lost, self.named, self._settled = True, True, False
        if self.server.given_up:
            self.kept.clear()  # there may be two results, and the other one may be found now

    def rebuild(self, turn: Turn, *, with_input: bool) -> None:
        """Another machine rebuilds the run from what the provider has."""
        assert self.run_id
        self.server.remember()
        stream = io.BytesIO(self.input) if with_input else None
        with self._mortal(turn):
            try:
                recover(self.run_id, place=self.place, providers=[self.bench.row], stream=stream)
            except UsageError:
                assert all(map(refused, self.server.batches.values())), "something was sent"
                self.run_id, self.lost = None, False
                return
            except ProviderError:
                pass
        if self.place.journal_path(self.run_id).exists():
            self.lost, self.rebuilt = False, True
            self.named = not self._input_is_deleted
            self.check()

    def supply(self, turn: Turn) -> None:
        """Give a rebuilt run its input."""
        self.leave()
        with self._mortal(turn):
            supply(self.place, self.run_id or "", io.BytesIO(self.input), self.bench.row)
        self.check()

    @property
    def input(self) -> bytes:
        return ids_as_input(range(1, len(self.ids) + 1))

    # --- what must hold -------------------------------------------------------------------------

    @contextlib.contextmanager
    def journal(self) -> Iterator[Journal]:
        with contextlib.closing(open_journal(self.place, self.run_id or "")) as journal:
            yield journal

    @property
    def state(self) -> RunState:
        with self.journal() as journal:
            return journal.state

    @property
    def batch_ids(self) -> list[str]:
        """The batches that the run's record names."""
        with self.journal() as journal:
            return list(record(journal.info, journal.state)["batch_ids"])

    def check(self) -> None:
        """The journal can be read, what is settled stays settled, and its record makes sense."""
        with self.journal() as journal:
            is_settled, told = settled(journal.state), record(journal.info, journal.state)
        assert is_settled or not self._settled, "it was settled before"
        self._settled = is_settled
        assert told["status"] in WORDS
        counts = dict(told["request_counts"])
        total = counts.pop("total")
        assert total == len(self.ids) or not self.named
        assert sum(counts.values()) <= total
        assert sum(counts.values()) == total or not is_settled

    def check_results(self, counts: Counts, written: list[bytes]) -> None:
        """Every request has one result, in its place, and it is the best that is known of it."""
        results = [line for stream in written for line in stream.splitlines()]
        ids = [json.loads(line)["custom_id"] for line in results]
        assert counts.succeeded + counts.failed + counts.missing == counts.requests
        if self.named:
            assert counts.requests == len(self.ids)
            assert sorted(ids) == self.ids
            for stream in written:
                own = [json.loads(line)["custom_id"] for line in stream.splitlines()]
                assert own == sorted(own, key=self.ids.index)
        must = self.server.succeeded(self.batch_ids)
        for custom_id, line in zip(ids, results, strict=True):
            said = line != missing_line(custom_id)
            assert not said or self.server.may_have_said(line, of_its_own=self.named)
            succeeded = said and (json.loads(line).get("response") or {}).get("status_code") == 200
            assert succeeded or custom_id not in must, f"the result of {custom_id} is lost"
            same = line == self.kept.get(custom_id, line) or not self.named
            assert same, f"the result of {custom_id} was replaced"
            if len(written) == 2:
                assert succeeded == (line in written[0].splitlines())

    # --- the end --------------------------------------------------------------------------------

    def end(self, *, takes_up: bool) -> None:
        """From here on all goes well: the run ends, and its results come."""
        self.leave()
        self.server.mend()
        calm = Turn()
        if self.lost:
            self.rebuild(calm, with_input=True)
        if self.run_id is None:
            self.begin(calm)
        if self.rebuilt:
            self.supply(calm)
            self.rebuilt = False
        if takes_up:
            self.take_up(calm)
        for _ in range(12):
            self.act(calm, lambda run: run.settle(), GaveUp, ProviderRefused)
            self.leave()
            if settled(self.state):
                break
            self.resubmit(calm)
        assert settled(self.state), "it does not come to its end"
        self._check_retries()
        self._check_resent()
        assert self.deliver(calm, apart=False, to_files=False)
        self.leave()

    def _check_retries(self) -> None:
        """What another attempt may mend has had every attempt that it may have."""
        with self.journal() as journal:
            info, state = journal.info, journal.state
        if state.cancel_requested or not self.named:
            return
        for shard in state.shards.values():
            attempt = shard.current
            assert attempt.harvested and attempt.seen
            wanted = state.sending_allowed or not was_cancelled(shard)
            known = attempt.seen.output_file_id or attempt.seen.error_file_id
            if attempt.harvested.retryable and wanted and known:
                assert attempt.number >= info.max_attempts

    def _check_resent(self) -> None:
        """What was sent again without the provider's word is counted, where nothing hides it."""
        with self.journal() as journal:
            info, state = journal.info, journal.state
        hidden = info.recovered or state.sending_allowed or state.cancel_requested
        if not (hidden or self.server.given_up):
            assert resent_unconfirmed(state) == self.server.resent_unconfirmed()

    # --- behind it ------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _mortal(self, turn: Turn) -> Iterator[None]:
        self.clock.waits = 0
        self.time.dice = Random(turn.seed) if turn.seed else None
        self.life.moments_left = turn.moments
        try:
            yield
        except Died:
            self.leave()
        self.life.moments_left = None

    def _start(self, turn: Turn) -> FakeRun:
        interval_s, timeout_s = turn.pace
        self.process = self.bench.open(
            self.run_id or "",
            pool=Turns(self.time.dice),
            interval_s=interval_s,
            timeout_s=timeout_s,
        )
        return self.process
