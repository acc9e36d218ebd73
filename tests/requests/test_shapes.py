"""Requests of the usual shape are recognised fast, and only where a closer look would pass them."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openai_batch.requests.usual import Usual
from openai_batch.requests.validate import Rules, Validator

PNG = "data:image/png;base64,iVBORw0KGgo="
JPEG = "data:image/jpeg;base64,/9j/4AAQ"
SCHEMA = {
    "type": "object",
    "properties": {"age": {"type": "integer"}},
    "required": ["age"],
    "additionalProperties": False,
}
TOOL = {"type": "function", "function": {"name": "look", "parameters": SCHEMA, "strict": True}}
USER = {"role": "user", "content": "x"}

GOOD: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"messages": [USER]}),
    (
        "/v1/chat/completions",
        {
            "messages": [{"role": "system", "content": "y"}, USER],
            "temperature": 0.5,
            "top_p": 1,
            "n": 2,
            "seed": 3,
            "stop": ["a", "b"],
            "max_tokens": 5,
            "logprobs": True,
            "top_logprobs": 3,
            "logit_bias": {"50256": -100},
            "metadata": {"row": "1"},
            "user": "u",
        },
    ),
    (
        "/v1/chat/completions",
        {"messages": [{"role": "user", "content": "json"}], "response_format": {"type": "text"}},
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [{"role": "user", "content": "say JSON"}],
            "response_format": {"type": "json_object"},
            "max_completion_tokens": 7,
        },
    ),
    (
        "/v1/chat/completions",
        {"messages": [USER], "tools": [TOOL], "tool_choice": "auto", "stream": False},
    ),
    (
        "/v1/chat/completions",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "x"},
                        {"type": "image_url", "image_url": {"url": PNG}},
                    ],
                }
            ]
        },
    ),
    (
        "/v1/responses",
        {
            "input": "x",
            "max_output_tokens": 16,
            "text": {
                "format": {"type": "json_schema", "name": "a", "strict": True, "schema": SCHEMA}
            },
        },
    ),
    (
        "/v1/responses",
        {
            "input": [
                {
                    "role": "user",
                    "content": [
                        {"type": "input_text", "text": "x"},
                        {"type": "input_image", "image_url": JPEG},
                    ],
                }
            ],
            "instructions": "y",
            "reasoning": {"effort": "low"},
        },
    ),
    ("/v1/embeddings", {"input": "x"}),
    ("/v1/embeddings", {"input": ["x", "y"], "dimensions": 8, "encoding_format": "base64"}),
    ("/v1/embeddings", {"input": [1, 2, 3]}),
    ("/v1/embeddings", {"input": [[1, 2], [3]]}),
    ("/v1/completions", {"prompt": "x", "n": 2, "best_of": 3, "max_tokens": 0, "logprobs": 5}),
    ("/v1/moderations", {"input": ["x"]}),
    ("/v1/images/generations", {"prompt": "x", "n": 2, "size": "auto"}),
    ("/v1/score", {"text_1": "x", "text_2": ["y"], "truncate_prompt_tokens": 9}),
]
"""Bodies without faults, but for the model, by which they are recognised."""

VALUES = [
    *(None, True, False, 0, 1, -1, 2, 17, 129, 2**63, 2**70, 0.5, 2.5, -100.5, 1.0, 1e300),
    *("", "x", "json", "auto", "float", "user", "bot", "x" * 65, "x" * 513),
    *(PNG, PNG[:-2], "data:image/png;base64,AAAA", "https://example.com/a.png", "/tmp/a.png"),
    *([], [1], ["x"], ["x"] * 5, [[]], [[1.5]], [None], [USER], [TOOL]),
    *({}, {"a": 1}, {"a": "b"}, {"a": 101}, {str(n): "x" for n in range(17)}),
    *({"type": "json_object"}, {"type": "text"}, {"type": "function"}, SCHEMA),
    *({"role": "tool", "content": "x"}, {"role": "user", "content": None}, {"role": "user"}),
    *({"type": "image_url", "image_url": PNG}, {"type": "text"}, {"type": "input_text"}),
]
NAMES = [
    *("temperature", "top_p", "n", "stop", "max_tokens", "max_completion_tokens", "logprobs"),
    *("top_logprobs", "logit_bias", "metadata", "response_format", "tools", "tool_choice"),
    *("stream", "stream_options", "temprature", "top_k", "user", "text", "dimensions", "best_of"),
    *("content", "role", "type", "text", "image_url", "url", "tool_calls", "name", "strict"),
    *("input", "messages", "prompt", "instructions", "seed", "größe"),
]


def encoded(url: str, body: dict[str, Any], model: Any) -> bytes:
    """The request, compact, without the model where that is `...`."""
    named = body if model is ... else {"model": model, **body}
    request = {"custom_id": "a", "method": "POST", "url": url, "body": named}
    return json.dumps(request, separators=(",", ":")).encode()


@st.composite
def mutants(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A good body with one to three changes, wherever in it."""
    url, good = draw(st.sampled_from(GOOD))
    body = copy.deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        places: list[Any] = [body]
        for place in places:
            inner = place.values() if isinstance(place, dict) else place
            places += [one for one in inner if isinstance(one, dict | list)]
        place = draw(st.sampled_from(places))
        value = copy.deepcopy(draw(st.sampled_from(VALUES)))
        if isinstance(place, dict):
            name = draw(st.sampled_from([*place, *NAMES]))
            place[name] = value
            if draw(st.booleans()) and draw(st.booleans()):
                del place[name]
        elif place and draw(st.booleans()):
            place[draw(st.integers(0, len(place) - 1))] = value
        else:
            place.append(value)
    return url, body


MODELS = st.sampled_from(["gpt-4o-mini", "text-embedding-3-small", "text-embedding-ada-002", ...])


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.sampled_from(GOOD), max_size=3),
    st.lists(mutants(), min_size=1, max_size=3),
    MODELS,
    st.booleans(),
    st.booleans(),
)
def test_a_recognised_line_would_pass(
    before: list[tuple[str, dict[str, Any]]],
    after: list[tuple[str, dict[str, Any]]],
    model: Any,
    strict: bool,
    mixed_models: bool,
) -> None:
    """Whatever was good before it, a line that passes then also passes on its own, and alike."""
    rules = Rules(mixed_models=mixed_models, mixed_urls=True, strict_parameters=strict)
    validator = Validator(rules, lambda fault: None)
    lines = [encoded(url, body, model) for url, body in [*before, *after, *after]]
    for number, line in enumerate(lines, 1):
        alone = Validator(rules, lambda fault: None).check(1, line)
        assert validator.check(number, line) == alone
        block = validator.check_block(line + b"\n")
        assert block is None or block == alone


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("url", "body"), GOOD)
def test_the_second_of_two_alike_needs_no_closer_look(
    url: str, body: dict[str, Any], strict: bool
) -> None:
    """Every good body is recognised once another like it has passed."""
    line = encoded(url, body, "m")
    usual = Usual(False, strict)
    assert usual.recognise(line) is None
    first = usual.remember(json.loads(line), line)
    assert usual.recognise(line) == first


def test_two_shapes_in_turn_are_both_recognised() -> None:
    """Parameters that come and go, and two schemas, are known once each has been seen."""
    url = "/v1/chat/completions"
    bodies: list[dict[str, Any]] = [
        {"messages": [USER], "temperature": 1},
        {"messages": [USER], "tools": [TOOL]},
        {"messages": [USER], "seed": 2, "max_tokens": 3},
        {"messages": [USER], "tools": [], "top_k": 4},
    ]
    usual = Usual(False, True)
    lines = [encoded(url, body, "m") for body in bodies]
    for _ in range(2):
        for line in lines:
            usual.remember(json.loads(line), line)
    assert all(map(usual.recognise, lines))


def test_null_says_nothing_of_what_may_stand_in_its_place() -> None:
    """`stream_options` may be null, and nothing else, in a request that does not stream."""
    validator = Validator(Rules(strict_parameters=True), lambda fault: None)
    bodies = ({"stream_options": None}, {"stream_options": [None]}, {"stream_options": {}})
    messages = [{"role": "user", "content": "x"}]
    checked = [
        validator.check(1, encoded("/v1/chat/completions", {"messages": messages, **body}, "m"))
        for body in bodies
    ]
    assert [one is not None for one in checked] == [True, False, False]
