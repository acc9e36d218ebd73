"""On a terminal: results in files, a live display, tables."""

import os
import re

import pytest
from cli_process import Cli, chat, chats, run_ids

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pseudo terminals are POSIX")

HIDE_CURSOR, SHOW_CURSOR = b"\x1b[?25l", b"\x1b[?25h"


def plain(screen: bytes) -> str:
    """What was told to the screen, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen.decode()).replace("\r", "")


def test_run_writes_files_beside_its_input(cli: Cli) -> None:
    """The screen gets the closing line, the files get results and failures."""
    (cli.cwd / "sub").mkdir()
    cli.write("sub/in.jsonl", chat("good"), chat("bad", 5))
    ended = cli.on_terminal("run", "--interval", "0.1", "sub/in.jsonl")
    assert ended.code == 3
    assert b'"custom_id":"good"' in (cli.cwd / "sub/in.output.jsonl").read_bytes()
    assert b'"custom_id":"bad"' in (cli.cwd / "sub/in.errors.jsonl").read_bytes()
    closing = "2 requests: 1 succeeded, 1 failed, 0 missing; 2 tokens, $"
    assert closing in plain(ended.stdout)
    assert '"custom_id"' not in plain(ended.stdout)


def test_no_empty_error_file_is_left_behind(cli: Cli) -> None:
    """Where nothing failed there is one file; and it is not replaced the next time."""
    cli.write("in.jsonl", chat("good"))
    assert cli.on_terminal("run", "--interval", "0.1", "in.jsonl").code == 0
    assert (cli.cwd / "in.output.jsonl").exists()
    assert not (cli.cwd / "in.errors.jsonl").exists()
    again = cli.on_terminal("run", "in.jsonl")
    assert again.code == 2
    assert "in.output.jsonl exists: --force replaces it" in plain(again.stdout)


def test_a_dash_forces_standard_output(cli: Cli) -> None:
    """`-o -` shows results once the display has gone; NO_COLOR leaves colours out."""
    cli.env["NO_COLOR"] = "1"
    cli.write("in.jsonl", chat("good"))
    ended = cli.on_terminal("run", "--interval", "0.1", "in.jsonl", "-o", "-")
    assert ended.code == 0
    assert '"custom_id":"good"' in plain(ended.stdout.split(SHOW_CURSOR)[-1])
    assert not re.search(rb"\x1b\[[\d;]+m", ended.stdout)
    assert sorted(path.name for path in cli.cwd.iterdir()) == ["in.jsonl"]


def test_results_of_piped_requests_are_named_after_the_run(cli: Cli) -> None:
    """Standard input has no name, so the files have the run's."""
    path = cli.write("in.jsonl", chat("good"))
    with path.open("rb") as stdin:
        ended = cli.on_terminal("run", "-q", "--interval", "0.1", stdin=stdin.fileno())
    (run_id,) = run_ids(cli.cwd.parent / "state")
    assert (ended.code, ended.stdout) == (0, b"")
    assert b'"custom_id":"good"' in (cli.cwd / f"{run_id}.output.jsonl").read_bytes()


def test_the_display_is_one_short_block_that_goes(slow_cli: Cli) -> None:
    """It shows run, share and batches in lines that fit 60 columns, and the cursor comes back."""
    slow_cli.write("in.jsonl", *chats(6))
    ended = slow_cli.on_terminal("run", "--interval", "0.1", "in.jsonl", columns=60)
    shown = plain(ended.stdout)
    (run_id,) = run_ids(slow_cli.cwd.parent / "state")
    assert ended.code == 0
    assert ended.stdout.count(HIDE_CURSOR) == ended.stdout.count(SHOW_CURSOR) == 1
    assert f"planned {run_id}: 6 requests" in shown
    assert re.search(rf"{run_id} +0:00:0\d\n", shown)
    assert " 66%  4/6" in shown or " 66% 4/6" in shown
    block = [line for line in shown.splitlines() if "batch running" in line or "%" in line]
    assert block and max(map(len, block)) < 60


def test_status_draws_a_table_whose_ids_can_be_copied(cli: Cli) -> None:
    """Ids are whole, at 60 columns too."""
    cli.write("in.jsonl", *chats(2))
    run_id = cli("run", "-q", "--interval", "0.1", "in.jsonl", "-o", "x").records[0]["run_id"]
    for columns in (60, 120):
        ended = cli.on_terminal("status", run_id, columns=columns)
        assert ended.code == 0
        assert re.search(rf"{run_id} +completed +2/2 +0", plain(ended.stdout))
    assert "openai" in plain(ended.stdout)
    assert b"{" not in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run"], "no input: name a file, or pipe it into standard input"),
        (["create"], "no input: name a file, or pipe it into standard input"),
        (["status"], "name a run: openai-batch status RUN_ID"),
        (["download"], "name a run: openai-batch download RUN_ID"),
    ],
)
def test_nothing_waits_for_a_terminal_to_type_input(
    nobody: Cli, arguments: list[str], message: str
) -> None:
    """Without input and at a terminal, the command says what it wants and exits 2."""
    ended = nobody.on_terminal(*arguments)
    assert ended.code == 2
    assert message in plain(ended.stdout)
