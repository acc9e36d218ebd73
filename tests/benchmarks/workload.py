"""What the benchmarks send: requests of about 200 bytes.

    python workload.py FOLDER REQUESTS

In FOLDER: `input.jsonl`, and for the bare SDK the same requests as files that OpenAI takes.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

SHARD_REQUESTS = 50_000
"""OpenAI's limit for one batch (Batch API guide), which decides here: the requests are short."""


def write_workload(folder: Path, requests: int) -> None:
    """Write all files for so many requests."""
    with (folder / "input.jsonl").open("wb") as whole:
        for first in range(0, requests, SHARD_REQUESTS):
            rows = range(first, min(first + SHARD_REQUESTS, requests))
            content = b"".join(map(request_line, rows))
            whole.write(content)
            (folder / f"{first:09d}.requests.jsonl").write_bytes(content)


def write_input(path: Path, requests: int) -> None:
    """Write the input alone."""
    with path.open("wb") as stream:
        stream.writelines(map(request_line, range(requests)))


def uploads(folder: Path) -> Iterator[Path]:
    """The files to be uploaded, in input order."""
    return iter(sorted(folder.glob("*.requests.jsonl")))


def request_line(row: int) -> bytes:
    """A request as `openai-batch create` and OpenAI's guide write it."""
    question = f"What is there to say about number {row}?"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    request = {
        "custom_id": f"request-{row}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }
    return json.dumps(request).encode() + b"\n"


if __name__ == "__main__":
    write_workload(Path(sys.argv[1]), int(sys.argv[2]))
