"""What `Batch` refuses, in the words that programs match."""

import io
import re
from typing import Any

import pytest
from library_server import CHAT_MODEL, HUB_MODEL, chat

from openai_batch import Batch
from openai_batch.providers import get_provider_by_name

SCORE = {"model": "some-reranker", "text_1": "Hello", "text_2": "World"}
PICTURE = {"model": "Shitao/OmniGen-v1", "prompt": "a cat", "size": "1024x1024"}


def refusal(*requests: dict[str, Any], **arguments: Any) -> str:
    """Add requests; returns what the last one is refused with."""
    batch = Batch(io.StringIO(), **arguments)
    for request in requests[:-1]:
        batch.add_to_batch(**request)
    with pytest.raises(ValueError) as caught:
        batch.add_to_batch(**requests[-1])
    return str(caught.value)


def test_both_an_input_and_a_batch() -> None:
    """What is with the provider takes no more requests."""
    message = (
        "Cannot specify both submission_input_file and batch_id because adding to an existing "
        "batch is not supported"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        Batch("input.jsonl", batch_id="batch_1")


def test_adding_to_an_existing_batch() -> None:
    """Neither one that is named nor one that was submitted takes more requests."""
    existing = Batch(batch_id="batch_1")
    with pytest.raises(ValueError, match=r"^Adding to an existing batch is not supported$"):
        existing.add_to_batch(**chat("hello"))
    with Batch() as batch:
        batch.add_to_batch(**chat("hello"))
        batch.submit()
        with pytest.raises(ValueError, match=r"^Adding to an existing batch is not supported$"):
            batch.add_to_batch(**chat("hello"))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"messages": []}, "Model must be specified in arguments"),
        (
            {"model": "some-model", "temperature": 0.7},
            "Request must include either 'input' for embeddings, 'messages' for chat completions, "
            "'documents' for rerank, or 'text_1' for score",
        ),
        (
            {"model": "some-model", "input": "a", "messages": []},
            "Request cannot include multiple types of parameters. Use only one of: "
            "'input', 'messages', 'documents', or 'text_1'",
        ),
        ({"model": "some-model", "text_1": "a"}, "'text_2' is required for score requests"),
        (
            {"model": "some-model", "documents": 12},
            "Rerank 'documents' must be a list of strings.",
        ),
        (
            {"model": "some-model", "documents": ["a"]},
            "'query' is required for rerank requests",
        ),
        (PICTURE, "Missing required parameters for transfusion requests: image, response_format"),
        (
            {**PICTURE, "response_format": "url"},
            "Missing required parameters for transfusion requests: image",
        ),
    ],
    ids=["model", "kind", "kinds", "text_2", "documents", "query", "picture", "image"],
)
def test_parameters(request_: dict[str, Any], message: str) -> None:
    """Parameters that make no request are told apart by their message."""
    assert refusal(request_) == message


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (
            chat("a"),
            {"model": "text-embedding-3-large", "input": "a"},
            "Cannot add embedding to a chat_completion batch",
        ),
        (chat("a"), SCORE, "Cannot add score request to a chat_completion batch"),
        (SCORE, chat("a"), "Cannot add chat completion to a score batch"),
        (
            SCORE,
            {"model": "text-embedding-3-small", "input": "a"},
            "Cannot add embedding to a score batch",
        ),
        (
            SCORE,
            {"model": "some-reranker", "query": "a", "documents": ["b"]},
            "Cannot add rerank request to a score batch",
        ),
        (
            SCORE,
            {**PICTURE, "image": "x", "response_format": "url"},
            "Cannot add transfusion request to a score batch",
        ),
    ],
)
def test_one_kind_a_batch(first: dict[str, Any], second: dict[str, Any], message: str) -> None:
    """The first request says what the others have to be."""
    assert refusal(first, second) == message


def test_one_model_where_the_provider_asks_for_it() -> None:
    """OpenAI takes one model a batch, Parasail several."""
    assert refusal(chat("a"), chat("b", "gpt-3.5-turbo")) == (
        "Model mismatch. Provider openai requires model consistency. First request determines "
        "model for batch and is gpt-4o-mini and subsequent request is gpt-3.5-turbo"
    )
    mixed = Batch(io.StringIO(), provider=get_provider_by_name("parasail"))
    for model in (HUB_MODEL, CHAT_MODEL, "unheard-of"):
        mixed.add_to_batch(**chat("a", model))
    assert mixed.n_requests == 3


def test_a_refused_request_leaves_no_trace() -> None:
    """A loop that catches the refusal goes on with the next request."""
    target = io.StringIO()
    batch = Batch(target)
    with pytest.raises(ValueError, match="text_2"):
        batch.add_to_batch(model="some-model", text_1="a")
    assert (batch.provider, batch.batch_type, batch.model) == (None, None, None)
    batch.add_to_batch(**chat("a"))
    assert re.findall(r'"custom_id":"([^"]+)"', target.getvalue()) == ["line-1"]


@pytest.mark.parametrize("arguments", [{}, {"batch_id": "batch_1"}])
def test_nothing_to_submit(arguments: dict[str, Any]) -> None:
    """A batch without requests is not submitted, whether its provider is known or not."""
    for provider in (None, get_provider_by_name("openai")):
        batch = Batch(provider=provider, **arguments)
        with pytest.raises(ValueError, match=r"^No requests have been added to the batch$"):
            batch.submit()


@pytest.mark.parametrize("step", ["status", "download"])
def test_nothing_was_submitted(step: str) -> None:
    """There is nothing to look at before `submit`."""
    with pytest.raises(ValueError, match=r"^Batch has not been submitted yet$"):
        getattr(Batch(), step)()


def test_a_batch_that_nobody_knows() -> None:
    """Every provider whose key is set was asked."""
    with pytest.raises(ValueError) as caught:
        Batch(batch_id="batch_unheard_of").status()
    assert str(caught.value) == (
        "Could not auto-detect provider for batch ID batch_unheard_of. Please specify a provider."
    )


def test_an_unknown_provider() -> None:
    """A provider is named as the catalog has it."""
    with pytest.raises(ValueError, match=r"^No provider found with name: parsail$"):
        get_provider_by_name("parsail")
