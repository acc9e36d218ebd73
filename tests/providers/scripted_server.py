"""An HTTP server on loopback that says what a test tells it to, bytes and all."""

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-test-0123456789abcdef"
KEEP_BODY_BYTES = 1_000_000


@dataclass
class Request:
    """One request as it arrived. Bodies above KEEP_BODY_BYTES are counted and not kept."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    body_bytes: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Callable[["Handler"], None]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "ScriptedServer"

    def respond(self) -> None:
        self.server.requests.append(self._receive())
        answers = self.server.answers
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self.close_connection = True
        answer(self)

    do_GET = do_POST = do_DELETE = respond

    def _receive(self) -> Request:
        left = size = int(self.headers.get("content-length", 0))
        kept = b""
        while left:
            part = self.rfile.read(min(left, 1 << 20))
            if not part:
                break
            left -= len(part)
            if len(kept) < KEEP_BODY_BYTES:
                kept += part
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(self.command, self.path, headers, kept, size - left)

    def send(self, data: bytes) -> None:
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Stay silent."""


class ScriptedServer(ThreadingHTTPServer):
    """Gives `answers` in turn, the last one for ever, and keeps the `requests`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = []
        self.requests: list[Request] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def will(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of many tests."""

    def __enter__(self) -> "ScriptedServer":
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


def head(status: int, headers: dict[str, str]) -> bytes:
    fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} Word\r\n{fields}\r\n".encode()


def says(
    body: Any = b"", status: int = 200, headers: dict[str, str] | None = None, length: bool = True
) -> Answer:
    """A whole answer: bytes as they are, anything else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
    fields = {"content-type": kind, "connection": "close"} | (headers or {})
    if length:
        fields["content-length"] = str(len(content))
    return lambda handler: handler.send(head(status, fields) + content)


def says_raw(data: bytes) -> Answer:
    """These bytes, head and all, and then the end of the connection."""
    return lambda handler: handler.send(data)


def resets(handler: Handler) -> None:
    """The connection is reset, the request having been read."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def html(status: int, title: str = "Bad Gateway") -> Answer:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>x</body></html>"
    return says(page.encode(), status, {"content-type": "text/html; charset=utf-8"})


def error(status: int, message: str, code: str | None = None, **headers: str) -> Answer:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": "some_error", "param": None, "code": code}}
    return says(body, status, {name.replace("_", "-"): value for name, value in headers.items()})
