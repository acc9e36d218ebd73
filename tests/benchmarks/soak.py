"""A run of a million requests, at a provider where everything goes wrong, by a user who is killed.

    python tests/benchmarks/soak.py [--requests N] [--seed N] [--folder DIR]

The provider is the embedded server behind the fault proxy (tests/faults/fault_storm.py): calls fail
in every way, replies are lost, batches expire, come shuffled, and with rows missing, the queue is
short and the listing lags. The user is the real command line: `run`, and then `resume RUN_ID` until
it exits 0. It dies by `kill -9` at random calls and at random moments, and at times the whole state
directory is lost with it, so that `resume RUN_ID INPUT` goes on as on another machine.

Exits 1 unless every request has its own answer in its place, and was executed once, but for those
whose answers the provider lost, which the run's record has to count. The seed is printed first;
with it the dice fall alike, as far as the order of calls allows.
"""

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import orjson
from soak_user import User, Violation, provider
from workload import write_input

BATCHES = 100
"""The run's, at any size: so the number of faults does not grow with it, nor the time they cost."""

LIMIT_MB = 150


def soak(requests: int, seed: int, folder: Path) -> Iterator[tuple[str, Any]]:
    """Bring one run home, and yield what there is to tell of it. Raises Violation."""
    batch_requests = max(requests // BATCHES, 20)
    write_input(folder / "input.jsonl", requests)
    started = time.monotonic()
    with provider(folder, seed, requests, batch_requests) as storm:
        user = User(folder, storm, random.Random(seed), batch_requests)
        record = user.bring_home()
        account = storm.tell({"account": True})
        peak_mb = user.peak_mb
    yield "requests", requests
    yield "minutes", round((time.monotonic() - started) / 60, 1)
    yield "peak MB of a process", round(peak_mb)
    yield "processes", user.processes
    yield "of them", user.ends
    yield "state directories lost", user.losses
    yield from account.items()
    yield "resent_unconfirmed", record["resent_unconfirmed"]
    check_answers(user.input, user.output)
    check_account(account, record, requests)
    if peak_mb >= LIMIT_MB:
        raise Violation(f"a process took {peak_mb:.0f} MB")


def check_answers(requests: Path, results: Path) -> None:
    """Each request has its own answer in its place."""
    with requests.open("rb") as asked, results.open("rb") as answered:
        for number, (request, result) in enumerate(zip_longest(asked, answered), 1):
            if not (request and result and answers(orjson.loads(result), orjson.loads(request))):
                raise Violation(f"line {number}: {request!r} has the result {result!r}")


def answers(result: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Whether it is what the echo says to the request."""
    if result["custom_id"] != request["custom_id"] or result["error"] is not None:
        return False
    said = result["response"]["body"]["choices"][0]["message"]["content"]
    return bool(said == request["body"]["messages"][-1]["content"])


def check_account(account: Mapping[str, Any], record: Mapping[str, Any], requests: int) -> None:
    """Everything was executed, nothing again without need, and the record tells the rest."""
    wanted = {
        "executed": requests,
        "executed_without_need": 0,
        "executed_again": record["resent_unconfirmed"],
        "lost": record["resent_unconfirmed"],
        "cancelled": 0,  # a batch that was made twice would be
    }
    found = {name: account[name] for name in wanted}
    if found != wanted:
        raise Violation(f"the provider counts {found}, and it should be {wanted}")


@contextlib.contextmanager
def working_folder(named: Path | None) -> Iterator[Path]:
    """Where everything is; it stays where it was named, or where something was wrong."""
    folder = named or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield folder
    except Violation:
        print(f"everything is left in {folder}", file=sys.stderr)
        raise
    if named is None:
        shutil.rmtree(folder)


def show(facts: Iterable[tuple[str, Any]]) -> None:
    for name, value in facts:
        if isinstance(value, dict):
            show((f"  {name}: {part}", number) for part, number in value.items())
        else:
            print(f"{name:38} {value:>12,}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Bring a run home through everything.")
    parser.add_argument("--requests", type=int, default=1_000_000, metavar="N")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), metavar="N")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="where everything is kept")
    given = parser.parse_args()
    print(f"{sys.argv[0]} --requests {given.requests} --seed {given.seed}", flush=True)
    try:
        with working_folder(given.folder) as folder:
            show(soak(given.requests, given.seed, folder))
            print("Every request has its own answer, and none was executed again without need.")
    except Violation as violation:
        sys.exit(str(violation))


if __name__ == "__main__":
    main()
