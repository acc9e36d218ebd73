"""The commands as modules: `main(argv)` returns, and the file names are those of old."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from library_server import HUB_MODEL, Server, chat_line, clean_environment, read, replies

from openai_batch import create_batch, create_batch_input, create_input, example_prompts, run


def requests(*texts: object) -> str:
    """Write an input file of chats, r1, r2, …; returns its name."""
    lines = (chat_line(f"r{number}", text) for number, text in enumerate(texts, 1))
    Path("input.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return "input.jsonl"


@pytest.mark.parametrize("module", [create_batch, create_batch_input, create_input])
@pytest.mark.parametrize(
    ("prompt_options", "create_options", "url", "field"),
    [
        ([], [], "/v1/chat/completions", "messages"),
        (["-e"], ["-e"], "/v1/embeddings", "input"),
        (["-e"], ["--score", "What's good?"], "/v1/score", "text_1"),
        (["-e"], ["--rerank", "What's good?"], "/v1/score", "documents"),
    ],
    ids=["chat", "embedding", "score", "rerank"],
)
def test_prompts_become_requests(
    module: object, prompt_options: list[str], create_options: list[str], url: str, field: str
) -> None:
    """Under each of its names, `create` makes requests out of example prompts, file to file."""
    assert example_prompts.main(["prompts.jsonl", "-n", "10", *prompt_options]) is None
    arguments = ["prompts.jsonl", "input.jsonl", "--model", HUB_MODEL, *create_options]
    assert module.main(arguments) is None  # type: ignore[attr-defined]
    lines = read("input.jsonl")
    assert [line["custom_id"] for line in lines] == [f"line-{n}" for n in range(1, 11)]
    assert {line["url"] for line in lines} == {url}
    assert all(field in line["body"] for line in lines)


def test_run_returns_the_id(echo: Server) -> None:
    """`main` waits, names the files by the batch's id, and returns that."""
    batch_id = run.main([requests("one", "two"), "--interval", "0.05"])
    assert batch_id == echo.batch_ids()[0]
    assert replies(f"{batch_id}-output.jsonl") == [("r1", "one"), ("r2", "two")]
    assert not Path(f"{batch_id}-errors.jsonl").exists()


def test_run_returns_the_id_where_requests_failed(echo: Server) -> None:
    """Failures are in a file of their own, and the program that called `main` goes on."""
    batch_id = run.main([requests("one", 5), "--interval", "0.05"])
    assert batch_id == echo.batch_ids()[0]
    assert [line["custom_id"] for line in read(f"{batch_id}-output.jsonl")] == ["r1"]
    assert [line["custom_id"] for line in read(f"{batch_id}-errors.jsonl")] == ["r2"]


def test_create_then_resume(echo: Server) -> None:
    """`--create` leaves at once with the id, `--resume` waits for it."""
    batch_id = run.main([requests("one"), "--create", "-p", "parasail", "--api-key", echo.token])
    assert batch_id == echo.batch_ids()[0]
    files = ["-o", "out.jsonl", "-e", "errors.jsonl"]
    access = ["-p", "parasail", "--api-key", echo.token]
    resumed = run.main([*access, "--resume", batch_id, "--interval", "0.05", *files])
    assert resumed == batch_id
    assert replies("out.jsonl") == [("r1", "one")]


@pytest.mark.parametrize("flag", ["-n", "--dry-run"])
def test_dry_run(echo: Server, flag: str) -> None:
    """Nothing is sent, no key is looked at, and the id says so."""
    before = echo.batch_ids()
    os.environ.pop("OPENAI_API_KEY")
    assert run.main([requests("one"), flag]) == "batch-dry-run"
    assert run.main([requests("one"), "-p", "parasail", "--create", flag]) == "batch-dry-run"
    assert run.main(["-p", "openai", "--resume", "batch-mock", flag]) == "batch-mock"
    assert echo.batch_ids() == before


def test_the_published_commands(echo: Server, folder: Path) -> None:
    """The pipeline of the published articles: prompts, requests, results named by the batch."""
    ours = {k: v for k, v in os.environ.items() if k.startswith(("OPENAI_", "PARASAIL_"))}
    python = f'"{sys.executable}" -m openai_batch'
    script = (
        f"{python}.example_prompts -n 5 |"
        f" {python}.create_batch --model {HUB_MODEL} > input.jsonl &&"
        f" {python}.run -p parasail --interval 0.05 input.jsonl"
    )
    done = subprocess.run(
        script, shell=True, capture_output=True, check=False, env=clean_environment(**ours)
    )
    assert done.returncode == 0
    batch_id = echo.batch_ids()[0]
    assert json.loads(done.stdout)["batch_ids"] == [batch_id]
    assert len(replies(f"{batch_id}-output.jsonl")) == 5
    assert {path.name for path in folder.iterdir()} == {"input.jsonl", f"{batch_id}-output.jsonl"}


def test_the_class_under_its_older_homes() -> None:
    """`Batch` is to be had from the modules where it lived before, and writes the same."""
    import io

    written = []
    for home in (create_batch, create_batch_input, create_input):
        target = io.StringIO()
        with home.Batch(target) as batch:
            batch.add_to_batch(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
        written.append(target.getvalue())
    assert len(set(written)) == 1
    assert re.search(r'"custom_id": ?"line-1"', written[0])
