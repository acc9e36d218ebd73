"""`resume`, and how runs are left: signals, locks, and which run is meant."""

import os
import signal

import pytest
from cli_process import Cli, chat, chats, run_ids, stop, wait_for_line


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_stopped_run_says_how_to_go_on_and_resume_finishes_it(
    slow_cli: Cli,
) -> None:
    """SIGTERM: nothing is delivered; `resume` then finds the one unfinished run."""
    slow_cli.write("in.jsonl", *chats(3))
    process = slow_cli.start("run", "in.jsonl", "--interval", "0.1")
    wait_for_line(process, " started (3 requests)")
    (run_id,) = run_ids(slow_cli.cwd.parent / "state")
    ended = stop(process, signal.SIGTERM)
    assert (ended.code, ended.stdout) == (143, b"")
    assert ended.stderr.splitlines()[-2:] == [
        "terminated",
        f"the run is safe; continue with: openai-batch resume {run_id}",
    ]
    resumed = slow_cli("resume", "--interval", "0.1")
    assert (resumed.code, resumed.ids) == (0, ["r1", "r2", "r3"])
    assert "\n3 requests: 3 succeeded, 0 failed, 0 missing; 6 tokens, $" in resumed.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")
def test_a_run_stopped_while_reading_was_never_sent(cli: Cli) -> None:
    """Ctrl-C before the input has ended leaves no run."""
    process = cli.start("run", "-p", "openai")
    assert process.stdin is not None
    process.stdin.write(b'{"custom_id":')
    process.stdin.flush()
    state = cli.cwd.parent / "state" / "runs"
    while not list(state.glob("*/spool")):
        assert process.poll() is None
    ended = stop(process, signal.SIGINT)
    assert ended.code == 130
    assert ended.stderr.splitlines() == ["interrupted", "nothing was sent"]
    assert not list(state.iterdir())


def test_a_run_that_is_driven_elsewhere_is_locked(stuck_cli: Cli) -> None:
    """A second process exits 9, says who has it, and what can be done."""
    stuck_cli.write("in.jsonl", chat("one"))
    process = stuck_cli.start("run", "in.jsonl")
    wait_for_line(process, " started (1 request)")
    (run_id,) = run_ids(stuck_cli.cwd.parent / "state")
    second = stuck_cli("resume", run_id)
    process.kill()
    process.communicate()
    assert (second.code, second.stdout) == (9, b"")
    assert f"process {process.pid}" in second.stderr
    assert second.stderr.splitlines()[1:] == [
        f"to see how it is: openai-batch status {run_id}",
        f"to end it: openai-batch cancel {run_id}",
    ]


def test_resume_without_an_id_lists_several_runs(stuck_cli: Cli) -> None:
    """It does not choose: stderr lists what there is, and the exit code is 2."""
    for name in ("a", "b"):
        stuck_cli.write(f"{name}.jsonl", chat(name))
        stuck_cli("run", "-q", "-c", f"{name}.jsonl")
    first, second = run_ids(stuck_cli.cwd.parent / "state")
    ended = stuck_cli("resume")
    lines = ended.stderr.splitlines()
    assert (ended.code, ended.stdout) == (2, b"")
    assert lines[0].startswith(f"{first} ") and lines[0].endswith("a.jsonl")
    assert lines[1].startswith(f"{second} ") and lines[1].endswith("b.jsonl")
    assert lines[2] == "openai-batch: 2 runs are unfinished; name one: openai-batch resume RUN"


def test_resume_goes_on_to_the_files_that_run_named(slow_cli: Cli) -> None:
    """`run -o out.jsonl`, killed, continues to out.jsonl; then it is delivered for good."""
    slow_cli.write("in.jsonl", chat("good"), chat("bad", 5))
    arguments = ["in.jsonl", "-o", "out.jsonl", "-e", "errors.jsonl", "--interval", "0.1"]
    process = slow_cli.start("run", *arguments)
    wait_for_line(process, " started (2 requests)")
    process.kill()
    process.communicate()
    ended = slow_cli("run", "--resume", run_ids(slow_cli.cwd.parent / "state")[0])
    assert ended.code == 3
    assert ended.records[0]["output_file"] == str(slow_cli.cwd / "out.jsonl")
    assert b'"custom_id":"good"' in (slow_cli.cwd / "out.jsonl").read_bytes()
    assert b'"custom_id":"bad"' in (slow_cli.cwd / "errors.jsonl").read_bytes()
    assert slow_cli("resume").code == 2


def test_an_unknown_run_exits_with_the_provider_asked(cli: Cli) -> None:
    """A run that nobody knows is told with who was asked; nothing is invented."""
    ended = cli("resume", "run_20200101_000000_00000000")
    assert (ended.code, ended.stdout) == (2, b"")
    assert "run_20200101_000000_00000000" in ended.stderr
    assert "OpenAI" in ended.stderr
