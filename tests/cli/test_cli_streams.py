"""Standard streams: what happens when one of them is closed, gone or full."""

import contextlib
import io
import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cli_process import WAIT_S, Cli, chat, chats, run_ids, stop

from openai_batch.cli.console import STDERR
from openai_batch.cli.delivery import NamedByBatch

posix = pytest.mark.skipif(os.name == "nt", reason="the shell's redirections are POSIX")


def shell(cli: Cli, line: str) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of shell in which `ob` is the program."""
    function = f'ob() {{ "{sys.executable}" -m openai_batch "$@"; }}\n'
    return subprocess.run(
        ["/bin/sh", "-c", function + line],
        cwd=cli.cwd,
        env=cli.environment,
        capture_output=True,
        check=False,
    )


def unread_pipe() -> int:
    """The writing end of a pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--dry-run", "in.jsonl"]])
def test_a_reader_that_has_gone_means_141_and_no_word(nobody: Cli, arguments: list[str]) -> None:
    """Truncated output never looks like success, and the pipe's end is nothing to complain of."""
    nobody.write("in.jsonl", *chats(1))
    writer = unread_pipe()
    ended = nobody(*arguments, stdout=writer)
    os.close(writer)
    assert (ended.code, ended.stderr) == (141, "")


def test_results_are_kept_when_their_reader_has_gone(cli: Cli) -> None:
    """After 141 the run is not delivered: that and what to do is said, and `resume` does it."""
    cli.write("in.jsonl", *chats(3))
    writer = unread_pipe()
    broken = cli("run", "-q", "in.jsonl", stdout=writer)
    os.close(writer)
    (run_id,) = run_ids(cli.cwd.parent / "state")
    assert (broken.code, broken.stderr) == (
        141,
        "standard output was closed before all was written\n"
        f"the run is safe; continue with: openai-batch resume {run_id}\n",
    )
    resumed = cli("resume")
    assert (resumed.code, resumed.ids) == (0, ["r1", "r2", "r3"])


@posix
@pytest.mark.parametrize(
    ("how", "code", "word"),
    [
        ("closed", 141, "standard output was closed before all was written"),
        ("SIGINT", 130, "interrupted"),
        ("SIGTERM", 143, "terminated"),
    ],
)
def test_results_that_were_read_in_part_come_whole_with_resume(
    cli: Cli, how: str, code: int, word: str
) -> None:
    """`| head -1`, or a signal while results are written: `resume` begins with the first again."""
    cli.write("in.jsonl", *(chat(f"r{number}", "x" * 5_000) for number in range(100)))
    process = cli.start("run", "-q", "--interval", "0.1", "in.jsonl", bufsize=0)
    assert process.stdout is not None and process.stderr is not None
    assert process.stdout.read(1) == b"{"  # far more follows than a pipe holds
    if how == "closed":
        process.stdout.close()
    else:
        process.send_signal(getattr(signal, how))
    said = process.stderr.read().decode()
    assert process.wait(30) == code
    process.stdin and process.stdin.close()
    process.stdout.close()
    process.stderr.close()
    (run_id,) = run_ids(cli.cwd.parent / "state")
    assert said.splitlines() == [
        word,
        f"the run is safe; continue with: openai-batch resume {run_id}",
    ]
    resumed = cli("resume", "-q")
    assert (resumed.code, resumed.ids) == (0, [f"r{number}" for number in range(100)])


@posix
def test_dev_stdout_may_be_named_although_it_is_a_pipe(cli: Cli) -> None:
    """Its link leads to a name that nobody can open; the results are followed by the record."""
    cli.write("in.jsonl", *chats(2))
    ended = cli("run", "-q", "--interval", "0.1", "in.jsonl", "-o", "/dev/stdout")
    *results, record = ended.records
    assert (ended.code, [result["custom_id"] for result in results]) == (0, ["r1", "r2"])
    assert (record["object"], record["status"]) == ("run", "completed")


@posix
def test_create_may_be_interrupted_while_it_waits_for_prompts(nobody: Cli) -> None:
    """Ctrl-C before the prompts have ended is exit 130; the last request is not whole."""
    process = nobody.start("create")
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write(b"hello\n" * 10_000)  # a pipe holds it, but not the requests
    process.stdin.flush()
    begun = process.stdout.read(1000)
    ended = stop(process, signal.SIGINT)
    assert (ended.code, ended.stderr) == (130, "interrupted\n")
    assert not (begun + ended.stdout).endswith(b"}\n")


@posix
def test_standard_output_that_is_closed_from_the_start_means_141(nobody: Cli) -> None:
    """Descriptor 1 is not given to a file that the program opens itself."""
    nobody.write("in.jsonl", *chats(1))
    ended = shell(nobody, "ob run --dry-run in.jsonl >&-")
    assert (ended.returncode, ended.stderr) == (141, b"")


@posix
def test_standard_error_may_be_closed_or_gone(nobody: Cli) -> None:
    """Without anybody to talk to, results and exit codes are the same."""
    nobody.write("in.jsonl", *chats(1))
    closed = shell(nobody, "ob run --dry-run in.jsonl 2>&-")
    assert closed.returncode == 0
    assert closed.stdout.startswith(b'{"object":"dry_run"')
    writer = unread_pipe()
    gone = nobody("run", "nothing.jsonl", stderr=writer)
    os.close(writer)
    assert (gone.code, gone.stdout) == (2, b"")


@posix
def test_standard_input_that_is_closed_is_no_input(nobody: Cli) -> None:
    """`run <&-` is wrong usage."""
    ended = shell(nobody, "ob run <&-")
    assert ended.returncode == 2
    assert b"standard input is closed: name a file" in ended.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
def test_a_full_disk_behind_standard_output_exits_1(nobody: Cli) -> None:
    """The message names the cause, once."""
    nobody.write("in.jsonl", *chats(1))
    ended = shell(nobody, "ob run -q --dry-run in.jsonl > /dev/full")
    assert ended.returncode == 1
    assert ended.stderr == (
        b"openai-batch: cannot write standard output: No space left on device\n"
    )


@posix
def test_a_slow_reader_behind_a_non_blocking_pipe_gets_everything(nobody: Cli) -> None:
    """Some parents make pipes non-blocking: a full one is waited for."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    process = nobody.start("example-prompts", "-n", "5000", stdout=writer, stdin=subprocess.DEVNULL)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        lines = stream.read().splitlines()
    process.communicate()
    assert (process.returncode, len(lines)) == (0, 5000)


@posix
def test_an_empty_pipe_that_is_non_blocking_has_not_ended(nobody: Cli) -> None:
    """What is there at first is not taken for the whole."""
    first, last = (json.dumps(request).encode() + b"\n" for request in chats(2))
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    process = nobody.start("run", "--dry-run", stdin=reader)
    os.write(writer, first)
    while select.select([reader], [], [], 0)[0]:  # until it has read that
        assert process.poll() is None
    with contextlib.suppress(BrokenPipeError):  # it has left, which the count will tell
        os.close(reader)
        os.write(writer, last)
    os.close(writer)
    stdout, stderr = process.communicate(timeout=WAIT_S)
    assert (process.returncode, stderr) == (0, b"")
    assert json.loads(stdout)["requests"] == 2


def test_a_terminal_is_not_steered_by_what_others_wrote(nobody: Cli) -> None:
    """Control characters in quoted text do not reach standard error."""
    ended = nobody("run", "\x1b[31mred\x07.jsonl")
    assert ended.code == 2
    assert "\x1b" not in ended.stderr
    assert "\x07" not in ended.stderr


def test_a_message_from_within_another_is_lost_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ctrl-Z while standard error is blocked: its handler may write into the write that waits."""

    class Interrupted(io.RawIOBase):
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            STDERR.write("from the handler\n")
            self.written += bytes(data)
            return len(data)

    raw = Interrupted()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(io.BufferedWriter(raw), "utf-8"))
    STDERR.write("first\n")
    STDERR.write("second\n")
    assert raw.written == b"first\nsecond\n"


def test_files_named_by_a_batch_have_names_that_can_be() -> None:
    """An id is the provider's word: it leads to no other folder, and is cut where it is long."""
    assert NamedByBatch("../b/1").file_names(None, "e") == (".._b_1-output.jsonl", "e")
    assert NamedByBatch("x" * 999).file_names("o", None) == ("o", "x" * 200 + "-errors.jsonl")
