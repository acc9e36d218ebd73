"""An executor that passes each request on to another OpenAI-compatible server."""

import http.client
import json
import urllib.error
import urllib.request
from typing import Any

from .. import jsonl
from ..errors import UsageError
from .executor import Answer
from .refusal import error_body

_TIMEOUT_S = 600.0


class UpstreamExecutor:
    """Sends one HTTP request for each request and repeats none: that is for the client to decide.

    `base_url` ends where a client's would (`http://host/v1`). Raises UsageError where it is missing
    or not HTTP.
    """

    model_id = "upstream"

    def __init__(self, base_url: str | None, key: str | None, parallel: int = 1):
        if not base_url or not base_url.startswith(("http://", "https://")):
            raise UsageError("--executor upstream wants --upstream URL, http:// or https://")
        self.parallel = parallel
        self._base_url = base_url.rstrip("/")
        self._headers = {"content-type": "application/json", "accept": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._opener = urllib.request.build_opener(_NoRedirects)

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        request = urllib.request.Request(
            self._base_url + url.removeprefix("/v1"),
            data=jsonl.dumps(body),
            headers=self._headers,
            method="POST",
        )
        try:
            return self._send(request)
        except TimeoutError:
            return 504, _failure(f"The upstream server did not answer in {_TIMEOUT_S:.0f} s.")
        except (OSError, http.client.HTTPException) as error:
            return 502, _failure(f"The upstream server gave no answer: {error}")

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with self._opener.open(request, timeout=_TIMEOUT_S) as response:
                return _answer(response.status, response.read())
        except urllib.error.HTTPError as error:  # how urllib hands over a 4xx or 5xx
            with error:
                return _answer(error.code, error.read())

    def close(self) -> None:
        """Connections are not kept."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the key to another place, and turn a POST into a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _answer(status_code: int, content: bytes) -> Answer:
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    if not isinstance(body, dict) or 300 <= status_code < 400:
        return 502, _failure(f"The upstream server answered {status_code}, without a JSON object.")
    return status_code, body


def _failure(message: str) -> dict[str, Any]:
    return error_body(message, kind="server_error", code="upstream_error")
