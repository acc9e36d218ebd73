"""A provider that answers at once, and somebody who tries README out with it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from readme_newcomer import WAIT_S, Newcomer, environment
from readme_reader import ENGLISH, blocks


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A provider that answers each chat with its own text, as the variables that lead to it."""
    home = tmp_path_factory.mktemp("provider")
    server = subprocess.Popen(
        ["openai-batch", "serve", "--executor", "echo", "--quiet"],
        stdout=subprocess.PIPE,
        env=environment(home),
    )
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    token = json.loads(Path(ready["server_file"]).read_bytes())["token"]
    yield {"OPENAI_BASE_URL": ready["base_url"], "OPENAI_API_KEY": token}
    server.terminate()
    server.wait(WAIT_S)
    server.stdout.close()


NO_FILE = [{"type": "file", "file": {"file_id": "file-7"}}]


@pytest.fixture
def newcomer(tmp_path: Path, echo: dict[str, str]) -> Newcomer:
    """With prompts, documents and requests of which the echo refuses one."""
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "prompts.txt").write_text("What is a run?\nWhat is a shard?\nWhat is a batch?\n")
    (folder / "documents.txt").write_text("A run has shards.\nA shard becomes a batch.\n")
    (sample,) = (block.code for block in blocks(ENGLISH) if block.language == "json")
    requests = [sample]
    for custom_id, text in (("two", "Two"), ("bad", NO_FILE), ("four", "Four")):
        request = json.loads(sample) | {"custom_id": custom_id}
        request["body"]["messages"][0]["content"] = text
        requests.append(json.dumps(request) + "\n")
    (folder / "input.jsonl").write_text("".join(requests))
    return Newcomer(folder, environment(tmp_path) | echo)
