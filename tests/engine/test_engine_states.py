"""The pure parts: moves of a shard, what to do next, and labels."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openai_batch.engine import entries
from openai_batch.engine.entries import (
    BatchCreated,
    BatchSeen,
    CancelRequested,
    CeilingsNamed,
    CreateRejected,
    CreateStarted,
    Delivered,
    DuplicateClosed,
    DuplicateFound,
    Harvested,
    Publishing,
    QuotaRefused,
    Refused,
    RemoteDeletionStarted,
    RemoteFilesDeleted,
    Reopened,
    RetryPlanned,
    SendingAllowed,
    ShardPlan,
    ShardSplit,
    SpoolRemoved,
    Uploaded,
    UploadStarted,
)
from openai_batch.engine.label import Label
from openai_batch.engine.scheduler import (
    Cancel,
    Create,
    Find,
    Harvest,
    Look,
    Quota,
    Upload,
    View,
    next_calls,
    waits_until,
)
from openai_batch.engine.states import (
    Attempt,
    IllegalMove,
    Phase,
    RunState,
    Shard,
    advance,
    begin,
)

PLAN = ShardPlan(1, 0, 10, 1000)
HARVEST = Harvested(1, 1, succeeded=8, failed=1, missing=1, retryable=2, unconfirmed=1)

# How each phase is reached from the plan.
WAYS: dict[Phase, list[entries.Entry]] = {
    Phase.PLANNED: [],
    Phase.UPLOADING: [UploadStarted(1, 1)],
    Phase.UPLOADED: [UploadStarted(1, 1), Uploaded(1, 1, "file")],
    Phase.CREATING: [UploadStarted(1, 1), Uploaded(1, 1, "file"), CreateStarted(1, 1, 5.0)],
}
WAYS[Phase.RUNNING] = [*WAYS[Phase.CREATING], BatchCreated(1, 1, "batch")]
WAYS[Phase.ENDED] = [*WAYS[Phase.RUNNING], BatchSeen(1, 1, "completed", True)]
WAYS[Phase.HARVESTED] = [*WAYS[Phase.ENDED], HARVEST]
WAYS[Phase.REFUSED] = [*WAYS[Phase.CREATING], Refused(1, 1, "code", "reason")]

# Every legal move, and where it leads; what is not here is illegal.
MOVES: dict[Phase, dict[entries.Entry, Phase]] = {
    Phase.PLANNED: {UploadStarted(1, 1): Phase.UPLOADING},
    Phase.UPLOADING: {
        UploadStarted(1, 1): Phase.UPLOADING,
        Uploaded(1, 1, "f"): Phase.UPLOADED,
        Refused(1, 1, "c", "r"): Phase.REFUSED,
    },
    Phase.UPLOADED: {
        UploadStarted(1, 1): Phase.UPLOADING,
        CreateStarted(1, 1, 6.0): Phase.CREATING,
    },
    Phase.CREATING: {
        BatchCreated(1, 1, "b"): Phase.RUNNING,
        CreateRejected(1, 1, "r"): Phase.UPLOADED,
        Refused(1, 1, "c", "r"): Phase.REFUSED,
        Reopened(1, 1): Phase.PLANNED,
    },
    Phase.RUNNING: {
        BatchSeen(1, 1, "in_progress", False): Phase.RUNNING,
        BatchSeen(1, 1, "completed", True): Phase.ENDED,
        QuotaRefused(1, 1, "r"): Phase.UPLOADED,
        Refused(1, 1, "c", "r"): Phase.REFUSED,
        Reopened(1, 1): Phase.PLANNED,
    },
    Phase.ENDED: {
        BatchSeen(1, 1, "in_progress", False): Phase.RUNNING,
        BatchSeen(1, 1, "completed", True): Phase.ENDED,
        HARVEST: Phase.HARVESTED,
        Reopened(1, 1): Phase.PLANNED,
    },
    Phase.HARVESTED: {
        HARVEST: Phase.HARVESTED,
        RetryPlanned(1, 2, 2, 200): Phase.PLANNED,
    },
    Phase.REFUSED: {Reopened(1, 1): Phase.PLANNED},
}
EVERY_ENTRY = {entry: None for moves in MOVES.values() for entry in moves}


def reach(phase: Phase) -> RunState:
    state = begin([PLAN])
    for entry in WAYS[phase]:
        state = advance(state, entry)
    return state


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_allows_these_moves_and_no_others(phase: Phase) -> None:
    """The whole table of moves, legal and illegal."""
    state = reach(phase)
    assert state.shards[1].current.phase is phase
    for entry in EVERY_ENTRY:
        if entry in MOVES[phase]:
            moved = advance(state, entry).shards[1].current
            assert moved.phase is MOVES[phase][entry], entry
        else:
            with pytest.raises(IllegalMove):
                advance(state, entry)


@pytest.mark.parametrize("phase", Phase)
def test_only_what_was_not_sent_can_be_split(phase: Phase) -> None:
    """A shard is replaced by parts while no batch executes it, and never after."""
    parts = (ShardPlan(2, 0, 5, 500), ShardPlan(3, 5, 5, 500))
    if phase in (Phase.PLANNED, Phase.UPLOADING, Phase.UPLOADED):
        split = advance(reach(phase), ShardSplit(1, parts))
        assert [s.plan for s in split.in_order()] == list(parts)
        assert {s.current.phase for s in split.in_order()} == {Phase.PLANNED}
    else:
        with pytest.raises(IllegalMove):
            advance(reach(phase), ShardSplit(1, parts))


def test_a_move_of_another_attempt_or_shard_is_illegal() -> None:
    """What does not concern the current attempt of a known shard is damage."""
    with pytest.raises(IllegalMove, match="there is no shard 7"):
        advance(begin([PLAN]), UploadStarted(7, 1))
    with pytest.raises(IllegalMove, match="attempt 2 of shard 1, whose attempt 1 is planned"):
        advance(begin([PLAN]), UploadStarted(1, 2))
    with pytest.raises(IllegalMove):
        advance(reach(Phase.HARVESTED), RetryPlanned(1, 3, 1, 1))


def test_a_refusal_for_quota_is_no_attempt() -> None:
    """It leaves the shard uploaded at the same attempt, and its batch is never to be adopted."""
    current = advance(reach(Phase.RUNNING), QuotaRefused(1, 1, "full")).shards[1].current
    assert (current.number, current.file_id, current.batch_id) == (1, "file", None)
    assert current.refused_batch_ids == ("batch",)


@pytest.mark.parametrize(
    ("phase", "given_up", "resubmitted"),
    [
        (Phase.REFUSED, (), False),
        (Phase.CREATING, (), True),
        (Phase.RUNNING, ("batch",), True),
        (Phase.ENDED, ("batch",), True),
    ],
)
def test_what_is_opened_again_begins_anew(
    phase: Phase, given_up: tuple[str, ...], resubmitted: bool
) -> None:
    """It is uploaded again, and the batch that was given up is never adopted."""
    current = advance(reach(phase), Reopened(1, 1)).shards[1].current
    assert (current.phase, current.file_id, current.batch_id) == (Phase.PLANNED, None, None)
    assert current.refused_batch_ids == given_up
    assert current.resubmitted is resubmitted


def test_what_concerns_the_whole_run_is_remembered() -> None:
    """Cancelling, publishing, delivering and removing can come at any time."""
    state = begin([PLAN])
    for entry in (CancelRequested(), Publishing("o", None), Delivered("o", None), SpoolRemoved()):
        state = advance(state, entry)
    assert state.cancel_requested and state.spool_removed
    assert state.publishing == Publishing("o", None)
    assert state.delivered == Delivered("o", None)


def test_what_is_named_last_holds() -> None:
    """And what is not named again stays."""
    state = begin([PLAN])
    for entry in (CeilingsNamed("1", 9), CeilingsNamed(None, 8), CeilingsNamed("2", None)):
        state = advance(state, entry)
    assert state.ceilings == CeilingsNamed("2", 8)


EVERY_KIND = [
    *EVERY_ENTRY,
    ShardSplit(1, (ShardPlan(2, 0, 5, 500), ShardPlan(3, 5, 5, 500))),
    CancelRequested(),
    Publishing(None, "e"),
    Delivered("o", None),
    SpoolRemoved(),
    SendingAllowed(),
    CeilingsNamed("2.50", 900, {"input": ["1"]}),
    DuplicateFound(1, 1, "batch_1", "batch_2", runs=True),
    DuplicateClosed(1, 1, "batch_2"),
    RemoteDeletionStarted(),
    RemoteFilesDeleted(),
    BatchSeen(1, 1, "completed", True, 3, 2, 1, "o", "e", 7.5, {"input_tokens": 5}),
]


def test_every_entry_survives_being_stored() -> None:
    """`from_fields` gives back what `to_fields` took apart, for every kind there is."""
    for entry in EVERY_KIND:
        assert entries.from_fields(entry.kind, entries.to_fields(entry)) == entry
    assert {entry.kind for entry in EVERY_KIND} == set(entries.KINDS)


# --- what to do next ----------------------------------------------------------------------------


def shard(index: int, phase: Phase, *, size_bytes: int = 100) -> Shard:
    """Shard `index` with ten rows, in `phase`."""
    plan = ShardPlan(index, index * 10, 10, size_bytes)
    return Shard(plan, (Attempt(1, 10, size_bytes, phase, f"file-{index}"),))


def view(*phases: Phase, **fields: Any) -> View:
    """A view at second 100 of shards 1, 2, … in these phases."""
    shards = {number: shard(number, phase) for number, phase in enumerate(phases, 1)}
    known: dict[str, Any] = {"now": 100.0, "may_submit": True, "look_at": 200.0, "quota": Quota()}
    return View(state=RunState(shards), **{**known, **fields})


P, UI, UD, C, R, E, H = (
    Phase.PLANNED,
    Phase.UPLOADING,
    Phase.UPLOADED,
    Phase.CREATING,
    Phase.RUNNING,
    Phase.ENDED,
    Phase.HARVESTED,
)
CAP = Quota(cap_bytes=250)


@pytest.mark.parametrize(
    ("case", "given_view", "calls"),
    [
        ("nothing left", view(H, H), []),
        ("three uploads at once", view(P, P, P, P), [Upload(1), Upload(2), Upload(3)]),
        ("an upload that died is made again", view(UI), [Upload(1)]),
        (
            "three shards ahead at most",
            view(UD, UD, P, P, busy=frozenset({Create(1)})),
            [Upload(3)],
        ),
        ("one create at a time", view(UD, UD), [Create(1)]),
        ("no create beside another", view(UD, C, busy=frozenset({Create(2)})), []),
        ("no create while one is in doubt", view(UD, C), [Find()]),
        ("doubt is cleared up although nothing may be sent", view(C, may_submit=False), [Find()]),
        ("one search for all", view(C, C, busy=frozenset({Find()})), []),
        ("no look before its time", view(R), []),
        ("a look in its time", view(R, now=200.0), [Look()]),
        ("no look where none runs", view(H, now=300.0), []),
        ("what ended is fetched first", view(R, E, P, now=300.0), [Harvest(2), Look(), Upload(3)]),
        ("three downloads at once", view(E, E, E, E), [Harvest(1), Harvest(2), Harvest(3)]),
        (
            "a download under way counts",
            view(E, E, E, E, busy=frozenset({Harvest(1), Harvest(2)})),
            [Harvest(3)],
        ),
        ("a call that waits waits", view(E, not_before={Harvest(1): 150.0}), []),
        ("a call whose wait is over", view(E, not_before={Harvest(1): 100.0}), [Harvest(1)]),
        ("nothing is sent when only fetching", view(P, UD, may_submit=False), []),
        (
            "what is set aside rests",
            view(E, C, R, P, now=300.0, set_aside=dict.fromkeys([1, 2, 3, 4], "")),
            [],
        ),
        ("no more than so many in flight", view(R, R, UD, max_in_flight=2), []),
        ("room in flight", view(R, R, UD, max_in_flight=3), [Create(3)]),
        ("doubt takes room in flight", view(C, UD, max_in_flight=1, set_aside={1: ""}), []),
        ("within the cap", view(R, UD, quota=CAP), [Create(2)]),
        ("above the cap", view(R, R, UD, quota=CAP), []),
        ("alone, whatever the cap", view(H, UD, quota=Quota(cap_bytes=0)), [Create(2)]),
    ],
    ids=lambda value: value.replace(" ", "_") if isinstance(value, str) else "",
)
def test_what_is_done_next(case: str, given_view: View, calls: list[Any]) -> None:
    """The calls to start, the most useful first."""
    assert next_calls(given_view) == calls


def test_a_cancelled_run_sends_nothing() -> None:
    """After a cancellation only what runs is brought to its end."""
    cancelled = view(P, UD, R, now=300.0)
    cancelled.state = dataclasses.replace(cancelled.state, cancel_requested=True)
    assert next_calls(cancelled) == [Look(), Cancel(3)]


@pytest.mark.parametrize(
    ("given_view", "moment"),
    [
        (view(H), None),
        (view(R), 200.0),
        (view(R, look_at=float("inf")), None),
        (view(R, busy=frozenset({Look()})), None),
        (view(R, set_aside={1: ""}), None),
        (view(E, not_before={Harvest(1): 150.0}), 150.0),
        (view(R, not_before={Find(): 120.0, Create(2): 90.0}), 120.0),
        (view(E, not_before={Harvest(1): 150.0}, busy=frozenset({Harvest(1)})), None),
    ],
)
def test_when_the_next_call_is_due(given_view: View, moment: float | None) -> None:
    """The nearest moment that lies ahead; None where only an answer can change anything."""
    assert waits_until(given_view) == moment


def test_a_quota_is_learned_from_refusals() -> None:
    """A refusal caps what is in flight at what was accepted; each end lets it grow a little."""
    quota = Quota()
    assert quota.allows(10**12, 10**12)
    quota.refused(1000)
    assert quota.allows(600, 400)
    assert not quota.allows(600, 401)
    quota.ended(400)
    assert quota.allows(600, 500)
    assert not quota.allows(600, 501)


# --- labels -------------------------------------------------------------------------------------

LABEL = Label("run_20261123_101500_4k2m9x7q", 100, 199, 400, 2, "ab" * 32)


def test_a_label_is_text_and_a_file_name() -> None:
    """Both are stable: batches that exist carry them."""
    assert str(LABEL) == (
        "run_20261123_101500_4k2m9x7q;rows=100-199/400;attempt=2;input=sha256:" + "ab" * 32
    )
    assert LABEL.file_name == (
        "openai-batch-run_20261123_101500_4k2m9x7q-rows-100-199-of-400-attempt-2-sha256-"
        + "ab" * 32
        + ".jsonl"
    )


@given(
    st.builds(
        Label,
        st.from_regex(r"run_[0-9a-z_]{1,30}", fullmatch=True, alphabet="abz0189_run"),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.integers(1, 100),
        st.binary(min_size=32, max_size=32).map(bytes.hex),
    )
)
def test_a_label_survives_both_ways(label: Label) -> None:
    """What was written is read again, from metadata and from a file's name."""
    assert Label.parse(str(label)) == label
    assert Label.parse(label.file_name) == label
    assert len(label.file_name) < 256
    assert len(str(label)) <= 512


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "nightly",
        "my.jsonl",
        str(LABEL) + " ",
        str(LABEL).replace("run_", "job_"),
        str(LABEL)[:-1],
        LABEL.file_name + ".bak",
        "../" + LABEL.file_name,
        str(LABEL).replace("run_20", "run_/../20"),
    ],
)
def test_what_is_no_label_of_ours_is_none(text: str | None) -> None:
    """Others' metadata and file names are not taken for labels."""
    assert Label.parse(text) is None


def test_what_fits_is_not_held_up_by_what_does_not() -> None:
    """The queue is kept as full as it may be: the first uploaded shard that has room goes next."""
    shards = {
        1: shard(1, Phase.RUNNING),
        2: shard(2, Phase.UPLOADED, size_bytes=100),
        3: shard(3, Phase.UPLOADED, size_bytes=50),
        4: shard(4, Phase.UPLOADED, size_bytes=40),
    }
    crowded = dataclasses.replace(view(), state=RunState(shards), quota=Quota(cap_bytes=150))
    assert next_calls(crowded) == [Create(3)]
