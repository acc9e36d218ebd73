"""From parameters to requests, as the library's `add_to_batch` makes them."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from openai_batch.requests.build import RequestKinds, build_body, classify, request_line
from openai_batch.requests.endpoints import Kind, endpoint_of, url_of

MESSAGES = [{"role": "user", "content": "Hello"}]


@dataclass
class Rules:
    """What a provider says of itself, as far as building requests asks."""

    name: str = "openai"
    requires_consistency: bool = True
    endpoints: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"model": "gpt-4o-mini", "messages": MESSAGES}, "chat_completion"),
        ({"model": "gpt-4o-mini", "messages": MESSAGES, "prompt": "x"}, "chat_completion"),
        ({"model": "text-embedding-3-small", "input": "x"}, "embedding"),
        ({"model": "intfloat/e5-mistral-7b-instruct", "input": "x"}, "embedding"),
        ({"model": "BAAI/bge-m3", "input": ["x"]}, "embedding"),
        ({"model": "Alibaba-NLP/gte-Qwen2-7B-instruct", "input": "x"}, "embedding"),
        ({"model": "somebody/unheard-of", "input": "x"}, "embedding"),
        ({"model": "gpt-9", "input": "x", "dimensions": 8}, "embedding"),
        ({"model": "gpt-4o-mini", "input": "x"}, "response"),
        ({"model": "o3", "input": "x"}, "response"),
        ({"model": "ft:gpt-4o-mini:acme::1", "input": "x"}, "response"),
        ({"model": "somebody/unheard-of", "input": "x", "instructions": "y"}, "response"),
        ({"model": "somebody/unheard-of", "input": MESSAGES}, "response"),
        ({"model": "gpt-5", "prompt": {"id": "pmpt_1"}}, "response"),
        ({"model": "omni-moderation-latest", "input": "x"}, "moderation"),
        ({"model": "davinci-002", "prompt": "x"}, "completion"),
        ({"model": "gpt-image-1", "prompt": "x"}, "image_generation"),
        ({"model": "dall-e-3", "prompt": "x"}, "image_generation"),
        ({"model": "somebody/unheard-of", "prompt": "x", "size": "64x64"}, "image_generation"),
        ({"model": "gpt-image-1", "prompt": "x", "image": "y"}, "image_edit"),
        ({"model": "gpt-image-1", "prompt": "x", "image": "y", "size": "auto"}, "image_edit"),
        ({"model": "Shitao/OmniGen-v1", "prompt": "x"}, "transfusion"),
        ({"model": "m", "prompt": "x", "image": "y", "size": "64x64"}, "transfusion"),
        ({"model": "m", "text_1": "x"}, "score"),
        ({"model": "m", "documents": []}, "rerank"),
    ],
)
def test_kind_is_told_from_the_parameters(params: dict[str, Any], kind: str) -> None:
    """The parameters tell what a request asks for; the model decides where they fit several."""
    assert classify(params).value == kind


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"messages": MESSAGES}, "Model must be specified in arguments"),
        (
            {"model": "m", "temperature": 0.7},
            "Request must include either 'input' for embeddings, 'messages' for chat completions, "
            "'documents' for rerank, or 'text_1' for score",
        ),
        (
            {"model": "m", "input": "x", "messages": MESSAGES},
            "Request cannot include multiple types of parameters. Use only one of: "
            "'input', 'messages', 'documents', or 'text_1'",
        ),
        ({"model": "m", "text_1": "x"}, "'text_2' is required for score requests"),
        ({"model": "m", "documents": ["x"]}, "'query' is required for rerank requests"),
        ({"model": "m", "documents": 12}, "Rerank 'documents' must be a list of strings."),
        (
            {"model": "Shitao/OmniGen-v1", "prompt": "x", "size": "64x64"},
            "Missing required parameters for transfusion requests: image, response_format",
        ),
    ],
)
def test_messages_of_refusals_stay_word_for_word(params: dict[str, Any], message: str) -> None:
    """Programs match the texts of these errors, so they do not change."""
    with pytest.raises(ValueError) as refused:
        build_body(params)
    assert str(refused.value) == message


@pytest.mark.parametrize(
    ("params", "url"),
    [
        ({"model": "gpt-4", "messages": MESSAGES, "temperature": 0.5}, "/v1/chat/completions"),
        ({"model": "e5-small", "input": ["x", "y"]}, "/v1/embeddings"),
        ({"model": "gpt-4", "input": "x"}, "/v1/responses"),
        ({"model": "davinci-002", "prompt": "x"}, "/v1/completions"),
        ({"model": "omni-moderation-latest", "input": "x"}, "/v1/moderations"),
        ({"model": "dall-e-3", "prompt": "x", "n": 1}, "/v1/images/generations"),
        ({"model": "gpt-image-1", "prompt": "x", "image": "y"}, "/v1/images/edits"),
    ],
)
def test_body_is_what_was_given(params: dict[str, Any], url: str) -> None:
    """The body holds every parameter as it was given, in its order."""
    assert build_body(params) == (url, params)
    assert list(build_body(params)[1]) == list(params)


def test_score_takes_what_the_endpoint_knows() -> None:
    """A score request holds only parameters that the endpoint does not refuse."""
    params = {"model": "m", "text_2": "b", "text_1": "a", "temperature": 1, "priority": 2}
    assert build_body(params) == (
        "/v1/score",
        {"model": "m", "text_1": "a", "text_2": "b", "priority": 2},
    )


def test_rerank_goes_to_the_score_endpoint() -> None:
    """A rerank request becomes a score request, a single document a list of one."""
    params = {"model": "m", "query": "q", "documents": "only one", "top_n": 1, "temperature": 1}
    assert build_body(params) == (
        "/v1/score",
        {"model": "m", "query": "q", "documents": ["only one"], "top_n": 1},
    )
    assert params["documents"] == "only one"


def test_transfusion_takes_a_list_of_images() -> None:
    """A single image becomes a list of one, and other parameters are passed on."""
    params = {
        "model": "Shitao/OmniGen-v1",
        "prompt": "p",
        "size": "64x64",
        "image": "https://example.com/a.jpg",
        "response_format": "url",
        "quality": "hd",
    }
    assert build_body(params) == (
        "/v1/images/edits",
        {**params, "image": ["https://example.com/a.jpg"]},
    )
    several = {**params, "image": ["https://example.com/a.jpg", "https://example.com/b.jpg"]}
    assert build_body(several) == ("/v1/images/edits", several)


def test_url_is_spelled_as_the_provider_does() -> None:
    """A provider's own version prefix is used where it has the endpoint, /v1 elsewhere."""
    endpoints = ("/v4/embeddings", "/v4/chat/completions")
    assert url_of(Kind.CHAT_COMPLETION, endpoints) == "/v4/chat/completions"
    assert url_of(Kind.SCORE, endpoints) == "/v1/score"
    assert endpoint_of("/v4/chat/completions") is endpoint_of("/chat/completions")
    assert endpoint_of("/v1/chat") is None


def test_request_line() -> None:
    """A request is one line of JSON, its keys in the order that people expect."""
    assert (
        request_line("line-1", "/v1/embeddings", {"model": "m", "input": "a\u2028b"})
        == (
            '{"custom_id":"line-1","method":"POST","url":"/v1/embeddings",'
            '"body":{"model":"m","input":"a\u2028b"}}'
        ).encode()
    )


def test_request_line_keeps_what_orjson_cannot() -> None:
    """Integers above 64 bits and lone surrogates survive."""
    line = request_line("line-1", "/v1/embeddings", {"seed": 2**70, "input": "\ud800"})
    assert json.loads(line)["body"] == {"seed": 1180591620717411303424, "input": "\ud800"}


def test_first_request_decides_the_kind() -> None:
    """Every later request must be of the first one's kind."""
    kinds = RequestKinds()
    kinds.build({"model": "gpt-4", "messages": MESSAGES}, Rules())
    for params, message in (
        ({"model": "text-embedding-3-large", "input": "x"}, "embedding"),
        ({"model": "m", "text_1": "x", "text_2": "y"}, "score request"),
        ({"model": "m", "query": "x", "documents": []}, "rerank request"),
        ({"model": "Shitao/OmniGen-v1", "prompt": "x"}, "transfusion request"),
    ):
        with pytest.raises(ValueError) as refused:
            kinds.build(params, Rules())
        assert str(refused.value) == f"Cannot add {message} to a chat_completion batch"


def test_chat_is_refused_in_a_score_batch() -> None:
    """The message names both kinds."""
    kinds = RequestKinds()
    kinds.build({"model": "m", "text_1": "x", "text_2": "y"}, Rules())
    with pytest.raises(ValueError, match=r"^Cannot add chat completion to a score batch$"):
        kinds.build({"model": "m", "messages": MESSAGES}, Rules())


def test_first_request_decides_the_model() -> None:
    """Where the provider asks for one model, a second one is refused with both names."""
    kinds = RequestKinds()
    kinds.build({"model": "gpt-4", "messages": MESSAGES}, Rules())
    with pytest.raises(ValueError) as refused:
        kinds.build({"model": "gpt-3.5-turbo", "messages": MESSAGES}, Rules())
    assert str(refused.value) == (
        "Model mismatch. Provider openai requires model consistency. First request determines "
        "model for batch and is gpt-4 and subsequent request is gpt-3.5-turbo"
    )


def test_models_may_be_mixed_where_the_provider_allows() -> None:
    """A provider without that rule takes any model."""
    kinds = RequestKinds()
    rules = Rules("parasail", requires_consistency=False)
    kinds.build({"model": "a/b", "messages": MESSAGES}, rules)
    assert kinds.build({"model": "c/d", "messages": MESSAGES}, rules)[1]["model"] == "c/d"


def test_refused_request_leaves_no_trace() -> None:
    """A first request that is refused does not decide the batch's kind."""
    kinds = RequestKinds()
    with pytest.raises(ValueError):
        kinds.build({"model": "m", "text_1": "x"}, Rules())
    kinds.build({"model": "gpt-4", "messages": MESSAGES}, Rules())
    assert kinds.kind is Kind.CHAT_COMPLETION
