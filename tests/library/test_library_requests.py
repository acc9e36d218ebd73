"""Each kind of request reaches its endpoint, from whatever it was written into."""

import gzip
import io
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from library_server import CHAT_MODEL, HUB_MODEL, Server, chat, chat_line, read, replies

from openai_batch import Batch
from openai_batch.batch import BatchType

IMAGE = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize(
    ("kind", "url", "params", "changes"),
    [
        (
            BatchType.CHAT_COMPLETION,
            "/v1/chat/completions",
            {**chat("hello"), "temperature": 0.7},
            {},
        ),
        (
            BatchType.RESPONSE,
            "/v1/responses",
            {"model": CHAT_MODEL, "input": "hello", "instructions": "be brief"},
            {},
        ),
        (
            BatchType.COMPLETION,
            "/v1/completions",
            {"model": "davinci-002", "prompt": "Once", "max_tokens": 5},
            {},
        ),
        (
            BatchType.EMBEDDING,
            "/v1/embeddings",
            {"model": "text-embedding-3-small", "input": ["a", "b"], "dimensions": 4},
            {},
        ),
        (
            BatchType.MODERATION,
            "/v1/moderations",
            {"model": "omni-moderation-latest", "input": "hello"},
            {},
        ),
        (
            BatchType.SCORE,
            "/v1/score",
            {"model": HUB_MODEL, "text_1": "a b", "text_2": ["a", "c"]},
            {},
        ),
        (
            BatchType.RERANK,
            "/v1/score",
            {"model": HUB_MODEL, "query": "a", "documents": "just one"},
            {"documents": ["just one"]},
        ),
        (
            BatchType.TRANSFUSION,
            "/v1/images/edits",
            {
                "model": "Shitao/OmniGen-v1",
                "prompt": "a cat",
                "size": "1024x1024",
                "image": IMAGE,
                "response_format": "b64_json",
            },
            {"image": [IMAGE]},
        ),
    ],
    ids=lambda value: value.value if isinstance(value, BatchType) else "",
)
def test_each_kind_reaches_its_endpoint(
    echo: Server, kind: BatchType, url: str, params: dict[str, Any], changes: dict[str, Any]
) -> None:
    """The parameters tell the endpoint, and arrive there as they were given."""
    with Batch() as batch:
        batch.add_to_batch(**params)
        assert (batch.batch_type, batch.model) == (kind, params["model"])
        batch_id = batch.submit()
    assert echo.requests_of(batch_id) == [
        {"custom_id": "line-1", "method": "POST", "url": url, "body": params | changes}
    ]
    assert echo.client.batches.retrieve(batch_id).endpoint == url


def answers_to(source: Any) -> list[tuple[str, str]]:
    """Add two requests to `source`, send it, and return what came back."""
    with Batch(source, provider=None) as batch:
        for text in ("one", "zwölf 💥"):
            batch.add_to_batch(**chat(text))
        _, output, _ = batch.submit_wait_download(interval=0.05)
    return replies(output)


TWO = [("line-1", "one"), ("line-2", "zwölf 💥")]


INPUT = Path("input.jsonl")
TARGETS: dict[str, Callable[[], Any]] = {
    "name": lambda: "deep/er/input.jsonl",
    "path": lambda: INPUT,
    "StringIO": io.StringIO,
    "BytesIO": io.BytesIO,
    "text file": partial(INPUT.open, "w", encoding="utf-8"),
    "text file in a code page": partial(INPUT.open, "w", encoding="cp1252"),
    "text file for both": partial(INPUT.open, "w+", encoding="utf-8"),
    "binary file": partial(INPUT.open, "wb"),
    "binary file for both": partial(INPUT.open, "w+b"),
    "named temporary text file": partial(tempfile.NamedTemporaryFile, "w+", suffix=".jsonl"),
    "temporary file": tempfile.TemporaryFile,
    "spooled text file": partial(tempfile.SpooledTemporaryFile, mode="w+", encoding="utf-8"),
}


@pytest.mark.parametrize("open_source", TARGETS.values(), ids=TARGETS)
def test_requests_are_written_into_what_is_given(open_source: Callable[[], Any]) -> None:
    """A path, an open file of either kind, and files in memory all take requests."""
    source = open_source()
    assert answers_to(source) == TWO
    if not isinstance(source, str | Path):
        assert not source.closed
        source.close()


LINES = b"".join(
    json.dumps(chat_line(custom_id, text), ensure_ascii=False).encode() + b"\n"
    for custom_id, text in (("b", "zwölf"), ("a", "one"))
)


def written() -> Path:
    INPUT.write_bytes(LINES)
    return INPUT


def zipped() -> Path:
    path = Path("input.jsonl.gz")
    path.write_bytes(gzip.compress(LINES))
    return path


SOURCES: dict[str, Callable[[], Any]] = {
    "bytes": lambda: LINES,
    "path": written,
    "name": lambda: str(written()),
    "text": lambda: written().open(encoding="utf-8"),
    "binary": lambda: written().open("rb"),
    "BytesIO": lambda: io.BytesIO(LINES),
    "StringIO": lambda: io.StringIO(LINES.decode()),
    "zipped": lambda: gzip.GzipFile(zipped()),
    "zipped text": lambda: io.TextIOWrapper(gzip.GzipFile(zipped()), encoding="utf-8"),
}


@pytest.mark.parametrize("open_source", SOURCES.values(), ids=SOURCES)
def test_requests_that_exist_are_sent_as_they_are(open_source: Callable[[], Any]) -> None:
    """What holds requests already is read from its beginning, and its model tells the provider."""
    source = open_source()
    with Batch(source) as batch:
        _, output, errors = batch.submit_wait_download(interval=0.05)
        assert batch.provider is not None and batch.provider.name == "openai"
    assert (replies(output), errors) == ([("b", "zwölf"), ("a", "one")], None)
    if hasattr(source, "close"):
        source.close()


def test_a_file_that_the_caller_has_closed() -> None:
    """The usual two `with`s: the file is closed before the batch is submitted."""
    with Path("input.jsonl").open("w") as file, Batch(file) as batch:
        batch.add_to_batch(**chat("hello"))
    _, output, _ = batch.submit_wait_download(interval=0.05)
    batch.close()
    assert replies(output) == [("line-1", "hello")]


def test_requests_are_in_the_file_when_the_batch_is_closed() -> None:
    """The caller's file stays open, and lacks nothing."""
    with Path("input.jsonl").open("w") as file:
        with Batch(file) as batch:
            batch.add_to_batch(**chat("hello"))
        assert len(read("input.jsonl")) == 1
        assert not file.closed


def test_closing_loses_no_requests() -> None:
    """What is added after `close` joins what was added before."""
    batch = Batch("input.jsonl")
    batch.add_to_batch(**chat("one"))
    batch.close()
    batch.add_to_batch(**chat("two"))
    batch.close()
    assert [line["custom_id"] for line in read("input.jsonl")] == ["line-1", "line-2"]
    assert (batch.n_requests, batch.n_bytes) == (2, Path("input.jsonl").stat().st_size)


def test_a_path_is_replaced_by_new_requests() -> None:
    """An input of last week is not sent again with today's."""
    written()
    with Batch("input.jsonl", custom_id_prefix="row") as batch:
        batch.add_to_batch(**chat("new"))
    assert [line["custom_id"] for line in read("input.jsonl")] == ["row-1"]


def test_metadata_reaches_the_provider(echo: Server) -> None:
    """The caller's metadata is kept with the batch, beside the label that finds it again."""
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        batch_id = batch.submit(metadata={"team": "search", "job": "ключ"})
        assert batch.status().metadata == {"team": "search", "job": "ключ"}
    metadata = dict(echo.client.batches.retrieve(batch_id).metadata or {})
    assert metadata.pop("openai_batch").startswith("run_")
    assert metadata == {"team": "search", "job": "ключ"}
