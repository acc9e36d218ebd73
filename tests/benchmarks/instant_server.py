"""OpenAI's Files and Batches protocol without think time.

    python instant_server.py FOLDER shuffled|in-order

Prints its address, and serves until its standard input closes. The results of a file are written to
FOLDER while it is uploaded, from its custom_ids alone; a batch is completed at the first look.
"""

import itertools
import json
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_ids = itertools.count(1)

_CUSTOM_ID = re.compile(rb'^\{"custom_id": ("[^"]*")', re.MULTILINE)
_RESULT = json.dumps(
    {
        "id": "batch_req_1",
        "custom_id": 0,
        "response": {
            "status_code": 200,
            "body": {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_760_000_000,
                "model": "gpt-4o-mini",
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": "There is nothing to say."},
                        "finish_reason": "stop",
                    }
                ],
                "usage": {"prompt_tokens": 22, "completion_tokens": 9, "total_tokens": 31},
            },
        },
        "error": None,
    }
)
_BEFORE, _AFTER = _RESULT.replace('"custom_id": 0', '"custom_id": |').encode().split(b"|")

_APART = 997
"""Shuffled results that follow one another belong to requests so far apart."""


class Handler(BaseHTTPRequestHandler):
    """One connection. `files` and `batches` are the server's, shared by all."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
    shuffled: bool
    files: dict[str, Path]
    batches: dict[str, dict[str, Any]]

    def do_POST(self) -> None:
        parts = self.path.strip("/").split("/")
        if parts == ["v1", "files"]:
            self._answer(self._take_file())
        else:
            self._answer(self._create_batch())

    def do_GET(self) -> None:
        match self.path.split("?")[0].strip("/").split("/"):
            case ["v1", "files", file_id, "content"]:
                self._send_file(self.files[file_id])
            case ["v1", "batches"]:
                newest_first = list(reversed(self.batches.values()))
                self._answer({"object": "list", "data": newest_first, "has_more": False})
            case ["v1", "batches", batch_id]:
                self._answer(self.batches[batch_id])
            case _:
                self.send_error(404)

    def _take_file(self) -> dict[str, Any]:
        """Read a multipart upload and write its results."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        custom_ids = _CUSTOM_ID.findall(content)
        if self.shuffled:
            custom_ids = [one for first in range(_APART) for one in custom_ids[first::_APART]]
        file_id = f"file-{next(_ids)}"
        path = self.folder / f"{file_id}.jsonl"
        path.write_bytes(_BEFORE + (_AFTER + b"\n" + _BEFORE).join(custom_ids) + _AFTER + b"\n")
        self.files[file_id] = path
        return {
            "id": file_id,
            "object": "file",
            "bytes": len(content),
            "created_at": 0,
            "filename": "input.jsonl",
            "purpose": "batch",
            "status": "processed",
        }

    def _create_batch(self) -> dict[str, Any]:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        batch_id = f"batch_{next(_ids)}"
        self.batches[batch_id] = {
            "id": batch_id,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "input_file_id": asked["input_file_id"],
            "completion_window": asked["completion_window"],
            "created_at": 0,
            "metadata": asked.get("metadata"),
            "status": "completed",
            # The input's own id stands for its results too: an input is never read again.
            "output_file_id": asked["input_file_id"],
            "error_file_id": None,
        }
        return {**self.batches[batch_id], "status": "validating", "output_file_id": None}

    def _answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as stream:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(path.stat().st_size))
            self.end_headers()
            self.wfile.flush()
            self.connection.sendfile(stream)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: standard error is the benchmark's."""


def main() -> None:
    Handler.folder, Handler.shuffled = Path(sys.argv[1]), sys.argv[2] == "shuffled"
    Handler.files, Handler.batches = {}, {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
