"""`download` and `status`: records from one command to the next, also on another machine."""

import json
from typing import Any

import pytest
from cli_process import Cli, chat, chats, run_ids


def wait_until_ended(cli: Cli, *ids: str, stdin: bytes = b"") -> dict[str, Any]:
    """Watch until nothing runs any more; the last record that was printed."""
    return cli("status", "--watch", "--interval", "0.05", *ids, stdin=stdin).records[-1]


def elsewhere(cli: Cli) -> Cli:
    """The same key on a machine that has never heard of any run."""
    empty = {"OPENAI_BATCH_HOME": str(cli.cwd.parent / "elsewhere")}
    return Cli(cli.cwd, cli.env | empty)


def test_a_record_is_all_another_machine_needs(cli: Cli) -> None:
    """`run -c > run.json`, then `status < run.json` and `download < run.json` anywhere."""
    cli.write("in.jsonl", chat("b"), chat("a"), chat("c"))
    price = ("--price-in", "1", "--price-out", "2")
    record = cli("run", "-c", "-q", "in.jsonl", "--shard-requests", "2", *price).stdout
    other = elsewhere(cli)
    status = wait_until_ended(other, stdin=record)
    assert status["run_id"] == json.loads(record)["run_id"]
    assert (status["status"], status["request_counts"]["completed"]) == ("completed", 3)
    assert status["usage"]["total_tokens"] == 6
    assert status["price_given"] == {"input": 1.0, "output": 2.0}  # for whoever reads this record
    ended = other("download", stdin=record)
    assert (ended.code, ended.ids) == (0, ["b", "a", "c"])
    assert "\n3 requests: 3 succeeded, 0 failed, 0 missing; 6 tokens, $0.0000090 " in ended.stderr
    told = other("status", stdin=record).records[0]
    assert (told["model"], told["usage"]["total_tokens"]) == ("gpt-4o-mini", 6)
    assert told["estimate"] == json.loads(record)["estimate"]
    assert told["cost_usd"] == 0.000009


def test_ids_and_records_are_told_apart_line_by_line(cli: Cli) -> None:
    """Standard input may mix ids of runs and batches, JSON strings and records; a run that is named
    twice comes once."""
    records = []
    for name in ("a", "b"):
        cli.write(f"{name}.jsonl", chat(name))
        records.append(cli("run", "-c", "-q", f"{name}.jsonl").records[0])
    ids = [record["run_id"] for record in records]
    wait_until_ended(cli, *ids)
    lines = [records[0]["batch_ids"][0], json.dumps(ids[1]), json.dumps(records[0]), ids[1]]
    ended = cli("download", stdin="\n\n".join(lines).encode())
    assert (ended.code, ended.ids) == (0, ["a", "b"])
    together = cli("download", *ids, "-o", "all.jsonl", "-q")
    assert [record["run_id"] for record in together.records] == ids
    written = (cli.cwd / "all.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["custom_id"] for line in written] == ["a", "b"]


def test_download_does_not_wait(stuck_cli: Cli) -> None:
    """While a batch runs: exit 8 and nothing on standard output, with `--partial` what there is."""
    stuck_cli.write("in.jsonl", *chats(2))
    run_id = stuck_cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    ended = stuck_cli("download", run_id)
    assert (ended.code, ended.stdout) == (8, b"")
    assert run_id in ended.stderr
    partial = stuck_cli("download", "--partial", run_id)
    assert (partial.code, partial.stdout) == (8, b"")
    assert stuck_cli("status", "--exit-status", run_id).code == 8


def test_a_batch_made_elsewhere_is_fetched_by_its_id(cli: Cli) -> None:
    """`status` and `resume` need the batch's id, the key, and nothing else."""
    cli.write("in.jsonl", chat("a"), chat("b", 5))
    record = cli("run", "-c", "-q", "in.jsonl").records[0]
    other = elsewhere(cli)
    batch_id = record["batch_ids"][0]
    status = wait_until_ended(other, batch_id)
    assert (status["batch_ids"], status["provider"]) == ([batch_id], "openai")
    ended = other("resume", "-", stdin=batch_id.encode())
    assert (ended.code, ended.ids) == (3, ["a", "b"])
    assert run_ids(other.cwd.parent / "elsewhere") == [record["run_id"]]


def test_one_unknown_id_does_not_hide_the_others(cli: Cli) -> None:
    """`status` answers for what it can, names what it cannot, and remembers in its exit code."""
    cli.write("in.jsonl", chat("a"))
    run_id = cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    ended = cli("status", "batch_unknown", run_id)
    assert ended.code == 2
    assert [record["run_id"] for record in ended.records] == [run_id]
    assert ended.stderr.startswith("batch_unknown: ")


@pytest.mark.parametrize("name", ["batch_unknown", "run_20261123_101500_4k2m9x7q"])
def test_what_nobody_knows_is_wrong_usage_in_every_command(cli: Cli, name: str) -> None:
    """The same code and the same sentence, whoever is asked, and for both kinds of ids."""
    for command in ("status", "download", "resume", "cancel", "retry"):
        ended = cli(command, name)
        assert (ended.code, ended.stdout) == (2, b""), command
        assert f"{name} is neither in " in ended.stderr
        assert "nor known to a provider (asked: OpenAI)" in ended.stderr


def test_watching_prints_each_change_until_nothing_runs(slow_cli: Cli) -> None:
    """`--watch` ends by itself; the last record is final, and no record comes twice in a row."""
    slow_cli.write("in.jsonl", *chats(3))
    run_id = slow_cli("run", "-c", "-q", "in.jsonl").records[0]["run_id"]
    ended = slow_cli("status", "--watch", "--interval", "0.1", run_id)
    assert ended.code == 0
    assert ended.records[-1]["status"] == "completed"
    assert all(one != next for one, next in zip(ended.records, ended.records[1:], strict=False))
