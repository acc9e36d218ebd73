"""`openai-batch stats`, as a process."""

import os

import pytest
from cli_process import Cli, chat


def result(custom_id: str, status: int = 200, tokens: int = 9) -> dict[str, object]:
    usage = {"prompt_tokens": 5, "completion_tokens": tokens}
    error = {"code": "rate_limit", "message": ""} if status == 429 else None
    body = {"model": "m", "usage": usage} if error is None else {"error": error}
    response = {"status_code": status, "body": body}
    return {"id": "x", "custom_id": custom_id, "response": response, "error": None}


def test_of_requests(nobody: Cli) -> None:
    """What they are, how long, and how many tokens they send and may get."""
    limited = chat("b", "hello hello", "other")
    limited["body"] |= {"max_completion_tokens": 50, "temperature": 0}
    ended = nobody("stats", str(nobody.write("in.jsonl", chat("a"), limited)))
    (record,) = ended.records
    assert (ended.code, ended.stderr) == (0, "")
    assert (record["object"], record["kind"]) == ("stats", "requests")
    assert (record["lines"], record["faulty"]) == (2, 0)
    assert record["endpoints"] == {"/v1/chat/completions": 2}
    assert record["models"] == {"gpt-4o-mini": 1, "other": 1}
    assert record["parameters"] == {"max_completion_tokens": 1, "temperature": 1}
    assert record["output_ceilings"] == {"requests": 1, "total": 50, "error_percent": 0}
    tokens = record["input_tokens"]
    assert (tokens["total"], tokens["min"], tokens["max"]) == (17, 8, 9)


def test_of_results(nobody: Cli) -> None:
    """How they ended, and what the provider counted; a line of another kind is told: exit 5."""
    lines = result("a"), result("b", 429), result("c", tokens=21), chat("d")
    requests = nobody.write("in.jsonl", *lines).read_bytes()
    ended = nobody("stats", stdin=requests)
    (record,) = ended.records
    assert (ended.code, record["kind"], record["lines"], record["faulty"]) == (5, "results", 3, 1)
    assert ended.stderr == "1 line not counted, which should be a result; the first is stdin:4\n"
    assert record["statuses"] == {"200": 2, "429": 1}
    assert (record["errors"], record["models"]) == ({"rate_limit": 1}, {"m": 2})
    assert record["input_tokens"]["total"] == 10
    assert record["output_tokens"] == {
        **{"total": 30, "min": 9, "median": 9, "p90": 21},
        **{"p99": 21, "max": 21, "mean": 15.0},
    }


@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo terminals like these")
def test_on_a_terminal_it_is_a_report(nobody: Cli) -> None:
    """With thousands grouped, and a bar for each power of two."""
    nobody.write("in.jsonl", *[result(str(n), tokens=n) for n in range(9, 12)])
    screen = nobody.on_terminal("stats", "in.jsonl").stdout.decode()
    assert "results" in screen and "output tokens" in screen
    assert "30 in all; min 9, median 10, p90 11" in screen
    assert "█" * 40 + " 3" in screen
