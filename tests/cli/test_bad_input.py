"""Whatever is wrong with an input is told at once, line by line, and nothing is sent or lost."""

import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bad_inputs import (
    BAD_ARGUMENTS,
    BAD_INPUTS,
    BAD_PROMPTS,
    EVERYTHING,
    GOOD,
    Bad,
    Refused,
    line,
)
from cli_process import Cli, chats, run_ids

from openai_batch import Batch
from openai_batch.cli.main import run_command
from openai_batch.errors import CredentialsMissing, CredentialsRefused, InputInvalid

KEY = "sk-0123456789-abcdefgh"


class Listener(ThreadingHTTPServer):
    """A provider that refuses the key, quoting it as OpenAI does, and notes who asked for what."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Refusing)
        self.calls: list[str] = []


class _Refusing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, Listener)
        self.server.calls.append(f"{self.command} {self.path}")
        self.rfile.read(int(self.headers["content-length"] or 0))
        said = f"Incorrect API key provided: {KEY}, {KEY[:6]}********{KEY[-4:]}."
        content = b'{"error": {"message": "%s", "code": "invalid_api_key"}}' % said.encode()
        self.send_response(401)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self.do_POST()

    def log_message(self, *args: object) -> None:
        """Nothing is logged."""


@pytest.fixture(scope="module")
def listener() -> Iterator[Listener]:
    with Listener() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def here(tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an input's name free in it; whatever is done there, nobody is called."""
    listener.calls.clear()
    monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{listener.server_port}/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "providers.toml"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    assert listener.calls == []


def assert_untouched(here: Path, content: bytes) -> None:
    """No run is left, nothing was written, and the input is as it was."""
    assert run_ids(here.parent / "state") == []
    assert [path.name for path in here.iterdir()] == ["in.jsonl"]
    assert (here / "in.jsonl").read_bytes() == content


def report(bad: Bad, outcome: str = "nothing was sent") -> list[str]:
    """What standard error has to say."""
    faults = [f"in.jsonl{fault}" for fault in bad.told]
    return [*faults, f"openai-batch: {bad.total}; {outcome}: {bad.mend}"]


@pytest.mark.parametrize("bad", BAD_INPUTS, ids=lambda bad: bad.name)
def test_a_bad_input_is_explained_and_nothing_is_sent(
    here: Path, bad: Bad, capfd: pytest.CaptureFixture[str]
) -> None:
    """`run`, `run -c`, `run --dry-run` and `Batch` find the same, and say it in the same words."""
    path = here / "in.jsonl"
    path.write_bytes(bad.content)
    for mode in (("-o", "out.jsonl"), ("-c",), ("--dry-run",)):
        code = run_command(["run", "in.jsonl", *mode, *bad.options])
        stdout, stderr = capfd.readouterr()
        assert (code, stderr.splitlines()) == (5, report(bad)), mode
        assert stdout.startswith('{"object":"dry_run"') if mode == ("--dry-run",) else not stdout
        assert_untouched(here, bad.content)
    if not bad.options:
        with pytest.raises(InputInvalid) as raised:
            Batch(submission_input_file=path).submit()
        assert [fault.at("") for fault in raised.value.faults] == list(bad.told)
        assert str(raised.value) == f"{bad.total}; nothing was sent: {bad.mend}"
        assert_untouched(here, bad.content)


def test_standard_input_is_called_by_its_name(
    here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nothing is named, places are `stdin:LINE`."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(GOOD + b"{\n")))
    assert run_command(["run"]) == 5
    assert capfd.readouterr().err.splitlines() == [
        "stdin:2: not valid JSON: unexpected end of data at column 2 "
        "(is it cut off, or spread over several lines?) [invalid_json_line]",
        "openai-batch: 1 fault in 1 line of standard input; nothing was sent: "
        "mend the lines named, and run this again",
    ]


def test_the_library_names_the_lines_in_a_traceback(here: Path) -> None:
    """A notebook that shows the exception shows its first faults."""
    with pytest.raises(InputInvalid) as raised:
        Batch(submission_input_file=io.BytesIO(EVERYTHING.content)).submit()
    notes = raised.value.__notes__
    assert notes[0] == "line 3: method must be \"POST\", not 'PUT' [invalid_method]"
    assert len(notes) == 11


@pytest.mark.parametrize("bad", BAD_PROMPTS, ids=lambda bad: bad.name)
def test_bad_prompts_are_explained_and_no_request_is_written(
    here: Path, bad: Bad, capfd: pytest.CaptureFixture[str]
) -> None:
    """`create` names every faulty line at once, on standard output as into a file."""
    (here / "in.jsonl").write_bytes(bad.content)
    for output in ((), ("out.jsonl",)):
        code = run_command(["create", "in.jsonl", *output, *bad.options])
        stdout, stderr = capfd.readouterr()
        expected = report(bad, "the requests were not written to their end")
        assert (code, stdout, stderr.splitlines()) == (5, "", expected)
        assert_untouched(here, bad.content)


@pytest.mark.skipif(os.name == "nt", reason="the system's own words differ there")
@pytest.mark.parametrize("refused", BAD_ARGUMENTS, ids=lambda refused: refused.name)
def test_what_cannot_be_read_or_written_is_refused_first(
    here: Path, refused: Refused, capfd: pytest.CaptureFixture[str]
) -> None:
    """One line says what is in the way. The input is faulty, too, and was not looked at yet."""
    (here / "in.jsonl").write_bytes(b"{\n")
    (here / "taken").write_bytes(b"mine")
    (here / "folder").mkdir()
    code = run_command(refused.arguments)
    stdout, stderr = capfd.readouterr()
    assert (code, stdout) == (refused.code, "")
    assert stderr == f"openai-batch: {refused.told.format(here=here)}\n"
    assert (here / "taken").read_bytes() == b"mine"
    assert sorted(path.name for path in here.iterdir()) == ["folder", "in.jsonl", "taken"]
    assert run_ids(here.parent / "state") == []


@pytest.mark.parametrize("debug", ["", "1"])
def test_a_wrong_key_is_shown_nowhere(
    here: Path,
    listener: Listener,
    debug: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit 4, the run is kept for the right key, and no part of the wrong one is to be found.

    The provider quotes it, whole and half masked, and a traceback is asked for.
    """
    monkeypatch.setenv("OPENAI_BATCH_DEBUG", debug)
    (here / "in.jsonl").write_bytes(GOOD)
    code = run_command(["run", "in.jsonl", "-c"])
    stdout, stderr = capfd.readouterr()
    (run_id,) = run_ids(here.parent / "state")
    record = json.loads(stdout)
    assert (code, record["run_id"], record["batch_ids"]) == (4, run_id, [])
    assert "OpenAI refused the key when asked to " in stderr
    assert f"the run is safe; continue with: openai-batch resume {run_id}\n" in stderr
    assert ("Traceback" in stderr) == bool(debug)
    kept = [path for path in (here.parent / "state").rglob("*") if path.is_file()]
    assert len(kept) > 2
    for text in (stdout, stderr, *(path.read_bytes().decode("latin-1") for path in kept)):
        assert KEY not in text
        assert f"{KEY[:6]}*" not in text
        assert f"*{KEY[-4:]}" not in text
    assert set(listener.calls) == {"POST /v1/files"}
    listener.calls.clear()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
def test_results_that_find_no_room_are_kept(cli: Cli) -> None:
    """`run > /dev/full` exits 1 and says how to go on, and that brings every result."""
    cli.write("in.jsonl", *chats(3))
    with Path("/dev/full").open("wb") as full:
        ended = cli("run", "-q", "--interval", "0.1", "in.jsonl", stdout=full)
    (run_id,) = run_ids(cli.cwd.parent / "state")
    assert ended.code == 1
    assert ended.stderr.splitlines() == [
        "openai-batch: cannot write standard output: No space left on device",
        f"the run is safe; continue with: openai-batch resume {run_id}",
    ]
    resumed = cli("resume", "-q")
    assert (resumed.code, resumed.ids) == (0, ["r1", "r2", "r3"])


def test_the_library_takes_a_mended_input_of_another_model(here: Path, listener: Listener) -> None:
    """What was guessed of a faulty input is forgotten; requests without any model want a key."""
    path = here / "in.jsonl"
    path.write_bytes(b"Say ping.\n")
    batch = Batch(submission_input_file=path)
    with pytest.raises(InputInvalid):
        batch.submit()
    path.write_bytes(line(url="/v1/moderations", body={"input": "x"}))
    with pytest.raises(CredentialsMissing, match=r"^Parasail needs a key: "):
        Batch(submission_input_file=path).submit()
    assert run_ids(here.parent / "state") == []
    path.write_bytes(GOOD)
    with pytest.raises(CredentialsRefused, match=r"^OpenAI refused the key "):
        batch.submit()
    listener.calls.clear()
