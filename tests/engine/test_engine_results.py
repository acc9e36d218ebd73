"""Result lines of every dialect, the index over them, and their way into input order."""

import io
import json
from pathlib import Path

import pytest
from engine_fakes import FakeClock, FakeProvider, failure, jsonl, success
from hypothesis import given
from hypothesis import strategies as st

from openai_batch.engine.entries import BatchSeen, Harvested, ShardPlan
from openai_batch.engine.harvest import Gaps, HarvestJob, Torn, harvest
from openai_batch.engine.merge import merge
from openai_batch.engine.results import missing_line, parse_result
from openai_batch.engine.spool import Outcome, ResultIndex, Source, Spool, source_code
from openai_batch.engine.states import Attempt, Phase, Shard
from openai_batch.errors import ProviderUnavailable, RunDamaged

OK, FAILED, RETRYABLE = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RETRYABLE

DIALECTS = {
    "OpenAI, success": (
        '{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"r",'
        '"body":{"choices":[]}},"error":null}',
        (OK, False),
    ),
    "OpenAI, HTTP error": (
        '{"id":"batch_req_1","custom_id":"a","response":{"status_code":400,"request_id":"r",'
        '"body":{"error":{"message":"m","type":"t","param":null,"code":null}}},"error":null}',
        (FAILED, False),
    ),
    "OpenAI, rate limit of one row": (
        '{"custom_id":"a","response":{"status_code":429,"body":{"error":{"message":"m"}}},'
        '"error":null}',
        (RETRYABLE, True),
    ),
    "OpenAI, server error": (
        '{"custom_id":"a","response":{"status_code":503,"body":{"error":{"message":"m"}}}}',
        (RETRYABLE, False),
    ),
    "OpenAI, request time-out": (
        '{"custom_id":"a","response":{"status_code":408,"body":null},"error":null}',
        (RETRYABLE, False),
    ),
    "OpenAI, conflict": (
        '{"custom_id":"a","response":{"status_code":409,"body":null},"error":null}',
        (RETRYABLE, False),
    ),
    "OpenAI, expired": (
        '{"id":"x","custom_id":"a","response":null,"error":{"code":"batch_expired","message":"m"}}',
        (RETRYABLE, True),
    ),
    "OpenAI, cancelled": (
        '{"custom_id":"a","response":null,"error":{"code":"batch_cancelled","message":"m"}}',
        (RETRYABLE, True),
    ),
    "success whose body holds an error": (
        '{"custom_id":"a","response":{"status_code":200,"body":{"error":{"message":"m"}}}}',
        (FAILED, False),
    ),
    "Responses API, a body whose error is null": (
        '{"custom_id":"a","response":{"status_code":200,"body":{"error":null,"output":[]}}}',
        (OK, False),
    ),
    "Together, success": (
        '{"id":"br_1","custom_id":"a","response":{"status_code":200,"body":{"choices":[]}}}',
        (OK, False),
    ),
    "Together, error without response": (
        '{"custom_id":"a","error":{"code":"500","message":"m"}}',
        (RETRYABLE, False),
    ),
    "vLLM, failure with an error in words": (
        '{"id":"vllm-1","custom_id":"a","response":{"status_code":400,"request_id":"r",'
        '"body":null},"error":"context length exceeded"}',
        (FAILED, False),
    ),
    "vLLM, failure with an error object": (
        '{"custom_id":"a","response":{"status_code":404,"body":null},"error":{"message":"m"}}',
        (FAILED, False),
    ),
    "OGX, body as JSON text": (
        '{"custom_id":"a","response":{"status_code":200,"request_id":"r",'
        '"body":"{\\"choices\\": []}"},"error":null}',
        (OK, False),
    ),
    "OGX, error without response": (
        '{"id":"batch_req_1","custom_id":"a","error":{"code":"server_error","message":"m"}}',
        (RETRYABLE, False),
    ),
    "status 0": ('{"custom_id":"a","response":{"status_code":0,"body":{}}}', (RETRYABLE, False)),
    "status null": (
        '{"custom_id":"a","response":{"status_code":null,"body":{}}}',
        (RETRYABLE, False),
    ),
    "status absent": ('{"custom_id":"a","response":{"body":{}}}', (RETRYABLE, False)),
    "status as text": ('{"custom_id":"a","response":{"status_code":"200","body":{}}}', (OK, False)),
    "status that is no number": (
        '{"custom_id":"a","response":{"status_code":"soon","body":{}}}',
        (RETRYABLE, False),
    ),
    "status beyond all bounds": (
        '{"custom_id":"a","response":{"status_code":1e999,"body":{}}}',
        (RETRYABLE, False),
    ),
    "no response and no error": ('{"custom_id":"a"}', (RETRYABLE, False)),
    "a lone surrogate": (
        '{"custom_id":"a","response":{"status_code":200,"body":{"text":"\\ud800"}}}',
        (OK, False),
    ),
    "a number of seventy bits": (
        '{"custom_id":"a","response":{"status_code":200,"body":{"n":1180591620717411303424}}}',
        (OK, False),
    ),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_result_is_read_in_every_dialect(dialect: str) -> None:
    """Each provider's way to say success and failure is understood."""
    line, expected = DIALECTS[dialect]
    result = parse_result(line.encode())
    assert result is not None and result.custom_id == "a"
    assert (result.outcome, result.unexecuted) == expected


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", '"a"', "null", "{}", '{"custom_id":7}', '{"custom_id":"a"', "[" * 9999, "\xff"],
)
def test_what_is_no_result_is_none(line: str) -> None:
    """Half lines, other JSON and lines without a custom_id are not results."""
    assert parse_result(line.encode("latin-1")) is None


@pytest.mark.parametrize(
    "line",
    [
        b'{"custom_id":"a\xff","response":{"status_code":200,"body":{}}}',
        b'{"custom_id":"a","response":{"status_code":200,"body":{"text":"\xff"}}}',
        b'{"custom_id":"a","response":{"status_code":200,"body":{"text":"\\q"}}}',
        b'{"custom_id":"a","response":{"status_code":200,"body":{"text":01}}}',
        b'{"custom_id":"a","response":{"status_code":200,"body":{}}} x',
    ],
)
def test_a_success_is_json_in_every_part(line: bytes) -> None:
    """A damaged line is no success, wherever the damage is."""
    assert parse_result(line) is None


def test_a_missing_line_is_in_the_providers_shape() -> None:
    """The line of ours looks like the provider's; its custom_id is kept whatever it holds."""
    assert json.loads(missing_line("ü\u2028")) == {
        "id": None,
        "custom_id": "ü\u2028",
        "response": None,
        "error": {
            "code": "missing",
            "message": "The provider returned no result for this request.",
        },
    }
    assert json.loads(missing_line("\ud800"))["custom_id"] == "\ud800"
    assert b"\n" not in missing_line("\n")


# --- the index ----------------------------------------------------------------------------------

ROW = st.tuples(
    st.sampled_from(list(Outcome)),
    st.integers(0, 255),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**32 - 1),
)


@given(rows=st.lists(ROW, max_size=20))
def test_an_index_survives_the_disk(
    rows: list[tuple[Outcome, int, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What was saved is loaded again, row by row."""
    path = tmp_path_factory.mktemp("index") / "i"
    index = ResultIndex(len(rows))
    for number, row in enumerate(rows):
        index.put(number, *row)
    index.save(path)
    loaded = ResultIndex.load(path)
    found = zip(loaded.outcomes, loaded.sources, loaded.offsets, loaded.lengths, strict=True)
    assert list(found) == rows
    assert path.stat().st_size == 8 + 14 * len(rows)


def test_a_torn_index_is_damage(tmp_path: Path) -> None:
    """Anything but a whole index is refused, not read as something else."""
    path = tmp_path / "i"
    with pytest.raises(RunDamaged, match="is missing from the run"):
        ResultIndex.load(path)
    ResultIndex(3).save(path)
    whole = path.read_bytes()
    for damaged in (b"", whole[:5], whole[:-1], whole + b"x", b"xxxx" + whole[4:]):
        path.write_bytes(damaged)
        with pytest.raises(RunDamaged, match="is damaged"):
            ResultIndex.load(path)


@given(ids=st.lists(st.text(st.characters(), min_size=1), max_size=10))
def test_custom_ids_survive_the_disk(
    ids: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any text, lone surrogates too, is the same when it is read again."""
    spool = Spool(tmp_path_factory.mktemp("spool"))
    spool.save_ids(1, ids)
    assert spool.ids(1) == ids


def test_the_spool_keeps_its_names(tmp_path: Path) -> None:
    """The names are a stored format: another version must find the files."""
    spool = Spool(tmp_path)
    assert spool.requests(1, 2).name == "shard-00001-attempt-2.requests.jsonl"
    assert spool.ids_path(123456).name == "shard-123456.ids.json"
    assert spool.results(1, 2, Source.OUTPUT).name == "shard-00001-attempt-2.output.jsonl"
    assert spool.results(1, 2, Source.ERRORS).name == "shard-00001-attempt-2.errors.jsonl"
    assert spool.index_path(1, 2).name == "shard-00001-attempt-2.index"
    assert source_code(100, Source.ERRORS) == 201


# --- reconciling --------------------------------------------------------------------------------


class Ended:
    """A shard of requests r1, r2, … whose batch has ended, with these files."""

    def __init__(self, folder: Path, rows: int):
        self.client = FakeProvider(FakeClock())
        self.spool = Spool(folder)
        self.ids = [f"r{number}" for number in range(1, rows + 1)]
        self.spool.save_ids(1, self.ids)
        requests = ({"custom_id": name} for name in self.ids)
        self.spool.requests(1, 1).write_bytes(jsonl(requests))
        self.attempts: tuple[Attempt, ...] = ()

    def ends(
        self, output: bytes | None, errors: bytes | None = None, completed: int | None = None
    ) -> None:
        names = [
            self.client.keep("f", content) if content is not None else None
            for content in (output, errors)
        ]
        seen = BatchSeen(
            1,
            1,
            "completed",
            True,
            completed=completed,
            output_file_id=names[0],
            error_file_id=names[1],
        )
        number = len(self.attempts) + 1
        rows = self.attempts[-1].harvested.retryable if self.attempts else len(self.ids)  # type: ignore[union-attr]
        attempt = Attempt(number, rows, 0, Phase.ENDED, batch_id="batch", seen=seen)
        self.attempts = (*self.attempts, attempt)

    def harvest(self, *, may_retry: bool = True, accept_gaps: bool = True) -> Harvested:
        harvested, self.retry = harvest(
            HarvestJob(
                self.shard,
                self.spool,
                self.client,
                may_retry=may_retry,
                accept_gaps=accept_gaps,
                model="m",
                prices={},
            )
        )
        last = self.attempts[-1]
        done = Attempt(
            last.number,
            last.rows,
            0,
            Phase.HARVESTED,
            batch_id="b",
            seen=last.seen,
            harvested=harvested,
        )
        self.attempts = (*self.attempts[:-1], done)
        return harvested

    @property
    def shard(self) -> Shard:
        return Shard(ShardPlan(1, 0, len(self.ids), 0), self.attempts)

    def merged(self) -> bytes:
        results = io.BytesIO()
        merge([self.shard], self.spool, results, None)
        return results.getvalue()


def test_rows_are_counted_by_id(tmp_path: Path) -> None:
    """Successes, failures of both kinds, missing, repeated and foreign lines, over both files."""
    shard = Ended(tmp_path, 6)
    output = [success("r6"), success("r1"), failure("r2", 400), success("stranger"), success("r1")]
    errors = [failure("r3", 500), {"custom_id": "r4", "error": {"code": "batch_expired"}}]
    shard.ends(jsonl(output), jsonl(errors))
    assert shard.harvest() == Harvested(
        shard=1,
        attempt=1,
        succeeded=2,
        failed=3,
        missing=1,
        retryable=3,
        unconfirmed=2,
        repeated=1,
        foreign=1,
        usage=(),
        unmetered=2,
    )
    assert shard.retry is not None
    assert (shard.retry.attempt, shard.retry.rows) == (2, 3)
    retried = tmp_path / "shard-00001-attempt-2.requests.jsonl"
    assert (
        retried.read_bytes() == b'{"custom_id": "r3"}\n{"custom_id": "r4"}\n{"custom_id": "r5"}\n'
    )
    assert shard.retry.size_bytes == retried.stat().st_size


def test_odd_lines_among_many_are_counted_too(tmp_path: Path) -> None:
    """Where lines are read many at a time, those that are no plain success of their own count."""
    shard = Ended(tmp_path, 9_000)
    lines = [success(custom_id) for custom_id in reversed(shard.ids)]
    lines[4_000] = failure("r5000")
    lines[6_000:6_000] = [success("r8999"), success("stranger")]
    shard.ends(jsonl(lines))
    harvested = shard.harvest()
    assert (harvested.succeeded, harvested.failed, harvested.missing) == (8_999, 1, 0)
    assert (harvested.repeated, harvested.foreign) == (1, 1)
    in_order = [success(f"r{number}") for number in range(1, 9_001)]
    in_order[4_999] = failure("r5000")
    assert shard.merged() == jsonl(in_order)


def test_a_whole_shard_of_successes_comes_out_in_order(tmp_path: Path) -> None:
    """Also where the provider shuffled its lines."""
    shard = Ended(tmp_path, 2_500)
    shard.ends(jsonl(success(custom_id) for custom_id in sorted(shard.ids)))
    assert shard.harvest().succeeded == 2_500
    assert shard.merged() == jsonl(success(f"r{number}") for number in range(1, 2_501))


def test_a_success_beats_a_failure_in_the_other_file(tmp_path: Path) -> None:
    """A row in both files is a success, in whichever order they are read."""
    shard = Ended(tmp_path, 2)
    shard.ends(jsonl([success("r1"), failure("r2", 400)]), jsonl([failure("r1"), success("r2")]))
    harvested = shard.harvest()
    assert (harvested.succeeded, harvested.failed, harvested.repeated) == (2, 0, 2)


def test_gaps_are_another_downloads_chance(tmp_path: Path) -> None:
    """Missing rows and unreadable lines are an error first, and believed only later."""
    shard = Ended(tmp_path, 2)
    shard.ends(b'{"custom_id":"r2","respo\n' + jsonl([success("r1")]))
    with pytest.raises(Gaps, match="1 of 2 requests without a line, 1 unreadable lines"):
        shard.harvest(accept_gaps=False)
    assert shard.harvest().missing == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (jsonl([success("r1")]) + b'{"custom_id":"r2","respo', "its last line is cut off"),
        (b"", "the output file is empty, and 2 requests are done"),
    ],
)
def test_a_file_that_was_cut_off_proves_nothing(tmp_path: Path, content: bytes, why: str) -> None:
    """What it does not hold is never taken for missing, however often it is downloaded."""
    shard = Ended(tmp_path, 2)
    shard.ends(content, completed=2)
    for _ in range(2):
        with pytest.raises(Torn, match=why):
            shard.harvest()


def test_a_broken_download_leaves_no_verdict(tmp_path: Path) -> None:
    """A file that did not come whole is an error, and nothing is indexed."""

    def breaks(proceed: object) -> None:
        raise ProviderUnavailable("cut short", executed=None)

    shard = Ended(tmp_path, 1)
    shard.ends(jsonl([success("r1")]))
    shard.client.will("download", breaks)
    with pytest.raises(ProviderUnavailable, match="cut short"):
        shard.harvest()
    assert not shard.spool.index_path(1, 1).exists()
    assert shard.harvest().succeeded == 1


def test_a_batch_without_files_has_only_missing_rows(tmp_path: Path) -> None:
    """Nothing downloaded, nothing found."""
    shard = Ended(tmp_path, 2)
    shard.ends(None, None)
    harvested = shard.harvest(may_retry=False)
    assert (harvested.missing, harvested.retryable, harvested.unconfirmed) == (2, 2, 2)
    assert shard.retry is None


def test_a_later_attempt_changes_only_what_was_open(tmp_path: Path) -> None:
    """A second attempt's line for a row that had succeeded or failed for good is foreign."""
    shard = Ended(tmp_path, 3)
    shard.ends(jsonl([success("r1"), failure("r2", 400), failure("r3", 500)]))
    shard.harvest()
    other = {**success("r3"), "id": "second"}
    shard.ends(jsonl([other, {**success("r1"), "id": "no"}, {**success("r2"), "id": "no"}]))
    harvested = shard.harvest()
    assert (harvested.succeeded, harvested.failed, harvested.foreign) == (2, 1, 2)
    lines = [json.loads(line)["id"] for line in shard.merged().splitlines()]
    assert lines == ["br_r1", "br_r2", "second"]


def test_a_row_keeps_its_last_line(tmp_path: Path) -> None:
    """A row that the second attempt does not answer keeps the line of the first."""
    shard = Ended(tmp_path, 1)
    shard.ends(jsonl([failure("r1", 500)]))
    shard.harvest()
    shard.ends(b"")
    assert shard.harvest().missing == 0
    assert json.loads(shard.merged())["response"]["status_code"] == 500


def test_requests_that_are_not_what_was_uploaded_are_damage(tmp_path: Path) -> None:
    """A retry of fewer rows than are open would lose some: it is refused."""
    shard = Ended(tmp_path, 3)
    shard.spool.requests(1, 1).write_bytes(b'{"custom_id": "r1"}\n')
    shard.ends(b"")
    with pytest.raises(RunDamaged, match="is not what was uploaded"):
        shard.harvest()
    shard.spool.requests(1, 1).unlink()
    with pytest.raises(RunDamaged, match="is missing from the run"):
        shard.harvest()


# --- merging ------------------------------------------------------------------------------------

STRANGE = [
    '{"custom_id":"r1","response":{"status_code":200,"body":"\u2028\u2029\x85 é"},"error":null}',
    '{ "custom_id" : "r2",\t"response":{"status_code":200,"body":"\\ud83d"},"error":null} ',
    '{"custom_id":"r3","response":{"status_code":200,"body":1180591620717411303425}}',
    '{"custom_id":"r4","response":{"status_code":200,"body":1.10}}',
    '{"custom_id":"r5","response":{"status_code":400,"body":null},"error":"no"}',
]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n", b"\n\n"])
@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [3, 4, 1, 0, 2]])
def test_lines_come_out_byte_for_byte_in_input_order(
    tmp_path: Path, order: list[int], ending: bytes
) -> None:
    """Whatever order and line ends the provider sends: its bytes, in our order, one a line."""
    shard = Ended(tmp_path, 5)
    shard.ends(ending.join(STRANGE[number].encode() for number in order))
    harvested = shard.harvest()
    assert (harvested.succeeded, harvested.failed) == (4, 1)
    assert shard.merged() == b"".join(line.encode() + b"\n" for line in STRANGE)


def test_errors_go_apart_where_they_are_wanted_apart(tmp_path: Path) -> None:
    """Failed and missing rows go to the second stream, in input order too."""
    shard = Ended(tmp_path, 4)
    shard.ends(jsonl([success("r4"), failure("r3", 400), success("r1")]))
    shard.harvest(may_retry=False)
    results, errors = io.BytesIO(), io.BytesIO()
    counts = merge([shard.shard], shard.spool, results, errors)
    names = [
        [json.loads(line)["custom_id"] for line in stream.getvalue().splitlines()]
        for stream in (results, errors)
    ]
    assert names == [["r1", "r4"], ["r2", "r3"]]
    assert (counts.requests, counts.succeeded, counts.failed, counts.missing) == (4, 2, 1, 1)
    assert not counts.all_succeeded


def test_a_result_file_that_shrank_is_damage(tmp_path: Path) -> None:
    """What the index promises must be there: half a line is never delivered."""
    shard = Ended(tmp_path, 1)
    shard.ends(jsonl([success("r1")]))
    shard.harvest()
    path = shard.spool.results(1, 1, Source.OUTPUT)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RunDamaged, match="is shorter than its index"):
        shard.merged()
    path.unlink()
    with pytest.raises(RunDamaged, match="is missing from the run"):
        shard.merged()
