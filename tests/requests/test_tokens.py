"""What a request sends, in tokens, and how much can come back."""

import subprocess
import sys
from typing import Any

import pytest

from openai_batch.requests.encodings import can_count, text_counter
from openai_batch.requests.tokens import count_line, count_request

CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello, world!"}]

# The examples in OpenAI's cookbook, "How to count tokens with tiktoken", with what its API counted.
JARGON = [
    {
        "role": "system",
        "content": "You are a helpful, pattern-following assistant that translates corporate "
        "jargon into plain English.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "New synergies will help drive top-line growth.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Things working well together will increase revenue.",
    },
    {
        "role": "system",
        "name": "example_user",
        "content": "Let's circle back when we have more bandwidth to touch base on opportunities "
        "for increased leverage.",
    },
    {
        "role": "system",
        "name": "example_assistant",
        "content": "Let's talk later when we're less busy about how to do better.",
    },
    {
        "role": "user",
        "content": "This late pivot means we don't have time to boil the ocean for the client "
        "deliverable.",
    },
]
WEATHER = [
    {
        "role": "system",
        "content": "You are a helpful assistant that can answer to questions about the weather.",
    },
    {"role": "user", "content": "What's the weather like in San Francisco?"},
]
WEATHER_TOOL = {
    "name": "get_current_weather",
    "description": "Get the current weather in a given location",
    "parameters": {
        "type": "object",
        "properties": {
            "location": {
                "type": "string",
                "description": "The city and state, e.g. San Francisco, CA",
            },
            "unit": {
                "type": "string",
                "description": "The unit of temperature to return",
                "enum": ["celsius", "fahrenheit"],
            },
        },
        "required": ["location"],
    },
}


@pytest.mark.parametrize(
    ("model", "counted"), [("gpt-4-0613", 129), ("gpt-4o", 124), ("gpt-4o-mini", 124)]
)
def test_messages_count_as_the_provider_counts_them(model: str, counted: int) -> None:
    """Roles, names and what surrounds a message are as OpenAI's API reported them."""
    assert count_request(CHAT, {"model": model, "messages": JARGON})[:4] == (counted, None, True, 0)


@pytest.mark.parametrize(("model", "counted"), [("gpt-3.5-turbo", 105), ("gpt-4o-mini", 101)])
def test_tools_count_as_the_provider_counts_them(model: str, counted: int) -> None:
    """Tool definitions are as OpenAI's API reported them, and still called an estimate."""
    tools = [{"type": "function", "function": WEATHER_TOOL}]
    body = {"model": model, "messages": WEATHER, "tools": tools}
    assert count_request(CHAT, body)[:4] == (counted, None, False, 0)
    older = {"model": model, "messages": WEATHER, "functions": [WEATHER_TOOL]}
    assert count_request(CHAT, older)[:4] == (counted, None, False, 0)
    responses = {"model": model, "input": WEATHER, "tools": [{"type": "function", **WEATHER_TOOL}]}
    assert count_request("/v1/responses", responses)[:4] == (counted, None, False, 0)


@pytest.mark.parametrize(
    ("model", "tokens", "exact"),
    [
        # "上海自来水来自海上" has 7 tokens in o200k and 9 in cl100k.
        ("gpt-4o-2024-08-06", 7, True),
        ("gpt-4.1-nano", 7, True),
        ("gpt-5-mini", 7, True),
        ("gpt-6-luna", 7, True),
        ("o3", 7, True),
        ("ft:gpt-4o-mini-2024-07-18:org::abc", 7, True),
        ("openai/gpt-4o", 7, True),
        ("gpt-4", 9, True),
        ("gpt-4-turbo", 9, True),
        ("gpt-3.5-turbo", 9, True),
        ("text-embedding-3-small", 9, True),
        ("text-embedding-ada-002", 9, True),
        ("gpt-oss-20b", 7, False),
        ("meta-llama/Meta-Llama-3-8B-Instruct", 7, False),
        ("o3x", 7, False),
        ("", 7, False),
    ],
)
def test_each_model_has_its_encoding(model: str, tokens: int, exact: bool) -> None:
    """OpenAI's models are counted with their own encoding; any other is estimated with o200k."""
    counter = text_counter(model)
    assert (counter.count("上海自来水来自海上"), counter.exact) == (tokens, exact)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [("", 0), ("<|endoftext|>", 7), ("\ud800", 1), ("a" * 100_000, 12_500)],
    ids=["empty", "special", "surrogate", "long"],
)
def test_odd_texts_are_counted(text: str, tokens: int) -> None:
    """What looks like a special token is text, a lone surrogate is some character."""
    assert text_counter("gpt-4o").count(text) == tokens


@pytest.mark.parametrize(
    ("url", "body", "expected"),
    [
        (CHAT, {"messages": HELLO, "max_completion_tokens": 9, "n": 3}, (11, 27, True, 0)),
        (CHAT, {"messages": HELLO, "max_tokens": 9}, (11, 9, True, 0)),
        (CHAT, {"messages": HELLO, "max_tokens": None}, (11, None, True, 0)),
        (
            CHAT,
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": "Hello, world!"},
                            {"type": "image_url", "image_url": {"url": "data:image/png;base64,"}},
                            {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
                        ],
                    }
                ]
            },
            (11, None, False, 2),
        ),
        ("/v1/responses", {"input": "Hello, world!"}, (11, None, True, 0)),
        ("/v1/responses", {"input": HELLO, "max_output_tokens": 50}, (11, 50, True, 0)),
        ("/v1/responses", {"input": "Hello, world!", "instructions": "Hi"}, (16, None, True, 0)),
        (
            "/v1/responses",
            {
                "input": "Hello, world!",
                "previous_response_id": "resp_1",
                "tools": [{"type": "web_search"}],
            },
            (11, None, False, 2),
        ),
        ("/v1/completions", {"prompt": "Hello, world!"}, (4, 16, True, 0)),
        (
            "/v1/completions",
            {"prompt": ["Hello", [1, 2, 3]], "max_tokens": 5, "n": 2, "best_of": 3},
            (4, 30, True, 0),
        ),
        ("/v1/embeddings", {"input": "Hello, world!"}, (4, 0, True, 0)),
        ("/v1/embeddings", {"input": ["Hello", "Hello, world!"]}, (5, 0, True, 0)),
        ("/v1/embeddings", {"input": [5, 6, 7]}, (3, 0, True, 0)),
        ("/v1/embeddings", {"input": [[5, 6], [7]]}, (3, 0, True, 0)),
        ("/v1/moderations", {"input": "Hello, world!"}, (4, 0, True, 0)),
        ("/v1/score", {"text_1": "Hello", "text_2": ["Hello, world!"] * 3}, (15, 0, True, 0)),
        ("/v1/score", {"text_1": ["Hello"] * 2, "text_2": ["Hello, world!"] * 2}, (10, 0, True, 0)),
        ("/v1/rerank", {"query": "Hello", "documents": ["Hello"] * 4}, (8, 0, True, 0)),
        (
            "/v1/messages",
            {"system": "Hi", "messages": HELLO, "max_tokens": 7},
            (16, 7, True, 0),
        ),
        ("/v1/images/edits", {"prompt": "Hello", "image": "data:"}, (1, None, False, 1)),
        ("/v1/unheard_of", {}, (9, None, False, 0)),
    ],
)
def test_each_endpoint_has_its_texts_and_its_ceiling(
    url: str, body: dict[str, Any], expected: tuple[int, int | None, bool, int]
) -> None:
    """All that an endpoint sends is counted once; answers are bounded where the body says so."""
    assert count_request(url, {"model": "gpt-4o", **body})[:4] == expected


def test_calls_and_schemas_make_an_estimate() -> None:
    """What the model is shown in the provider's words is counted as JSON, and not as exact."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    messages = [*HELLO, {"role": "assistant", "tool_calls": [call]}]
    plain = count_request(CHAT, {"model": "gpt-4o", "messages": messages[:1]})
    called = count_request(CHAT, {"model": "gpt-4o", "messages": messages})
    assert (plain.exact, called.exact) == (True, False)
    assert called.input - plain.input == 3 + 1 + 9  # the message, its role, its call
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    body = {"model": "gpt-4o", "messages": HELLO, "response_format": schema}
    assert count_request(CHAT, body)[:4] == (plain.input + 11, None, False, 0)


@pytest.mark.parametrize(
    ("change", "at_least"),
    [
        ({"messages": [{"role": "assistant", "function_call": {"arguments": "word " * 999}}]}, 900),
        ({"messages": [{"role": "assistant", "refusal": "word " * 999}]}, 900),
        ({"tools": None, "functions": [{"name": "f", "description": "word " * 999}]}, 900),
        ({"prediction": {"type": "content", "content": "word " * 999}}, 900),
        ({"tools": [{"type": "custom", "custom": {"name": "c", "format": "word " * 999}}]}, 900),
        (
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "f",
                            "parameters": {
                                "$defs": {"a": {"description": "word " * 999}},
                                "properties": {"x": {"$ref": "#/$defs/a"}},
                            },
                        },
                    }
                ]
            },
            900,
        ),
    ],
)
def test_nothing_that_is_sent_is_left_out(change: dict[str, Any], at_least: int) -> None:
    """What a model reads besides the text of messages is in the sum, and more so in the bound."""
    found = count_request(CHAT, {"model": "gpt-4o", "messages": HELLO, **change})
    assert at_least < found.input <= found.input_max


@pytest.mark.parametrize(
    ("change", "ceiling"),
    [
        ({"n": 5}, 500),
        ({"n": 5.0}, 500),
        ({"n": "5"}, None),
        ({"max_tokens": 1e300}, None),
        ({"max_tokens": 10**400}, None),
        ({"max_tokens": True}, None),
        ({"max_completion_tokens": 9}, 9),
        ({"max_completion_tokens": None}, 100),
        ({"max_completion_tokens": "900"}, None),
        ({"max_completion_tokens": 10**13}, None),
    ],
)
def test_a_ceiling_is_that_of_all_answers(change: dict[str, Any], ceiling: int | None) -> None:
    """However their number is written; where nobody can read it, there is no ceiling."""
    body = {"model": "gpt-4o", "messages": HELLO, "max_tokens": 100, **change}
    assert count_request(CHAT, body).output_max == ceiling


@pytest.mark.parametrize(
    "sort",
    ["web_search", "web_search_2025_08_26", "web_search_preview_2025_03_11", "computer", "new", []],
)
def test_search_has_no_bound(sort: Any) -> None:
    """What it and other tools of the provider's own bring in, nobody has seen yet."""
    body = {"model": "gpt-4o", "input": "x", "tools": [{"type": sort, "name": "n"}]}
    assert count_request("/v1/responses", body).uncounted == 1
    chat = {"model": "gpt-4o", "messages": HELLO, "web_search_options": {}}
    assert count_request(CHAT, chat).uncounted == 1


def test_a_schema_of_any_depth_is_no_error() -> None:
    """One that cannot even be written is a part of unknown size."""
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(3_000):
        schema = {"type": "array", "items": schema}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    found = count_request(CHAT, {"model": "gpt-4o", "messages": HELLO, "tools": [tool]})
    assert (found.exact, found.uncounted) == (False, 1)


@pytest.mark.parametrize(
    "text", ["7" * 500, "สวัสดี" * 90, "Qz9#" * 99, "名" * 99, "\n" * 300, " " * 999]
)
@pytest.mark.parametrize("model", ["gpt-4o", "llama"])
def test_an_estimate_has_an_upper_bound(text: str, model: str) -> None:
    """A token has a byte at least, in the model's own encoding and in any other."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    found = count_request(CHAT, body, estimate=True)
    counted = count_request(CHAT, {**body, "model": "gpt-4"})
    assert counted.exact
    assert counted.input <= found.input_max <= len(text.encode()) + 90


@pytest.mark.parametrize("url", [CHAT, "/v1/responses", "/v1/embeddings", "/v1/score", "/v1/x"])
@pytest.mark.parametrize("value", [None, 7, "x", [None], [[]], {"a": {}}, [{"role": 3}]])
def test_no_body_is_too_odd(url: str, value: Any) -> None:
    """Whatever stands where texts should, there is a number and no error."""
    names = ("messages", "input", "tools", "text_1", "text_2", "max_tokens", "n", "model")
    assert count_request(url, dict.fromkeys(names, value)).input >= 0


def test_a_line_is_counted_as_its_body() -> None:
    """A line of an input file needs no parsing by the caller."""
    line = (
        b'{"custom_id":"1","method":"POST","url":"/v1/embeddings",'
        b'"body":{"model":"text-embedding-3-small","input":"\\ud83d\\ude00 \\ud800"}}'
    )
    assert count_line(line)[:4] == (3, 0, True, 0)


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        # With o200k: 37, 52, 58 and 2 tokens.
        (
            "The quick brown fox jumps over the lazy dog, and nobody is any wiser for it. " * 2,
            32,
            40,
        ),
        (
            "北京时间今天上午,中国人民银行公布了最新的货币政策报告,强调要保持流动性合理充裕。" * 2,
            50,
            75,
        ),
        ("Съешь же ещё этих мягких французских булок, да выпей чаю. " * 3, 52, 66),
        ("\ud800😀", 2, 3),
    ],
    ids=["english", "chinese", "russian", "odd"],
)
def test_estimates_are_near(text: str, low: int, high: int) -> None:
    """Without an encoding, the number of tokens follows from the sorts of characters."""
    counter = text_counter("gpt-4o", estimate=True)
    assert not counter.exact
    assert low <= counter.count(text) <= high


def test_estimates_know_the_older_encoding() -> None:
    """Chinese takes half as many tokens again with cl100k."""
    text = "中文" * 100
    assert text_counter("gpt-4o", estimate=True).count(text) == 170
    assert text_counter("gpt-4", estimate=True).count(text) == 250


@pytest.mark.skipif(sys.platform == "win32", reason="nothing tells the peak there")
def test_a_text_of_any_length_is_counted_in_little_memory() -> None:
    """Twenty megabytes take no more than one piece of them does, and come out nearly right."""
    script = (
        "import resource; from openai_batch.requests.encodings import text_counter\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "text = 'x' * 20_000_000; count = text_counter('gpt-4o').count; count('x'); before = peak()"
        "\nprint(count(text), peak() - before)"
    )
    told = subprocess.check_output([sys.executable, "-c", script], text=True)
    tokens, grown_mb = map(int, told.split())
    assert tokens == pytest.approx(2_500_000, rel=0.001)
    assert grown_mb < 40


def test_without_the_extra_all_is_estimated() -> None:
    """Nothing is missing where the extra is not installed: the numbers say that they are rough."""
    script = (
        "import sys; sys.modules['splintr'] = None\n"
        "from openai_batch.requests.tokens import count_request\n"
        "from openai_batch.requests.encodings import can_count\n"
        "body = {'model': 'gpt-4o', 'messages': [{'role': 'user', 'content': 'Hello, world!'}]}\n"
        "print(can_count(), tuple(count_request('/v1/chat/completions', body)))\n"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, text=True
    ).stdout
    assert printed == "False (11, None, False, 0, 87)\n"
    assert can_count()
