"""Every published example runs as it stands, as a program of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from library_server import Server, chat_line, clean_environment, read, replies

HERE = Path(__file__).parent
PUBLISHED = dict(
    re.findall(
        r"## (\w+)\n\n```python\n(.*?)```\n",
        (HERE / "published_examples.md").read_text(encoding="utf-8"),
        re.DOTALL,
    )
)

# The examples sleep a minute between looks; nobody has to wait that long for an echo.
HURRIED = """
import runpy, sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.05))
runpy.run_path(sys.argv[1], run_name="__main__")
"""


def run(example: str) -> list[str]:
    """Run an example in the current folder; returns the lines it printed."""
    Path("example.py").write_text(example, encoding="utf-8")
    command = [sys.executable, "-W", "error", "-X", "utf8", "-c", HURRIED, "example.py"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment()
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def environment() -> dict[str, str]:
    """What the `folder` fixture has set up, in which the package is found."""
    ours = {k: v for k, v in os.environ.items() if k.startswith(("OPENAI_", "PARASAIL_"))}
    return clean_environment(**ours)


def test_one_shot(folder: Path) -> None:
    """A hundred jokes are submitted, waited for and stored with one call."""
    assert run(PUBLISHED["one_shot"]) == [
        "Batch completed with status completed and stored in batch_output.jsonl"
    ]
    answers = replies("batch_output.jsonl")
    assert [custom_id for custom_id, _ in answers] == [f"line-{n}" for n in range(1, 101)]
    assert all(text.startswith("Tell me a joke about a ") for _, text in answers)
    assert sorted(path.name.split("_2")[0] for path in folder.iterdir()) == [
        "batch_output.jsonl",
        "batch_submission",
        "example.py",
    ]


def test_embeddings() -> None:
    """Documents come back as vectors."""
    run(PUBLISHED["embeddings"])
    bodies = [line["response"]["body"] for line in read("batch_output.jsonl")]
    assert [len(body["data"][0]["embedding"]) for body in bodies] == [8, 8]
    assert {body["model"] for body in bodies} == {"text-embedding-3-small"}


def test_images(echo: Server, folder: Path) -> None:
    """Images travel inside the messages, as data URLs."""
    (folder / "images").mkdir()
    (folder / "images" / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (folder / "images" / "notes.txt").write_text("no image")
    run(PUBLISHED["images"])
    assert replies("batch_output.jsonl") == [("line-1", "What is in the image?")]
    (request,) = echo.requests_of(echo.batch_ids()[0])
    assert request["body"]["messages"][0]["content"][0] == {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="},
    }


def test_step_by_step(echo: Server) -> None:
    """Submit, look until it is over, download: each step by itself."""
    printed = run(PUBLISHED["step_by_step"])
    assert printed[0] == f"Batch submitted with ID: {echo.batch_ids()[0]}"
    assert printed[-3:] == [
        "Batch status: completed",
        "Output saved to: batch_output.jsonl",
        "Errors saved to: None",
    ]
    assert len(read("batch_input.jsonl")) == 5
    assert replies("batch_output.jsonl")[4] == ("line-5", "Tell me a joke about a banana")
    assert not Path("batch_errors.jsonl").exists()


def test_two_providers(folder: Path) -> None:
    """Two batches that are built in the same second do not share their files."""
    run(PUBLISHED["two_providers"])
    models = [
        json.loads(path.read_bytes())["body"]["model"] for path in folder.glob("batch_sub*.jsonl")
    ]
    assert sorted(models) == ["gpt-4o-mini", "meta-llama/Meta-Llama-3-8B-Instruct"]


def test_named_provider() -> None:
    """A provider may be named instead of being told by the model."""
    submit = "print(batch.submit_wait_download()[1], batch.provider.name)\n"
    assert run(PUBLISHED["named_provider"] + submit) == ["batch_output.jsonl parasail"]


def test_resume_a_batch_made_elsewhere(echo: Server) -> None:
    """A batch that another program has made is waited for and fetched, by its id alone."""
    batch_id = echo.create(chat_line("b", "two"), chat_line("a", "one"))
    printed = run(PUBLISHED["resume"].replace("batch_abc123", batch_id))
    assert printed[-2:] == ["Batch status: completed", "Output saved to: batch_output.jsonl"]
    assert replies("batch_output.jsonl") == [("b", "two"), ("a", "one")]
