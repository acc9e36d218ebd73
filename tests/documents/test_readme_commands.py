"""Every command and snippet of README.md runs as it is typed, from top to bottom."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

import pytest
from readme_newcomer import WAIT_S, Newcomer
from readme_reader import ENGLISH, ROOT, blocks

pytestmark = pytest.mark.skipif(os.name == "nt", reason="README's commands are for a POSIX shell")

ALL = ["line-1", "two", "bad", "four"]
"""input.jsonl: README's own request, and three more, one of which the echo refuses."""

PRUNED = [*["run completed"] * 6, "run cancelled", "run completed"]
"""What `list` shows in the end: each run above, in the order in which they began."""


@dataclass(frozen=True)
class Step:
    """A command, its exit code, and what the named files hold afterwards; `-` is its output.

    A line stands there as its custom_id, or as the object that it is and its status.
    """

    command: str
    code: int = 0
    leaves: dict[str, list[str]] = field(default_factory=dict)
    unfinished_run: bool = False
    """There is one before, which `$RUN_ID` names from then on."""
    elsewhere: bool = False
    """On a machine that has never seen a run."""


STEPS = [
    Step(
        "openai-batch example-prompts -n 20 | openai-batch create --model gpt-4o-mini"
        " | openai-batch run > results.jsonl",
        leaves={"results.jsonl": [f"line-{number}" for number in range(1, 21)]},
    ),
    Step(
        "openai-batch create --model gpt-4o-mini prompts.txt | openai-batch run > results.jsonl",
        leaves={"results.jsonl": ["line-1", "line-2", "line-3"]},
    ),
    Step(
        "openai-batch run input.jsonl -o out.jsonl -e errors.jsonl",
        code=3,
        leaves={
            "out.jsonl": ["line-1", "two", "four"],
            "errors.jsonl": ["bad"],
            "-": ["run completed"],
        },
    ),
    Step("openai-batch run --dry-run input.jsonl", leaves={"-": ["dry_run"]}),
    Step(
        "openai-batch create --embedding --model text-embedding-3-small documents.txt"
        " | openai-batch run > vectors.jsonl",
        leaves={"vectors.jsonl": ["line-1", "line-2"]},
    ),
    Step(
        "openai-batch create --model gpt-4o-mini --param max_completion_tokens=200 prompts.txt"
        " > capped.jsonl",
        leaves={"capped.jsonl": ["line-1", "line-2", "line-3"]},
    ),
    Step("openai-batch validate capped.jsonl", leaves={"-": ["validation"]}),
    Step("openai-batch run --dry-run capped.jsonl", leaves={"-": ["dry_run"]}),
    Step(
        "openai-batch run --max-cost 25 capped.jsonl > results.jsonl",
        leaves={"results.jsonl": ["line-1", "line-2", "line-3"]},
    ),
    Step("openai-batch stats input.jsonl", leaves={"-": ["stats"]}),
    Step(
        "openai-batch sample -n 2 --seed 1 input.jsonl > some.jsonl",
        leaves={"some.jsonl": ["bad", "four"]},
    ),
    Step(
        "openai-batch join input.jsonl out.jsonl errors.jsonl > pairs.jsonl",
        leaves={"pairs.jsonl": ALL},
    ),
    Step(
        "openai-batch join input.jsonl out.jsonl errors.jsonl --only failed > failed-pairs.jsonl",
        leaves={"failed-pairs.jsonl": ["bad"]},
    ),
    Step("openai-batch run -c input.jsonl > run.json", leaves={"run.json": ["run in_progress"]}),
    Step("openai-batch status < run.json", leaves={"-": ["run completed"]}, elsewhere=True),
    Step(
        "openai-batch download < run.json > results.jsonl",
        code=3,
        leaves={"results.jsonl": ALL},
        elsewhere=True,
    ),
    Step("openai-batch resume", code=3, leaves={"-": ALL}),
    Step('openai-batch resume "$RUN_ID"', code=3, leaves={"-": ALL}, elsewhere=True),
    Step('openai-batch resume "$BATCH_ID"', code=3, leaves={"-": ALL}, elsewhere=True),
    Step(
        "openai-batch list --unfinished",
        leaves={"-": ["run in_progress"]},
        unfinished_run=True,
    ),
    Step('openai-batch status --watch "$RUN_ID"', leaves={"-": ["run completed"]}),
    Step('openai-batch cancel --wait "$RUN_ID"', leaves={"-": ["run cancelled"]}),
    Step(
        'openai-batch download "$RUN_ID" -o kept.jsonl',
        code=3,
        leaves={"kept.jsonl": ALL, "-": ["run cancelled"]},
    ),
    Step('openai-batch retry "$RUN_ID" --print > failed.jsonl', leaves={"failed.jsonl": ["bad"]}),
    Step(
        'openai-batch retry "$RUN_ID" -o second.jsonl',
        code=3,
        leaves={"second.jsonl": ["bad"], "-": ["run completed"]},
    ),
    Step("openai-batch list --prune --older-than 30", leaves={"-": []}),
    Step("openai-batch list --prune --delete-remote", leaves={"-": PRUNED}),
    Step(
        "OPENAI_BATCH_LOCAL_ARGS='--executor echo' openai-batch run --provider local input.jsonl"
        " > echo.jsonl",
        code=3,
        leaves={"echo.jsonl": ALL},
    ),
]


def lines(content: bytes) -> list[str]:
    """What each line is: its custom_id, or the object and its status. None is cut short."""
    seen = [json.loads(line) for line in content.split(b"\n")[:-1]]
    return [
        one.get("custom_id") or " ".join(filter(None, (one["object"], one.get("status"))))
        for one in seen
    ]


def test_the_commands_do_what_readme_says(newcomer: Newcomer) -> None:
    """Each is run as it is typed, in its order; no command goes without a step here."""
    shown = [
        command
        for block in blocks(ENGLISH)
        if block.language == "sh" and not block.mark
        for command in block.commands
    ]
    assert shown == [step.command for step in STEPS]
    for step in STEPS:
        if step.unfinished_run:
            newcomer.remember(newcomer.types("openai-batch run -c input.jsonl").stdout)
        ended = newcomer.types(step.command, elsewhere=step.elsewhere)
        files = {name: newcomer.folder / name for name in step.leaves if name != "-"}
        left = {name: lines(path.read_bytes()) for name, path in files.items()}
        left |= {"-": lines(ended.stdout)}
        wanted = {"-": [], **step.leaves}
        seen = (step.command, ended.returncode, left)
        assert seen == (step.command, step.code, wanted), ended.stderr.decode()
        if "run.json" in files:
            newcomer.remember(files["run.json"].read_bytes())


# The snippets sleep a minute between looks; nobody has to wait that long for an echo.
HURRIED = """
import runpy, sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(min(seconds, 0.05))
runpy.run_path(sys.argv[1], run_name="__main__")
"""

SNIPPETS = [
    {
        "batch_output.jsonl": [
            "A joke about a cat",
            "A joke about a robot",
            "A joke about a spaceship",
        ]
    },
    {"answers.jsonl": ["Why is the sky blue?", "How do magnets work?"]},
]


def test_the_snippets_do_what_readme_says(newcomer: Newcomer) -> None:
    """Each is a program of its own, says nothing, and leaves the answers in order."""
    shown = [block.code for block in blocks(ENGLISH) if block.language == "python"]
    for code, answers in zip(shown, SNIPPETS, strict=True):
        (newcomer.folder / "snippet.py").write_text(code, encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-W", "error", "-c", HURRIED, "snippet.py"],
            cwd=newcomer.folder,
            env={**newcomer.variables, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
        for name, texts in answers.items():
            results = (newcomer.folder / name).read_bytes().splitlines()
            bodies = [json.loads(result)["response"]["body"] for result in results]
            assert [body["choices"][0]["message"]["content"] for body in bodies] == texts
