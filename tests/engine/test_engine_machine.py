"""The engine against a model of the server, in whatever order things happen to both.

OPENAI_BATCH_MACHINE=5000 plays so many games instead of a few.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import (
    Fault,
    no_room,
    raising,
    reply_is_lost,
    request_is_lost,
    server_error,
    unreachable,
    well,
)
from engine_fates import Fate, Row
from engine_game import Game, Leaves, Turn
from engine_model import Room
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from openai_batch.errors import (
    CredentialsRefused,
    GaveUp,
    NotFound,
    ProviderError,
    ProviderRefused,
    StillRunning,
)
from openai_batch.providers.interface import BatchStatus

GAMES = int(os.environ.get("OPENAI_BATCH_MACHINE", "200"))

# On a disk, nine tenths of the time would be its fsync's.
MEMORY = Path("/dev/shm")

TURNS = st.builds(
    Turn,
    seed=st.integers(0, 1000),
    moments=st.none() | st.integers(0, 20) | st.integers(0, 150),
    pace=st.sampled_from([(30.0, 900.0), (2.0, 30.0), (30.0, 40_000.0), (3600.0, 200_000.0)]),
    leaves=st.sampled_from(Leaves),
)

FATES = st.builds(
    Fate,
    validating=st.integers(0, 1),
    running=st.integers(0, 3),
    ending=st.sampled_from(
        [
            BatchStatus.COMPLETED,
            BatchStatus.COMPLETED,
            BatchStatus.EXPIRED,
            BatchStatus.EXPIRED,
            BatchStatus.CANCELLED,
            BatchStatus.FAILED,
        ]
    ),
    code=st.sampled_from(
        [*[None] * 9, "token_limit_exceeded", "invalid_request", "billing_hard_limit_reached"]
    ),
    rows=st.lists(st.sampled_from(Row), min_size=1, max_size=4).map(tuple),
    stops_at=st.integers(0, 2),
    late_s=st.sampled_from([0.0, 0.0, 100.0, 500.0]),
    backwards=st.booleans(),
    one_file=st.booleans(),
    counts=st.booleans(),
    strange=st.booleans(),
    foreign=st.lists(st.sampled_from(["r1", "r2", "stranger"]), max_size=2).map(tuple),
    outlives_its_window=st.sampled_from([*[False] * 9, True]),
).filter(lambda fate: fate.ending is not BatchStatus.FAILED or not fate.late_s)

FAULTS: dict[str, Fault] = {
    "reply is lost": reply_is_lost,
    "request is lost": request_is_lost,
    "502": server_error,
    "unreachable": unreachable,
    "well": well,
    "429": no_room(),
    "429 for 20 s": no_room(20.0),
    "429 for tokens": no_room(code="token_limit_exceeded"),
    "unpaid": no_room(code="insufficient_quota"),
    "401": raising(CredentialsRefused("401", status_code=401)),
    "404": raising(NotFound("404", status_code=404)),
    "400": raising(ProviderRefused("400", status_code=400)),
}
CALLS = ["upload", "create", "retrieve", "list", "cancel", "download"]
REFUSALS = (GaveUp, ProviderError)


class Machine(RuleBasedStateMachine):
    """What may happen, in any order."""

    def __init__(self, clients: dict[str, Any]):
        super().__init__()
        self.clients = clients
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.game: Game | None = None
        self.sound = True

    @initialize(
        requests=st.integers(1, 6).map(lambda fewer: 7 - fewer),
        shard_requests=st.integers(1, 3),
        max_attempts=st.sampled_from([3, 2, 1]),
        max_in_flight=st.sampled_from([None, None, 1, 2]),
        provider=st.sampled_from(["lists", "lists", "refuses to list", "cannot list"]),
        keeps_metadata=st.booleans(),
        honours_keys=st.booleans(),
        page_size=st.sampled_from([2, 100]),
        lag_s=st.sampled_from([0.0, 14.0]),
        faults=st.dictionaries(
            st.sampled_from(CALLS), st.lists(st.sampled_from(sorted(FAULTS)), max_size=4)
        ),
        fates=st.lists(FATES, min_size=1, max_size=8),
        turn=TURNS,
        takes_up=st.booleans(),
    )
    def begin(
        self,
        requests: int,
        provider: str,
        keeps_metadata: bool,
        honours_keys: bool,
        page_size: int,
        lag_s: float,
        faults: dict[str, list[str]],
        fates: list[Fate],
        turn: Turn,
        takes_up: bool,
        **plan: Any,
    ) -> None:
        row = {"can_list": provider != "cannot list", "supports_metadata": keeps_metadata}
        self.game = Game(Path(self.folder.name), requests, plan, row)
        self.server = self.game.server
        self.server.lists = provider == "lists"
        self.server.keeps_metadata = keeps_metadata
        self.server.honours_keys = honours_keys
        self.server.page_size = page_size
        self.server.lag_s = lag_s
        self.server.behaviours += fates
        for call, names in faults.items():
            self.calls_will(call, names)
        self.clients["p"] = self.server
        self.takes_up = takes_up
        self.play(self.game.begin, turn)

    def play(self, move: Callable[..., Any], *args: Any, **options: Any) -> None:
        self.sound = False
        move(*args, **options)
        self.sound = True

    # --- the user -------------------------------------------------------------------------------

    @precondition(lambda self: self.game and self.game.run_id is None)
    @rule(turn=TURNS)
    def plan(self, turn: Turn) -> None:
        self.play(self.game.begin, turn)

    @property
    def here(self) -> bool:
        return bool(self.game and self.game.run_id and not self.game.lost)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def submit(self, turn: Turn) -> None:
        self.play(self.game.act, turn, lambda run: run.submit(), *REFUSALS)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def step(self, turn: Turn) -> None:
        self.play(self.game.act, turn, lambda run: run.step(), *REFUSALS)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def settle(self, turn: Turn) -> None:
        self.play(self.game.act, turn, lambda run: run.settle(), *REFUSALS)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def harvest(self, turn: Turn) -> None:
        self.play(self.game.act, turn, lambda run: run.harvest(), *REFUSALS, StillRunning)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def resubmit(self, turn: Turn) -> None:
        self.play(self.game.resubmit, turn)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def cancel(self, turn: Turn) -> None:
        self.play(self.game.cancel, turn)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def take_up(self, turn: Turn) -> None:
        self.play(self.game.take_up, turn)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS)
    def peek(self, turn: Turn) -> None:
        self.play(self.game.peek, turn)

    @precondition(lambda self: self.here)
    @rule(turn=TURNS, apart=st.booleans(), to_files=st.booleans())
    def deliver(self, turn: Turn, apart: bool, to_files: bool) -> None:
        self.play(self.game.deliver, turn, apart=apart, to_files=to_files)

    @precondition(lambda self: self.here and self.server.lists and self.server.keeps_metadata)
    @rule()
    def lose(self) -> None:
        self.play(self.game.lose)

    @precondition(lambda self: self.game and self.game.lost)
    @rule(turn=TURNS, with_input=st.booleans())
    def rebuild(self, turn: Turn, with_input: bool) -> None:
        self.play(self.game.rebuild, turn, with_input=with_input)

    @precondition(lambda self: self.here and self.game.rebuilt)
    @rule(turn=TURNS)
    def supply(self, turn: Turn) -> None:
        self.play(self.game.supply, turn)

    # --- the provider ---------------------------------------------------------------------------

    @precondition(lambda self: self.game)
    @rule(fates=st.lists(FATES, min_size=1, max_size=4))
    def batches_will(self, fates: list[Fate]) -> None:
        self.server.behaviours += fates

    @precondition(lambda self: self.game)
    @rule(
        call=st.sampled_from(CALLS),
        names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=3),
    )
    def calls_fail(self, call: str, names: list[str]) -> None:
        self.calls_will(call, names)

    def calls_will(self, call: str, names: list[str]) -> None:
        self.server.will(call, *(FAULTS[name] for name in names))

    @precondition(lambda self: self.game)
    @rule(cuts=st.lists(st.floats(0, 0.99), min_size=1, max_size=3))
    def downloads_come_short(self, cuts: list[float]) -> None:
        self.server.cuts += cuts

    @precondition(lambda self: self.game)
    @rule(
        room=st.none()
        | st.builds(
            Room,
            st.integers(0, 4),
            st.booleans(),
            st.sampled_from([None, "token_limit_exceeded"]),
            st.sampled_from([None, 20.0]),
        )
    )
    def the_queue_has(self, room: Room | None) -> None:
        self.server.room = room

    @precondition(lambda self: self.game)
    @rule(lag_s=st.sampled_from([0.0, 5.0, 14.0]))
    def the_listing_lags(self, lag_s: float) -> None:
        self.server.lag_s = lag_s

    @precondition(lambda self: self.game)
    @rule(seconds=st.sampled_from([1.0, 10.0, 60.0, 700.0, 90_000.0]))
    def time_passes(self, seconds: float) -> None:
        self.game.clock.advance(seconds)

    @precondition(lambda self: self.game and self.server.batches)
    @rule(data=st.data())
    def somebody_cancels(self, data: st.DataObject) -> None:
        batch = self.server.batches[data.draw(st.sampled_from(sorted(self.server.batches)))]
        if not (batch.status.final or batch.ending):
            batch.status = BatchStatus.CANCELLING

    # One that is forgotten before its id is known is as good as never made.
    @precondition(lambda self: self.here and self.game.batch_ids)
    @rule(data=st.data())
    def forgets(self, data: st.DataObject) -> None:
        batch = self.server.batches[data.draw(st.sampled_from(self.game.batch_ids))]
        names = [batch.id, *(batch.ending.file_ids if batch.ending else [])]
        self.server.forget(data.draw(st.sampled_from(names)))

    @precondition(lambda self: self.game and self.server.forgotten)
    @rule()
    def remembers(self) -> None:
        self.server.remember()

    @precondition(lambda self: self.game and self.server.batches)
    @rule(data=st.data())
    def input_is_deleted(self, data: st.DataObject) -> None:
        batch = self.server.batches[data.draw(st.sampled_from(sorted(self.server.batches)))]
        self.server.files.pop(batch.input_file_id, None)

    def teardown(self) -> None:
        try:
            if self.game and self.sound:
                self.game.end(takes_up=self.takes_up)
        finally:
            if self.game:
                self.game.leave()
            self.folder.cleanup()


def test_whatever_happens_every_request_ends_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In every order of events: one line a request, paid once, and nothing lost that was here."""
    clients: dict[str, Any] = {}
    monkeypatch.setattr(
        "openai_batch.providers.client.open_client",
        lambda provider, *, state_dir=None: clients[provider.name],
    )
    run_state_machine_as_test(
        lambda: Machine(clients),
        settings=settings(
            max_examples=GAMES,
            stateful_step_count=30,
            derandomize="OPENAI_BATCH_MACHINE" not in os.environ,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
