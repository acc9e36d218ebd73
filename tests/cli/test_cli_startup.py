"""Start-up time: what is not loaded cannot take time."""

import subprocess
import sys

import pytest
from cli_process import Cli, chats

HEAVY = {"openai", "pydantic", "httpx2", "rich", "asyncio", "starlette", "uvicorn"}


def loaded(cli: Cli, *arguments: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    script = (
        "import sys; from openai_batch.cli.main import run_command\n"
        "code = run_command(sys.argv[1:]); sys.stderr.write(' '.join(sys.modules)); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, *arguments]
    ended = subprocess.run(
        command, cwd=cli.cwd, env=cli.environment, input=b"hello\n", capture_output=True, check=True
    )
    return set(ended.stderr.decode().split())


@pytest.mark.parametrize(
    ("arguments", "light"),
    [
        (["--help"], {"sqlite3", "platformdirs"}),
        (["run", "--help"], {"sqlite3", "platformdirs"}),
        (["--version"], {"sqlite3", "platformdirs"}),
        (["example-prompts"], {"sqlite3"}),
        (["create", "--model", "m"], {"sqlite3"}),
        (["validate", "in.jsonl"], set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_light_commands_load_nothing_heavy(
    nobody: Cli, arguments: list[str], light: set[str]
) -> None:
    """The SDK, pydantic and rich wait for the commands that use them; so does SQLite."""
    nobody.write("in.jsonl", *chats(1))
    names = {module.split(".")[0] for module in loaded(nobody, *arguments)}
    assert names & (HEAVY | light) == set()


def test_a_command_does_not_load_the_others(nobody: Cli) -> None:
    """`create` is not slowed down by what `run` and `serve` need."""
    modules = loaded(nobody, "create", "--model", "m")
    assert "openai_batch.cli.create" in modules
    assert not modules & {"openai_batch.cli.run", "openai_batch.cli.serve", "openai_batch.cli.live"}


def test_a_dry_run_does_not_load_the_sdk(nobody: Cli) -> None:
    """It loads the price list, and what that needs, but nothing that speaks to a provider."""
    nobody.write("in.jsonl", *chats(1))
    names = {module.split(".")[0] for module in loaded(nobody, "run", "--dry-run", "in.jsonl")}
    assert "genai_prices" in names
    assert names & {"openai", "rich", "starlette", "uvicorn"} == set()
