"""The server as a process: how it starts, who may ask, how it ends."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest
from local_server import ServerProcess, chat_line, create, ended, environment, running, until


def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "openai_batch.local", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env=environment(**variables),
        check=False,
    )


def refusal(url: str, token: str | None) -> tuple[int, dict[str, Any]]:
    headers = {"authorization": f"Bearer {token}"} if token is not None else {}
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)
    with refused.value as answer:
        return answer.code, json.load(answer)["error"]


def test_the_ready_line_says_where_and_how(echo: ServerProcess) -> None:
    """One JSON object: a loopback URL, the token, the process."""
    ready = echo.ready
    assert set(ready) == {"object", "base_url", "token", "pid", "kind"}
    assert ready["object"] == "server"
    assert ready["kind"] == "child"
    assert ready["base_url"].startswith("http://127.0.0.1:")
    assert ready["base_url"].endswith("/v1")
    assert ready["pid"] == echo.process.pid
    assert len(ready["token"]) >= 32


def test_nobody_gets_in_without_the_token(echo: ServerProcess) -> None:
    """No token, a wrong one, an empty one and a longer one are 401 on every URL, known or not."""
    for token in (None, "", "wrong", echo.ready["token"] + "x", "ü"):
        for path in ("/models", "/files", "/batches", "/nowhere"):
            status, error = refusal(echo.ready["base_url"] + path, token)
            assert status == 401
            assert error["code"] == "invalid_api_key"
            assert echo.ready["token"] not in error["message"]


def test_answers_do_not_wait_for_delayed_acknowledgements(echo: ServerProcess) -> None:
    """A small answer is there at once, and not after the 40 ms of Nagle's algorithm."""

    def look_s() -> float:
        begun = time.monotonic()
        echo.client.models.list()
        return time.monotonic() - begun

    assert min(look_s() for _ in range(10)) < 0.03


def test_an_unknown_url_is_answered_in_openais_shape(echo: ServerProcess) -> None:
    """404 and 405 carry an error object too."""
    client = echo.client
    with pytest.raises(openai.NotFoundError) as unknown:
        client.get("/nowhere", cast_to=object)
    assert set(unknown.value.body) == {"message", "type", "param", "code"}
    with pytest.raises(openai.APIStatusError) as wrong_method:
        client.delete("/batches", cast_to=object)
    assert wrong_method.value.status_code == 405
    assert wrong_method.value.response.headers["x-request-id"].startswith("req_")


def test_the_token_may_be_given(tmp_path: Path) -> None:
    """The environment variable's token is used, and another variable may be named."""
    with running(tmp_path / "a", OPENAI_BATCH_LOCAL_TOKEN="given") as server:
        assert server.ready["token"] == "given"
        assert list(server.client.models.list())
    with running(tmp_path / "b", "--token-env", "MY_TOKEN", MY_TOKEN="mine") as server:
        assert server.ready["token"] == "mine"


def test_server_json_names_the_running_server(tmp_path: Path) -> None:
    """The file is there while the server runs, only for its owner, and gone after a clean end."""
    file = tmp_path / "server.json"
    with running(tmp_path) as server:
        assert json.loads(file.read_bytes()) == server.ready
        if os.name == "posix":
            modes = [stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()]
            assert sorted(set(modes)) == [0o600, 0o700]
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700
    assert not file.exists()


def test_a_folder_has_one_server(tmp_path: Path) -> None:
    """A second start fails with one line that names the first; a kill -9 frees the folder."""
    with running(tmp_path) as server:
        second = run("--data", str(tmp_path), "--executor", "echo")
        assert second.returncode == 1
        assert second.stdout == ""
        assert len(second.stderr.splitlines()) == 1
        assert f"process {server.process.pid}" in second.stderr
        server.kill()
    with running(tmp_path) as server:
        assert json.loads((tmp_path / "server.json").read_bytes()) == server.ready


def test_the_default_folder_is_in_the_state_directory(tmp_path: Path) -> None:
    """Without --data, the folder is `local` in the state directory."""
    command = ["-m", "openai_batch.local", "--executor", "echo", "--announce"]
    server = ServerProcess([*command, "--until-stdin-closes"], OPENAI_BATCH_HOME=str(tmp_path))
    try:
        assert (tmp_path / "local" / "store.db").exists()
    finally:
        server.close()


def test_it_ends_when_its_input_does(tmp_path: Path) -> None:
    """Closing its standard input ends it at once with exit code 0, even amid a batch."""
    with running(tmp_path, "--echo-delay", "30") as server:
        batch = create(server.client, [chat_line("a")])
        until(lambda: server.client.batches.retrieve(batch.id).status == "in_progress")
        begun = time.monotonic()
        assert server.close() == 0
        assert time.monotonic() - begun < 3


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGTERM")
def test_a_signal_ends_it_cleanly(tmp_path: Path) -> None:
    """SIGTERM is a clean end: exit code 0, no words, no server.json, even amid two requests."""
    with running(tmp_path, "--echo-delay", "30") as server:
        batch = create(server.client, [chat_line("a")])
        until(lambda: server.client.batches.retrieve(batch.id).status == "in_progress")
        begun = time.monotonic()
        assert server.terminate() == 0
        assert time.monotonic() - begun < 3
        assert server.process.stderr.read() == b""
        assert not (tmp_path / "server.json").exists()


@pytest.mark.skipif(os.name != "posix", reason="the parent is killed by SIGKILL")
def test_a_parent_that_is_killed_takes_it_along(tmp_path: Path) -> None:
    """When the process that holds its standard input dies, the server is gone soon after."""
    command = ["-m", "openai_batch.local", "--executor", "echo", "--announce"]
    command += ["--until-stdin-closes", "--data", str(tmp_path)]
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]],"
            " stdin=subprocess.PIPE).wait()",
            *command,
        ],
        stdout=subprocess.PIPE,
        env=environment(),
    )
    with parent:
        ready = json.loads(parent.stdout.readline())
        parent.kill()
        parent.wait(10)
        port = int(ready["base_url"].split(":")[2].split("/")[0])

        def is_gone() -> bool:
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", port)) != 0

        until(is_gone, deadline_s=5)
        until(lambda: not (tmp_path / "server.json").exists(), deadline_s=5)


def test_the_application_can_be_wrapped(tmp_path: Path) -> None:
    """Middleware and an executor of one's own: the seams for servers that misbehave."""
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from openai_batch.local.__main__ import announce, leave\n"
        "from openai_batch.local.echo import EchoExecutor\n"
        "from openai_batch.local.server import Options, serve\n"
        "class Teapot(EchoExecutor):\n"
        "    def execute(self, url, body):\n"
        "        return 418, {'error': {'message': 'teapot'}}\n"
        "def silent(app):\n"
        "    async def wrapped(scope, receive, send):\n"
        "        if not scope['path'].endswith('/models'):\n"
        "            await app(scope, receive, send)\n"
        "    return wrapped\n"
        "options = Options(data=Path(sys.argv[1]), until_stdin_closes=True)\n"
        "serve(options, announce, executor=Teapot(), wrap_app=silent)\n"
        "leave(0)\n"
    )
    server = ServerProcess(["-c", code, str(tmp_path)])
    try:
        done = ended(server.client, create(server.client, [chat_line("a")]).id)
        assert done.request_counts.failed == 1
        with pytest.raises(openai.InternalServerError):
            server.client.models.list()
    finally:
        assert server.close() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--host", "0.0.0.0"], "127.0.0.1 only"),
        (["--executor", "other"], "invalid choice"),
        (["--parallel", "0"], "not a number from 1"),
        (["--window", "-1"], "not a number of seconds"),
        (["--executor", "upstream"], "--upstream"),
        (["--model-file", "missing.gguf"], "cannot read the model file"),
        (["--model-file", __file__], "not a GGUF file"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_2(
    arguments: list[str], words: str, tmp_path: Path
) -> None:
    """Options that make no sense end with one line that says which."""
    ended = run("--data", str(tmp_path), *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    assert words in ended.stderr


def test_a_taken_port_is_a_failure(tmp_path: Path) -> None:
    """A port that another program has ends with one line and exit code 1."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run("--data", str(tmp_path), "--executor", "echo", "--port", port)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert port in ended.stderr


def test_help_needs_nothing_heavy() -> None:
    """`--help` works without the packages of the extra `local`."""
    code = (
        "import sys\n"
        "for name in ('starlette', 'uvicorn', 'openai', 'xllamacpp', 'platformdirs'):\n"
        "    sys.modules[name] = None\n"
        "from openai_batch.local.__main__ import main\n"
        "main(['--help'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "--until-stdin-closes" in ended.stdout
