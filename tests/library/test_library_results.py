"""What comes back: in which files, in which order, and what is said of what failed."""

import os
import stat
import time
from pathlib import Path

import pytest
from library_server import (
    GATEWAY,
    HUB_MODEL,
    Server,
    chat,
    finish,
    read,
    replies,
    running,
    small,
)

from openai_batch import Batch
from openai_batch.errors import GaveUp, InputInvalid

NOT_A_TEXT = 5  # what echo answers with 400


def run(batch: Batch, *texts: object) -> tuple[str | None, str | None]:
    """Send chats through `batch`; returns the paths of both files."""
    for text in texts:
        batch.add_to_batch(**chat(text))
    result, output, errors = batch.submit_wait_download(interval=0.05)
    assert result.status == "completed"
    return output, errors


def test_default_names() -> None:
    """Without names it is batch_output.jsonl, then the next free one; nothing is replaced."""
    with Batch() as first:
        assert run(first, "one") == ("batch_output.jsonl", None)
    with Batch() as second:
        assert run(second, "two", NOT_A_TEXT) == ("batch_output-2.jsonl", "batch_errors.jsonl")
    with Batch() as third:
        assert run(third, NOT_A_TEXT) == ("batch_output-3.jsonl", "batch_errors-2.jsonl")
    assert replies("batch_output.jsonl") == [("line-1", "one")]
    assert replies("batch_output-2.jsonl") == [("line-1", "two")]


def test_named_files_are_replaced() -> None:
    """A path that the caller names is replaced, in a folder that is made where it is missing.

    It is returned as it was named: a `Path` stays one.
    """
    Path("out.jsonl").write_text("what was here before, and was longer than what comes\n" * 9)
    errors = Path("deep/er/errors.jsonl")
    with Batch(output_file="out.jsonl", error_file=errors) as batch:
        assert run(batch, "one", NOT_A_TEXT) == ("out.jsonl", errors)
    assert replies("out.jsonl") == [("line-1", "one")]
    (failed,) = read("deep/er/errors.jsonl")
    assert failed["custom_id"] == "line-2"
    assert failed["response"]["status_code"] == 400
    assert failed["response"]["body"]["error"]["message"] == "Invalid value for 'messages'."


def test_no_error_file_where_nothing_failed() -> None:
    """The error path is None, and there is no file of that name, not even of a time before."""
    Path("errors.jsonl").write_text("what failed yesterday")
    with Batch(output_file="out.jsonl", error_file="errors.jsonl") as batch:
        assert run(batch, "one") == ("out.jsonl", None)
    assert not Path("errors.jsonl").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX devices and links")
def test_devices_and_links_stay_what_they_are() -> None:
    """Errors sent to the null device do not replace it, and a link is followed."""
    Path("link.jsonl").symlink_to("real.jsonl")
    with Batch(output_file="link.jsonl", error_file="/dev/null") as batch:
        assert run(batch, "one", NOT_A_TEXT) == ("link.jsonl", "/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert Path("link.jsonl").is_symlink()
    assert replies("real.jsonl") == [("line-1", "one")]


def test_results_can_be_downloaded_again() -> None:
    """A second download writes the same results, from what the provider still has."""
    with Batch(output_file="out.jsonl", error_file="errors.jsonl") as batch:
        run(batch, "one", NOT_A_TEXT, "two")
        before = Path("out.jsonl").read_bytes(), Path("errors.jsonl").read_bytes()
        Path("out.jsonl").unlink()
        assert batch.download() == ("out.jsonl", "errors.jsonl")
    assert (Path("out.jsonl").read_bytes(), Path("errors.jsonl").read_bytes()) == before


def test_past_one_file_a_batch_becomes_several(echo: Server) -> None:
    """Three batches behind one id: summed counts, results in input order."""
    with Batch(provider=small()) as batch:
        for number in range(1, 8):
            batch.add_to_batch(**chat(f"text {number}"))
        run_id = batch.submit(metadata={"team": "search"})
        assert run_id.startswith("run_")
        assert batch.batch_id == run_id
        parts = [echo.client.batches.retrieve(batch_id) for batch_id in echo.batch_ids()[:3]]
        assert sorted(len(echo.requests_of(part.id)) for part in parts) == [1, 3, 3]
        assert {(part.metadata or {})["team"] for part in parts} == {"search"}
        seen = finish(batch)
        assert (seen.id, seen.status, seen.errors) == (run_id, "completed", None)
        assert seen.request_counts.model_dump() == {"total": 7, "completed": 7, "failed": 0}
        output, errors = batch.download()
    assert errors is None
    assert replies(output) == [(f"line-{number}", f"text {number}") for number in range(1, 8)]


def test_a_full_queue_is_waited_for(tmp_path: Path) -> None:
    """`submit` says that there is no room for all; who waits for the results waits for room."""
    with running(tmp_path / "data", GATEWAY, "narrow") as narrow:
        provider = narrow.provider(batch_input_max_requests=1)
        with Batch(provider=provider) as batch:
            for text in ("one", "two", "three"):
                batch.add_to_batch(**chat(text))
            with pytest.raises(
                GaveUp, match=r"1 of 3 batches \(1 of 3 requests\) are with the provider"
            ):
                batch.submit()
            assert finish(batch).request_counts.completed == 3
        with Batch(provider=provider) as batch:
            assert run(batch, "one", "two") == ("batch_output.jsonl", None)
    assert replies("batch_output.jsonl") == [("line-1", "one"), ("line-2", "two")]


def test_failures_of_several_batches_are_counted_together() -> None:
    """Each batch's failures are summed, and stand in the error file in input order."""
    with Batch(provider=small()) as batch:
        for text in (NOT_A_TEXT, "two", "three", "four", NOT_A_TEXT):
            batch.add_to_batch(**chat(text))
        batch.submit()
        counts = finish(batch).request_counts
        output, errors = batch.download()
    assert counts.model_dump() == {"total": 5, "completed": 3, "failed": 2}
    assert [line["custom_id"] for line in read(output)] == ["line-2", "line-3", "line-4"]
    assert [line["custom_id"] for line in read(errors)] == ["line-1", "line-5"]


def test_faults_are_found_before_anything_is_sent(echo: Server) -> None:
    """An input that the provider would refuse is refused here, and nothing is left behind."""
    before = echo.batch_ids()
    with Batch(b'{"custom_id": "a"}\n') as batch:
        with pytest.raises(
            InputInvalid, match=r"^3 faults in 1 line of .*; nothing was sent"
        ) as caught:
            batch.submit()
        assert batch.batch_id is None
    assert {fault.param for fault in caught.value.faults} == {"method", "url", "body"}
    assert echo.batch_ids() == before


def refused(rows: int = 50_000) -> Batch:
    """A batch for Parasail, which takes mixed models, at a server that does not."""
    return Batch(provider=small("parasail", rows), output_file="out.jsonl")


def test_a_refused_batch_has_failed() -> None:
    """What the provider's validation refuses is told by the status, and there is nothing to get."""
    with refused() as batch:
        for model in (HUB_MODEL, "some/other-model"):
            batch.add_to_batch(**chat("hello", model))
        batch.submit()
        for _ in range(2):
            seen = finish(batch)
            assert seen.status == "failed"
            assert seen.errors.data[0].code == "mismatched_model"
            assert seen.errors.data[0].message.startswith("line 2: The model must be that of")
        assert batch.download() == (None, None)
    assert not Path("out.jsonl").exists()


def test_a_refused_batch_that_nobody_looked_at(echo: Server) -> None:
    """`download` alone finds out, too, that there is nothing to get."""
    with refused() as batch:
        for model in (HUB_MODEL, "some/other-model"):
            batch.add_to_batch(**chat("hello", model))
        batch_id = batch.submit()
    deadline = time.monotonic() + 30
    while echo.client.batches.retrieve(batch_id).status != "failed":
        assert time.monotonic() < deadline
    with Batch(batch_id=batch_id) as later:
        assert later.download() == (None, None)


def test_results_beside_a_refused_batch_are_not_lost() -> None:
    """One of three batches is refused: the loop goes on, and what the others did is delivered."""
    models = [HUB_MODEL, HUB_MODEL, HUB_MODEL, "some/other-model", HUB_MODEL]
    with refused(rows=2) as batch:
        for number, model in enumerate(models, 1):
            batch.add_to_batch(**chat(f"text {number}", model))
        batch.submit()
        seen = finish(batch)
        assert (seen.status, seen.errors.data[0].code) == ("failed", "mismatched_model")
        assert seen.request_counts.completed == 3
        assert batch.download() == ("out.jsonl", None)
    assert replies("out.jsonl") == [
        ("line-1", "text 1"),
        ("line-2", "text 2"),
        ("line-5", "text 5"),
    ]


def test_status_callback() -> None:
    """Whoever watches is told each look, the last one included."""
    seen = []
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        result, _, _ = batch.submit_wait_download(interval=0.02, status_callback=seen.append)
    assert seen[-1] is result
    assert {look.object for look in seen} == {"batch"}
    assert result.created_at > 1_700_000_000


def test_dry_run(echo: Server, folder: Path) -> None:
    """Every step may be rehearsed: nothing is sent, and empty files are written where named."""
    before = echo.batch_ids()
    with Batch("in.jsonl", output_file="out.jsonl", error_file="errors.jsonl") as batch:
        batch.add_to_batch(**chat("hello"))
        assert batch.submit(dry_run=True) == "batch-dry-run"
        assert batch.batch_id == "batch-dry-run"
        seen = batch.status(dry_run=True)
        assert (seen.id, seen.status, seen.endpoint, seen.output_file_id) == (
            "batch-dry-run",
            "completed",
            "/v1/chat/completions",
            "file-dry-run-output",
        )
        assert batch.download(dry_run=True) == ("out.jsonl", "errors.jsonl")
        result, output, errors = batch.submit_wait_download(interval=60, dry_run=True)
    assert (result.status, output, errors) == ("completed", "out.jsonl", "errors.jsonl")
    assert Path("out.jsonl").read_bytes() == Path("errors.jsonl").read_bytes() == b""
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        assert batch.submit_wait_download(dry_run=True)[1:] == (None, None)
    assert echo.batch_ids() == before
    assert not (folder.parent / "state").exists()


def test_a_rehearsed_batch_can_be_sent() -> None:
    """`submit(dry_run=True)` and then `submit()` is the usual order."""
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        batch.submit(dry_run=True)
        _, output, _ = batch.submit_wait_download(interval=0.05)
    assert replies(output) == [("line-1", "hello")]
