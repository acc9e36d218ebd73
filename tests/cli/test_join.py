"""`openai-batch join`, as a process."""

import json

import pytest
from cli_process import Cli, chat, chats


def result(custom_id: str, status: int = 200) -> dict[str, object]:
    response = {"status_code": status, "body": {"error": None}}
    return {"id": "x", "custom_id": custom_id, "response": response, "error": None}


def test_what_run_wrote_is_joined(cli: Cli) -> None:
    """Results and error file of a run, in any order; the sum is told as `run` tells it."""
    cli.write("in.jsonl", *chats(3), chat("bad", 7))
    assert cli("run", "in.jsonl", "-o", "out.jsonl", "-e", "errors.jsonl").code == 3
    joined = cli("join", "in.jsonl", "errors.jsonl", "out.jsonl")
    assert (joined.code, joined.ids) == (0, ["r1", "r2", "r3", "bad"])
    assert joined.stderr == "4 requests: 3 succeeded, 1 failed, 0 missing\n"
    assert [pair["request"] for pair in joined.records] == [*chats(3), chat("bad", 7)]
    assert [pair["result"]["response"]["status_code"] for pair in joined.records][:3] == [200] * 3
    failed = cli(
        *("join", "in.jsonl", "errors.jsonl", "out.jsonl", "--only", "failed", "-q"),
        *("-o", "failed.jsonl"),
    )
    assert (failed.code, failed.stdout, failed.stderr) == (0, b"", "")
    assert json.loads((cli.cwd / "failed.jsonl").read_bytes())["custom_id"] == "bad"


def test_pipes_and_strangers(nobody: Cli) -> None:
    """Results may be piped in; those of no request are counted, and are no error."""
    nobody.write("some.jsonl", chat("b"), chat("z"))
    lines = [result("a"), result("b"), result("c", 500), result("b")]
    piped = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    ended = nobody("join", "some.jsonl", "-", stdin=piped)
    assert (ended.code, ended.ids) == (0, ["b", "z"])
    assert ended.stderr.splitlines() == [
        "stdin:4: another result for 'b'; the one before succeeded, so that one counts "
        "[repeated_result]",
        "2 requests: 1 succeeded, 0 failed, 1 missing",
        "2 results belong to no request and were left out; the first is stdin:1",
    ]
    requests = (nobody.cwd / "some.jsonl").read_bytes()
    nobody.write("results.jsonl", result("z"))
    again = nobody("join", "-", "results.jsonl", "--only", "succeeded", stdin=requests)
    assert (again.code, again.ids) == (0, ["z"])


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["-", "-"], 2, "only one of the files can be standard input"),
        (["in.jsonl", "none.jsonl"], 2, "cannot read none.jsonl"),
        (["in.jsonl", "in.jsonl", "--only", "good"], 2, "one of succeeded, failed, missing"),
        (["in.jsonl", "res.jsonl", "-o", "res.jsonl", "--force"], 2, "res.jsonl is an input"),
        (["in.jsonl", "in.jsonl", "-o", "new.jsonl"], 5, "in.jsonl:1: the input holds requests"),
        (["in.jsonl", "res.jsonl"], 5, "no result belongs to any request of in.jsonl"),
    ],
)
def test_what_cannot_be_joined(nobody: Cli, arguments: list[str], code: int, told: str) -> None:
    """Nothing is written, and the message says why."""
    nobody.write("in.jsonl", *chats(2))
    nobody.write("res.jsonl", result("of another run"))
    ended = nobody("join", *arguments)
    assert (ended.code, ended.stdout) == (code, b"")
    assert told in ended.stderr
    assert sorted(path.name for path in nobody.cwd.iterdir()) == ["in.jsonl", "res.jsonl"]
