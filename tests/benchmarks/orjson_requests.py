"""The floor of `create`: a loop that makes a request of each prompt and writes it with orjson.

python orjson_requests.py text|objects SOURCE TARGET
"""

import sys
from pathlib import Path
from typing import Any

import orjson

MODEL = "gpt-4o-mini"


def request(number: int, body: dict[str, Any]) -> bytes:
    """One line of a batch input file."""
    return (
        orjson.dumps(
            {
                "custom_id": f"line-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": MODEL, **body},
            }
        )
        + b"\n"
    )


def main(sort: str, source: Path, target: Path) -> None:
    with source.open("rb") as prompts, target.open("wb") as requests:
        for number, line in enumerate(prompts, 1):
            if sort == "text":
                text, params = line.rstrip().decode(), {}
            else:
                params = orjson.loads(line)
                text = params.pop("prompt")
            messages = [{"role": "user", "content": text}]
            requests.write(request(number, {**params, "messages": messages}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
