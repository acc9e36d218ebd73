"""Knowing before paying: `validate`, `run --dry-run`, and ceilings."""

import json
from importlib.metadata import version

import pytest
from cli_process import Cli, chat, chats
from terminal import terminal

PRICE = ("--price-in", "0.25", "--price-out", "2")
CAPPED = [
    {**one, "body": {**one["body"], "max_completion_tokens": 100}} for one in (chat("a"), chat("b"))
]


def test_validate_says_what_an_input_holds(nobody: Cli) -> None:
    """A record on standard output, without a key; nothing is left behind."""
    path = nobody.write("in.jsonl", *chats(3))
    ended = nobody("validate", "in.jsonl")
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.records == [
        {
            "object": "validation",
            "input_file": "in.jsonl",
            "provider": "openai",
            "base_url": "https://api.openai.com/v1",
            "requests": 3,
            "bytes": path.stat().st_size,
            "models": ["gpt-4o-mini"],
            "endpoints": ["/v1/chat/completions"],
            "faults": {},
        }
    ]
    assert nobody("list").records == []


def test_validate_tells_every_fault(nobody: Cli) -> None:
    """Each on standard error with its line; in the record by code, with its lines; exit 5."""
    content = b"\n".join([json.dumps(chat("a")).encode(), b"oops", json.dumps(chat("a")).encode()])
    ended = nobody("validate", "--quiet", "-p", "openai", stdin=content)
    assert ended.code == 5
    assert [line.split(": ")[0] for line in ended.stderr.splitlines()] == [
        "stdin:2",
        "stdin:3",
        "openai-batch",
    ]
    assert ended.records[0]["faults"] == {
        "invalid_json_line": {"count": 1, "lines": [2]},
        "duplicate_custom_id": {"count": 1, "lines": [3]},
    }


def test_validate_obeys_the_provider(nobody: Cli) -> None:
    """What one takes, another refuses: mixed models, for one."""
    nobody.write("in.jsonl", chat("a", model="one/model"), chat("b", model="another/model"))
    assert nobody("validate", "in.jsonl", "-p", "parasail").code == 0
    refused = nobody("validate", "in.jsonl", "-p", "openai")
    assert refused.code == 5
    assert refused.records[0]["faults"] == {"mismatched_model": {"count": 1, "lines": [2]}}


def test_validate_draws_a_report_on_a_terminal(nobody: Cli) -> None:
    """Field by field, with the lines of what is wrong."""
    nobody.write("in.jsonl", *chats(2), *[{"custom_id": "x"}] * 7)
    with terminal(nobody, "validate", "in.jsonl", columns=120) as screen:
        assert screen.end() == 5
        assert screen.lines[-7:] == [
            "requests  2 (310 bytes)",
            "provider  openai https://api.openai.com/v1",
            "endpoint  /v1/chat/completions",
            "model     gpt-4o-mini",
            "faults    21 missing_required_parameter: lines 3, 4, 5, 6, 7, …",
            "faults    6 duplicate_custom_id: lines 4, 5, 6, 7, 8, …",
            "openai-batch: 27 faults in 7 lines of in.jsonl; nothing was sent: mend the lines "
            "named, and run this again",
        ]


def test_a_dry_run_has_the_price_of_batches(nobody: Cli) -> None:
    """From the price list, with its version and the day from which it holds."""
    nobody.write("in.jsonl", *CAPPED)
    (record,) = nobody("run", "-n", "in.jsonl").records
    assert record["tokens"] == {
        "input": 16,
        "input_max": 16,
        "output_max": 200,
        "estimate": False,
    }
    (price,) = record["prices"]
    assert price["source"] == f"genai-prices {version('genai-prices')}"
    assert price["since"] is not None
    assert 0 < price["input"] < price["output"]
    high = (16 * price["input"] + 200 * price["output"]) / 1e6
    assert record["cost_usd"]["high"] == pytest.approx(high, abs=1e-6)


def test_a_dry_run_says_that_a_price_is_not_known(nobody: Cli) -> None:
    """There is no cost then; for people it says why, and how to give one."""
    nobody.write("in.jsonl", chat("a", model="secret"))
    (record,) = nobody("run", "-n", "-p", "openai", "in.jsonl").records
    assert (record["cost_usd"], record["prices"]) == (None, [])
    assert record["no_price"].startswith("genai-prices ")
    with terminal(nobody, "run", "-n", "-p", "local", "in.jsonl", columns=120) as screen:
        assert screen.end() == 0
        assert screen.lines[-3:] == [
            "tokens    about 8 in (at most 79), no ceiling on what comes out",
            "cost      not known: a server on this machine has no price; give the provider's own "
            "with --price-in and --price-out",
            "nothing was sent",
        ]


@pytest.mark.parametrize(
    ("option", "allowed", "refused"),
    [
        ("--max-cost", "0.000404", "0.000403"),
        ("--max-tokens", "216", "215"),
        ("--max-requests", "2", "1"),
    ],
)
def test_nothing_above_a_ceiling_is_sent(cli: Cli, option: str, allowed: str, refused: str) -> None:
    """Exit 5, no run is left, and the same input goes with a higher ceiling."""
    cli.write("in.jsonl", *CAPPED)
    command = ("run", "-p", "openai", "--interval", "0.1", *PRICE, "in.jsonl")
    stopped = cli(*command, option, refused)
    assert (stopped.code, stopped.stdout) == (5, b"")
    assert f"{option} " in stopped.stderr
    assert stopped.stderr.endswith("; nothing was sent\n")
    assert cli("list").records == []
    assert cli(*command, option, allowed).ids == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--max-cost", "much"), "'much' is no amount of US dollars: write it as in 12.50"),
        (("--max-cost", "-1"), "'-1' is no amount of US dollars: write it as in 12.50"),
        (("--max-cost", "1e9"), "'1e9' is no amount of US dollars: write it as in 12.50"),
        (("--price-in", "1e30"), "'1e30' is no amount of US dollars: write it as in 12.50"),
        (("--max-tokens", "0"), "'0' is not a whole number from 1 on"),
        (("--price-in", "1"), "--price-in and --price-out go together: give both, 0 where it is"),
    ],
)
def test_ceilings_that_make_no_sense(nobody: Cli, options: tuple[str, ...], message: str) -> None:
    """They are wrong usage, before the input is even read."""
    ended = nobody("run", "-n", "missing.jsonl", *options)
    assert ended.code == 2
    assert message in ended.stderr


@pytest.mark.parametrize("command", [("resume",), ("run", "--resume")])
def test_a_ceiling_of_resume_holds_under_both_its_names(
    nobody: Cli, command: tuple[str, ...]
) -> None:
    """What was never sent is not sent above it."""
    nobody.env["OPENAI_BATCH_LOCAL_ARGS"] = "--executor echo"
    nobody.write("in.jsonl", *CAPPED)
    stopped = nobody("run", "-p", "local", "in.jsonl", *PRICE, "--timeout", "0")
    assert stopped.code == 7
    (run_id,) = (record["run_id"] for record in nobody("list").records)
    refused = nobody(*command, run_id, "--max-cost", "0.0001")
    assert (refused.code, refused.stdout) == (5, b"")
    assert f"nothing more of {run_id} is sent" in refused.stderr
    assert nobody(*command, run_id, "--max-cost", "1").ids == ["a", "b"]


def test_resume_does_not_ignore_what_a_run_is_planned_with(nobody: Cli) -> None:
    """It says that it cannot be changed any more."""
    ended = nobody("run", "--resume", "run_1", "--max-requests", "1", "--shard-requests", "2")
    assert ended.code == 2
    assert ended.stderr == (
        "openai-batch: --resume goes on as it was planned, without --shard-requests, "
        "--max-requests\n"
    )


def test_retry_has_the_price_that_was_given(cli: Cli) -> None:
    """The user need not say it again; ceilings are those of the new run."""
    cli.write("in.jsonl", chat("a"), chat("bad", 7))
    cli("run", "-p", "openai", "--interval", "0.1", "in.jsonl", "-o", "out.jsonl", *PRICE)
    (run_id,) = (record["run_id"] for record in cli("list").records)
    (rehearsed,) = cli("retry", run_id, "--dry-run").records
    assert (rehearsed["prices"][0]["input"], rehearsed["prices"][0]["source"]) == (0.25, "given")
