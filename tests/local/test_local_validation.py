"""What a batch's input file is refused for: every code, with its param and line."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest
from local_server import chat_line, create, ended, jsonl, results, running, upload

from openai_batch.local.validate import Limits, validate

CHAT = "/v1/chat/completions"


def without(line: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key != name}


def with_body(custom_id: str, **changes: Any) -> dict[str, Any]:
    """A chat request whose body has other fields; None takes one out."""
    line = chat_line(custom_id)
    body = {**line["body"], **changes}
    return {**line, "body": {key: value for key, value in body.items() if value is not None}}


GOOD = chat_line("good")
BAD_LINES = [
    (b"{not json}", "invalid_json_line", None),
    (b"[1, 2]", "invalid_json_line", None),
    (b'{"a": NaN}', "invalid_json_line", None),
    (jsonl([without(GOOD, "custom_id")]), "missing_required_parameter", "custom_id"),
    (jsonl([chat_line("x6", method=None)]), "missing_required_parameter", "method"),
    (jsonl([without(chat_line("x7"), "url")]), "missing_required_parameter", "url"),
    (jsonl([without(chat_line("x8"), "body")]), "missing_required_parameter", "body"),
    (jsonl([chat_line("good")]), "duplicate_custom_id", "custom_id"),
    (jsonl([with_body("x0", model="other")]), "mismatched_model", "body.model"),
    (jsonl([chat_line("u", url="/v1/responses")]), "invalid_url", "url"),
    (jsonl([with_body("x1", model=None)]), "invalid_request", "body.model"),
    (jsonl([with_body("x2", messages=None)]), "invalid_request", "body.messages"),
    (jsonl([with_body("x3", stream=True)]), "streaming_unsupported", "body.stream"),
    (jsonl([chat_line("x4", method="GET")]), "invalid_method", "method"),
    (jsonl([chat_line("x5", body="text")]), "invalid_request", "body"),
    (jsonl([chat_line(7)]), "invalid_request", "custom_id"),
]


@pytest.mark.parametrize(("content", "code", "param"), BAD_LINES)
def test_a_bad_line_fails_the_batch(
    client: openai.OpenAI, content: bytes, code: str, param: str | None
) -> None:
    """The batch fails with the line's number, the code, and the parameter; nothing is executed."""
    batch = create(client, jsonl([GOOD]) + b"\n" + content.rstrip(b"\n") + b"\n")
    done = ended(client, batch.id)
    assert done.status == "failed"
    assert done.failed_at
    assert done.in_progress_at is None
    assert done.errors.object == "list"
    (error,) = done.errors.data
    assert set(error.to_dict()) == {"code", "message", "param", "line"}
    assert (error.code, error.param, error.line) == (code, param, 3)
    assert done.request_counts.to_dict() == {"total": 0, "completed": 0, "failed": 0}
    assert (done.output_file_id, done.error_file_id) == (None, None)


def test_every_bad_line_is_reported_once(client: openai.OpenAI) -> None:
    """One entry for each bad line, in order, whatever else is wrong with it."""
    content = b"\n".join(line.rstrip(b"\n") for line in [jsonl([GOOD]), *(b[0] for b in BAD_LINES)])
    done = ended(client, create(client, content).id)
    assert [error.line for error in done.errors.data] == list(range(2, 18))
    assert [error.code for error in done.errors.data] == [code for _, code, _ in BAD_LINES]


def test_a_byte_order_mark_is_not_json(client: openai.OpenAI) -> None:
    """The API reads no byte order mark: line 1 fails, and only line 1."""
    done = ended(client, create(client, b"\xef\xbb\xbf" + jsonl([GOOD, chat_line("b")])).id)
    assert [(e.code, e.line) for e in done.errors.data] == [("invalid_json_line", 1)]


def test_a_result_file_is_no_input(client: openai.OpenAI) -> None:
    """A file with another purpose is refused after creation, as one that is gone would be."""
    output_file_id = ended(client, create(client, [GOOD]).id).output_file_id
    batch = client.batches.create(
        input_file_id=output_file_id, endpoint=CHAT, completion_window="24h"
    )
    (error,) = ended(client, batch.id).errors.data
    assert (error.code, error.param, error.line) == ("invalid_request", "file_id", None)


def test_what_is_only_unusual_is_accepted(client: openai.OpenAI) -> None:
    """CRLF, blank lines, no final newline, U+2028 inside, and surrogates in ids are all fine."""
    first = json.dumps(chat_line("a\u2028b", "x\u2028y"), ensure_ascii=False).encode()
    second = json.dumps(chat_line("\ud800")).encode()
    done = ended(client, create(client, first + b"\r\n\r\n" + second).id)
    assert done.request_counts.completed == 2
    output = results(client, done.output_file_id)
    assert set(output) == {"a\u2028b", "\ud800"}
    assert output["a\u2028b"]["response"]["body"]["choices"][0]["message"]["content"] == "x\u2028y"


def check(path: Path, lines: list[Any], endpoint: str, **limits: int) -> list[tuple[Any, ...]]:
    path.write_bytes(jsonl(lines))
    verdict = validate(path, endpoint, Limits(**limits))
    return [(fault["code"], fault["line"]) for fault in verdict.faults]


def test_a_file_may_hold_as_many_requests_as_allowed(tmp_path: Path) -> None:
    """One request above the limit refuses the file as a whole."""
    lines = [chat_line(str(n)) for n in range(4)]
    assert check(tmp_path / "in", lines, CHAT, max_requests=4) == []
    assert check(tmp_path / "in", lines, CHAT, max_requests=3) == [("too_many_tasks", None)]


def test_a_file_may_be_as_large_as_allowed(tmp_path: Path) -> None:
    """One byte above the limit refuses the file, without reading it."""
    size_bytes = len(jsonl([GOOD]))
    assert check(tmp_path / "in", [GOOD], CHAT, max_file_bytes=size_bytes) == []
    assert check(tmp_path / "in", [GOOD], CHAT, max_file_bytes=size_bytes - 1) == [
        ("file_too_large", None)
    ]


def test_the_limits_are_openais() -> None:
    """50,000 requests, 200 MB, 50,000 embedding inputs; a hundred faults are told."""
    limits = Limits()
    assert (limits.max_requests, limits.max_file_bytes) == (50_000, 200_000_000)
    assert (limits.max_embedding_inputs, limits.max_faults) == (50_000, 100)


def test_embedding_inputs_are_summed_over_the_file(tmp_path: Path) -> None:
    """A list of texts counts each; a text, or a list of token numbers, is one."""
    inputs: list[Any] = ["a", ["b", "c"], [1, 2, 3], [[1], [2]]]
    lines = [
        {
            "custom_id": str(n),
            "method": "POST",
            "url": "/v1/embeddings",
            "body": {"model": "m", "input": value},
        }
        for n, value in enumerate(inputs)
    ]
    for most, expected in ((6, []), (5, [("too_many_tasks", None)])):
        found = check(tmp_path / "in", lines, "/v1/embeddings", max_embedding_inputs=most)
        assert found == expected


def test_reporting_stops_after_enough_faults(tmp_path: Path) -> None:
    """A file that is wrong throughout is not read to its end."""
    found = check(tmp_path / "in", [{}] * 500, CHAT, max_faults=100)
    assert found == [("missing_required_parameter", line) for line in range(1, 101)]


def test_an_empty_file_has_a_fault_of_its_own(tmp_path: Path) -> None:
    """No requests at all is `empty_file`, for the whole file."""
    assert check(tmp_path / "in", [], CHAT) == [("empty_file", None)]


def test_a_batch_above_the_queue_quota_fails_after_creation(tmp_path: Path) -> None:
    """What waits in all batches counts; the message names the limit, and room comes with time."""
    lines = [chat_line(str(n)) for n in range(10)]
    quota = len(jsonl(lines)) // 4 + 50
    options = ("--echo-delay", "0.2", "--parallel", "10", "--max-enqueued-tokens", str(quota))
    with running(tmp_path, *options) as server:
        client = server.client
        first, second = (create(client, lines) for _ in range(2))
        refused = ended(client, second.id)
        assert refused.status == "failed"
        (error,) = refused.errors.data
        assert (error.code, error.param, error.line) == ("token_limit_exceeded", None, None)
        assert f"Limit: {quota:,} enqueued tokens" in error.message
        assert ended(client, first.id).status == "completed"
        assert ended(client, create(client, lines).id).status == "completed"


def test_a_missing_prompt_is_found_before_anything_runs(client: openai.OpenAI) -> None:
    """Each endpoint's own required field is checked: `input` for embeddings."""
    line = chat_line("a", url="/v1/embeddings", body={"model": "m"})
    done = ended(client, create(client, [line], endpoint="/v1/embeddings").id)
    assert [(e.code, e.param) for e in done.errors.data] == [("invalid_request", "body.input")]


def test_an_upload_may_be_used_twice(client: openai.OpenAI) -> None:
    """The same file may feed two batches; each has its own results."""
    file_id = upload(client, jsonl([GOOD]))
    options: Any = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
    batches = [ended(client, client.batches.create(**options).id) for _ in range(2)]
    assert [batch.status for batch in batches] == ["completed", "completed"]
    assert batches[0].output_file_id != batches[1].output_file_id
