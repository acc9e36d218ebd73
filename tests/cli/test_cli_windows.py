"""What a terminal's screen shows: in any window, after resizing, stopped, in the background."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_process import WAIT_S, Cli, chat, chats, run_ids

if sys.platform == "win32":
    pytest.skip("pseudo terminals are POSIX", allow_module_level=True)

from terminal import terminal
from wcwidth import wcswidth

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"
ELAPSED = r"0:00:\d\d"
STATE = "1 batch running, 0/1 shards done, 0 failed"


def one_run(cli: Cli) -> str:
    """The id of the only run there is."""
    (run_id,) = run_ids(cli.cwd.parent / "state")
    return run_id


def test_the_display_fits_every_window_that_it_gets(stuck_cli: Cli) -> None:
    """Resized as it moves, the block has its four lines, as wide as there is room, and no others.

    Under 44 columns numbers take the place of the run's id. Ctrl-C leaves nothing of it.
    """
    stuck_cli.write("in.jsonl", *chats(2))
    with terminal(stuck_cli, "run", "--interval", "0.2", "in.jsonl") as screen:
        screen.wait_for("0 failed", "in_progress")
        run_id = one_run(stuck_cli)
        batch = re.search(r"batch (batch_\w+): in_progress", "\n".join(screen.lines))
        assert batch
        message = f"batch {batch[1]}: in_progress"
        wide = rf"{run_id}   {ELAPSED}"
        narrow = rf"{ELAPSED} 0%  0/2"
        for columns, title, block in (
            (200, wide, ["─" * 89 + "    0%  0/2", STATE, message]),
            (80, wide, ["─" * 68 + "    0%  0/2", STATE, message]),
            (60, wide, ["─" * 48 + "    0%  0/2", STATE, message]),
            (40, narrow, ["─" * 39, STATE[:38] + "…", message[:38] + "…"]),
            (20, narrow, ["─" * 19, "1 batch running, 0…", message[:18] + "…"]),
            (100, wide, ["─" * 88 + "    0%  0/2", STATE, message]),
        ):
            screen.resize(columns)
            lines = screen.wait_for("\n" + block[0] + "\n")
            assert re.fullmatch(title, lines[1])
            assert lines[2:] == block
        screen.press(b"\x03")
        assert screen.end() == 130
        assert screen.lines[1:] == [
            "interrupted",
            f"the run is safe; continue with: openai-batch resume {run_id}",
        ]
        assert screen.told.count(HIDE_CURSOR) == screen.told.count(SHOW_CURSOR) == 1


def test_a_low_window_has_the_first_lines(stuck_cli: Cli) -> None:
    """In three rows the block has what fits, and nothing of it scrolls away."""
    stuck_cli.write("in.jsonl", *chats(2))
    with terminal(stuck_cli, "run", "--interval", "0.2", "in.jsonl", rows=3) as screen:
        lines = screen.wait_for("0/2")
        assert lines[0].startswith("planned run_")
        assert lines[2].endswith("─    0%  0/2")


def test_stopped_it_leaves_the_screen_to_the_shell(stuck_cli: Cli) -> None:
    """Ctrl-Z takes the block away, `fg` draws it again below what the shell has written."""
    stuck_cli.write("in.jsonl", *chats(2))
    shell = 'set -m; "$@"; echo in between; fg >/dev/null'
    with terminal(stuck_cli, "run", "--interval", "0.2", "in.jsonl", shell=shell) as screen:
        screen.wait_for("1 batch running")
        screen.press(b"\x1a")
        lines = screen.wait_until(
            lambda lines: "in between" in lines and "1 batch running" in "\n".join(lines)
        )
        assert [line for line in lines if "batch running" in line] == [lines[-2]]
        assert lines.index("in between") < len(lines) - 4
        assert screen.told.count(SHOW_CURSOR) == 1
        screen.press(b"\x03")
        screen.end()
        assert "batch running" not in "\n".join(screen.lines)


def test_in_the_background_nothing_moves(cli: Cli) -> None:
    """`run &` writes its lines, and draws nothing over what somebody else writes there."""
    cli.write("in.jsonl", *chats(2))
    shell = 'set -m; "$@" & wait'
    with terminal(cli, "run", "--interval", "0.1", "in.jsonl", shell=shell) as screen:
        screen.end()
        assert HIDE_CURSOR not in screen.told
        assert re.search(r"planned run_\w+: 2 requests", "\n".join(screen.lines))
        closing = "2 requests: 2 succeeded, 0 failed, 0 missing; 4 tokens, $"
        assert closing in "\n".join(screen.lines)


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
def test_tmux_folds_the_lines_and_nothing_is_left_over(stuck_cli: Cli) -> None:
    """A narrower tmux window folds what is on it; the block is drawn over all of that."""
    stuck_cli.write("in.jsonl", *chats(2))

    def tmux(*arguments: str) -> str:
        command = ["tmux", "-L", f"openai-batch-{os.getpid()}", "-f", "/dev/null", *arguments]
        ended = subprocess.run(
            command, cwd=stuck_cli.cwd, env=stuck_cli.environment, capture_output=True, check=True
        )
        return ended.stdout.decode()

    def wait_for(columns: int) -> list[str]:
        """The visible lines, once the block fills so many columns."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            lines = tmux("capture-pane", "-p").rstrip().split("\n")
            if lines[-3:-1] == ["─" * (columns - 12) + "    0%  0/2", STATE]:
                return lines
            time.sleep(0.05)
        raise AssertionError("\n".join(lines))

    command = stuck_cli.command("run", "--interval", "0.2", "in.jsonl")
    tmux("-u", "new-session", "-d", "-x", "90", "-y", "20", *command)
    try:
        for columns in (90, 50, 70):
            tmux("resize-window", "-x", str(columns), "-y", "20")
            lines = wait_for(columns)
            assert len([line for line in lines if "batch running" in line]) == 1
            assert len([line for line in lines if "─" in line]) == 1
    finally:
        tmux("kill-server")


def test_watching_draws_one_table_in_place(slow_cli: Cli) -> None:
    """It says when it looked, fits a narrower window, and the last state stays with what to do."""
    slow_cli.write("in.jsonl", *chats(9))
    run_id = slow_cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    with terminal(slow_cli, "status", "--watch", "--interval", "0.3", run_id, columns=60) as screen:
        lines = screen.wait_for("looked at", "in_progress")
        assert lines[0] == "run                           status       done  failed"
        assert re.fullmatch(rf"{run_id}  in_progress   \d/9       0", lines[1])
        assert re.fullmatch(r"looked at \d\d:\d\d:\d\d, (again in \d s|looking now)", lines[2])
        assert len(lines) == 3
        screen.resize(30)
        lines = screen.wait_until(lambda lines: lines[0] == run_id)
        assert re.fullmatch(r"  in_progress \d/9, 0 failed", lines[1])
        screen.resize(80)
        assert screen.end() == 0
        told = "\n".join(screen.lines)
        assert re.search(rf"{run_id}  completed   9/9       0", told)
        assert screen.lines[-1] == f"to write its results: openai-batch download {run_id}"
        assert "looked at" not in told
        assert told.count("completed") == 1


def test_watching_into_a_pipe_shows_the_table_on_standard_error(slow_cli: Cli) -> None:
    """Changes are records; the screen has the table while it lasts, and nothing afterwards."""
    slow_cli.write("in.jsonl", *chats(9))
    run_id = slow_cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    arguments = ("status", "--watch", "--interval", "0.2", run_id)
    with terminal(slow_cli, *arguments, shell='exec "$@" > changes.jsonl') as screen:
        screen.wait_for("looked at", run_id)
        assert (screen.end(), screen.lines) == (0, [""])
    changes = (slow_cli.cwd / "changes.jsonl").read_bytes().splitlines()
    assert json.loads(changes[-1])["status"] == "completed"


def test_a_watch_that_is_interrupted_leaves_what_it_saw_last(stuck_cli: Cli) -> None:
    """Ctrl-C is exit 130, and the table stays without the line that moved."""
    stuck_cli.write("in.jsonl", *chats(3))
    run_id = stuck_cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    with terminal(stuck_cli, "status", "--watch", run_id, columns=60) as screen:
        screen.wait_for("looked at")
        screen.press(b"\x03")
        assert screen.end() == 130
        assert re.fullmatch(rf"{run_id}  in_progress   0/3       0", screen.lines[1])
        assert screen.lines[2:] == ["interrupted"]


def test_submitting_shows_a_table_and_the_next_commands(cli: Cli) -> None:
    """`run -c` on a terminal names the run and what goes on with it; JSON is for pipes."""
    cli.write("in.jsonl", *chats(3))
    with terminal(cli, "run", "-c", "in.jsonl", columns=100) as screen:
        assert screen.end() == 0
        run_id = one_run(cli)
        assert screen.lines[0] == f"planned {run_id}: 3 requests (465 bytes) in 1 shard"
        assert screen.lines[1].startswith("run                           status       done  failed")
        assert screen.lines[2].startswith(f"{run_id}  in_progress   0/3       0")
        assert screen.lines[3:] == [
            f"to wait for its end: openai-batch status --watch {run_id}",
            f"then, to write its results: openai-batch download {run_id}",
        ]


def test_failures_are_followed_by_the_command_that_sends_them_again(cli: Cli) -> None:
    """`run -o` on a terminal: the closing line, the table, and `retry`; no `download`."""
    cli.write("in.jsonl", chat("good"), chat("bad", 5))
    arguments = ("run", "--interval", "0.1", "in.jsonl", "-o", "out.jsonl")
    with terminal(cli, *arguments, columns=230) as screen:
        assert screen.end() == 3
        run_id = one_run(cli)
        assert screen.lines[1].startswith(
            "2 requests: 1 succeeded, 1 failed, 0 missing; 2 tokens, $"
        )
        assert screen.lines[3].startswith(f"{run_id}  completed   2/2       1")
        assert screen.lines[4:] == [f"to send failed requests again: openai-batch retry {run_id}"]


def test_a_rehearsal_is_a_summary(nobody: Cli) -> None:
    """`--dry-run` on a terminal says what would be sent, field by field."""
    nobody.write("in.jsonl", *chats(3), {"custom_id": "r9"})
    price = ("--price-in", "0.25", "--price-out", "2")
    with terminal(nobody, "run", "--dry-run", "in.jsonl", *price, columns=120) as screen:
        assert screen.end() == 5
        assert screen.lines[-11:] == [
            "input     in.jsonl",
            "requests  3 (465 bytes)",
            "batches   1",
            "provider  openai https://api.openai.com/v1",
            "endpoint  /v1/chat/completions",
            "model     gpt-4o-mini",
            "tokens    24 in, no ceiling on what comes out, without the lines that have faults",
            "cost      $0.0000060 or more, without an upper bound",
            "price     $0.25 in and $2.00 out for a million tokens of gpt-4o-mini (given)",
            "faults    3 missing_required_parameter: line 4",
            "openai-batch: 3 faults in 1 line of in.jsonl; nothing was sent: mend the lines named, "
            "and run this again",
        ]


def test_wide_characters_keep_columns_straight(cli: Cli) -> None:
    """Model and file in Chinese: every column begins below its title."""
    name, model = "很长的中文输入文件名.jsonl", "模型-七十亿"
    cli.write(name, chat("a", model=model))
    assert cli("run", "-q", "-p", "openai", "--interval", "0.1", name).code == 0
    with terminal(cli, "list", columns=200) as screen:
        assert screen.end() == 0
        titles, cells = screen.lines
        for title, cell in (("model", model), ("batches", "batch_"), ("input", name)):
            assert wcswidth(cells[: cells.index(cell)]) == titles.index(title)


def test_what_held_it_up_stays_on_the_screen(nobody: Cli) -> None:
    """The block is gone after a time-out, and with it would be why nothing went on."""
    nobody.env |= {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "x" * 20}
    nobody.write("in.jsonl", *chats(1))
    with terminal(nobody, "run", "--timeout", "0.5", "in.jsonl", columns=200) as screen:
        assert screen.end() == 7
        assert screen.lines[1].startswith("uploading: cannot reach OpenAI")
        assert "has not ended within the 0.5 s of --timeout" in screen.lines[2]


def test_a_dumb_terminal_gets_lines(cli: Cli) -> None:
    """TERM=dumb: no colours, no movements, the same words."""
    cli.env["TERM"] = "dumb"
    cli.write("in.jsonl", *chats(1))
    with terminal(cli, "run", "--interval", "0.1", "in.jsonl", "-o", "out.jsonl") as screen:
        assert screen.end() == 0
        assert b"\x1b" not in screen.told
        assert "shard 1/1: 1 succeeded, 0 failed, 0 missing" in screen.lines


def test_a_terminal_without_unicode_gets_what_it_can_show(stuck_cli: Cli, tmp_path: Path) -> None:
    """In ASCII the bar is made of other signs, and no name ends the command."""
    stuck_cli.env["PYTHONIOENCODING"] = "ascii"
    stuck_cli.write("中文.jsonl", *chats(2))
    with terminal(stuck_cli, "run", "中文.jsonl", columns=60) as screen:
        screen.wait_for("-" * 48 + "    0%  0/2")
        screen.press(b"\x03")
        assert screen.end() == 130
    with terminal(stuck_cli, "list", columns=150) as screen:
        assert screen.end() == 0
        assert screen.lines[1].endswith("??.jsonl")
