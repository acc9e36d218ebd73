"""The Batches API, driven by the official SDK over HTTP."""

from pathlib import Path
from typing import Any

import openai
import pytest
from local_server import CHAT, chat_line, create, ended, jsonl, results, running, until, upload

BATCH_FIELDS = {
    "id",
    "object",
    "endpoint",
    "model",
    "errors",
    "input_file_id",
    "completion_window",
    "status",
    "output_file_id",
    "error_file_id",
    "created_at",
    "in_progress_at",
    "expires_at",
    "finalizing_at",
    "completed_at",
    "failed_at",
    "expired_at",
    "cancelling_at",
    "cancelled_at",
    "request_counts",
    "usage",
    "metadata",
}


def test_a_batch_from_creation_to_results(client: openai.OpenAI) -> None:
    """Three requests, one of which the executor refuses, end in an output and an error file."""
    lines = [chat_line("b", "two words"), chat_line("ä ✓", "one"), chat_line("bad", 17)]
    batch = create(client, lines, metadata={"run": "r-1"})
    created = batch.to_dict()
    assert set(created) == BATCH_FIELDS
    assert created["status"] == "validating"
    assert created["id"].startswith("batch_")
    assert created["expires_at"] - created["created_at"] == 86_400
    assert created["request_counts"] == {"total": 0, "completed": 0, "failed": 0}

    done = ended(client, batch.id).to_dict()
    assert set(done) == BATCH_FIELDS
    assert done["status"] == "completed"
    assert (done["model"], done["metadata"]) == ("echo-1", {"run": "r-1"})
    assert done["request_counts"] == {"total": 3, "completed": 2, "failed": 1}
    assert done["usage"] == {
        "input_tokens": 3,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 3,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 6,
    }
    times = [done[f"{name}_at"] for name in ("created", "in_progress", "finalizing", "completed")]
    assert times == sorted(times)
    assert [done[f"{name}_at"] for name in ("failed", "expired", "cancelling", "cancelled")] == [
        None
    ] * 4

    output = results(client, done["output_file_id"])
    assert set(output) == {"b", "ä ✓"}
    line = output["b"]
    assert set(line) == {"id", "custom_id", "response", "error"}
    assert line["id"].startswith("batch_req_")
    assert line["error"] is None
    assert set(line["response"]) == {"status_code", "request_id", "body"}
    assert line["response"]["status_code"] == 200
    assert line["response"]["body"]["choices"][0]["message"]["content"] == "two words"

    errors = results(client, done["error_file_id"])
    assert set(errors) == {"bad"}
    assert errors["bad"]["response"]["status_code"] == 400
    assert errors["bad"]["response"]["body"]["error"]["type"] == "invalid_request_error"
    assert errors["bad"]["error"] is None

    file = client.files.retrieve(done["output_file_id"])
    assert (file.purpose, file.filename) == ("batch_output", f"{batch.id}_output.jsonl")
    assert file.expires_at - file.created_at == 2_592_000


def test_a_file_without_lines_does_not_exist(client: openai.OpenAI) -> None:
    """No success, no output file; no failure, no error file."""
    good = ended(client, create(client, [chat_line("a")]).id)
    assert good.output_file_id
    assert good.error_file_id is None
    bad = ended(client, create(client, [chat_line("a", 17)]).id)
    assert bad.status == "completed"
    assert bad.output_file_id is None
    assert bad.error_file_id


def test_output_expires_after_counts_from_the_output_file(client: openai.OpenAI) -> None:
    """The result files live as long as the batch asked for, from their own creation."""
    policy = {"anchor": "created_at", "seconds": 7200}
    done = ended(client, create(client, [chat_line("a")], output_expires_after=policy).id)
    file = client.files.retrieve(done.output_file_id)
    assert file.expires_at - file.created_at == 7200


@pytest.mark.parametrize(
    ("options", "param", "code"),
    [
        ({"endpoint": "/v1/audio"}, "endpoint", "invalid_value"),
        ({"endpoint": None}, "endpoint", "missing_required_parameter"),
        ({"completion_window": "1h"}, "completion_window", "invalid_value"),
        ({"completion_window": 24}, "completion_window", "invalid_type"),
        ({"input_file_id": "file-none"}, "input_file_id", "invalid_request"),
        ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
        ({"metadata": ["a"]}, "metadata", "invalid_type"),
        ({"metadata": {"k" * 65: "v"}}, "metadata." + "k" * 65, "string_above_max_length"),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        (
            {"metadata": {str(n): "v" for n in range(17)}},
            "metadata",
            "object_above_max_properties",
        ),
        (
            {"output_expires_after": {"anchor": "created_at", "seconds": 1}},
            "output_expires_after.seconds",
            "invalid_value",
        ),
    ],
)
def test_a_create_call_that_is_wrong_is_refused_at_once(
    client: openai.OpenAI, options: dict[str, Any], param: str, code: str
) -> None:
    """Wrong parameters of the call itself are a 400 in OpenAI's shape, and make no batch."""
    body = {
        "input_file_id": upload(client, jsonl([chat_line("a")])),
        "endpoint": CHAT,
        "completion_window": "24h",
        **options,
    }
    before = client.batches.list(limit=1).data
    with pytest.raises(openai.BadRequestError) as refused:
        client.post("/batches", body=body, cast_to=object)
    error = refused.value.body
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["param"], error["code"]) == (param, code)
    assert error["type"] == "invalid_request_error"
    assert client.batches.list(limit=1).data == before


def test_the_largest_metadata_is_kept(client: openai.OpenAI) -> None:
    """Sixteen keys of 64 characters with values of 512 come back as they were."""
    metadata = {f"{n:064}": "é" * 512 for n in range(16)}
    assert create(client, [chat_line("a")], metadata=metadata).metadata == metadata


def test_batches_are_listed_by_page(tmp_path: Path) -> None:
    """Newest first, behind a cursor, with twenty on a page unless asked otherwise."""
    with running(tmp_path / "data") as server:
        client = server.client
        file_id = upload(client, jsonl([chat_line("a")]))
        create_options = {"input_file_id": file_id, "endpoint": CHAT, "completion_window": "24h"}
        ids = [client.batches.create(**create_options).id for _ in range(22)]
        ids.reverse()
        page = client.batches.list()
        assert [batch.id for batch in page.data] == ids[:20]
        fields = page.to_dict()
        assert (fields["object"], fields["has_more"]) == ("list", True)
        assert (fields["first_id"], fields["last_id"]) == (ids[0], ids[19])
        page = client.batches.list(after=ids[19])
        assert [batch.id for batch in page.data] == ids[20:]
        assert page.has_more is False
        assert [batch.id for batch in client.batches.list(limit=7)] == ids
        for limit in (0, 101):
            with pytest.raises(openai.BadRequestError):
                client.batches.list(limit=limit)
        with pytest.raises(openai.BadRequestError):
            client.batches.list(after="batch_never")


def test_an_unknown_batch_is_a_404(client: openai.OpenAI) -> None:
    """Looking up and cancelling what is not there are 404."""
    for call in (client.batches.retrieve, client.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            call("batch_none")


def test_a_cancelled_batch_keeps_what_was_done(tmp_path: Path) -> None:
    """Finished rows are in the output file, every other one is `batch_cancelled`, none is both."""
    with running(tmp_path / "data", "--echo-delay", "0.05", "--parallel", "2") as server:
        client = server.client
        batch = create(client, [chat_line(f"row-{n}") for n in range(200)])
        until(lambda: client.batches.retrieve(batch.id).request_counts.completed >= 3)
        assert client.batches.cancel(batch.id).status == "cancelling"
        done = ended(client, batch.id)
        assert done.status == "cancelled"
        assert done.cancelled_at >= done.cancelling_at
        assert client.batches.cancel(batch.id).status == "cancelled"
        output = results(client, done.output_file_id)
        errors = results(client, done.error_file_id)
        assert 3 <= len(output) < 100
        assert len(output) == done.request_counts.completed
        assert (done.request_counts.total, done.request_counts.failed) == (200, 0)
        assert output.keys() | errors.keys() == {f"row-{n}" for n in range(200)}
        assert not output.keys() & errors.keys()
        for line in errors.values():
            assert line["response"] is None
            assert line["error"]["code"] == "batch_cancelled"


def test_an_ended_batch_cannot_be_cancelled(client: openai.OpenAI) -> None:
    """Cancelling what completed or failed is a 409."""
    completed = ended(client, create(client, [chat_line("a")]).id)
    failed = ended(client, create(client, [chat_line("a", url="/v1/embeddings")]).id)
    assert (completed.status, failed.status) == ("completed", "failed")
    for batch in (completed, failed):
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(batch.id)


def test_an_expired_batch_keeps_what_was_done(tmp_path: Path) -> None:
    """When the window ends, finished rows are kept and the others are `batch_expired`."""
    options = ("--echo-delay", "0.2", "--parallel", "1", "--window", "1")
    with running(tmp_path / "data", *options) as server:
        client = server.client
        batch = create(client, [chat_line(f"row-{n}") for n in range(100)])
        done = ended(client, batch.id)
        assert done.status == "expired"
        assert done.expired_at >= done.expires_at
        output = results(client, done.output_file_id)
        errors = results(client, done.error_file_id)
        assert 1 <= len(output) < 30
        assert len(output) + len(errors) == 100
        assert {line["error"]["code"] for line in errors.values()} == {"batch_expired"}
        with pytest.raises(openai.ConflictError):
            client.batches.cancel(batch.id)


def test_an_input_deleted_while_its_batch_runs_is_still_read(tmp_path: Path) -> None:
    """Deleting the input of a running batch hides the file and does not harm the batch."""
    with running(tmp_path / "data", "--echo-delay", "0.02", "--parallel", "1") as server:
        client = server.client
        batch = create(client, [chat_line(f"row-{n}") for n in range(30)])
        until(lambda: client.batches.retrieve(batch.id).status == "in_progress")
        client.files.delete(batch.input_file_id)
        done = ended(client, batch.id)
        assert done.request_counts.completed == 30
        contents = {path.name for path in (tmp_path / "data" / "files").iterdir()}
        assert contents == {done.output_file_id}


def test_small_batches_run_beside_each_other(tmp_path: Path) -> None:
    """Workers do not wait for a batch's end: twenty small batches need one delay, not twenty."""
    with running(tmp_path / "data", "--echo-delay", "0.3", "--parallel", "20") as server:
        client = server.client
        batches = [create(client, [chat_line("a")]) for _ in range(20)]
        done = [ended(client, batch.id) for batch in batches]
        assert all(batch.status == "completed" for batch in done)
        assert max(b.completed_at for b in done) - min(b.created_at for b in done) < 4


def test_an_immediate_request_is_answered_by_the_same_executor(client: openai.OpenAI) -> None:
    """Chat, completions, embeddings and responses work without a batch; streaming is refused."""
    messages: Any = [{"role": "user", "content": "hi there"}]
    chat = client.chat.completions.create(model="any", messages=messages)
    assert (chat.model, chat.choices[0].message.content) == ("any", "hi there")
    assert client.completions.create(model="any", prompt="abc").choices[0].text == "abc"
    assert client.responses.create(model="any", input="hello").output_text == "hello"
    assert (
        len(client.embeddings.create(model="any", input="x", dimensions=3).data[0].embedding) == 3
    )
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="any", messages=messages, stream=True)
    assert refused.value.param == "stream"


def test_models_are_listed(client: openai.OpenAI) -> None:
    """The executor's model is listed and can be looked up; another is a 404."""
    (model,) = client.models.list()
    assert set(model.to_dict()) == {"id", "object", "created", "owned_by"}
    assert client.models.retrieve(model.id) == model
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("org/other")
