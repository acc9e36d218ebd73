"""One call to the fault proxy, and every way in which its answer can reach the client or not."""

import http.client
import json
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

_FORWARDED = ("authorization", "content-type", "accept", "accept-encoding")
_PASSED_BACK = ("content-type", "retry-after")
_UPSTREAM_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Request:
    """A call as the client sent it. `path` has the query and begins after the base URL."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def parts(self) -> list[str]:
        """The path without its query, as in `["files", "file-1", "content"]`."""
        return urlsplit(self.path).path.strip("/").split("/")

    @property
    def query(self) -> dict[str, str]:
        """The query, where a name given twice counts once."""
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.path).query).items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be sent back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> "Answer":
        """An answer in JSON. In names of headers, `_` stands for `-`."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        body = json.dumps(value).encode()
        return cls(status, body, {"content-type": "application/json", **named})

    @classmethod
    def error(cls, status: int, message: str, code: str | None = None, **headers: str) -> "Answer":
        """An error in OpenAI's shape."""
        error = {"message": message, "type": "some_error", "param": None, "code": code}
        return cls.of({"error": error}, status, **headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(upstream_url: str, request: Request) -> Answer:
    """Make the call at the real server."""
    parts = urlsplit(upstream_url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_UPSTREAM_TIMEOUT_S)
    try:
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        path = f"{parts.path}/{request.path.lstrip('/')}"
        connection.request(request.method, path, request.body or None, headers)
        response = connection.getresponse()
        passed = {name: response.headers[name] for name in _PASSED_BACK if name in response.headers}
        return Answer(response.status, response.read(), passed)
    finally:
        connection.close()


class Exchange:
    """One call and its answer. A fault decides whether the work is done and what is sent."""

    def __init__(
        self,
        handler: BaseHTTPRequestHandler,
        request: Request,
        number: int,
        kind: str,
        work: Callable[[Request, str], Answer],
    ):
        """`number` counts all calls from 1; `work` is what the provider does when it is asked."""
        self.request = request
        self.number = number
        self.kind = kind
        self.done = "passed"
        self._handler = handler
        self._work = work
        self._answer: Answer | None = None

    def forward(self) -> Answer:
        """Let the provider do its work, once, and return its answer without sending it."""
        if self._answer is None:
            self._answer = self._work(self.request, self.kind)
        return self._answer

    def send(self, answer: Answer, *, body: bytes | None = None) -> None:
        """Send `answer`; with `body`, that in its place, under the length of the whole."""
        sent = answer.body if body is None else body
        self.send_raw(self._head(answer, f"Content-Length: {len(answer.body)}\r\n") + sent)

    def send_chunked(self, answer: Answer, body: bytes) -> None:
        """Send `body` as one chunk, and an end that says that this was all."""
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        self.send_raw(self._head(answer, "Transfer-Encoding: chunked\r\n") + chunk + b"0\r\n\r\n")

    def send_until_close(self, answer: Answer, body: bytes) -> None:
        """Send `body` without any length: the end of the connection is its end."""
        self.send_raw(self._head(answer, "") + body)

    def send_raw(self, data: bytes) -> None:
        self._handler.wfile.write(data)

    def reset(self) -> None:
        """End the connection as a crashed machine does."""
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def _head(self, answer: Answer, length: str) -> bytes:
        fields = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
        word = http.client.responses.get(answer.status, "Unknown")
        return (
            f"HTTP/1.1 {answer.status} {word}\r\n{fields}{length}Connection: close\r\n\r\n"
        ).encode("latin-1")
