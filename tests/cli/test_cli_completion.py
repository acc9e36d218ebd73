"""TAB completes command lines: in bash, zsh and fish, with what scripts know and what they ask."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli, chats
from shells import EVERY, TAB, Shell, interactive, needs

from openai_batch.cli.documents.__main__ import CHECKOUT, documents
from openai_batch.cli.documents.scripts import FILES
from openai_batch.cli.documents.tree import read_tree
from openai_batch.cli.documents.values import KINDS, METAVARS, WORDS
from openai_batch.engine.entries import CancelRequested, ShardPlan
from openai_batch.engine.journal import Journal, RunInfo
from openai_batch.local.executor import NAMES

OLDER = "run_20261123_101500_4k2m9x7q"
NEWER = "run_20261124_080000_0a1b2c3d"
ELSEWHERE = "run_20250101_000000_zzzzzzzz"

OWN_PROVIDER = """
[my-own]
base_url = "http://127.0.0.1:9/v1"
default_chat_model = "ft:tiny:org"
"""


def make_run(state_dir: Path, run_id: str, input_name: str | None = None) -> Path:
    """A run that was planned and not sent; returns its journal."""
    path = state_dir / "runs" / run_id / "journal.db"
    path.parent.mkdir(parents=True)
    info = RunInfo(run_id, 1e9, "openai", None, "/v1/x", None, "24h", input_name, "0" * 64, 1, 9)
    Journal.create(path, info, [ShardPlan(0, 0, 1, 9)]).close()
    return path


@pytest.fixture
def here(nobody: Cli) -> Cli:
    """Two runs here and one elsewhere, a provider of the user's own, and files to name."""
    state_dir = Path(nobody.env["OPENAI_BATCH_HOME"])
    make_run(state_dir, OLDER, "/data/my requests.jsonl")
    make_run(state_dir, NEWER)
    make_run(nobody.cwd / "other state", ELSEWHERE)
    Path(nobody.env["OPENAI_BATCH_CONFIG"]).write_text(OWN_PROVIDER)
    for name in ("my file.jsonl", "weights.gguf"):
        (nobody.cwd / name).touch()
    program = nobody.cwd.parent / "bin" / "openai-batch"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m openai_batch "$@"\n')
    program.chmod(0o755)
    nobody.env["PATH"] = f"{program.parent}{os.pathsep}{nobody.environment['PATH']}"
    nobody.env["TZ"] = "UTC"
    return nobody


def candidates(cli: Cli, *arguments: str) -> list[str]:
    """What the program answers a script; it is quiet and content whatever is the matter."""
    ended = cli("__complete", *arguments)
    assert (ended.code, ended.stderr) == (0, "")
    return ended.stdout.decode().splitlines()


def test_runs_come_newest_first_and_say_what_they_are(here: Cli) -> None:
    """With status, time and input; those of another state directory where one is named."""
    with_entry = Path(here.env["OPENAI_BATCH_HOME"]) / "runs" / OLDER / "journal.db"
    journal = Journal.open(with_entry)
    journal.append(CancelRequested(), at=1e9)
    journal.close()
    assert candidates(here, "runs") == [
        f"{NEWER}\tunfinished, 2001-09-09 01:46, standard input",
        f"{OLDER}\tcancelled, 2001-09-09 01:46, my requests.jsonl",
    ]
    assert candidates(here, "runs", "other state") == [
        f"{ELSEWHERE}\tunfinished, 2001-09-09 01:46, standard input"
    ]


def test_a_run_whose_results_are_here_is_delivered(cli: Cli) -> None:
    """The word is the journal's of a run that was really made."""
    cli.write("in.jsonl", *chats(1))
    assert cli("run", "in.jsonl", "-o", "out.jsonl").code == 0
    assert ["delivered" in line for line in candidates(cli, "runs")] == [True]


def test_damaged_runs_are_offered_without_a_description(here: Cli) -> None:
    """Damage is told by the command that is about to run; TAB says nothing of it."""
    runs = Path(here.env["OPENAI_BATCH_HOME"]) / "runs"
    (runs / OLDER / "journal.db").write_bytes(b"no database at all" * 100)
    (runs / NEWER / "journal.db").write_bytes(b"")
    (runs / "run_stray").write_bytes(b"")
    assert candidates(here, "runs") == [f"{NEWER}\t", f"{OLDER}\t"]


def test_an_empty_state_directory_stays_as_it_is(nobody: Cli) -> None:
    """Nothing to offer, and no folder is made to find that out."""
    assert candidates(nobody, "runs") == []
    assert candidates(nobody, "runs", "nowhere") == []
    assert candidates(nobody, "nonsense") == []
    assert candidates(nobody) == []
    assert sorted(path.name for path in nobody.cwd.parent.iterdir()) == ["work"]


def test_providers_and_models_are_the_catalogs(here: Cli) -> None:
    """The user's own first; of patterns only those that spell a name out."""
    names = [line.partition("\t")[0] for line in candidates(here, "providers")]
    assert names == ["my-own", "openai", "parasail", "local", "custom"]
    models = candidates(here, "models")
    assert models[0] == "ft:tiny:org\tmy-own"
    assert "gpt-4o-mini\tOpenAI" in models
    assert "meta-llama/Meta-Llama-3-8B-Instruct\tParasail" in models
    assert not [line for line in models if "*" in line or "[" in line]
    assert candidates(here, "windows") == ["24h\t"]


def test_a_mistake_in_the_users_providers_hides_only_them(here: Cli) -> None:
    """The next command tells of it."""
    Path(here.env["OPENAI_BATCH_CONFIG"]).write_text("[half")
    names = [line.partition("\t")[0] for line in candidates(here, "providers")]
    assert names == ["openai", "parasail"]


@pytest.mark.parametrize(
    ("kind", "light"), [("runs", {"tomllib"}), ("providers", {"sqlite3"}), ("models", {"sqlite3"})]
)
def test_an_answer_loads_next_to_nothing(here: Cli, kind: str, light: set[str]) -> None:
    """Neither Typer nor the engine: a shell waits for it at each TAB."""
    script = (
        "import sys; sys.argv[1:] = ['__complete', sys.argv[1]]\n"
        "from openai_batch.__main__ import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(' '.join(sys.modules))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, kind], env=here.environment, capture_output=True, check=True
    )
    modules = set(ended.stderr.decode().split())
    assert ended.stdout
    assert not modules & ({"typer", "rich", "openai", "orjson", "msgspec", "asyncio"} | light)
    assert not modules & {"openai_batch.engine.journal", "openai_batch.engine.states"}


def test_the_committed_scripts_are_fresh() -> None:
    """`python -m openai_batch.cli.documents` would change nothing, and leave nothing behind."""
    written = {name: text for name, text in documents().items() if name.startswith("completions/")}
    there = {
        f"completions/{p.name}": p.read_text("utf-8") for p in (CHECKOUT / "completions").iterdir()
    }
    assert there == written


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_program_prints_its_scripts(nobody: Cli, shell: str) -> None:
    """For shells that do not look into the folder where they were installed."""
    ended = nobody("completion", shell)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.stdout == (CHECKOUT / "completions" / FILES[shell]).read_bytes()


def test_a_shell_without_a_script_is_refused(nobody: Cli) -> None:
    """Exit 2, and the ones that there are."""
    ended = nobody("completion", "tcsh")
    assert (ended.code, ended.stdout) == (2, b"")
    assert "it is one of bash, zsh, fish" in ended.stderr


def test_every_metavar_says_what_is_completed() -> None:
    """None is left out, none is left over, and the words are those that the commands take."""
    program, commands = read_tree()
    parameters = [p for c in (program, *commands) for p in (*c.options, *c.arguments)]
    assert {p.metavar for p in parameters if p.metavar} == set(METAVARS)
    assert set(METAVARS.values()) == KINDS
    assert set(WORDS["executors"]) == set(NAMES)
    assert set(WORDS["shells"]) == set(FILES)


OPTIONS = (
    "--api-key --base-url --exit-status --help --interval --provider --quiet --state-dir --watch"
)

LINES = [
    # what the script knows
    (TAB, "openai-batch ca", "openai-batch cancel "),
    (EVERY, "openai-batch re", "openai-batch resume retry "),
    (TAB, "openai-batch --ver", "openai-batch --version "),
    (TAB, "openai-batch run --dry", "openai-batch run --dry-run "),
    (TAB, "openai-batch serve --executor e", "openai-batch serve --executor echo "),
    (TAB, "openai-batch serve --executor=e", "openai-batch serve --executor=echo "),
    (TAB, "openai-batch completion b", "openai-batch completion bash "),
    (TAB, "X=1 openai-batch ca", "X=1 openai-batch cancel "),
    (TAB, "true | openai-batch ca", "true | openai-batch cancel "),
    # files and folders
    (TAB, "openai-batch run my", r"openai-batch run my\ file.jsonl "),
    (TAB, "openai-batch run 'my", "openai-batch run 'my file.jsonl' "),
    (TAB, "openai-batch run -o my", r"openai-batch run -o my\ file.jsonl "),
    (TAB, "openai-batch run --error-file=m", r"openai-batch run --error-file=my\ file.jsonl "),
    (TAB, "openai-batch list --state-dir o", r"openai-batch list --state-dir other\ state/"),
    (TAB, "openai-batch list --state-dir=o", r"openai-batch list --state-dir=other\ state/"),
    (TAB, "openai-batch status < my", r"openai-batch status < my\ file.jsonl "),
    (TAB, f"openai-batch resume {NEWER} m", rf"openai-batch resume {NEWER} my\ file.jsonl "),
    (TAB, "openai-batch run -- my", r"openai-batch run -- my\ file.jsonl "),
    # what nobody can know, or takes no more
    (EVERY, "openai-batch run --api-key ", "openai-batch run --api-key "),
    (EVERY, "openai-batch nonsense ", "openai-batch nonsense "),
    (EVERY, "openai-batch list -- --", "openai-batch list -- --"),
    # what the program is asked for
    (EVERY, "openai-batch status ", f"openai-batch status {NEWER} {OLDER} "),
    (EVERY, "openai-batch status x ", f"openai-batch status x {NEWER} {OLDER} "),
    (TAB, "openai-batch status -- run_20261123", f"openai-batch status -- {OLDER} "),
    (TAB, "openai-batch run --resume=run_20261123", f"openai-batch run --resume={OLDER} "),
    (
        TAB,
        r"openai-batch download -o x --state-dir other\ state ",
        rf"openai-batch download -o x --state-dir other\ state {ELSEWHERE} ",
    ),
    (
        TAB,
        "openai-batch retry --state-dir='other state' ",
        f"openai-batch retry --state-dir='other state' {ELSEWHERE} ",
    ),
    (TAB, "openai-batch status --state-dir no ", "openai-batch status --state-dir no "),
    (TAB, "openai-batch run -p my", "openai-batch run -p my-own "),
    (TAB, "openai-batch run --provider=par", "openai-batch run --provider=parasail "),
    (TAB, "openai-batch create --model ft:", "openai-batch create --model ft:tiny:org "),
    (TAB, "openai-batch create --model=ft:ti", "openai-batch create --model=ft:tiny:org "),
    (TAB, "openai-batch create --model 'ft:ti", "openai-batch create --model 'ft:tiny:org' "),
    (
        TAB,
        "openai-batch create --model meta-llama/Me",
        "openai-batch create --model meta-llama/Meta-Llama-3-8B-Instruct ",
    ),
    (TAB, "openai-batch run --completion-window ", "openai-batch run --completion-window 24h "),
]

BASH_COMPLETION = Path("/usr/share/bash-completion/bash_completion")


def found_by_bash_completion(here: Cli) -> str:
    """The script where bash-completion looks for a user's own."""
    folder = here.cwd.parent / "share" / "bash-completion" / "completions"
    folder.mkdir(parents=True)
    shutil.copy(CHECKOUT / "completions" / FILES["bash"], folder)
    here.env["XDG_DATA_HOME"] = str(here.cwd.parent / "share")
    return f"source {BASH_COMPLETION}"


def found_by_compinit(here: Cli) -> str:
    """The script in a folder of `$fpath`."""
    dump = here.cwd.parent / "zcompdump"
    return (
        f"fpath=({CHECKOUT / 'completions'} $fpath); autoload -Uz compinit; compinit -u -d {dump}"
    )


def evaluated(here: Cli) -> str:
    """The script as the program prints it."""
    dump = here.cwd.parent / "zcompdump"
    return f"autoload -Uz compinit; compinit -u -d {dump}; source <(openai-batch completion zsh)"


SHELLS = {
    "bash": lambda here: f"source {CHECKOUT / 'completions' / FILES['bash']}",
    "bash with bash-completion": found_by_bash_completion,
    "zsh": found_by_compinit,
    "zsh that evaluates": evaluated,
}


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest, here: Cli) -> Iterator[Shell]:
    """bash and zsh, with the script found in each of the ways there are."""
    name = request.param.split()[0]
    if reason := needs(name):
        pytest.skip(reason)
    if "bash-completion" in request.param and not BASH_COMPLETION.exists():
        pytest.skip("bash-completion is not installed")
    setup = SHELLS[request.param](here)
    with interactive(name, here.cwd, here.environment) as started:
        started.run(setup)
        yield started


def test_tab_completes_in_bash_and_zsh(shell: Shell) -> None:
    """Lines before and after TAB, or after everything that is offered was inserted."""
    assert [(k, before, shell.press(k, before)) for k, before, _ in LINES] == LINES
    # zsh puts an = behind the last option that wants a value.
    assert shell.press(EVERY, "openai-batch status --").rstrip("= ").split()[2:] == OPTIONS.split()


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_a_program_that_fails_leaves_the_line_as_it_is(here: Cli, name: str) -> None:
    """Whatever it says stays off the screen: an environment may be broken, or half removed."""
    if reason := needs(name):
        pytest.skip(reason)
    program = here.cwd.parent / "bin" / "openai-batch"
    program.write_text("#!/bin/sh\necho Traceback >&2\nexit 1\n")
    script = CHECKOUT / "completions" / FILES[name]
    loaded = f"source {script}" if name == "bash" else found_by_compinit(here)
    with interactive(name, here.cwd, here.environment) as started:
        started.run(loaded)
        shown = started.shown(TAB, "openai-batch status run_")
        assert "<<openai-batch status run_>>" in shown
        assert "Traceback" not in shown


def test_zsh_shows_what_things_are(here: Cli) -> None:
    """Commands, options and runs with a line of help."""
    if reason := needs("zsh"):
        pytest.skip(reason)
    with interactive("zsh", here.cwd, here.environment) as zsh:
        zsh.run(found_by_compinit(here))
        shown = zsh.shown(TAB, "openai-batch re")
        assert "resume  -- Go on with a run where it stopped." in shown
        shown = zsh.shown(TAB, "openai-batch status --")
        assert "-- Where runs are kept [$OPENAI_BATCH_HOME]." in shown
        shown = zsh.shown(TAB, "openai-batch status run_2026112")
        assert f"{OLDER}  -- unfinished, 2001-09-09 01:46, my requests.jsonl" in shown
        shown = zsh.shown(TAB, "openai-batch serve --executor ")
        assert "llama     -- a model file, with llama.cpp" in shown


FISH_LINES = [
    (
        "openai-batch can",
        ["cancel\tEnd runs, and keep what was finished."],
    ),
    ("openai-batch run --dry", ["--dry-run\tSend nothing; print what would be sent, and faults."]),
    ("openai-batch serve --executor e", ["echo\tthe request itself, as a test"]),
    ("openai-batch completion f", ["fish"]),
    ("openai-batch run my", ["my file.jsonl"]),
    ("openai-batch run -o my", ["my file.jsonl"]),
    ("openai-batch run --error-file=my", ["--error-file=my file.jsonl"]),
    ("openai-batch list --state-dir o", ["other state/\tDirectory"]),
    ("openai-batch list --state-dir m", []),
    (f"openai-batch resume {NEWER} my", ["my file.jsonl"]),
    ("openai-batch run -- my", ["my file.jsonl"]),
    ("openai-batch run --api-key ", []),
    ("openai-batch nonsense ", []),
    (f"openai-batch retry {NEWER} ", []),
    (
        "openai-batch status x ",
        [
            f"{NEWER}\tunfinished, 2001-09-09 01:46, standard input",
            f"{OLDER}\tunfinished, 2001-09-09 01:46, my requests.jsonl",
        ],
    ),
    (
        "openai-batch download -o x --state-dir 'other state' ",
        [f"{ELSEWHERE}\tunfinished, 2001-09-09 01:46, standard input"],
    ),
    ("openai-batch status --state-dir=no ", []),
    ("openai-batch run -p my", ["my-own\thttp://127.0.0.1:9/v1"]),
    ("openai-batch create --model ft:", ["ft:tiny:org\tmy-own"]),
    (
        "openai-batch create --model=meta-llama/",
        ["--model=meta-llama/Meta-Llama-3-8B-Instruct\tParasail"],
    ),
    ("openai-batch run --completion-window ", ["24h"]),
]


def test_tab_completes_in_fish(here: Cli) -> None:
    """fish itself says what it would offer for a line, and what each is."""
    if reason := needs("fish"):
        pytest.skip(reason)
    script = CHECKOUT / "completions" / FILES["fish"]
    asked = "\n".join(f'complete -C "{line}"; echo ==' for line, _ in FISH_LINES)
    ended = subprocess.run(
        ["fish", "--no-config", "-c", f"source {script}\n{asked}"],
        cwd=here.cwd,
        env=here.environment | {"HOME": str(here.cwd)},
        capture_output=True,
        check=True,
        text=True,
    )
    answers = [answer.splitlines() for answer in ended.stdout.split("==\n")[:-1]]
    lines = [line for line, _ in FISH_LINES]
    assert list(zip(lines, answers, strict=True)) == FISH_LINES
    assert ended.stderr == ""
