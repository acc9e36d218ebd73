"""What the benchmarks send and get back: requests of about 200 bytes, results of about 400.

    python workload.py FOLDER REQUESTS shuffled|in-order

In FOLDER: `input.jsonl`, and for each shard that OpenAI's limit cuts it into, the file that is
uploaded and the file that comes back. All are written before any clock runs.
"""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

SHARD_REQUESTS = 50_000
"""OpenAI's limit for one batch (Batch API guide), which decides here: the requests are short."""


def write_workload(folder: Path, requests: int, *, shuffled: bool) -> None:
    """Write all files for so many requests; results are `shuffled` within their shard."""
    order = random.Random(requests)
    with (folder / "input.jsonl").open("wb") as whole:
        for first in range(0, requests, SHARD_REQUESTS):
            rows = range(first, min(first + SHARD_REQUESTS, requests))
            content = b"".join(map(request_line, rows))
            whole.write(content)
            (folder / f"{first:09d}.requests.jsonl").write_bytes(content)
            results = list(map(result_line, rows))
            if shuffled:
                order.shuffle(results)
            results_path(folder, custom_id(first)).write_bytes(b"".join(results))


def uploads(folder: Path) -> Iterator[Path]:
    """The files to be uploaded, in input order."""
    return iter(sorted(folder.glob("*.requests.jsonl")))


def results_path(folder: Path, first_custom_id: str) -> Path:
    """The results of the shard that begins with this request."""
    return folder / f"{first_custom_id}.results.jsonl"


def custom_id(row: int) -> str:
    """The name of the request in this row, counted from 0."""
    return f"request-{row}"


def request_line(row: int) -> bytes:
    """A request as `openai-batch create` and OpenAI's guide write it."""
    question = f"What is there to say about number {row}?"
    body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": question}]}
    request = {
        "custom_id": custom_id(row),
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": body,
    }
    return json.dumps(request).encode() + b"\n"


def result_line(row: int) -> bytes:
    """A short answer, as OpenAI's output files have it."""
    message = {"role": "assistant", "content": f"There is nothing to say about {row}."}
    body = {
        "id": f"chatcmpl-{row}",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 22, "completion_tokens": 9},
    }
    result = {
        "id": f"batch_req_{row}",
        "custom_id": custom_id(row),
        "response": {"status_code": 200, "body": body},
        "error": None,
    }
    return json.dumps(result).encode() + b"\n"


if __name__ == "__main__":
    folder, requests = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    write_workload(folder, requests, shuffled=sys.argv[3] == "shuffled")
