"""Counting the tokens of request lines on one core, with the extra `tokens` and without it.

    python tests/benchmarks/tokens.py [--rounds N] [MEGABYTES]

So many megabytes (8) of chat requests of some 200 and some 4,000 characters, for each kind of text:
README in English, the same in Chinese, and this project's own code. Each line is parsed and
counted, N times (5); figures are MB/s of request lines, medians, and by how much the estimate is
off. The texts repeat, and the encoder remembers words: text that never does is counted at about
half the speed. Exits 1 where a kind is below 5 MB/s.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from openai_batch import jsonl
from openai_batch.requests.encodings import can_count
from openai_batch.requests.tokens import count_line

LEAST_MB_S = 5
ROOT = Path(__file__).parents[2]


def texts() -> Iterator[tuple[str, str]]:
    """Texts of each kind, of any length."""
    yield "English", (ROOT / "README.md").read_text("utf-8")
    yield "Chinese", (ROOT / "README.zh-CN.md").read_text("utf-8")
    sources = sorted((ROOT / "openai_batch").rglob("*.py"))
    yield "code", "".join(path.read_text("utf-8") for path in sources)


def request_lines(text: str, length: int, total_bytes: int) -> list[bytes]:
    """Requests for pieces of `text` of that length, `total_bytes` in all."""
    pieces = [text[start : start + length] for start in range(0, len(text), length)]
    lines = [
        jsonl.dumps(
            {
                "custom_id": f"line-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {
                    "model": "gpt-4o-mini",
                    "messages": [{"role": "user", "content": piece}],
                    "max_completion_tokens": 100,
                },
            }
        )
        for number, piece in enumerate(pieces)
    ]
    repeats = total_bytes // sum(map(len, lines)) + 1
    return list(islice(cycle(lines), repeats * len(lines)))


def measure(lines: list[bytes], rounds: int, *, estimate: bool) -> tuple[float, int]:
    """MB/s, and the tokens of all lines."""
    seconds, tokens = [], 0
    for _ in range(rounds):
        started = time.perf_counter()
        tokens = sum(count_line(line, estimate=estimate).input for line in lines)
        seconds.append(time.perf_counter() - started)
    return sum(map(len, lines)) / median(seconds) / 1e6, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("megabytes", nargs="?", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if not can_count():
        sys.exit("the extra is missing: pip install 'openai-batch[tokens]'")
    print("text     characters  counted MB/s  estimated MB/s  error %")
    met = True
    for kind, text in texts():
        for length in (200, 4_000):
            lines = request_lines(text, length, options.megabytes * 1_000_000)
            counted_mb_s, counted = measure(lines, options.rounds, estimate=False)
            estimated_mb_s, estimated = measure(lines, options.rounds, estimate=True)
            error_percent = 100 * (estimated / counted - 1)
            print(
                f"{kind:<8} {length:>10,}  {counted_mb_s:>12.1f}  {estimated_mb_s:>14.1f}  "
                f"{error_percent:>+7.1f}",
                flush=True,
            )
            met = met and min(counted_mb_s, estimated_mb_s) >= LEAST_MB_S
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
