"""The manual: a page for each command, written from the command tree, fit for `man` and mandoc."""

import ast
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import openai_batch
from openai_batch.cli.documents.__main__ import CHECKOUT, documents
from openai_batch.cli.documents.surroundings import VARIABLES

PACKAGE = Path(openai_batch.__file__).parent
PAGES = CHECKOUT / "man"


def page(name: str) -> str:
    return (PAGES / name).read_text("utf-8")


def section(text: str, title: str) -> str:
    """What stands under a heading."""
    return text.partition(f"\n.SH {title}\n")[2].partition("\n.SH ")[0]


def test_the_committed_pages_are_fresh() -> None:
    """`python -m openai_batch.cli.documents` would change nothing, and leave nothing behind."""
    written = {name: text for name, text in documents().items() if name.startswith("man/")}
    assert {f"man/{path.name}": path.read_text("utf-8") for path in PAGES.iterdir()} == written


def test_each_command_has_a_page() -> None:
    """And the program has one, which names them all."""
    commands = {
        "example-prompts",
        "create",
        "validate",
        "run",
        "status",
        "download",
        "resume",
        "list",
        "cancel",
        "retry",
        "sample",
        "join",
        "stats",
        "serve",
        "completion",
    }
    names = {path.name for path in PAGES.iterdir()}
    assert names == {"openai-batch.1", *(f"openai-batch-{command}.1" for command in commands)}
    see_also = section(page("openai-batch.1"), "SEE ALSO").replace("\\-", "-")
    assert all(f"\\fBopenai-batch-{command}\\fR(1)" in see_also for command in commands)


def test_a_page_tells_what_its_command_needs() -> None:
    """What its help has, and the codes, variables and files that concern it, but no others."""
    create, run = page("openai-batch-create.1"), page("openai-batch-run.1")
    assert section(create, "SYNOPSIS") == (
        "\\fBopenai\\-batch create\\fR [\\fIOPTION\\fR]... [\\fIINPUT\\fR] [\\fIOUTPUT\\fR]"
    )
    assert "\\fB\\-\\-max\\-in\\-flight\\fR \\fIN\\fR\nAt most N batches at a time" in run
    assert "openai\\-batch run requests.jsonl \\-o results.jsonl\n" in section(run, "EXAMPLES")
    codes = [line for line in section(create, "EXIT STATUS").splitlines() if line[:3] == "\\fB"]
    assert codes == [f"\\fB{code}\\fR" for code in (0, 1, 2, 5, 130, 141, 143)]
    assert "\\fB9\\fR\nthe run is locked" in section(run, "EXIT STATUS")
    assert "OPENAI_API_KEY" in section(run, "ENVIRONMENT")
    assert "OPENAI_API_KEY" not in create
    assert "providers.toml" in section(create, "FILES")
    assert "journal.db" in section(run, "FILES")
    assert "journal.db" not in create


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_mandoc_finds_nothing_to_warn_of() -> None:
    """No page has a macro, a date or an escape that readers would stumble over."""
    pages = sorted(map(str, PAGES.iterdir()))
    ended = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *pages],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout + ended.stderr == ""


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_text_arrives_as_it_was_meant() -> None:
    """Hyphens that are typed, quotes, backslashes and dots at the beginning of a line."""
    shown = ""
    for name in ("openai-batch.1", "openai-batch-create.1"):
        command = ["mandoc", "-T", "utf8", "-O", "width=200", str(PAGES / name)]
        shown += subprocess.run(command, capture_output=True, check=True, text=True).stdout
    plain = "".join(c for i, c in enumerate(shown) if "\b" not in shown[i : i + 2])
    assert "on Windows %LOCALAPPDATA%\\openai-batch." in plain
    assert """echo '{"prompt": "Hello", "model": "gpt-4o-mini"}' | openai-batch create\n""" in plain
    assert "--custom-id-prefix PREFIX\n" in plain


def constants() -> dict[str, str]:
    """Every name in capitals that is a text somewhere in the package."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_bytes()).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                        found[target.id] = node.value.value
    return found


def variables_read() -> Iterator[str]:
    """The variables that the code asks the environment for, by name or by a constant's name."""
    named = constants()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not (isinstance(node, ast.Call) and node.args):
                continue
            called = ast.unparse(node.func)
            if called.rpartition(".")[2] in ("environment", "getenv") or called == "os.environ.get":
                match node.args[0]:
                    case ast.Constant(value=str(name)):
                        yield name
                    case ast.Name(id=name) | ast.Attribute(attr=name) if name.isupper():
                        yield named[name]


def catalog_variables() -> Iterator[str]:
    """Those that rows of the catalog name, or have by its rule."""
    for name, row in tomllib.loads((PACKAGE / "providers/catalog.toml").read_text("utf-8")).items():
        for key in ("api_key", "base_url"):
            yield row.get(f"{key}_env_var", f"{name.upper()}_{key.upper()}")


BY_LIBRARIES = {
    "NO_COLOR",
    "OPENAI_ORG_ID",
    "OPENAI_PROJECT_ID",
    "HTTPS_PROXY",
    "NO_PROXY",
    "XDG_STATE_HOME",
    "XDG_CONFIG_HOME",
}
HANDED_ON = {"PYTHONPATH"}  # to a child, with our own folder before it


def test_the_manual_names_every_variable_that_is_read() -> None:
    """And none that is read neither by the code nor by a library beneath."""
    names = [thing.name for thing in VARIABLES]
    read = {*variables_read(), *catalog_variables()} - HANDED_ON
    assert len(names) == len(set(names))
    assert read <= set(names)
    assert set(names) - read <= BY_LIBRARIES
    environment = section(page("openai-batch.1"), "ENVIRONMENT")
    assert all(f"\\fI{name}\\fR\n" in environment for name in names)
