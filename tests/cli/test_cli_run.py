"""`run`: requests in, results out, piped and in files."""

import json
import re
from pathlib import Path

import pytest
from cli_process import Cli, chat, chats, run_ids, wait_for_line

RECORD_FIELDS = {
    "object",
    "run_id",
    "status",
    "provider",
    "base_url",
    "model",
    "batch_ids",
    "request_counts",
    "created_at",
    "usage",
    "cost_usd",
    "realtime_cost_usd",
    "estimate",
    "output_file",
    "error_file",
}


def journals(cli: Cli) -> list[Path]:
    return list((cli.cwd.parent / "state").rglob("journal.db"))


def test_requests_from_a_pipe_come_back_as_results_in_order(cli: Cli) -> None:
    """N lines in are N lines out, in input order, and stderr says the sum and nothing twice."""
    lines = b"".join(json.dumps(request).encode() + b"\n" for request in chats(5))
    ended = cli("run", "--interval", "0.1", "--shard-requests", "2", stdin=lines)
    assert (ended.code, ended.ids) == (0, ["r1", "r2", "r3", "r4", "r5"])
    said = ended.stderr.splitlines()
    assert re.fullmatch(r"planned run_\w+: 5 requests \(\S+ bytes\) in 3 shards", said[0])
    assert said[-1].startswith("5 requests: 5 succeeded, 0 failed, 0 missing; 10 tokens, $")
    assert len(set(said)) == len(said)


def test_failed_requests_stand_in_their_places_and_mean_exit_3(cli: Cli) -> None:
    """Without an error file the stream has every request, the failed one with its status."""
    cli.write("in.jsonl", chat("good"), chat("bad", 5), chat("fine"))
    ended = cli("run", "--interval", "0.1", "in.jsonl")
    assert (ended.code, ended.ids) == (3, ["good", "bad", "fine"])
    assert [record["response"]["status_code"] for record in ended.records] == [200, 400, 200]
    assert "\n3 requests: 2 succeeded, 1 failed, 0 missing; 4 tokens, $" in ended.stderr


def test_an_error_file_takes_failed_requests_apart(cli: Cli) -> None:
    """`-e` leaves the stream to the results."""
    cli.write("in.jsonl", chat("good"), chat("bad", 5))
    ended = cli("run", "--interval", "0.1", "-q", "in.jsonl", "-e", "errors.jsonl")
    assert (ended.code, ended.ids, ended.stderr) == (3, ["good"], "")
    assert json.loads((cli.cwd / "errors.jsonl").read_bytes())["custom_id"] == "bad"


def test_an_output_file_leaves_standard_output_to_the_record(cli: Cli) -> None:
    """`-o` puts results in a file and prints one record with the fields that are promised."""
    cli.write("in.jsonl", *chats(2))
    ended = cli("run", "--interval", "0.1", "in.jsonl", "-o", "out.jsonl", "--metadata", "a=b=c")
    (record,) = ended.records
    assert ended.code == 0
    assert record.keys() >= RECORD_FIELDS
    assert (record["object"], record["status"]) == ("run", "completed")
    assert record["output_file"] == str(cli.cwd / "out.jsonl")
    assert record["request_counts"] == {"total": 2, "completed": 2, "failed": 0, "missing": 0}
    assert record["metadata"] == {"a": "b=c"}
    assert len((cli.cwd / "out.jsonl").read_bytes().splitlines()) == 2
    assert f"results in {cli.cwd / 'out.jsonl'}" in ended.stderr


def test_a_path_taken_meanwhile_is_left_alone_and_the_results_are_kept(slow_cli: Cli) -> None:
    """Exit 1 names `download RUN -o OTHER`, and that writes them."""
    slow_cli.write("in.jsonl", *chats(2))
    process = slow_cli.start("run", "in.jsonl", "-o", "out.jsonl", "--interval", "0.1")
    wait_for_line(process, " started (2 requests)")
    (slow_cli.cwd / "out.jsonl").write_text("mine")
    stdout, stderr = process.communicate(timeout=30)
    (run_id,) = run_ids(slow_cli.cwd.parent / "state")
    assert (process.returncode, stdout) == (1, b"")
    assert f"openai-batch download {run_id} -o OTHER" in stderr.decode()
    assert (slow_cli.cwd / "out.jsonl").read_text() == "mine"

    ended = slow_cli("download", run_id, "-o", "other.jsonl")
    assert ended.code == 0
    assert len((slow_cli.cwd / "other.jsonl").read_bytes().splitlines()) == 2


def test_force_replaces_a_file_and_never_a_device(cli: Cli) -> None:
    """A device is written to, and stays one. Without --force the file is refused at once (see
    test_cli_usage)."""
    if not Path("/dev/null").exists():
        pytest.skip("there is no /dev/null")
    cli.write("in.jsonl", chat("one"))
    (cli.cwd / "out.jsonl").write_text("old")
    arguments = ["-q", "--interval", "0.1", "-o", "out.jsonl", "-e", "/dev/null", "--force"]
    assert cli("run", "in.jsonl", *arguments).code == 0
    assert b'"custom_id":"one"' in (cli.cwd / "out.jsonl").read_bytes()
    assert Path("/dev/null").is_char_device()


def test_dry_run_needs_no_key_sends_nothing_and_says_what_it_would(nobody: Cli) -> None:
    """The record has sums, tokens, cost with the price it follows from, and no faults."""
    path = nobody.write("in.jsonl", *chats(3))
    price = ("--price-in", "0.25", "--price-out", "$2")
    ended = nobody("run", "-n", "in.jsonl", "--shard-requests", "2", *price)
    assert (ended.code, ended.stderr) == (0, "")
    assert ended.records == [
        {
            "object": "dry_run",
            "input_file": "in.jsonl",
            "provider": "openai",
            "base_url": "https://api.openai.com/v1",
            "requests": 3,
            "shards": 2,
            "bytes": path.stat().st_size,
            "models": ["gpt-4o-mini"],
            "endpoints": ["/v1/chat/completions"],
            "tokens": {"input": 24, "input_max": 24, "output_max": None, "estimate": False},
            "cost_usd": {"low": 0.000006, "high": None},
            "prices": [
                {
                    "model": "gpt-4o-mini",
                    "input": 0.25,
                    "output": 2.0,
                    "tiers": False,
                    "since": None,
                    "source": "given",
                }
            ],
            "no_price": None,
            "faults": {},
        }
    ]
    assert not journals(nobody)


def test_dry_run_prints_every_fault_with_its_line(nobody: Cli) -> None:
    """Faults stand on stderr as editors read them, their counts in the record; exit 5."""
    (nobody.cwd / "in.jsonl").write_bytes(b"\n".join([b"no json"] * 150))
    ended = nobody("run", "-n", "-q", "-p", "openai", "in.jsonl")
    lines = ended.stderr.splitlines()
    assert ended.code == 5
    assert ended.records[0]["faults"] == {
        "invalid_json_line": {"count": 150, "lines": list(range(1, 11))}
    }
    assert lines[0].startswith("in.jsonl:1: ")
    assert lines[149].startswith("in.jsonl:150: ")
    assert lines[0].endswith(" [invalid_json_line]")


def test_run_prints_a_hundred_faults_and_says_how_many_more(cli: Cli) -> None:
    """Nothing was sent, and the exit code is 5."""
    ended = cli("run", "-p", "openai", stdin=b"\n".join([b"no json"] * 150))
    lines = ended.stderr.splitlines()
    assert (ended.code, ended.stdout) == (5, b"")
    assert [line.split(":")[1] for line in lines[:100]] == [str(n) for n in range(1, 101)]
    assert lines[100] == "and 50 more: openai-batch run --dry-run lists every one"
    assert lines[101] == (
        "openai-batch: 150 faults in 150 lines of standard input; nothing was sent: "
        "mend the lines named, and run this again"
    )
    assert not journals(cli)


def test_create_only_prints_the_record_and_leaves(stuck_cli: Cli) -> None:
    """`-c` returns while batches run; the same input again is stopped with the run's id."""
    stuck_cli.write("in.jsonl", *chats(3))
    ended = stuck_cli("run", "-c", "in.jsonl", "--shard-requests", "2")
    (record,) = ended.records
    assert ended.code == 0
    assert record["status"] == "in_progress"
    assert len(record["batch_ids"]) == 2

    again = stuck_cli("run", "in.jsonl")
    assert (again.code, again.stdout) == (2, b"")
    assert record["run_id"] in again.stderr
    assert "--new" in again.stderr
    anew = stuck_cli("run", "-c", "--new", "in.jsonl")
    assert anew.code == 0
    assert anew.records[0]["run_id"] != record["run_id"]


def test_a_time_out_exits_7_and_resume_goes_on(stuck_cli: Cli) -> None:
    """Nothing is delivered, and the way on is named."""
    stuck_cli.write("in.jsonl", chat("one"))
    ended = stuck_cli("run", "in.jsonl", "--timeout", "0.5", "--interval", "0.1")
    (run_id,) = run_ids(stuck_cli.cwd.parent / "state")
    assert (ended.code, ended.stdout) == (7, b"")
    assert f"openai-batch resume {run_id}" in ended.stderr


def test_a_refused_key_exits_4(cli: Cli) -> None:
    """The provider's word is told, the key is not."""
    cli.write("in.jsonl", chat("one"))
    ended = cli("run", "in.jsonl", "--api-key", "sk-wrong-0123456789")
    assert (ended.code, ended.stdout) == (4, b"")
    assert "sk-wrong" not in ended.stderr
