"""From input to shards: what is accepted, how it is cut, and what every fault says."""

import io
import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from engine_fakes import Bench, ids_as_input, jsonl, request

from openai_batch.engine.events import FaultFound, Planned, Warned
from openai_batch.engine.plan import Settings
from openai_batch.engine.rehearsal import dry_run
from openai_batch.engine.runs import list_runs
from openai_batch.errors import InputInvalid, StorageError, UsageError


def shards(bench: Bench, run_id: str) -> list[bytes]:
    """What would be uploaded, shard by shard."""
    with bench.open(run_id) as run:
        spool = bench.place.spool(run_id)
        return [spool.requests(s.plan.index, 1).read_bytes() for s in run.state.in_order()]


def faults(bench: Bench, content: bytes, **settings: Any) -> list[tuple[int | None, str]]:
    """Line and code of each fault; nothing may be left behind."""
    with pytest.raises(InputInvalid) as raised:
        bench.plan(content, **settings)
    found = [(fault.line, fault.code) for fault in raised.value.faults]
    assert found == [(e.fault.line, e.fault.code) for e in bench.seen(FaultFound)]
    assert list(bench.place.runs.iterdir()) == []
    return found


def test_a_bom_crlf_and_blank_lines_are_left_out(bench: Bench) -> None:
    """Shards hold the requests' own bytes, and nothing of what editors add."""
    lines = ids_as_input([1, 2, 3]).splitlines()
    odd = b"\xef\xbb\xbf" + lines[0] + b"\r\n\r\n   \n" + lines[1] + b" \n\n" + lines[2]
    run_id = bench.plan(odd)
    assert shards(bench, run_id) == [b"\n".join(lines) + b"\n"]


def test_a_long_input_is_cut_and_checked_like_a_short_one(bench: Bench) -> None:
    """Where lines are read many at a time: sizes of shards, bytes, ids and line numbers are right.

    The odd lines stand far from the beginning, and a shard ends among lines that are alike.
    """
    lines = [json.dumps(request(f"r{number}")).encode() for number in range(9_000)]
    lines[5_000] = b" \t" + lines[5_000]
    lines.insert(7_000, b"")
    run_id = bench.plan(b"\n".join(lines), shard_requests=4_000)
    parts = shards(bench, run_id)
    assert [part.count(b"\n") for part in parts] == [4_000, 4_000, 1_000]
    assert b"".join(parts).splitlines() == [line.strip() for line in lines if line]
    assert bench.place.spool(run_id).ids(2) == [f"r{number}" for number in range(4_000, 8_000)]

    lines[8_500] = lines[8_600]
    lines[8_700] = b"{"
    with pytest.raises(InputInvalid) as raised:
        bench.plan(b"\n".join(lines), shard_requests=4_000)
    found = [(fault.line, fault.code) for fault in raised.value.faults]
    assert found == [(8_601, "duplicate_custom_id"), (8_701, "invalid_json_line")]


def test_requests_stay_as_they_are(bench: Bench) -> None:
    """Spaces, escapes, long numbers, U+2028 and lone surrogates reach the provider unchanged."""
    line = (
        b'{ "custom_id":"\\ud800", "method" :"POST","url":"/v1/chat/completions","body":{"model":'
        b'"m","n":1180591620717411303424,"messages":[{"role":"user","content":"\xe2\x80\xa8"}]}}'
    )
    run_id = bench.plan(line + b"\n")
    assert shards(bench, run_id) == [line + b"\n"]
    assert bench.place.spool(run_id).ids(1) == ["\ud800"]


@pytest.mark.parametrize(
    ("settings", "rows"),
    [
        ({}, [10]),
        ({"shard_requests": 4}, [4, 4, 2]),
        ({"shard_requests": 10}, [10]),
        ({"shard_bytes": 3 * 145}, [3, 3, 3, 1]),
        ({"shard_bytes": 1}, [1] * 10),
    ],
)
def test_shards_are_as_large_as_they_may_be(
    bench: Bench, settings: dict[str, Any], rows: list[int]
) -> None:
    """The user's own limits hold where they are below the provider's."""
    content = jsonl(request(f"r{number}") for number in range(10))
    assert len(content) == 10 * 145
    run_id = bench.plan(content, **settings)
    assert [part.count(b"\n") for part in shards(bench, run_id)] == rows
    assert b"".join(shards(bench, run_id)) == content
    (planned,) = bench.seen(Planned)
    assert (planned.requests, planned.size_bytes, planned.shards) == (10, 1450, len(rows))


def test_embedding_inputs_are_summed(bench: Bench) -> None:
    """A shard holds no more inputs than the provider takes, over all its requests."""
    bench.row.max_embedding_inputs = 5

    def embedding(number: int, inputs: int) -> dict[str, Any]:
        body = {"model": "m", "input": ["x"] * inputs}
        return {
            "custom_id": f"e{number}",
            "method": "POST",
            "url": "/v1/embeddings",
            "body": body,
        }

    run_id = bench.plan(jsonl(embedding(n, inputs) for n, inputs in enumerate([2, 3, 1, 5, 1])))
    assert [part.count(b"\n") for part in shards(bench, run_id)] == [2, 1, 1, 1]


def test_duplicates_are_found_across_shards_with_their_own_lines(bench: Bench) -> None:
    """Line numbers are those of the user's file, blank lines and faulty ones counted."""
    numbers = [1, 2, 3, 2, 4, 1, 2]
    lines = [json.dumps(request(f"r{number}")).encode() for number in numbers]
    content = b"\n\n" + b"\n".join([lines[0], b"", *lines[1:3], b"{oops", *lines[3:]]) + b"\n"
    assert faults(bench, content, shard_requests=2) == [
        (7, "invalid_json_line"),
        (8, "duplicate_custom_id"),
        (10, "duplicate_custom_id"),
        (11, "duplicate_custom_id"),
    ]


def test_an_id_repeated_on_a_line_with_other_faults_is_told_too(bench: Bench) -> None:
    """What is mended once is mended for good: no second look finds a duplicate that was hidden."""
    lines: list[Any] = [request("a"), request("b"), request("a"), request("b")]
    lines[0]["method"] = "GET"
    lines[3]["body"]["stream"] = True
    assert faults(bench, jsonl(lines)) == [
        (1, "invalid_method"),
        (3, "duplicate_custom_id"),
        (4, "streaming_unsupported"),
        (4, "duplicate_custom_id"),
    ]


def test_a_broken_first_line_does_not_hide_the_model(bench: Bench) -> None:
    """The provider is told from the first request that names a model, not from the first line."""
    asked = []

    def provider_for(model: str | None) -> Any:
        asked.append(model)
        return bench.row

    _, invalid = dry_run(
        io.BytesIO(b"{oops\n" + ids_as_input([1])),
        input_name=None,
        provider_for=provider_for,
        settings=Settings(),
        place=bench.place,
    )
    assert (asked, invalid and invalid.count) == (["m"], 1)


def test_every_fault_is_reported_and_the_first_ones_kept(bench: Bench) -> None:
    """A hundred faults stand in the error, all of them are told, and the count is exact."""
    content = b"{oops\n" * 250
    with pytest.raises(InputInvalid, match=r"^250 faults in 250 lines of input") as error:
        bench.plan(content)
    assert (len(error.value.faults), error.value.count) == (100, 250)
    assert [e.fault.line for e in bench.seen(FaultFound)] == list(range(1, 251))


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"\xef\xbb\xbf"])
def test_an_input_without_requests_is_a_fault(bench: Bench, content: bytes) -> None:
    """An empty file is most likely the wrong one."""
    assert faults(bench, content) == [(None, "empty_file")]


def test_one_line_of_fifty_megabytes(bench: Bench) -> None:
    """A huge line is a request like any other, and too large only for the provider's limit."""
    huge = json.dumps(request("huge", "x" * 50_000_000)).encode()
    run_id = bench.plan(huge)
    assert shards(bench, run_id) == [huge + b"\n"]
    bench.row.batch_input_max_bytes = len(huge)  # and none left for the newline
    with pytest.raises(InputInvalid) as raised:
        bench.plan(huge)
    assert [fault.code for fault in raised.value.faults] == ["request_too_large"]


def test_the_same_input_twice_is_no_accident(bench: Bench) -> None:
    """An input of an unfinished run names that run; elsewhere, or once delivered, it is welcome."""
    run_id = bench.plan(3)
    with pytest.raises(UsageError, match=f"{run_id} has the same input .* --new"):
        bench.plan(3)
    bench.row.base_url = "http://elsewhere/v1"
    bench.plan(3)
    bench.row.base_url = "http://p/v1"
    bench.settle(run_id)
    bench.deliver(run_id)
    bench.plan(3)
    assert len(list_runs(bench.place)) == 3


def test_a_dry_run_leaves_nothing(bench: Bench) -> None:
    """It tells what would be sent, every fault, and keeps nothing."""
    content = ids_as_input([1, 2, 3, 3])
    record, invalid = dry_run(
        io.BytesIO(content),
        input_name="in.jsonl",
        provider_for=lambda model: bench.row,
        settings=Settings(shard_requests=2),
        place=bench.place,
    )
    assert record == {
        "object": "dry_run",
        "input_file": "in.jsonl",
        "provider": "p",
        "base_url": "http://p/v1",
        "requests": 4,
        "shards": 2,
        "bytes": len(content),
        "models": ["m"],
        "endpoints": ["/v1/chat/completions"],
        "tokens": {"input": 32, "input_max": 316, "output_max": None, "estimate": True},
        "cost_usd": None,
        "prices": [],
        "no_price": f"genai-prices {version('genai-prices')} has no price of m at http://p/v1; "
        "give the provider's own with --price-in and --price-out",
        "faults": {"duplicate_custom_id": {"count": 1, "lines": [4]}},
    }
    assert str(invalid).startswith("1 fault in 1 line of in.jsonl; nothing was sent: ")
    assert list(bench.place.runs.iterdir()) == []


def test_a_disk_without_room_is_found_before_anything_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little is an error, little a warning."""
    import shutil

    def free(size: int) -> None:
        usage = type("usage", (), {"free": size})
        monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)

    free(3 * 1000)
    with pytest.raises(StorageError, match=r"has 3,000 bytes free, .* --state-dir; nothing was"):
        bench.plan(3)
    assert list(bench.place.runs.iterdir()) == []
    free(2 * (3 * 1000 + len(ids_as_input([1, 2, 3]))))
    bench.plan(3)
    assert ["bytes free for the results" in event.message for event in bench.seen(Warned)] == [True]


PLAN_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from engine_fakes import Bench, jsonl, request
from openai_batch.errors import StorageError
content = eval(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (len(content) - 100, resource.RLIM_INFINITY))
bench = Bench(Path(sys.argv[1]))
try:
    bench.plan(content)
except StorageError as error:
    print(error)
    print(list(bench.place.runs.iterdir()))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a file's size cannot be limited there")
@pytest.mark.parametrize(
    ("content", "kept"),
    [
        ('jsonl(request(f"r{n:04}", "x" * 1000) for n in range(900))', "the requests"),
        ('jsonl(request(f"r{n:04}", "x" * 1000) for n in range(3))', "the requests"),
        ('b"{oops\\n" * 9000', "the faults"),
        ('b"{oops\\n" * 60', "the faults"),
    ],
)
def test_a_disk_that_fills_up_is_told_in_words(tmp_path: Path, content: str, kept: str) -> None:
    """A write or a flush that fails is an error for people, and leaves nothing behind."""
    support = str(Path(__file__).parent)
    command = [sys.executable, "-c", PLAN_ON_A_FULL_DISK, str(tmp_path), support, content]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    message, left = ended.stdout.splitlines()
    assert message.startswith(f"cannot keep {kept} in ")
    assert message.endswith(": File too large; nothing was sent")
    assert left == "[]"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"shard_requests": 0}, "--shard-requests must be at least 1, not 0"),
        ({"max_in_flight": -1}, "--max-in-flight must be at least 1, not -1"),
        ({"max_attempts": 101}, "--max-attempts must be at most 100, not 101"),
        ({"metadata": {str(n): "" for n in range(16)}}, "at most 15 metadata keys, not 16"),
        ({"metadata": {"k" * 65: ""}}, "a key has at most 64 characters"),
        ({"metadata": {"k": "v" * 513}}, "a value at most 512"),
    ],
)
def test_settings_that_cannot_be_are_refused(fields: dict[str, Any], message: str) -> None:
    """Limits that no provider would take are found at once."""
    with pytest.raises(UsageError, match=message):
        Settings(**fields)


def test_what_fails_while_it_is_planned_leaves_nothing(bench: Bench) -> None:
    """An interrupt, a provider that cannot be resolved: no folder stays."""

    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    from openai_batch.engine.plan import plan

    with pytest.raises(KeyboardInterrupt):
        plan(
            Interrupted(),
            input_name=None,
            provider_for=lambda model: bench.row,
            settings=Settings(),
            place=bench.place,
        )
    assert list(bench.place.runs.iterdir()) == []
