"""`list`, `cancel` and `retry`: runs after they were started."""

import json
import urllib.request

from cli_process import Cli, chat, chats, run_ids, wait_for_line


def test_list_shows_every_run_and_prune_removes_the_delivered(cli: Cli, stuck_cli: Cli) -> None:
    """One record a line, in the order of ids, which is that of time to the second; only what was
    delivered is removed."""
    cli.write("done.jsonl", *chats(2))
    assert cli("run", "done.jsonl", "-o", "out.jsonl").code == 0
    stuck_cli.write("open.jsonl", *chats(3))
    submitted = stuck_cli("run", "-c", "open.jsonl")
    assert submitted.code == 0
    both = cli("list").records
    assert {(r["status"], r["request_counts"]["total"]) for r in both} == {
        ("completed", 2),
        ("in_progress", 3),
    }
    assert [r["run_id"] for r in both] == run_ids(cli.cwd.parent / "state")
    assert [r["run_id"] for r in cli("list", "--unfinished").records] == [
        submitted.records[0]["run_id"]
    ]
    assert cli("list", "--prune", "--older-than", "1").records == []
    pruned = cli("list", "--prune")
    assert [r["request_counts"]["total"] for r in pruned.records] == [2]
    assert pruned.stderr == (
        "removed 1 run here; their files are still at the provider. --delete-remote would have "
        "deleted them, too; now it is: openai-batch download RUN --delete-remote -o FILE\n"
    )
    assert run_ids(cli.cwd.parent / "state") == [submitted.records[0]["run_id"]]


def test_list_of_nothing_is_empty(cli: Cli) -> None:
    """No runs, no lines, and nothing wrong."""
    listed = cli("list")
    assert (listed.code, listed.stdout, listed.stderr) == (0, b"", "")


def test_cancel_ends_the_batches_and_keeps_what_was_done(slow_cli: Cli) -> None:
    """`cancel --wait` fetches what was finished; `download` brings a line for every request."""
    slow_cli.write("in.jsonl", *chats(60))
    submitted = slow_cli("run", "-c", "in.jsonl")
    run_id = submitted.records[0]["run_id"]
    cancelled = slow_cli("cancel", "--wait", "--interval", "0.2", run_id)
    assert (cancelled.code, cancelled.records[0]["status"]) == (0, "cancelled")
    downloaded = slow_cli("download", run_id)
    assert downloaded.code == 3
    assert downloaded.ids == [f"r{n}" for n in range(1, 61)]
    codes = {(r["error"] or {}).get("code") for r in downloaded.records}
    assert "batch_cancelled" in codes


def test_a_run_that_is_driven_notices_that_it_was_cancelled(slow_cli: Cli) -> None:
    """The process that drives it comes to its end, and delivers what was finished."""
    slow_cli.write("in.jsonl", *chats(20))
    process = slow_cli.start("run", "in.jsonl", "--interval", "0.2")
    wait_for_line(process, " started (20 requests)")
    (run_id,) = run_ids(slow_cli.cwd.parent / "state")
    cancelled = slow_cli("cancel", run_id)
    assert cancelled.code == 0
    assert f"is driven by process {process.pid}" in cancelled.stderr
    stdout, _ = process.communicate(timeout=30)
    assert process.returncode == 3
    assert len(stdout.splitlines()) == 20
    assert slow_cli("list", "--unfinished").records == []


def test_watching_a_cancelled_run_ends_with_its_batches(slow_cli: Cli) -> None:
    """`cancel` leaves at once; `status --watch` sees the end though nobody has fetched anything."""
    slow_cli.write("in.jsonl", *chats(8))
    run_id = slow_cli("run", "-c", "in.jsonl").records[0]["run_id"]
    assert slow_cli("cancel", run_id).records[0]["status"] == "cancelling"
    watched = slow_cli("status", "--watch", "--interval", "0.2", "--exit-status", run_id)
    assert (watched.code, watched.records[-1]["status"]) == (0, "cancelled")
    assert len(slow_cli("download", run_id).ids) == 8


def test_resume_takes_a_cancelled_run_up_again_when_it_is_named(slow_cli: Cli) -> None:
    """What was cancelled is sent again, what was finished is not."""
    slow_cli.write("in.jsonl", *chats(8))
    run_id = slow_cli("run", "-c", "in.jsonl").records[0]["run_id"]
    slow_cli("cancel", "--wait", "--interval", "0.2", run_id)
    assert slow_cli("resume").code == 2
    resumed = slow_cli("resume", run_id, "--interval", "0.2")
    assert (resumed.code, resumed.ids) == (0, [f"r{n}" for n in range(1, 9)])


def test_retry_makes_a_new_run_of_the_failed_requests(cli: Cli) -> None:
    """Only what failed is sent, byte for byte as it was; the old run stays as it is."""
    requests = [*chats(3), chat("bad", 7), chat("worse", 7)]
    cli.write("in.jsonl", *requests)
    assert cli("run", "in.jsonl", "-o", "out.jsonl").code == 3
    (run_id,) = run_ids(cli.cwd.parent / "state")
    printed = cli("retry", run_id, "--print")
    assert printed.code == 0
    assert [json.loads(line) for line in printed.stdout.splitlines()] == requests[3:]
    record = json.dumps(cli("status", run_id).records[0]).encode()
    (rehearsed,) = cli("retry", "-", "--dry-run", stdin=record).records
    assert (rehearsed["object"], rehearsed["requests"]) == ("dry_run", 2)
    refused = cli("retry", run_id, "--max-tokens", "1000000")
    assert (refused.code, len(cli("list").records)) == (5, 1)  # its answer has no ceiling
    again = cli("retry", run_id)
    assert (again.code, again.ids) == (3, ["bad", "worse"])
    assert len(run_ids(cli.cwd.parent / "state")) == 2


def test_retry_only_takes_what_failed_for_that_reason(cli: Cli) -> None:
    """A status or a code chooses; where nothing is left, that is said."""
    cli.write("in.jsonl", *chats(2), chat("bad", 7))
    cli("run", "in.jsonl", "-o", "out.jsonl")
    (run_id,) = run_ids(cli.cwd.parent / "state")
    status = json.loads((cli.cwd / "out.jsonl").read_bytes().splitlines()[2])
    reason = str(status["response"]["status_code"])
    assert len(cli("retry", run_id, "--print", "--only", reason).stdout.splitlines()) == 1
    other = cli("retry", run_id, "--print", "--only", "batch_expired")
    assert (other.code, other.stdout) == (2, b"")
    assert other.stderr == f"openai-batch: {run_id} has no failed requests of that kind\n"


def test_cancelling_what_has_ended_says_so(cli: Cli) -> None:
    """There is nothing to cancel: that is no error, and the record is as it was."""
    cli.write("in.jsonl", *chats(2))
    run_id = cli("run", "-q", "in.jsonl", "-o", "out.jsonl").records[0]["run_id"]
    ended = cli("cancel", run_id)
    assert (ended.code, ended.records[0]["status"]) == (0, "completed")
    assert ended.stderr == f"{run_id} had ended already: there was nothing to cancel\n"


def test_the_exit_status_of_status_tells_running_from_stopped(nobody: Cli) -> None:
    """7 where nothing is with the provider and only `resume` goes on, and 0 when not asked for."""
    offline = Cli(
        nobody.cwd,
        nobody.env | {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "x" * 20},
    )
    offline.write("in.jsonl", *chats(2))
    assert offline("run", "in.jsonl", "--timeout=0.2").code == 7
    (run_id,) = run_ids(nobody.cwd.parent / "state")
    asked = offline("status", "--exit-status", run_id)
    assert (asked.code, asked.records[0]["status"]) == (7, "resumable")
    assert offline("status", run_id).code == 0
    assert [record["status"] for record in offline("list").records] == ["resumable"]


def test_a_pruned_run_can_still_be_deleted_at_the_provider(cli: Cli) -> None:
    """What `list --prune` says is so: `download --delete-remote` finds the run by its id."""
    before = remote_files(cli)
    cli.write("in.jsonl", *chats(2))
    run_id = cli("run", "-q", "in.jsonl", "-o", "out.jsonl").records[0]["run_id"]
    assert cli("list", "--prune").code == 0
    ended = cli("download", run_id, "--delete-remote", "-o", "again.jsonl")
    assert (ended.code, remote_files(cli)) == (0, before)
    assert (cli.cwd / "again.jsonl").read_bytes() == (cli.cwd / "out.jsonl").read_bytes()


def remote_files(cli: Cli) -> int:
    """How many files the server keeps for this client's key."""
    request = urllib.request.Request(
        f"{cli.env['OPENAI_BASE_URL']}/files",
        headers={"Authorization": f"Bearer {cli.env['OPENAI_API_KEY']}"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return len(json.load(answer)["data"])


def test_delete_remote_leaves_nothing_at_the_provider(cli: Cli) -> None:
    """`run --delete-remote`: results are here, and neither input nor results are there."""
    before = remote_files(cli)
    cli.write("in.jsonl", *chats(4))
    ended = cli("run", "in.jsonl", "-o", "out.jsonl", "--shard-requests=2", "--delete-remote")
    assert (ended.code, len((cli.cwd / "out.jsonl").read_bytes().splitlines())) == (0, 4)
    assert "deleted 4 files at the provider" in ended.stderr
    assert remote_files(cli) == before
    again = cli("download", ended.records[0]["run_id"])
    assert again.code == 2
    assert "its files were deleted at the provider, as was asked for" in again.stderr


def test_download_deletes_what_it_has_delivered(cli: Cli) -> None:
    """`run -c` refuses --delete-remote, as it delivers nothing; `download` takes it."""
    before = remote_files(cli)
    cli.write("in.jsonl", *chats(2))
    refused = cli("run", "-c", "in.jsonl", "--delete-remote")
    assert (refused.code, refused.stdout) == (2, b"")
    assert "when you `download`" in refused.stderr
    submitted = cli("run", "-c", "in.jsonl")
    run_id = submitted.records[0]["run_id"]
    assert cli("status", "--watch", "--interval=0.1", run_id).code == 0
    downloaded = cli("download", run_id, "--delete-remote")
    assert (downloaded.code, downloaded.ids) == (0, ["r1", "r2"])
    assert remote_files(cli) == before


def test_prune_deletes_files_at_the_provider_where_that_is_asked(cli: Cli) -> None:
    """--delete-remote goes with --prune, and then nothing is left here or there."""
    before = remote_files(cli)
    cli.write("in.jsonl", *chats(2))
    assert cli("run", "in.jsonl", "-o", "out.jsonl").code == 0
    assert cli("list", "--delete-remote").code == 2
    assert remote_files(cli) == before + 2
    assert len(cli("list", "--prune", "--delete-remote").records) == 1
    assert remote_files(cli) == before
    assert cli("list").records == []


def test_prune_removes_what_was_never_executed(cli: Cli) -> None:
    """A run that was cancelled before anything of it was sent is over, and nothing is lost."""
    cli.write("in.jsonl", *chats(2))
    offline = Cli(cli.cwd, {**cli.env, "OPENAI_BASE_URL": "http://127.0.0.1:9/v1"})
    assert offline("run", "in.jsonl", "-o", "out.jsonl", "--timeout=0.2").code == 7
    (run_id,) = run_ids(cli.cwd.parent / "state")
    assert cli("list", "--prune").records == []
    assert offline("cancel", run_id).records[0]["status"] == "cancelled"
    assert [record["run_id"] for record in cli("list", "--prune").records] == [run_id]
    assert run_ids(cli.cwd.parent / "state") == []
