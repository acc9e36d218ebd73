"""`--provider local`: servers that are joined, started, shared, lost and found again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from filelock import FileLock
from scripted_server import ScriptedServer, error, says

from openai_batch.errors import GaveUp, ProviderUnavailable, UsageError
from openai_batch.providers.catalog import resolve
from openai_batch.providers.client import OpenAIClient, open_client
from openai_batch.providers.interface import BatchStatus
from openai_batch.providers.local import data_folder, is_served, running_server

REQUEST = (
    b'{"custom_id":"1","method":"POST","url":"/v1/chat/completions",'
    b'"body":{"model":"local","messages":[{"role":"user","content":"Hello"}]}}\n'
)


@pytest.fixture(autouse=True)
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "--executor echo")


@pytest.fixture
def open_local() -> Iterator[Callable[[], OpenAIClient]]:
    opened: list[OpenAIClient] = []

    def open_local() -> OpenAIClient:
        opened.append(open_client(resolve(provider_name="local")))
        return opened[-1]

    yield open_local
    for client in opened:
        client.close()


def server_file() -> Path:
    return data_folder() / "server.json"


def server_pid() -> int:
    pid = json.loads(server_file().read_bytes())["pid"]
    assert isinstance(pid, int)
    return pid


def eventually(condition: Callable[[], bool], seconds: float = 15.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def write_server_file(**fields: object) -> None:
    server_file().parent.mkdir(parents=True, exist_ok=True)
    server_file().write_text(json.dumps({"object": "server", "token": "t", "pid": 1} | fields))


def test_a_child_runs_a_batch_and_ends_with_its_client(open_local, tmp_path: Path):
    """Upload, batch and download work against a server that was started for them, and is gone
    after."""
    shard = tmp_path / "shard"
    shard.write_bytes(REQUEST)
    client = open_local()
    uploaded = client.upload(shard, "shard.jsonl")
    made = client.create_batch(
        input_file_id=uploaded.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"openai_batch": "run_1"},
        idempotency_key="",
    )
    assert eventually(
        lambda: client.retrieve_batch(made.id).status is BatchStatus.COMPLETED, seconds=10
    )
    output = client.retrieve_batch(made.id).output_file_id
    assert output is not None
    size = client.download(output, tmp_path / "out.jsonl")
    content = (tmp_path / "out.jsonl").read_bytes()
    assert size == len(content)
    result = json.loads(content)
    assert result["custom_id"] == "1"
    assert result["response"]["body"]["choices"][0]["message"]["content"] == "Hello"
    client.close()
    client.close()
    assert not server_file().exists()


def test_a_second_client_joins_and_takes_over(open_local):
    """A command that joined another one's server has one of its own when that one ends."""
    first = open_local()
    pid = server_pid()
    second = open_local()
    assert server_pid() == pid
    assert second.list_batches().batches == ()
    first.close()
    with pytest.raises(ProviderUnavailable, match="cannot reach the local server") as caught:
        second.list_batches()
    assert caught.value.executed is False
    assert second.list_batches().batches == ()
    assert server_pid() != pid


def test_clients_that_start_together_share_a_server(open_local):
    """Several commands at the same moment end up at one server, and none fails."""
    opened: list[OpenAIClient] = []
    threads = [threading.Thread(target=lambda: opened.append(open_local())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({str(client.sdk.base_url) for client in opened}) == 1
    assert len(opened) == 3


def test_arguments_the_server_does_not_know_are_a_usage_error(open_local, monkeypatch):
    """What the server says about its arguments is what the user reads."""
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "--executor echo --colour blue")
    with pytest.raises(UsageError, match=r"the local server did not start: .*--colour blue"):
        open_local()
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "--executor 'echo")
    with pytest.raises(UsageError, match="OPENAI_BATCH_LOCAL_ARGS cannot be split"):
        open_local()


def test_a_server_that_cannot_start_is_given_up(open_local, server: ScriptedServer, monkeypatch):
    """A start that fails is not tried for ever, and says why in the server's words."""
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", f"--executor echo --port {server.server_port}")
    with pytest.raises(GaveUp, match=r"the local server did not start: .*cannot listen on"):
        open_local()


def test_a_server_that_cannot_start_again_is_an_outage(open_local, monkeypatch):
    """Where the server is gone and none can be started, calls fail as in any outage."""
    first = open_local()
    second = open_local()
    first.close()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    with pytest.raises(ProviderUnavailable, match="cannot reach the local server to list batches"):
        second.list_batches()
    with pytest.raises(
        ProviderUnavailable, match="cannot list batches: the local server cannot be started"
    ) as caught:
        second.list_batches()
    assert caught.value.executed is False


def test_a_folder_that_is_held_is_waited_for(open_local, monkeypatch):
    """A server that holds the folder and never answers is named after a while."""
    monkeypatch.setattr("openai_batch.providers.local._START_S", 0.1)
    data_folder().mkdir(parents=True)
    with (
        FileLock(data_folder() / "lock"),
        pytest.raises(GaveUp, match=r"a server works on .*local and does not answer; end it"),
    ):
        open_local()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a script that runs by its first line")
def test_a_server_that_hangs_is_killed(open_local, monkeypatch, tmp_path: Path):
    """A start that never ends is given up, and nothing is left behind."""
    script = tmp_path / "python"
    script.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    script.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(script))
    monkeypatch.setattr("openai_batch.providers.local._START_S", 0.3)
    monkeypatch.setattr("openai_batch.providers.local._STOP_S", 0.1)
    with pytest.raises(GaveUp, match="the local server did not start within 0 seconds"):
        open_local()
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_a_stale_server_file_is_no_server(open_local):
    """A file that a dead server left behind is not believed."""
    write_server_file(base_url="http://127.0.0.1:1/v1")
    assert running_server(data_folder()) is None
    assert not is_served()
    assert open_local().list_batches().batches == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"base_url": 5, "token": "t"}',
        b'{"base_url": "http://127.0.0.1:1/v1"}',
        b'{"base_url": "http://192.0.2.1/v1", "token": "t"}',
        b'{"base_url": "http://127.0.0.1:x/v1", "token": "t"}',
    ],
)
def test_a_broken_server_file_is_no_server(content: bytes):
    """Nothing is asked, and above all nothing outside this machine."""
    server_file().parent.mkdir(parents=True)
    server_file().write_bytes(content)
    assert running_server(data_folder()) is None


def test_a_server_that_refuses_the_token_is_not_ours(server: ScriptedServer):
    """Another program may have taken the port since."""
    write_server_file(base_url=server.base_url)
    server.will(error(401, "who are you"))
    assert running_server(data_folder()) is None
    assert server.requests[0].headers["authorization"] == "Bearer t"


def test_children_are_told_from_servers_that_last(server: ScriptedServer):
    """`is_served` is about servers that do not end with some other command."""
    server.will(says({"object": "list", "data": []}))
    write_server_file(base_url=server.base_url, kind="serve")
    assert is_served()
    write_server_file(base_url=server.base_url, kind="child")
    assert not is_served()


def test_modules_in_the_current_folder_do_not_break_the_server(open_local, tmp_path, monkeypatch):
    """A user's `queue.py` is not taken for Python's own."""
    (tmp_path / "queue.py").write_text("raise SystemExit('wrong module')")
    monkeypatch.chdir(tmp_path)
    assert open_local().list_batches().batches == ()


@pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
def test_ctrl_c_does_not_reach_the_server(open_local):
    """The server is in a process group of its own, which a terminal's Ctrl-C does not hit."""
    open_local()
    assert os.getpgid(server_pid()) != os.getpgrp()


@pytest.mark.skipif(sys.platform == "win32", reason="asks for a process as POSIX does")
def test_a_child_ends_when_its_parent_is_killed():
    """Nothing is left running behind a command that was killed with SIGKILL."""
    program = (
        "import sys\n"
        "from openai_batch.providers.catalog import resolve\n"
        "from openai_batch.providers.client import open_client\n"
        "client = open_client(resolve(provider_name='local'))\n"
        "print('ready', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        pid = server_pid()
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
        assert eventually(lambda: not is_alive(pid))


def test_get_client_serves_the_library(tmp_path: Path):
    """`Provider.get_client()` of the local provider is an SDK client at the server it started."""
    row = resolve(provider_name="local")
    sdk = row.get_client()
    assert [model.id for model in sdk.models.list()] == ["echo"]
    assert row._client is not None
    row._client.close()
