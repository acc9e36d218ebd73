"""Requests beside their results: every pair is the right one, whatever order and hashes are."""

import io
import json
import random
from collections.abc import Callable, Sequence

import pytest

from openai_batch.engine.join import Join, Source
from openai_batch.engine.spool import Outcome
from openai_batch.errors import InputInvalid

ONE_HASH_FOR_ALL = {"key": lambda custom_id: 1}
FEW_HASHES = {"key": len}


def request(custom_id: str) -> bytes:
    return b'{"custom_id":%b,"method":"POST","body":{"n":1E400}}' % json.dumps(custom_id).encode()


def result(custom_id: str, status: int = 200, note: str = "") -> bytes:
    name, said = json.dumps(custom_id).encode(), json.dumps(note).encode()
    shape = b'{"id":%b,"custom_id":%b,"response":{"status_code":%d,"body":{}},"error":null}'
    return shape % (said, name, status)


class Told:
    """What is said of the files."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.repeated: list[str] = []


def joining(
    requests: bytes, *results: bytes, told: Told | None = None, key: Callable[[str], int] = hash
) -> Join:
    told = told or Told()
    return Join(
        Source(io.BytesIO(requests), "requests"),
        [Source(io.BytesIO(content), f"results-{n}") for n, content in enumerate(results, 1)],
        lambda name, fault: told.faults.append(fault.at(name)),
        lambda name, fault: told.repeated.append(fault.at(name)),
        key,
    )


def written(joined: Join, only: Sequence[Outcome] = ()) -> bytes:
    target = io.BytesIO()
    joined.look()
    joined.write(target, only)
    return target.getvalue()


def file(lines: Sequence[bytes]) -> bytes:
    return b"".join(line + b"\n" for line in lines)


def test_bytes_are_passed_through() -> None:
    """Of requests and results nothing is changed but what is around their lines."""
    odd = b'{ "custom_id" : "\\u0061", "big": 123456789012345678901234567890, "cut": "\\ud800" }'
    requests = b"\xef\xbb\xbf" + odd + b"\r\n\r\n" + request("b\u2028") + b"\n" + request("c")
    came = b'{"custom_id":"a","response":{"body":{"x":1.50}},"error":{"code":"bad"}}'
    results = b"\n \t" + result("b\u2028") + b" \r\n" + came
    assert written(joining(requests, results)) == (
        b'{"custom_id":"a","request":' + odd + b',"result":' + came + b"}\n"
        b'{"custom_id":"'
        + "b\u2028".encode()
        + b'","request":'
        + request("b\u2028")
        + b',"result":'
        + result("b\u2028")
        + b"}\n"
        b'{"custom_id":"c","request":' + request("c") + b',"result":null}\n'
    )


@pytest.mark.parametrize("options", [{}, FEW_HASHES, ONE_HASH_FOR_ALL], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_each_request_meets_its_own_result(
    seed: int, options: dict[str, Callable[[str], int]]
) -> None:
    """In order, shuffled, with gaps, over two files, with strangers, and where hashes collide."""
    chance = random.Random(seed)
    count = 60 if options else 5_000
    ids = [f"{number}{'x' * chance.randrange(3)}" for number in range(count)]
    fates = {one: chance.choice((200, 200, 200, 400, None)) for one in ids}
    came = [result(one, fate) for one, fate in fates.items() if fate]
    came += [result(f"stranger-{number}") for number in range(seed)]
    if seed:
        chance.shuffle(came)
    cut = chance.randrange(len(came))
    joined = joining(
        file([request(one) for one in ids]), file(came[:cut]), file(came[cut:]), **options
    )
    pairs = [json.loads(line) for line in written(joined).splitlines()]
    assert [pair["custom_id"] for pair in pairs] == ids
    for pair, one in zip(pairs, ids, strict=True):
        assert pair["request"]["custom_id"] == one
        status = pair["result"] and pair["result"]["response"]["status_code"]
        assert (status, (pair["result"] or pair)["custom_id"]) == (fates[one], one)
    assert list(map(joined.counts.__getitem__, Outcome))[:3] == [
        sum(fate is None for fate in fates.values()),
        sum(fate == 200 for fate in fates.values()),
        sum(fate == 400 for fate in fates.values()),
    ]
    if not options:
        assert joined.unknown == seed


@pytest.mark.parametrize("options", [{}, ONE_HASH_FOR_ALL], ids=["", "one hash"])
def test_of_several_results_a_success_counts(options: dict[str, Callable[[str], int]]) -> None:
    """The first that succeeded, or else the last; the others are told with file and line."""
    told = Told()
    first = [result("a", 500, "1"), result("b", note="2"), result("c", 500, "3")]
    second = [result("c", 400, "4"), result("a", note="5"), result("b", note="6")]
    joined = joining(file(map(request, "abc")), file(first), file(second), told=told, **options)
    pairs = [json.loads(line) for line in written(joined).splitlines()]
    assert [pair["result"]["id"] for pair in pairs] == ["5", "2", "4"]
    failed = "the one before failed, so this one counts [repeated_result]"
    succeeded = "the one before succeeded, so that one counts [repeated_result]"
    if not options:
        assert told.repeated == [
            f"results-2:1: another result for 'c'; {failed}",
            f"results-2:2: another result for 'a'; {failed}",
            f"results-2:3: another result for 'b'; {succeeded}",
        ]


def test_a_stranger_with_the_hash_of_a_request_takes_nothing_from_it() -> None:
    """Neither the place of its result nor, where it has none, its being missing."""
    joined = joining(
        file([request("aa"), request("b"), request("ccc")]),
        file([result("xx"), result("aa"), result("y"), result("ccc", 400), result("zzz")]),
        key=len,
    )
    pairs = [json.loads(line) for line in written(joined).splitlines()]
    assert [(pair["result"] or {}).get("custom_id") for pair in pairs] == ["aa", None, "ccc"]
    assert (joined.counts[Outcome.MISSING], joined.counts[Outcome.FAILED]) == (1, 1)


def test_only_some_outcomes_are_written() -> None:
    """A line of ours for what never returned is missing, too; all are counted."""
    gone = b'{"id":null,"custom_id":"c","response":null,"error":{"code":"missing","message":""}}'
    requests = file(map(request, "abcde"))
    results = file([result("a"), result("b", 400), gone, result("d", 500)])

    def ids(*only: Outcome) -> list[str]:
        joined = joining(requests, results)
        lines = written(joined, only).splitlines()
        counts = (Outcome.SUCCEEDED, 1), (Outcome.FAILED, 2), (Outcome.MISSING, 2)
        assert all(joined.counts[outcome] == count for outcome, count in counts)
        return [json.loads(line)["custom_id"] for line in lines]

    assert ids(Outcome.SUCCEEDED) == ["a"]
    assert ids(Outcome.FAILED) == ["b", "d"]
    assert ids(Outcome.MISSING) == ["c", "e"]
    assert ids(Outcome.FAILED, Outcome.MISSING) == ["b", "c", "d", "e"]


GOOD, CAME = file([request("a")]), file([result("a")])


@pytest.mark.parametrize(
    ("requests", "results", "told", "message"),
    [
        (
            file(map(request, "aba")),
            CAME,
            "requests:3: custom_id 'a' is that of line 1 too; results could not be told apart: "
            "give each request its own [duplicate_custom_id]",
            "1 fault in 1 line of requests; nothing was joined",
        ),
        (
            GOOD + b'{"custom_id": 1}\n{"a": 1}\n{"custom',
            CAME,
            "requests:2: custom_id must be a string that is not empty, not 1 [invalid_request]",
            "3 faults in 3 lines of requests; nothing was joined",
        ),
        (
            GOOD,
            CAME + b'\n{"custom_id": "b", "resp',
            "results-1:3: not valid JSON: unexpected end of data at column 25 (is it cut off, or "
            "spread over several lines?) [invalid_json_line]",
            "1 fault in 1 line of results-1",
        ),
        (
            GOOD,
            GOOD,
            "results-1:1: the input holds requests, not results; are they the right way round? "
            "[invalid_json_line]",
            "1 fault",
        ),
        (CAME, GOOD, "requests:1: the input holds results, not requests", "1 fault"),
        (
            b"\n",
            CAME,
            "requests: there are no requests; is it the right file? [empty_file]",
            "1 fault",
        ),
    ],
)
def test_what_cannot_be_joined_is_told_before_anything_is_written(
    requests: bytes, results: bytes, told: str, message: str
) -> None:
    """With the file, the line, and what is wrong."""
    heard = Told()
    with pytest.raises(InputInvalid, match=message):
        joining(requests, results, told=heard).look()
    assert heard.faults[0].startswith(told)


def test_results_of_another_run_are_not_taken_for_missing_ones() -> None:
    """Where none belongs to any request, the files are the wrong ones; no results are no error."""
    with pytest.raises(InputInvalid, match="no result belongs to any request of requests"):
        joining(GOOD, file([result("z")])).look()
    assert written(joining(GOOD, b"")).endswith(b',"result":null}\n')
