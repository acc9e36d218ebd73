"""What the benchmarks send."""

import json
from pathlib import Path


def write_input(path: Path, requests: int) -> None:
    """Requests of about 200 bytes each."""
    with path.open("wb") as stream:
        for number in range(requests):
            body = {
                "model": "gpt-4o-mini",
                "messages": [{"role": "user", "content": f"Say something about {number}, please."}],
            }
            request = {
                "custom_id": f"request-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body,
            }
            stream.write(json.dumps(request).encode() + b"\n")
