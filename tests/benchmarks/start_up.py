"""How long short commands take, beside a Typer program of two commands that parses one option.

    python tests/benchmarks/start_up.py [--rounds N]

Each of N rounds (25) starts the small program and then each command, as processes of their own, so
that a busy moment hits all of them alike. Figures are medians of wall times, and of the rounds'
ratios. Exits 1 where a command takes more than 1.3 times as long as the small program.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

MOST_RATIO = 1.3
FLOOR = [sys.executable, str(Path(__file__).with_name("two_commands.py")), "show", "-n", "1"]
PROGRAM = str(Path(sys.executable).with_name("openai-batch"))
COMMANDS = (
    ["--help"],
    ["example-prompts", "-n", "1"],
    ["create"],
    ["run", "--help"],
    ["__complete", "runs"],
    ["__complete", "models"],
)
"""What is measured; each gets one prompt on standard input. The last ones answer the TAB key."""


def seconds(command: list[str], environment: dict[str, str]) -> float:
    """How long one process takes. Ends the benchmark where it does not exit 0."""
    started = time.perf_counter()
    ended = subprocess.run(
        command, input=b"Hello\n", stdout=subprocess.DEVNULL, env=environment, check=False
    )
    took_s = time.perf_counter() - started
    if ended.returncode != 0:
        sys.exit(f"{' '.join(command)} exited {ended.returncode}")
    return took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=25)
    options = parser.parse_args()
    floors: list[float] = []
    times: list[list[float]] = [[] for _ in COMMANDS]
    with tempfile.TemporaryDirectory() as state_dir:
        environment = {**os.environ, "OPENAI_BATCH_HOME": state_dir}
        # pip writes the bytecode of what it installs; a checkout's is written by the first start.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds(FLOOR, environment)
        for command in COMMANDS:
            seconds([PROGRAM, *command], environment)
        for _ in range(options.rounds):
            floors.append(seconds(FLOOR, environment))
            for taken, command in zip(times, COMMANDS, strict=True):
                taken.append(seconds([PROGRAM, *command], environment))
    print("command                          ms  ratio")
    print(f"{'two commands':<30}  {1000 * median(floors):>5.0f}   1.00")
    worst = 0.0
    for taken, command in zip(times, COMMANDS, strict=True):
        ratio = median(one / floor for one, floor in zip(taken, floors, strict=True))
        worst = max(worst, ratio)
        print(f"{' '.join(command):<30}  {1000 * median(taken):>5.0f}  {ratio:>5.2f}")
    sys.exit(0 if worst <= MOST_RATIO else 1)


if __name__ == "__main__":
    main()
