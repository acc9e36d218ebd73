"""The server as an ASGI application: which URL is whose, who may ask, how errors look.

It knows nothing of sockets and processes, so a test may wrap it (`server.serve(wrap_app=…)`), to
lose answers, say, or to spoil them.
"""

import logging
import secrets
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import batches_api, files_api
from .endpoints import REQUIRED_BODY_FIELDS
from .executor import Executor
from .params import JsonResponse, json_object
from .refusal import Refused, error_body
from .runner import Runner
from .store import Store

_log = logging.getLogger(__name__)


def create_app(
    store: Store,
    runner: Runner,
    executor: Executor,
    *,
    token: str,
    window_s: float,
) -> Starlette:
    """The application over a store and its runner; only requests with the token get in.

    `window_s` is how long a "24h" window lasts. Requests for an immediate answer are executed
    beside those of batches, as many at a time.
    """
    under_v1: list[BaseRoute] = [
        *files_api.routes(store),
        *batches_api.routes(store, runner, window_s),
        *_model_routes(executor, store.now_s()),
        *_immediate_routes(executor),
    ]
    return Starlette(
        routes=[Mount("/v1", routes=under_v1)],
        middleware=[Middleware(_TokenCheck, token=token)],
        exception_handlers={
            Refused: _on_refused,
            HTTPException: _on_http_exception,
            ClientDisconnect: _on_disconnect,
            Exception: _on_bug,
        },
    )


def _model_routes(executor: Executor, created_s: int) -> list[BaseRoute]:
    def as_object() -> dict[str, Any]:
        return {
            "id": executor.model_id,
            "object": "model",
            "created": created_s,
            "owned_by": "openai-batch",
        }

    async def list_models(_: Request) -> Response:
        return JsonResponse({"object": "list", "data": [as_object()]})

    async def retrieve(request: Request) -> Response:
        name = request.path_params["model"]
        if name != executor.model_id:
            message = f"The model '{name}' does not exist."
            raise Refused(404, message, param="model", code="model_not_found")
        return JsonResponse(as_object())

    return [
        Route("/models", list_models, methods=["GET"]),
        Route("/models/{model:path}", retrieve, methods=["GET"]),
    ]


def _immediate_routes(executor: Executor) -> list[BaseRoute]:
    """The batch endpoints themselves, answered at once by the same executor."""
    places = anyio.CapacityLimiter(executor.parallel)

    async def answer(request: Request) -> Response:
        url = request.url.path
        body = await json_object(request)
        if body.get("stream"):
            message = "This server does not stream; leave 'stream' out."
            raise Refused(400, message, param="stream", code="unsupported_value")
        # Abandoned when the server stops: a request of many tokens must not hold it up.
        status_code, content = await anyio.to_thread.run_sync(
            executor.execute, url, body, abandon_on_cancel=True, limiter=places
        )
        return JsonResponse(content, status_code)

    return [
        Route(url.removeprefix("/v1"), answer, methods=["POST"]) for url in REQUIRED_BODY_FIELDS
    ]


class _TokenCheck:
    """Lets requests in that carry the bearer token, and numbers every answer."""

    def __init__(self, app: ASGIApp, token: str):
        self._app = app
        self._expected = b"Bearer " + token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["x-request-id"] = "req_" + secrets.token_hex(16)
            await send(message)

        given = Headers(scope=scope).get("authorization", "").encode("latin-1")
        if secrets.compare_digest(given, self._expected):
            await self._app(scope, receive, numbered)
        else:
            message = "Incorrect API key provided. This server wants its own token as key."
            body = error_body(message, code="invalid_api_key")
            await JsonResponse(body, 401)(scope, receive, numbered)


async def _on_refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return JsonResponse(error.body, error.status_code)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = f"{error.detail}: {request.method} {request.url.path}"
    return JsonResponse(error_body(message), error.status_code, headers=error.headers)


async def _on_disconnect(_: Request, __: Exception) -> Response:
    return Response(status_code=400)  # nobody will read it


async def _on_bug(_: Request, error: Exception) -> Response:
    _log.error("a request to this server broke it", exc_info=error)
    message = f"The server had an error: {type(error).__name__}"
    return JsonResponse(error_body(message, kind="server_error"), 500)
