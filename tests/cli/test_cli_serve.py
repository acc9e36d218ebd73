"""`serve`, and `--provider local` with and without it."""

import json
import os
import signal
from pathlib import Path

import pytest
from cli_process import Cli, chats, stop, wait_for_line


def test_local_batches_can_be_left_to_a_server_that_stays(nobody: Cli) -> None:
    """`serve` prints where it is and no token; `run -c --provider local` uses it; SIGTERM is 0."""
    if os.name == "nt":
        pytest.skip("signals are POSIX")
    server = nobody.start("serve", "--executor", "echo")
    assert server.stdout is not None
    record = json.loads(server.stdout.readline())
    assert set(record) == {"object", "base_url", "pid", "server_file"}
    assert record["object"] == "server"
    assert record["base_url"].startswith("http://127.0.0.1:")
    said = wait_for_line(server, "use it with")
    assert "openai-batch run --provider local requests.jsonl" in said
    token = json.loads(Path(record["server_file"]).read_bytes())["token"]
    assert token not in said

    nobody.write("in.jsonl", *chats(2))
    created = nobody("run", "-c", "-q", "-p", "local", "in.jsonl")
    assert created.code == 0
    finished = nobody("resume", "--interval", "0.1")
    assert (finished.code, finished.ids) == (0, ["r1", "r2"])
    assert stop(server, signal.SIGTERM).code == 0


def test_a_local_run_brings_its_own_server(nobody: Cli) -> None:
    """Without `serve`, the server lives as long as the command."""
    nobody.write("in.jsonl", *chats(2))
    nobody.env["OPENAI_BATCH_LOCAL_ARGS"] = "--executor echo"
    ended = nobody("run", "-q", "-p", "local", "--interval", "0.1", "in.jsonl")
    assert (ended.code, ended.ids, ended.stderr) == (0, ["r1", "r2"], "")
