"""Going on with what was submitted: later, elsewhere, by its id, and with the older `wait`."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import openai
import pytest
from library_server import (
    Server,
    chat,
    chat_line,
    clean_environment,
    finish,
    read,
    replies,
    running,
    small,
)

import openai_batch
from openai_batch import Batch
from openai_batch.errors import CredentialsRefused, RunLocked
from openai_batch.providers import get_provider_by_name


def submitted(*texts: object) -> str:
    """Submit chats and let go of them; returns the id."""
    with Batch() as batch:
        for text in texts:
            batch.add_to_batch(**chat(text))
        return batch.submit()


@pytest.fixture
def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """What, when called, takes the state directory away."""
    return lambda: monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "elsewhere"))


def test_by_id_in_the_same_place() -> None:
    """A batch's id is enough to go on in another process."""
    with Batch(batch_id=submitted("one", "two")) as batch:
        assert finish(batch).status == "completed"
        assert batch.provider is not None and batch.provider.name == "openai"
        output, errors = batch.download()
    assert (replies(output), errors) == ([("line-1", "one"), ("line-2", "two")], None)


@pytest.mark.parametrize("named", [True, False], ids=["provider named", "provider found"])
def test_a_batch_of_the_official_sdk(echo: Server, named: bool) -> None:
    """What another client has made joins: its input's order, its failures apart."""
    batch_id = echo.create(chat_line("c", "three"), chat_line("a", 5), chat_line("b", "two"))
    provider = get_provider_by_name("parasail") if named else None
    with Batch(batch_id=batch_id, provider=provider) as batch:
        seen = finish(batch)
        assert (seen.id, seen.status) == (batch_id, "completed")
        assert seen.request_counts.model_dump() == {"total": 3, "completed": 2, "failed": 1}
        output, errors = batch.download()
    assert replies(output) == [("c", "three"), ("b", "two")]
    assert [line["custom_id"] for line in read(errors)] == ["a"]


def test_a_batch_at_a_provider_of_the_users_own(
    echo: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bare id is looked for at every provider whose key is set, the user's own included."""
    (tmp_path / "providers.toml").write_text(f'[acme]\nbase_url = "{echo.base_url}"\n')
    for name in ("OPENAI_API_KEY", "PARASAIL_API_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACME_API_KEY", echo.token)
    with Batch(batch_id=echo.create(chat_line("a", "hello"))) as batch:
        finish(batch)
        assert batch.provider is not None and batch.provider.name == "acme"


def test_a_batch_of_ours_from_another_machine(another_machine: Callable[[], None]) -> None:
    """The state directory is gone, and the provider has everything."""
    batch_id = submitted("one", "two")
    another_machine()
    with Batch(batch_id=batch_id) as batch:
        finish(batch)
        assert replies(batch.download()[0]) == [("line-1", "one"), ("line-2", "two")]


@pytest.mark.parametrize("lost", [False, True], ids=["here", "another machine"])
def test_a_run_of_several_batches(lost: bool, another_machine: Callable[[], None]) -> None:
    """A run's id is taken where a batch's is."""
    texts = [f"text {number}" for number in range(1, 8)]
    with Batch(provider=small()) as batch:
        for text in texts:
            batch.add_to_batch(**chat(text))
        run_id = batch.submit()
    if lost:
        another_machine()
    with Batch(batch_id=run_id) as later:
        done = finish(later)
        assert done.request_counts.total == 7
        assert done.usage is not None
        assert (done.usage.total_tokens, done.usage.input_tokens_details.cached_tokens) == (28, 0)
        assert [text for _, text in replies(later.download()[0])] == texts


def test_two_of_one_thread_take_turns() -> None:
    """A script may submit with one `Batch` and look with another, and go back to the first."""
    with Batch(output_file="first.jsonl") as first:
        first.add_to_batch(**chat("hello"))
        batch_id = first.submit()
        with Batch(batch_id=batch_id, output_file="second.jsonl") as second:
            finish(second)
            assert first.status().status == "completed"
            second.download()
            first.download()
    assert replies("first.jsonl") == replies("second.jsonl") == [("line-1", "hello")]


def test_a_run_has_one_driver() -> None:
    """While one process goes on with a run, another is told which one it is."""
    batch_id = submitted("hello")
    with Batch(batch_id=batch_id) as batch:
        finish(batch)
        code = f"from openai_batch import Batch; Batch(batch_id={batch_id!r}).status()"
        done = in_process("-c", code)
        assert f"is driven by process {os.getpid()} on " in done.stderr
        assert done.stderr.splitlines()[-1].startswith(f"{RunLocked.__module__}.RunLocked: run_")
    assert in_process("-c", code).stderr == ""


def in_process(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run Python as another process in the same place."""
    ours = {k: v for k, v in os.environ.items() if k.startswith(("OPENAI_", "PARASAIL_"))}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(**ours),
    )


def test_submitting_twice_sends_once(echo: Server) -> None:
    """A retry around `submit` does not pay twice, whether the batch was closed meanwhile or not."""
    before = len(echo.batch_ids())
    batch = Batch()
    batch.add_to_batch(**chat("hello"))
    batch_id = batch.submit()
    assert batch.submit() == batch_id
    batch.close()
    assert batch.submit() == batch_id
    batch.close()
    assert len(echo.batch_ids()) == before + 1


def test_submit_after_an_outage(echo: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refused key leaves the run as it is, and `submit` with the right one goes on with it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong")
    batch = Batch()
    batch.add_to_batch(**chat("hello"))
    with pytest.raises(CredentialsRefused):
        batch.submit()
    assert batch.batch_id is not None and batch.batch_id.startswith("run_")
    run_id = batch.batch_id
    batch.close()
    batch.provider.api_key = echo.token
    label = (echo.client.batches.retrieve(batch.submit()).metadata or {})["openai_batch"]
    assert label.startswith(f"{run_id};")
    batch.close()


def test_the_same_input_again_goes_on_with_what_was_sent(echo: Server) -> None:
    """A program that was killed and started again does not pay twice."""
    first = submitted("one", "two")
    newest = echo.client.batches.list(limit=1).data[0].id
    with pytest.warns(UserWarning, match="has the same input and is not finished"):
        again = submitted("one", "two")
    assert (again, newest) == (first, first)
    assert echo.client.batches.list(limit=1).data[0].id == first


def test_other_metadata_makes_another_batch(echo: Server) -> None:
    """What is told apart by its metadata is meant to be sent."""
    first = submitted("one")
    with Batch() as batch:
        batch.add_to_batch(**chat("one"))
        assert batch.submit(metadata={"sample": "2"}) != first


def test_a_request_may_name_itself(echo: Server) -> None:
    """`custom_id` is the request's name and no parameter of it."""
    with Batch() as batch:
        batch.add_to_batch(custom_id="mine", **chat("one"))
        _, output, _ = batch.submit_wait_download(interval=0.1)
    assert output is not None
    assert [result["custom_id"] for result in read(output)] == ["mine"]


def test_downloading_too_early(tmp_path: Path) -> None:
    """While the batch runs, there is nothing to download, and no file appears."""
    command = ("-m", "openai_batch.local", "--announce", "--executor", "echo")
    with (
        running(tmp_path / "data", *command, "--echo-delay", "0.5") as slow,
        Batch(provider=slow.provider(), output_file="out.jsonl") as batch,
    ):
        batch.add_to_batch(**chat("hello"))
        batch.submit()
        assert batch.status().status in ("validating", "in_progress")
        assert batch.download() == (None, None)
        assert not Path("out.jsonl").exists()
        finish(batch)
        assert batch.download() == ("out.jsonl", None)


def test_the_local_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded server needs no key, is started when needed, and takes unfinished work up."""
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "--executor echo")
    monkeypatch.delenv("OPENAI_API_KEY")
    with Batch(provider=get_provider_by_name("local")) as batch:
        batch.add_to_batch(**chat("hello"))
        batch_id = batch.submit()
    with Batch(batch_id=batch_id) as later:
        finish(later)
        assert replies(later.download()[0]) == [("line-1", "hello")]


def test_wait(echo: Server) -> None:
    """The function that came before `Batch` waits, downloads, and says what to use instead."""
    batch_id = echo.create(chat_line("a", "hello"))
    looks: list[str] = []
    with pytest.warns(
        DeprecationWarning, match=r"^The wait\(\) function is deprecated\. Use Batch"
    ):
        done = openai_batch.wait(
            echo.client, batch_id, interval=0.02, callback=lambda batch: looks.append(batch.status)
        )
    assert (done.id, done.status, looks[-1]) == (batch_id, "completed", "completed")
    assert replies("batch_output.jsonl") == [("a", "hello")]


def test_wait_for_what_is_still_open(echo: Server) -> None:
    """A script of old submits with `Batch`, and waits for it with the function."""
    batch = Batch()
    batch.add_to_batch(**chat("hello"))
    batch_id = batch.submit()
    client = openai.OpenAI(base_url=echo.base_url, api_key=echo.token)
    with client, pytest.warns(DeprecationWarning):
        assert openai_batch.wait(client, batch_id, 0.02).status == "completed"
    assert replies("batch_output.jsonl") == [("line-1", "hello")]


def test_wait_in_a_dry_run(echo: Server) -> None:
    """Its options go to `Batch`'s own calls."""
    with pytest.warns(DeprecationWarning):
        assert openai_batch.wait(echo.client, "batch-1", dry_run=True).status == "completed"
    assert not Path("batch_output.jsonl").exists()
