"""A server whose executor notes every request it executes in a file, for tests that kill it.

python counting_server.py DATA NOTES DELAY_S
"""

import os
import sys
from pathlib import Path
from typing import Any

from openai_batch.local.__main__ import announce, leave
from openai_batch.local.echo import EchoExecutor
from openai_batch.local.executor import Answer
from openai_batch.local.server import Options, serve


class CountingExecutor(EchoExecutor):
    """Echo, with one line in `notes` for each request, written before it is answered."""

    def __init__(self, notes: Path, delay_s: float):
        super().__init__(delay_s, parallel=2)
        self._notes = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        answer = super().execute(url, body)
        os.write(self._notes, body["messages"][-1]["content"].encode() + b"\n")
        return answer


if __name__ == "__main__":
    data, notes, delay_s = sys.argv[1:]
    executor = CountingExecutor(Path(notes), float(delay_s))
    serve(Options(data=Path(data), until_stdin_closes=True), announce, executor=executor)
    leave(0)
