"""A batch server behind something that refuses some calls.

    python gateway_server.py MANNER --data DIR [--until-stdin-closes]

MANNER `guarded`: 403 for whoever lacks the gateway's header and query. `narrow`: 429 for a `create`
before somebody has looked at the last batch.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from openai_batch.local.__main__ import announce, leave
from openai_batch.local.echo import EchoExecutor
from openai_batch.local.server import Options, serve

HEADER, VALUE = "x-gateway-pass", "open-sesame"
QUERY = "api-version=2026-11-01"

Refuses = Callable[[Scope], int | None]
"""The status code with which a request is refused, or None."""


def guarded(scope: Scope) -> int | None:
    """Refuse whoever lacks header or query."""
    knows_header = (HEADER.encode(), VALUE.encode()) in scope["headers"]
    knows_query = QUERY in scope["query_string"].decode().split("&")
    return None if knows_header and knows_query else 403


class Narrow:
    """Refuses to create a batch before somebody has looked at the last one."""

    def __init__(self) -> None:
        self._has_room = True

    def __call__(self, scope: Scope) -> int | None:
        if not scope["path"].startswith("/v1/batches"):
            return None
        if scope["method"] == "GET":
            self._has_room = True
        elif self._has_room:
            self._has_room = False
        else:
            return 429
        return None


def behind(refuses: Refuses) -> Callable[[ASGIApp], ASGIApp]:
    """What puts an application behind `refuses`."""

    def wrap(app: ASGIApp) -> ASGIApp:
        async def gateway(scope: Scope, receive: Receive, send: Send) -> None:
            code = refuses(scope) if scope["type"] == "http" else None
            error = {"message": "The gateway refuses.", "code": "gateway"}
            await (JSONResponse({"error": error}, code) if code else app)(scope, receive, send)

        return gateway

    return wrap


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("manner", choices=("guarded", "narrow"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--until-stdin-closes", action="store_true")
    given = parser.parse_args()
    manner = guarded if given.manner == "guarded" else Narrow()
    options = Options(data=given.data, until_stdin_closes=given.until_stdin_closes)
    serve(options, announce, executor=EchoExecutor(), wrap_app=behind(manner))
    leave(0)
