"""The faults that README tells of, and what comes of each: its table, measured here and now.

    python tests/faults/fault_matrix.py

A row may be tried in several ways; the table has the worst of them. Exits 1 where a request did not
come back, or was executed twice although its answer was not lost.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fault_account import Listing, Quota
from fault_bench import OK, Bench, Benches, Ended, answers, chat, every_n, idle_starters, said
from fault_calls import Fault, early_end, meanwhile, reset_after, status, truncated
from fault_children import real_server
from fault_disk import can_mount, fill, make_room, small_disk
from fault_endings import adds_foreign, drops, expires, loses_to_errors, repeats, replaces, shuffles
from fault_quirks import names_files_late, says_first, speaks

ROWS = 500
FEW = 100
"""Requests where every call of a run has its turn."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `delivered` requests have their own answer, in their own place;
    `executed` is how often any was executed, and so paid; answers were `lost` by the provider.
    """

    bench: Bench
    ended: Ended
    requests: int
    delivered: int
    executed: int
    lost: int
    batch_sizes: Sequence[int]
    calls: Counter[str]
    story: str

    @classmethod
    def of(cls, bench: Bench, ended: Ended) -> "Outcome":
        wanted = [(request["custom_id"], said(request)) for request in bench.requests]
        came = answers(bench.lines()) if ended.code == OK else []
        account = bench.proxy.account
        return cls(
            bench,
            ended,
            requests=len(wanted),
            delivered=sum(one == other for one, other in zip(wanted, came, strict=False)),
            executed=account.executed().total(),
            lost=account.lost().total(),
            batch_sizes=account.batch_sizes(),
            calls=bench.proxy.kinds(),
            story=f"exit {ended.code}: {ended.stderr}\n{bench.proxy.story()}",
        )

    @property
    def is_well(self) -> bool:
        """Whether everything came, and nothing was executed again without need."""
        return self.delivered == self.requests and self.executed == self.requests + self.lost


Case = Callable[[Benches], Iterator[Outcome]]
CASES: dict[str, Case] = {}
"""Each fault, by README's name for it."""


def _case(fault: str) -> Callable[[Case], Case]:
    def register(case: Case) -> Case:
        CASES[fault] = case
        return case

    return register


# --- those of which the other tools' results are known --------------------------------------------


@_case("a batch expires with 292 done")
def expires_in_part(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.account.endings = [(expires(292),)]
        yield Outcome.of(bench, bench.go())


@_case("6 % of rows missing, or in the error file with status 0")
def loses_rows(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.account.endings = [(drops(32), loses_to_errors(33))]
        yield Outcome.of(bench, bench.go())


@_case("raw U+2028 and U+0085 in results")
def has_line_separators(benches: Benches) -> Iterator[Outcome]:
    texts = [f"t{n} a\u2028b\u2029c\u0085d\u001ce\u000bf" for n in range(1, ROWS + 1)]
    with benches([chat(f"r{n}", text) for n, text in enumerate(texts, 1)]) as bench:
        bench.proxy.account.endings = [(replaces("\\u0085", "\u0085"),)]
        yield Outcome.of(bench, bench.go())


@_case("three 503s while polling")
def looks_fail(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.fail(status(503), on="retrieve", times=3)
        yield Outcome.of(bench, bench.go())


CUTS: Sequence[tuple[Fault, int]] = (
    (truncated(0.7), 1),
    (early_end(0.7), 1),
    (early_end(0.7), 6),
    (early_end(0.0), 6),  # nothing at all, and nobody says that anything is missing
)
"""How downloads are cut short, and how many of them are."""


@_case("download cut short")
def download_is_cut_short(benches: Benches) -> Iterator[Outcome]:
    for cut, times in CUTS:
        with benches(ROWS) as bench:
            bench.proxy.fail(cut, on="download_output", times=times)
            yield Outcome.of(bench, bench.go())


@_case("reply to `POST /batches` lost")
def reply_is_lost(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.fail(reset_after(), on="create")
        yield Outcome.of(bench, bench.go())


QUOTAS = (
    Quota(requests=500),
    Quota(requests=500, late=False),
    Quota(requests=500, late=False, retry_after=2),
)
"""The batch fails later, or `create` says 429, without and with Retry-After."""


@_case("queue quota of one batch at a time, 1,000 requests")
def queue_takes_one(benches: Benches) -> Iterator[Outcome]:
    for quota in QUOTAS:
        with benches(2 * ROWS, shard_requests=ROWS) as bench:
            bench.proxy.account.quota = quota
            bench.proxy.account.looks_before_end = 3
            yield Outcome.of(bench, bench.go())


# --- and those that nobody else was seen to try ---------------------------------------------------


@_case("queue quota smaller than a batch")
def queue_is_too_small(benches: Benches) -> Iterator[Outcome]:
    for late in (True, False):
        with benches(ROWS) as bench:
            bench.proxy.account.quota = Quota(requests=200, late=late)
            bench.proxy.account.looks_before_end = 3
            yield Outcome.of(bench, bench.go())


@_case("`completed` before the result files have names")
def files_are_named_late(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.account.quirks = [names_files_late(4)]
        yield Outcome.of(bench, bench.go())


@_case("statuses that nobody knows, or spelled oddly")
def speaks_oddly(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.account.looks_before_end = 1
        bench.proxy.account.quirks = [
            says_first(["QUEUED_ON_MARS"] * 2 + ["ON_VENUS"] * 2),
            speaks("novita"),
        ]
        yield Outcome.of(bench, bench.go())


@_case("rows shuffled, repeated, and somebody else's between them")
def mixes_rows(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS) as bench:
        bench.proxy.account.endings = [(repeats(40), adds_foreign(7), shuffles())]
        yield Outcome.of(bench, bench.go())


@_case("reply to `POST /batches` lost, and the listing lags")
def reply_is_lost_and_listing_lags(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS, speed=20.0) as bench:  # the grace of 15 s takes 0.75 s
        bench.proxy.account.listing = Listing(lag_s=0.5)
        bench.proxy.fail(reset_after(), on="create")
        yield Outcome.of(bench, bench.go())


SHARDS: dict[str, Any] = {"shard_requests": FEW // 2, "provider": {"listing_grace_s": 0.3}}


@_case("`kill -9` at any call, before or after its work; `resume`")
def is_killed(benches: Benches) -> Iterator[Outcome]:
    def case(worked: bool, number: int) -> Outcome | None:
        with benches(FEW, **SHARDS) as bench:
            rule = bench.proxy.fail(
                meanwhile(bench.kill, worked=worked, answers=False), number=number
            )
            bench.run()
            return Outcome.of(bench, bench.go_on()) if rule.fired else None

    for worked in (False, True):
        yield from _outcomes(partial(case, worked))


@_case("disk full from any call on; `resume` with room again")
def disk_is_full(benches: Benches) -> Iterator[Outcome]:
    def case(number: int) -> Outcome | None:
        with (
            small_disk(benches.folder / f"disk-{number}") as disk,
            benches(FEW, state_disk=disk, output_disk=disk, **SHARDS) as bench,
        ):
            rule = bench.proxy.fail(meanwhile(lambda: fill(disk, leaving=0)), number=number)
            ended = bench.run()
            if ended.code != OK:
                make_room(disk)
                ended = bench.go_on()
            return Outcome.of(bench, ended) if rule.fired else None

    if can_mount():
        yield from _outcomes(case)


def _outcomes(case: Callable[[int], Outcome | None]) -> list[Outcome]:
    """What comes of a fault at the n-th call, for every n that there is."""
    found: dict[int, Outcome | None] = {}

    def attempt(number: int) -> bool:
        found[number] = case(number)
        return found[number] is not None

    every_n(attempt)
    return [outcome for outcome in found.values() if outcome]


@_case("state directory lost; `resume RUN_ID` on another machine")
def state_is_lost(benches: Benches) -> Iterator[Outcome]:
    with benches(ROWS, shard_requests=ROWS // 2) as bench:
        bench.proxy.account.endings = [(expires(100),), (expires(200), shuffles())]
        bench.command("run", "-c", bench.input.name, f"--shard-requests={ROWS // 2}")
        yield Outcome.of(bench, bench.resume(bench.lose_state()))


def cell(outcomes: Sequence[Outcome]) -> str:
    """What README says of the worst of these: how many came, and how many were paid if others."""
    delivered = min(outcome.delivered for outcome in outcomes)
    paid = max(outcome.executed for outcome in outcomes)
    return f"{delivered:,}" if paid == delivered else f"{delivered:,}, {paid:,} paid"


def measured(benches: Benches) -> Iterator[tuple[Sequence[str], bool]]:
    """The lines of the table, one by one, and whether all was well."""
    for fault, case in CASES.items():
        outcomes = list(case(benches))
        if not outcomes:
            yield (fault, "not tried: needs root on Linux", "", "", ""), True
            continue
        yield (
            (
                fault,
                cell(outcomes),
                str(max(outcome.executed - outcome.requests for outcome in outcomes)),
                str(len(outcomes)),
                _span([outcome.calls.total() for outcome in outcomes]),
            ),
            all(outcome.is_well for outcome in outcomes),
        )


def _span(numbers: Sequence[int]) -> str:
    return "–".join(map(str, sorted({min(numbers), max(numbers)})))


def main() -> None:
    head = ("fault", "delivered", "executed twice", "runs of it", "calls")
    print(_row(head), _row(["---"] * len(head)), sep="\n", flush=True)
    well = True
    with (
        tempfile.TemporaryDirectory() as folder,
        real_server(Path(folder) / "upstream") as upstream,
        idle_starters() as starters,
    ):
        for row, is_well in measured(Benches(Path(folder), upstream, starters)):
            print(_row(row), flush=True)
            well = well and is_well
    sys.exit(0 if well else 1)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
