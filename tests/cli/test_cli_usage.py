"""Wrong usage ends with code 2 and a line or two that say what to type instead."""

import subprocess
import sys

import pytest
from cli_process import Cli, chats


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn"], "openai-batch: No such command 'runn'. Did you mean 'run'?\n"),
        (["--colour"], "openai-batch: No such option: --colour\n"),
        (["run", "--intervall", "1"], "openai-batch run: No such option: --intervall "),
        (["run", "--interval", "soon"], "openai-batch run: Invalid value for '--interval': "),
        (
            ["run", "--interval", "-1"],
            "openai-batch run: Invalid value for '--interval': '-1' is not a number from 0 on\n",
        ),
        (
            ["run", "--shard-requests", "0"],
            "openai-batch run: Invalid value for '--shard-requests': "
            "'0' is not a whole number from 1 on\n",
        ),
        (
            ["serve", "--port", "99999"],
            "openai-batch serve: Invalid value for '--port': "
            "'99999' is not a whole number from 0 to 65535\n",
        ),
        (["run", "--shard-bytes", "3 apples"], "openai-batch run: Invalid value for '--shard-by"),
        (["resume", "run_1", "input", "more"], "openai-batch resume: Got unexpected extra "),
    ],
)
def test_a_mistyped_command_line_is_explained_in_two_lines(
    nobody: Cli, arguments: list[str], message: str
) -> None:
    """The first line says what is wrong, the second where the help is; stdout stays empty."""
    ended = nobody(*arguments)
    command = (
        "openai-batch" if arguments[0] in ("runn", "--colour") else f"openai-batch {arguments[0]}"
    )
    first, second = ended.stderr.splitlines()
    assert (ended.code, ended.stdout) == (2, b"")
    assert f"{first}\n".startswith(message)
    assert second == f"Try: {command} --help"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "nothing.jsonl"], "cannot read nothing.jsonl: No such file or directory"),
        (["run", "."], "cannot read .: Is a directory"),
        (["run", "in.jsonl", "-o", "in.jsonl", "--force"], "is the input: name another file"),
        (["run", "in.jsonl", "-o", "x", "-e", "x"], "results and failed requests cannot both go"),
        (["run", "in.jsonl", "-o", "no/x"], "cannot be written: there is no folder"),
        (["run", "in.jsonl", "-o", "."], "is a folder"),
        (["run", "in.jsonl", "-o", "taken"], "--force replaces it, --output-file names another"),
        (["run", "in.jsonl", "-e", "taken"], "--force replaces it, --output-file names another"),
        (["run", "in.jsonl", "-e", "-"], "--error-file wants a file"),
        (["run", "in.jsonl", "--metadata", "colour"], "--metadata 'colour': write it as key=value"),
        (["run", "in.jsonl", "-p", "nobody"], "no provider is called 'nobody'. Known: "),
        (["run", "--resume", "run_1", "-c"], "--resume goes with neither --create nor --dry-run"),
        (
            ["run", "-c", "-p", "local", "in.jsonl"],
            "start `openai-batch serve` in another terminal",
        ),
        (["resume"], "is unfinished"),
        (["status"], "standard input names no run"),
        (["download", "in.jsonl"], "in.jsonl is no id; a file of records is read with: < in.jsonl"),
        (["serve", "--executor", "magic"], "--executor magic: it is one of llama, echo, upstream"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_sent(
    nobody: Cli, arguments: list[str], message: str
) -> None:
    """One line says what is wrong, and no run is left behind. No key is needed to be told."""
    nobody.write("in.jsonl", *chats(2))
    (nobody.cwd / "taken").write_text("mine")
    ended = nobody(*arguments)
    assert (ended.code, ended.stdout) == (2, b"")
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert (nobody.cwd / "taken").read_text() == "mine"
    assert not list((nobody.cwd.parent / "state").rglob("journal.db"))


def test_a_line_that_names_no_run_is_quoted(nobody: Cli) -> None:
    """`download` says which line of standard input is neither an id nor a record."""
    ended = nobody("download", stdin=b'run_1\n\n{"object": "list"}\n')
    assert ended.code == 2
    assert "standard input, line 3: neither an id nor a record" in ended.stderr


def test_a_missing_key_leaves_no_run_behind(nobody: Cli) -> None:
    """Without a key `run` exits 4 at once, and the same command works once the key is set."""
    nobody.write("in.jsonl", *chats(1))
    ended = nobody("run", "in.jsonl")
    assert ended.code == 4
    assert "set OPENAI_API_KEY, or pass --api-key" in ended.stderr
    assert not list((nobody.cwd.parent / "state").rglob("journal.db"))


def test_an_unknown_batch_without_any_key_exits_4(nobody: Cli) -> None:
    """There is nobody to ask about a batch made elsewhere."""
    ended = nobody("download", "batch_1")
    assert ended.code == 4
    assert "no provider's key is set to ask for it" in ended.stderr


def test_without_arguments_the_help_goes_to_stderr(nobody: Cli) -> None:
    """A forgotten command is wrong usage, and pipes get nothing."""
    ended = nobody()
    assert (ended.code, ended.stdout) == (2, b"")
    assert ended.stderr.startswith("Usage: openai-batch [OPTIONS] COMMAND [ARGS]...")


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_is_output_that_was_asked_for(nobody: Cli, option: str) -> None:
    """`-h` and `--help` write to standard output and exit 0."""
    ended = nobody("download", option)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout.startswith(b"Usage: openai-batch download [OPTIONS] [ID]...")


def test_the_version_is_one_line(nobody: Cli) -> None:
    """`--version` names the program and its version."""
    ended = nobody("--version")
    assert ended.code == 0
    assert ended.stdout.startswith(b"openai-batch ")


def test_a_bug_is_one_line_and_a_traceback_only_on_demand(nobody: Cli) -> None:
    """What was not foreseen exits 1 and asks for a report; OPENAI_BATCH_DEBUG=1 shows where."""
    script = (
        "import openai_batch.cli.create as module; module.create = lambda: 1 / 0\n"
        "from openai_batch.cli.main import main; main(['create'])"
    )
    told = []
    for debug in ("", "1"):
        environment = nobody.environment | {"OPENAI_BATCH_DEBUG": debug}
        command = [sys.executable, "-c", script]
        ended = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert ended.returncode == 1
        told.append(ended.stderr.decode())
    assert told[0].startswith("openai-batch hit a bug: ZeroDivisionError: division by zero; please")
    assert len(told[0].splitlines()) == 1
    assert "Traceback" in told[1]
