"""`validate` on many requests, beside orjson.loads of every line and a set of their ids.

    python tests/benchmarks/validation.py [--rounds N] [REQUESTS]

REQUESTS (1,000,000) of each of several kinds, of which a tenth where they are large. Both sides are
processes of their own, in turn, N times (5); figures are medians of wall times from start to end,
and the peak memory of `validate`, for a tenth of the requests and for all. Exits 1 where plain
chats take more than 1.3 times the floor, where any kind takes 128 MB, or where memory grows by more
than 16 bytes a request.
"""

import argparse
import base64
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from measuring import Measured, run

MOST_RATIO = {"plain chats": 1.3}
MOST_MB = 128
BYTES_A_REQUEST = 16
NOISE_MB = 4

FLOOR = str(Path(__file__).with_name("orjson_floor.py"))

MODEL = "gpt-4o-mini"
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 12).decode()
SCHEMA = {
    "type": "object",
    "properties": {
        "sentiment": {"type": "string", "enum": ["good", "bad", "neither"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
        "certainty": {"type": ["number", "null"]},
    },
    "required": ["sentiment", "reasons", "certainty"],
    "additionalProperties": False,
}


def _question(number: int) -> str:
    return f"What is there to say about number {number}?"


def _plain_chat(number: int) -> dict[str, Any]:
    return {"model": MODEL, "messages": [{"role": "user", "content": _question(number)}]}


def _chat_with_parameters(number: int) -> dict[str, Any]:
    system = {"role": "system", "content": "You are brief, and you know numbers well."}
    return {
        "model": MODEL,
        "messages": [system, {"role": "user", "content": _question(number)}],
        "temperature": 0.2,
        "max_completion_tokens": 200,
        "seed": number,
        "metadata": {"row": str(number)},
    }


def _structured_response(number: int) -> dict[str, Any]:
    return {
        "model": MODEL,
        "input": _question(number),
        "text": {
            "format": {"type": "json_schema", "name": "answer", "strict": True, "schema": SCHEMA}
        },
    }


def _embedding(number: int) -> dict[str, Any]:
    return {"model": "text-embedding-3-small", "input": _question(number), "dimensions": 512}


def _chat_with_image(number: int) -> dict[str, Any]:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    parts = [{"type": "text", "text": _question(number)}, image]
    return {"model": MODEL, "messages": [{"role": "user", "content": parts}]}


KINDS: dict[str, tuple[str, Callable[[int], dict[str, Any]], int]] = {
    "plain chats": ("/v1/chat/completions", _plain_chat, 1),
    "chats, parameters": ("/v1/chat/completions", _chat_with_parameters, 1),
    "responses, schema": ("/v1/responses", _structured_response, 1),
    "embeddings": ("/v1/embeddings", _embedding, 1),
    "chats, 4 kB image": ("/v1/chat/completions", _chat_with_image, 10),
}
"""The endpoint, what makes a body, and by how much fewer of them there are."""


def write_input(path: Path, kind: str, requests: int) -> None:
    """Write so many requests of a kind."""
    url, body, _ = KINDS[kind]
    with path.open("wb") as stream:
        for number in range(requests):
            request = {
                "custom_id": f"request-{number}",
                "method": "POST",
                "url": url,
                "body": body(number),
            }
            stream.write(json.dumps(request).encode() + b"\n")


def validate(source: Path) -> Measured:
    """The command that a user types."""
    options = ["--provider", "openai", "--quiet", "--state-dir", str(source.parent / "state")]
    return run(["-m", "openai_batch", "validate", str(source), *options])


def compare(kind: str, requests: int, rounds: int) -> bool:
    """Measure one kind of requests, print its figures, and say whether they are met."""
    requests //= KINDS[kind][2]
    with tempfile.TemporaryDirectory() as temporary:
        whole, tenth = Path(temporary, "whole.jsonl"), Path(temporary, "tenth.jsonl")
        write_input(whole, kind, requests)
        write_input(tenth, kind, requests // 10)
        small_mb = validate(tenth).peak_mb
        floor_s, ours_s, peaks_mb = [], [], []
        for _ in range(rounds):
            floor_s.append(run([FLOOR, str(whole)]).wall_s)
            measured = validate(whole)
            ours_s.append(measured.wall_s)
            peaks_mb.append(measured.peak_mb)
    ratio, peak_mb = median(ours_s) / median(floor_s), median(peaks_mb)
    print(
        f"{kind:<18} {requests:>10,}  {median(floor_s):>7.2f}  {median(ours_s):>10.2f}  "
        f"{ratio:>5.2f}  {small_mb:>8.1f}  {peak_mb:>6.1f}",
        flush=True,
    )
    grown_mb = (requests - requests // 10) * BYTES_A_REQUEST / 1e6
    return (
        ratio <= MOST_RATIO.get(kind, float("inf"))
        and peak_mb < MOST_MB
        and peak_mb <= small_mb + grown_mb + NOISE_MB
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requests", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("requests               number  floor s  validate s  ratio  tenth MB  all MB")
    met = [compare(kind, options.requests, options.rounds) for kind in KINDS]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
