"""`create` on many prompts, beside an orjson loop that writes the same requests.

    python tests/benchmarks/create.py [--rounds N] [PROMPTS]

PROMPTS (1,000,000) lines, once of plain text and once of JSON objects with a parameter of their
own. Both sides are processes of their own, in turn, N times (5); what they write must be the same
bytes. Figures are medians of wall times from start to end, and the peak memory of `create` for all
prompts and for a tenth of them. Exits 1 where `create` has less than 0.8 times the speed of the
loop with texts, or half of it with objects, which the loop does not look into, or where ten times
the prompts take more than 1.1 times the memory.
"""

import argparse
import filecmp
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from measuring import Measured, run

LEAST_SPEED = {"text": 0.8, "objects": 0.5}
MOST_GROWTH = 1.1
LOOP = str(Path(__file__).with_name("orjson_requests.py"))


def write_prompts(path: Path, prompts: int, sort: str) -> None:
    """Write so many prompts, one a line: `text`, or `objects`."""
    with path.open("w") as stream:
        stream.writelines(_prompts(prompts, sort))


def _prompts(prompts: int, sort: str) -> Iterator[str]:
    for number in range(prompts):
        text = f"What is there to say about number {number}?"
        yield f"{text}\n" if sort == "text" else f'{{"prompt": "{text}", "seed": {number}}}\n'


def create(source: Path, target: Path) -> Measured:
    """The command that a user types."""
    return run(["-m", "openai_batch", "create", str(source), str(target)])


def compare(prompts: int, rounds: int, sort: str) -> bool:
    """Measure one sort of prompts, print its figures, and say whether they are met."""
    with tempfile.TemporaryDirectory() as temporary:
        source, tenth, ours, floor = (
            Path(temporary, name) for name in ("prompts", "tenth", "ours.jsonl", "floor.jsonl")
        )
        write_prompts(source, prompts, sort)
        write_prompts(tenth, prompts // 10, sort)
        small_mb = create(tenth, ours).peak_mb
        loop_s, create_s, peaks_mb = [], [], []
        for _ in range(rounds):
            loop_s.append(run([LOOP, sort, str(source), str(floor)]).wall_s)
            measured = create(source, ours)
            create_s.append(measured.wall_s)
            peaks_mb.append(measured.peak_mb)
        if not filecmp.cmp(ours, floor, shallow=False):
            sys.exit(f"{sort}: create and the loop wrote different requests")
    speed, peak_mb = median(loop_s) / median(create_s), median(peaks_mb)
    print(
        f"{sort:<8} {prompts:>10,}  {median(loop_s):>6.2f}  {median(create_s):>8.2f}  "
        f"{speed:>5.2f}  {small_mb:>8.1f}  {peak_mb:>6.1f}",
        flush=True,
    )
    return speed >= LEAST_SPEED[sort] and peak_mb <= MOST_GROWTH * small_mb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("prompts", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("prompts      number  loop s  create s  speed  tenth MB  all MB")
    met = [compare(options.prompts, options.rounds, sort) for sort in LEAST_SPEED]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
