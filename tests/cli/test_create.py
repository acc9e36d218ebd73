"""`openai-batch create`, as a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cli_process import Cli


def create(
    *arguments: str | Path, stdin: bytes = b"", home: Path
) -> subprocess.CompletedProcess[bytes]:
    """Run the command with nothing set that could name a provider."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OPENAI_", "PARASAIL_"))
    }
    environment["OPENAI_BATCH_HOME"] = str(home)
    environment["OPENAI_BATCH_CONFIG"] = str(home / "providers.toml")
    return subprocess.run(
        [sys.executable, "-m", "openai_batch", "create", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env=environment,
        timeout=60,
        check=False,
    )


def test_from_stdin_to_stdout(tmp_path: Path) -> None:
    """In a pipeline, prompts come in and requests for the usual model go out."""
    done = create(stdin="Say Pong\n你好\n".encode(), home=tmp_path)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == (
        '{"custom_id":"line-1","method":"POST","url":"/v1/chat/completions",'
        '"body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say Pong"}]}}\n'
        '{"custom_id":"line-2","method":"POST","url":"/v1/chat/completions",'
        '"body":{"model":"gpt-4o-mini","messages":[{"role":"user","content":"你好"}]}}\n'
    )


def test_options_reach_the_requests(tmp_path: Path) -> None:
    """Model, system message, parameters and prefix stand in the request."""
    done = create(
        *("--model", "gpt-x", "--system", "Be brief.", "--custom-id-prefix", "q"),
        *("--param", "temperature=0", "--param", "reasoning_effort=low", "-"),
        stdin=b"x\n",
        home=tmp_path,
    )
    assert json.loads(done.stdout) == {
        "custom_id": "q-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-x",
            "temperature": 0,
            "reasoning_effort": "low",
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "x"},
            ],
        },
    }


@pytest.mark.parametrize(
    ("arguments", "url", "body"),
    [
        (["-e"], "/v1/embeddings", {"model": "text-embedding-3-small", "input": "x"}),
        (
            ["--embedding", "-p", "parasail"],
            "/v1/embeddings",
            {"model": "intfloat/e5-mistral-7b-instruct", "input": "x"},
        ),
        (["--responses"], "/v1/responses", {"model": "gpt-4o-mini", "input": "x"}),
        (
            ["-e", "--score", "good?", "--model", "m"],
            "/v1/score",
            {"model": "m", "text_1": "good?", "text_2": "x"},
        ),
        (
            ["--rerank", "good?", "--model", "m"],
            "/v1/score",
            {"model": "m", "query": "good?", "documents": ["x"]},
        ),
        (
            ["--text"],
            "/v1/chat/completions",
            {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": '{"input": "x"}'}]},
        ),
    ],
)
def test_kinds_can_be_asked_for(
    tmp_path: Path, arguments: list[str], url: str, body: dict[str, object]
) -> None:
    """Each option makes the kind of request that its name says."""
    done = create(*arguments, stdin=b'{"input": "x"}', home=tmp_path)
    request = json.loads(done.stdout)
    assert (request["url"], request["body"]) == (url, body)


def test_files_are_named_by_position(tmp_path: Path) -> None:
    """INPUT OUTPUT reads one file and replaces the other, which may not be the same."""
    prompts, requests = tmp_path / "prompts.txt", tmp_path / "requests.jsonl"
    prompts.write_bytes(b"x\n")
    requests.write_bytes(b"old")
    done = create(prompts, requests, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert json.loads(requests.read_bytes())["custom_id"] == "line-1"
    refused = create(prompts, prompts, home=tmp_path)
    assert (refused.returncode, prompts.read_bytes()) == (2, b"x\n")


@pytest.mark.skipif(os.name == "nt", reason="devices and links are files only on POSIX")
def test_devices_and_links_stay_what_they_are(tmp_path: Path) -> None:
    """A device is written into, and a link goes on pointing at what is replaced."""
    link, behind = tmp_path / "link", tmp_path / "behind"
    behind.write_bytes(b"old")
    link.symlink_to(behind)
    create("-", link, stdin=b"x\n", home=tmp_path)
    assert link.is_symlink()
    assert behind.read_bytes().startswith(b'{"custom_id":"line-1"')
    done = create("-", "/dev/stdout", stdin=b"x\n", home=tmp_path)
    assert done.stdout.startswith(b'{"custom_id":"line-1"')


def test_faults_leave_the_old_file(tmp_path: Path) -> None:
    """With a faulty line the exit code is 5, stderr names the line, and OUTPUT is as it was."""
    requests = tmp_path / "requests.jsonl"
    requests.write_bytes(b"old")
    done = create("-", requests, stdin=b'good\n{"prompt": "x"\n', home=tmp_path)
    assert done.returncode == 5
    assert done.stderr.decode().splitlines() == [
        "stdin:2: not valid JSON: unexpected end of data at column 15 "
        "(is it cut off, or spread over several lines?); "
        "say --text if the lines are plain text [invalid_json_line]",
        "openai-batch: 1 fault in 1 line of standard input; the requests were not written to "
        "their end: mend the lines named, and run this again",
    ]
    assert requests.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["requests.jsonl"]


LINES = 20_000
"""Their requests are more than a pipe and all buffers hold."""


def assert_cut(content: bytes) -> None:
    """There are many requests, and the last one is not whole."""
    *whole, last = content.split(b"\n")
    assert len(whole) > 1000
    assert all(json.loads(line) for line in whole)
    assert last
    with pytest.raises(ValueError):
        json.loads(last)


def test_what_precedes_a_fault_cannot_be_taken_for_the_whole(nobody: Cli) -> None:
    """In `create | run` the shell tells nobody that `create` has failed, and `run` sends nothing.

    What has left by then ends in the middle of a request.
    """
    prompts = b"hello\n" * LINES + b'{"prompt": "x"\n' + b"hello\n" * LINES
    created = nobody("create", stdin=prompts)
    assert created.code == 5
    assert created.stderr.startswith(f"stdin:{LINES + 1}: not valid JSON: ")
    assert_cut(created.stdout)
    piped = nobody("run", "--dry-run", stdin=created.stdout)
    assert piped.code == 5
    assert piped.stderr.splitlines()[-1] == (
        "openai-batch: 1 fault in 1 line of standard input; nothing was sent: "
        "mend the lines named, and run this again"
    )


def test_a_few_requests_before_a_fault_are_not_written_at_all(nobody: Cli) -> None:
    """And `run` refuses an input without requests, too."""
    created = nobody("create", stdin=b'hello\n{"prompt": "x"\n')
    assert (created.code, created.stdout) == (5, b"")
    piped = nobody("run", "--dry-run", stdin=created.stdout)
    assert piped.code == 5
    assert piped.stderr.splitlines()[0] == (
        "stdin: the input holds no requests; is it the right one, and did what writes it succeed? "
        "[empty_file]"
    )


def test_what_a_killed_create_has_written_ends_in_the_middle_of_a_request(nobody: Cli) -> None:
    """Not even kill -9 leaves anything that looks like a shorter input."""
    process = nobody.start("create")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"hello\n" * 10_000)  # no more than a pipe holds
    process.stdin.flush()
    content = process.stdout.read(1_040_000)  # its first buffer, nearly; it waits for more prompts
    process.kill()
    content += process.stdout.read()
    process.communicate()
    assert_cut(content)


def test_many_faults_are_shown_in_part(tmp_path: Path) -> None:
    """A hundred faults are shown with file and line, the others counted."""
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_bytes(b"{\n" * 1150)
    done = create(prompts, home=tmp_path)
    said = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, len(said)) == (5, b"", 102)
    assert said[99].startswith(f"{prompts}:100: not valid JSON: ")
    assert said[100] == "and 1,050 more"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--score", "x", "--rerank", "y"], "--score and --rerank make different requests"),
        (["-e", "--responses"], "--responses and --embedding make different requests"),
        (["--param", "temperature"], "write KEY=VALUE"),
        (["--param", "model=x"], "say --model"),
        (["-p", "nobody"], "nobody"),
        (["no/such/file"], "no/such/file"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    """What makes no sense is told on stderr, with exit code 2 and nothing on stdout."""
    done = create(*arguments, stdin=b"x\n", home=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode()
