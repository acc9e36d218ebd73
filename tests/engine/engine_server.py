"""A real batch server that notes what it executes and keeps answers back as a test wants.

python engine_server.py FOLDER DELAY_S [WINDOW_S]

In FOLDER: `executed` has the text of each request that was executed, `answered` a line for each
call that was carried out; an answer is kept back while a file `hold-NAME` stands there, NAME being
the call's in `answered`.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from openai_batch.local.__main__ import announce, leave
from openai_batch.local.echo import EchoExecutor
from openai_batch.local.executor import Answer
from openai_batch.local.server import Options, serve


class CountingExecutor(EchoExecutor):
    """Echo, with a line in `executed` for each request."""

    def __init__(self, folder: Path, delay_s: float):
        super().__init__(delay_s, parallel=2)
        self._notes = open_to_append(folder / "executed")

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        answer = super().execute(url, body)
        os.write(self._notes, str(body["messages"][-1]["content"]).encode() + b"\n")
        return answer


class Holding:
    """Middleware that notes each call when it was carried out, and may keep the answer back."""

    def __init__(self, app: Any, folder: Path):
        self._app = app
        self._folder = folder
        self._notes = open_to_append(folder / "answered")

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        name = call_name(scope["method"], scope["path"])

        async def held(message: Any) -> None:
            if message["type"] == "http.response.start":
                os.write(self._notes, name.encode() + b"\n")
                while (self._folder / f"hold-{name}").exists():
                    await asyncio.sleep(0.005)
            await send(message)

        await self._app(scope, receive, held)


def call_name(method: str, path: str) -> str:
    """`upload`, `create`, `list`, `look`, `download` or `other`."""
    parts = path.strip("/").split("/")[1:]
    match method, parts:
        case "POST", ["files"]:
            return "upload"
        case "POST", ["batches"]:
            return "create"
        case "GET", ["batches"]:
            return "list"
        case "GET", ["batches", _]:
            return "look"
        case "GET", ["files", _, "content"]:
            return "download"
    return "other"


def open_to_append(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


if __name__ == "__main__":
    folder, delay_s = Path(sys.argv[1]), float(sys.argv[2])
    options = Options(data=folder / "data", until_stdin_closes=True)
    if len(sys.argv) > 3:
        options = Options(
            data=folder / "data", until_stdin_closes=True, window_s=float(sys.argv[3])
        )
    serve(
        options,
        announce,
        executor=CountingExecutor(folder, delay_s),
        wrap_app=lambda app: Holding(app, folder),
    )
    leave(0)
