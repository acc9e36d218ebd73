"""OpenAI's Files and Batches protocol over files that are there already: no think time at all.

    python instant_server.py WORKLOAD_FOLDER

Prints its address, and serves until its standard input closes. An upload is read and thrown away; a
batch is completed at the first look, and its results are the file that `workload` wrote for the
shard that begins with the same request.
"""

import itertools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from workload import results_path

_READ_BYTES = 1 << 20
_ids = itertools.count(1)


class Handler(BaseHTTPRequestHandler):
    """One connection. `files` and `batches` are the server's, shared by all."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    folder: Path
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
        """Read a multipart upload, of which only the first request's custom_id is wanted."""
        left = int(self.headers["Content-Length"])
        head = bytearray()
        while left:
            chunk = self.rfile.read1(min(left, _READ_BYTES))
            left -= len(chunk)
            if len(head) < _READ_BYTES:
                head += chunk
        first = json.loads(head[head.index(b'{"custom_id"') :].split(b"\n", 1)[0])
        file_id = f"file-{next(_ids)}"
        self.files[file_id] = results_path(self.folder, first["custom_id"])
        return {
            "id": file_id,
            "object": "file",
            "bytes": 0,
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
            # The input's own id stands for its results too: an upload is never read again.
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
    Handler.folder, Handler.files, Handler.batches = Path(sys.argv[1]), {}, {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(f"http://127.0.0.1:{server.server_port}/v1", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()


if __name__ == "__main__":
    main()
