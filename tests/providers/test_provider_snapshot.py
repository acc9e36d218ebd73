"""Raw answers of any provider become the same shapes."""

from typing import Any

import pytest

from openai_batch.providers import snapshot
from openai_batch.providers.interface import (
    BatchProblem,
    BatchStatus,
    RemoteFile,
    RequestCounts,
)


def test_a_complete_openai_batch():
    """Everything OpenAI says has its field, and the object itself is kept."""
    raw = {
        "id": "batch_1",
        "object": "batch",
        "endpoint": "/v1/responses",
        "errors": None,
        "input_file_id": "file-in",
        "completion_window": "24h",
        "status": "completed",
        "output_file_id": "file-out",
        "error_file_id": "file-err",
        "created_at": 1711471533,
        "expires_at": 1711557933,
        "request_counts": {"total": 100, "completed": 95, "failed": 5},
        "metadata": {"openai_batch": "run_1"},
        "usage": {"input_tokens": 7, "output_tokens": 8},
    }
    seen = snapshot.batch(raw)
    assert seen.id == "batch_1"
    assert (seen.status, seen.raw_status, seen.known) == (BatchStatus.COMPLETED, "completed", True)
    assert (seen.endpoint, seen.completion_window) == ("/v1/responses", "24h")
    assert (seen.input_file_id, seen.output_file_id) == ("file-in", "file-out")
    assert seen.error_file_id == "file-err"
    assert (seen.created_at, seen.expires_at) == (1711471533.0, 1711557933.0)
    assert seen.counts == RequestCounts(100, 95, 5)
    assert (seen.problems, seen.metadata) == ((), {"openai_batch": "run_1"})
    assert seen.usage == {"input_tokens": 7, "output_tokens": 8}
    assert seen.raw is raw


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("validating", BatchStatus.VALIDATING),
        ("Validating", BatchStatus.VALIDATING),
        ("queued", BatchStatus.VALIDATING),
        ("QUEUED", BatchStatus.VALIDATING),
        ("scheduling", BatchStatus.VALIDATING),
        ("pending", BatchStatus.VALIDATING),
        ("in_progress", BatchStatus.IN_PROGRESS),
        ("IN_PROGRESS", BatchStatus.IN_PROGRESS),
        ("in-progress", BatchStatus.IN_PROGRESS),
        ("In Progress", BatchStatus.IN_PROGRESS),
        ("PROGRESS", BatchStatus.IN_PROGRESS),
        ("progress", BatchStatus.IN_PROGRESS),
        ("running", BatchStatus.IN_PROGRESS),
        ("finalizing", BatchStatus.FINALIZING),
        ("completed", BatchStatus.COMPLETED),
        ("COMPLETED", BatchStatus.COMPLETED),
        ("SUCCESS", BatchStatus.COMPLETED),
        ("succeeded", BatchStatus.COMPLETED),
        ("failed", BatchStatus.FAILED),
        ("FAILED", BatchStatus.FAILED),
        ("expired", BatchStatus.EXPIRED),
        ("TIMEOUT_EXCEEDED", BatchStatus.EXPIRED),
        ("cancelling", BatchStatus.CANCELLING),
        ("CANCELING", BatchStatus.CANCELLING),
        ("CANCELLATION_REQUESTED", BatchStatus.CANCELLING),
        ("cancelled", BatchStatus.CANCELLED),
        ("canceled", BatchStatus.CANCELLED),
        (" completed\n", BatchStatus.COMPLETED),
    ],
)
def test_statuses_in_any_spelling(word: str, status: BatchStatus):
    """Case, spelling and other servers' words are understood; the word itself is kept."""
    seen = snapshot.batch({"id": "b", "status": word})
    assert (seen.status, seen.known, seen.raw_status) == (status, True, word.strip())


@pytest.mark.parametrize(
    ("word", "shown"),
    [("paused", "paused"), (None, ""), ("", ""), (["x"], ""), ("a\x1b[0m", "a[0m")],
)
def test_unknown_statuses_run(word: Any, shown: str):
    """What was never seen is taken for running, and said to be unknown."""
    seen = snapshot.batch({"id": "b", "status": word})
    assert (seen.status, seen.known, seen.raw_status) == (BatchStatus.IN_PROGRESS, False, shown)


def test_every_status_of_ours_is_understood():
    """Our own words are among those that are read."""
    for status in BatchStatus:
        assert snapshot.batch({"id": "b", "status": status.value}).status is status


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1711471533, 1711471533.0),
        (1711471533.5, 1711471533.5),
        ("1711471533", 1711471533.0),
        ("2024-03-26T16:45:33Z", 1711471533.0),
        ("2024-03-26T16:45:33.250Z", 1711471533.25),
        ("2024-03-26T17:45:33+01:00", 1711471533.0),
        ("2024-03-26T16:45:33", 1711471533.0),
        ("2024-03-26 16:45:33", 1711471533.0),
        ("0001-01-01T00:00:00Z", None),
        (0, None),
        (-5, None),
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        (True, None),
        ([], None),
        ({}, None),
    ],
)
def test_timestamps(value: Any, seconds: float | None):
    """Numbers, numbers in text and ISO text are unix seconds; zero times and the rest are none."""
    assert snapshot.timestamp(value) == seconds


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, None),
        ({"request_counts": None}, None),
        ({"request_counts": {}}, None),
        ({"request_counts": {"total": None, "completed": None, "failed": None}}, None),
        ({"request_counts": {"total": True}}, None),
        ({"request_counts": {"total": 3}}, RequestCounts(3, 0, 0)),
        ({"request_counts": {"total": "3", "completed": 2.0}}, RequestCounts(3, 2, 0)),
        ({"request_counts": {"total": 3, "failed": -1}}, RequestCounts(3, 0, 0)),
        ({"request_counts": "3/3"}, None),
        ({"total": 9, "completed": 4, "failed": 1}, RequestCounts(9, 4, 1)),
    ],
)
def test_counts(fields: dict[str, Any], counts: RequestCounts | None):
    """Counts that are missing are none, and Zhipu's at the top level are found."""
    assert snapshot.batch({"id": "b", **fields}).counts == counts


PROBLEM = {"code": "mismatched_model", "message": "two models", "line": 7, "param": "body.model"}


@pytest.mark.parametrize(
    ("fields", "problems"),
    [
        ({"errors": None}, ()),
        ({"errors": ""}, ()),
        ({"errors": {"object": "list", "data": None}}, ()),
        ({"errors": {"object": "list", "data": []}}, ()),
        ({"errors": {"object": "list"}}, ()),
        (
            {"errors": {"object": None, "data": [PROBLEM]}},
            (BatchProblem("mismatched_model", "two models", 7, "body.model"),),
        ),
        ({"errors": [PROBLEM]}, (BatchProblem("mismatched_model", "two models", 7, "body.model"),)),
        (
            {"errors": {"code": "empty_file", "message": "no rows"}},
            (BatchProblem("empty_file", "no rows"),),
        ),
        ({"errors": ["no", {}]}, (BatchProblem("unknown", "no"),)),
        ({"error": "file\x00 refused\n"}, (BatchProblem("unknown", "file refused"),)),
        (
            {"errors": [{"code": None, "message": "odd", "line": "12"}]},
            (BatchProblem("unknown", "odd", 12),),
        ),
    ],
)
def test_problems(fields: dict[str, Any], problems: tuple[BatchProblem, ...]):
    """Reasons are found as a list, an object, one text or Together's `error`, and are printable."""
    assert snapshot.batch({"id": "b", **fields}).problems == problems


@pytest.mark.parametrize("empty", [None, "", "  ", [], {}])
def test_empty_ids_are_none(empty: Any):
    """Novita's and OpenAI's `""` is null."""
    seen = snapshot.batch(
        {"id": "b", "output_file_id": empty, "error_file_id": empty, "metadata": empty}
    )
    assert (seen.output_file_id, seen.error_file_id, seen.metadata) == (None, None, {})


def test_an_answer_without_an_id_has_the_one_that_was_asked_for():
    """Some answers to a cancellation are empty."""
    assert snapshot.batch({}, "batch_7").id == "batch_7"
    assert snapshot.batch({"id": 12}, "batch_7").id == "12"
    assert snapshot.remote_file({}, "file-7") == RemoteFile("file-7", None, None)


def test_metadata_becomes_text():
    """Values that are not text are made so, and nulls are left out."""
    seen = snapshot.batch({"id": "b", "metadata": {"a": 1, "b": None, "c": "x"}})
    assert seen.metadata == {"a": "1", "c": "x"}


@pytest.mark.parametrize(
    ("raw", "after", "ids", "cursor"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}], "has_more": True, "last_id": "b"}, None, "ab", "b"),
        ({"data": [{"id": "a"}, {"id": "b"}], "has_more": True}, None, "ab", "b"),
        ({"data": [{"id": "a"}, {"id": "b"}], "has_more": False}, None, "ab", None),
        ({"data": [{"id": "a"}, {"id": "b"}]}, None, "ab", "b"),
        ({"data": [{"id": "a"}]}, None, "a", None),
        ({"data": [], "has_more": True, "last_id": "z"}, None, "", None),
        ({"data": None}, None, "", None),
        ([{"id": "a"}, {"id": "b"}], None, "ab", "b"),
        ({"data": [{"id": "a"}, {"id": "b"}], "has_more": True}, "b", "ab", None),
        ({"data": [{"id": ""}, "x", None, {"id": "a"}], "has_more": True}, None, "a", "a"),
    ],
    ids=[
        "more",
        "more without last_id",
        "the end",
        "silent and full",
        "silent and not full",
        "empty but claims more",
        "null",
        "bare array",
        "the same page again",
        "odd entries",
    ],
)
def test_pages(raw: Any, after: str | None, ids: str, cursor: str | None):
    """A page of two at most says where the next one starts, and a listing always ends."""
    page = snapshot.batch_page(raw, after, 2)
    assert "".join(batch.id for batch in page.batches) == ids
    assert page.next_after == cursor


def test_file_pages():
    """Files are listed with name and size where they are known."""
    raw = {
        "data": [{"id": "f1", "filename": "a.jsonl", "bytes": 12}, {"id": "f2", "bytes": None}],
        "has_more": True,
    }
    assert snapshot.file_page(raw, None) == (
        (RemoteFile("f1", "a.jsonl", 12), RemoteFile("f2", None, None)),
        "f2",
    )
