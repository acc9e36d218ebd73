"""A provider at which everything goes wrong by the dice: the real server behind the fault proxy.

    python tests/faults/fault_storm.py --seed 7 --requests 1000000 --batch-requests 10000 --data DIR

It prints its address, its key and how long its listing lags, and then answers each line of its
standard input with a line:

    {"client": 4711}    the process that may be killed from now on, or null
    {"rest": true}      answered once no call is under way and the listing shows every batch
    {"account": true}   what was executed, how often, and what went wrong

As in life, an answer is lost in a few batches only, and no request is lost twice or expires twice:
three attempts have to do.
"""

import argparse
import contextlib
import json
import os
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

from fault_account import Listing, Quota
from fault_calls import KILL
from fault_children import real_server
from fault_dice import ending, failing, quirks
from fault_endings import Change, drops, expires, loses_to_errors
from fault_proxy import FaultProxy

FAULTS = 60
"""Calls that go wrong: each costs a wait of seconds, whatever the size of the run."""

OFTEN = {
    "upload": 0.08,
    "create": 0.12,
    "download_output": 0.12,
    "download_errors": 0.12,
    "download_input": 0.04,
}
SELDOM = 0.01
"""The chances of a call to fail, by its kind. There are thousands of looks."""

EXPIRING = 0.1
DONE_BEFORE_EXPIRY = 0.6
"""The share of batches that expire, and how much of a whole one is done by then: what is left is
less than that, and does not expire again."""


class Storm:
    """The weather at one provider, set by the dice. `lag_s`: how late listings show a batch."""

    def __init__(self, dice: Random, proxy: FaultProxy, requests: int, batch_requests: int):
        account = proxy.account
        self._proxy = proxy
        self._client: int | None = None
        self.lag_s = dice.choice([0.0, 0.5, 1.5])
        account.quirks = quirks(dice)
        account.looks_before_end = dice.randint(0, 6)
        account.listing = Listing(page_size=dice.choice([7, 20, 100]), lag_s=self.lag_s)
        places = dice.choice([1, 2, 4])
        account.quota = Quota(places * batch_requests, late=dice.random() < 0.5)
        account.endings = _endings(dice, batch_requests, -(-requests // batch_requests))
        account.every_ending = ending(dice)
        proxy.fail(failing(dice, self._kill, faults=FAULTS, chance=_chance), times=None)

    def obey(self, command: Mapping[str, Any]) -> dict[str, Any]:
        """Do what a line says, and return the answer."""
        if "client" in command:
            self._client = command["client"]
        elif "rest" in command:
            self._proxy.rest()
            threading.Event().wait(self.lag_s)
        elif "account" in command:
            return self._account()
        return {}

    def _kill(self) -> None:
        if self._client is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._client, KILL)

    def _account(self) -> dict[str, Any]:
        account, kinds = self._proxy.account, self._proxy.kinds()
        executed, lost = account.executed(), account.lost()
        again = {id_: times for id_, times in executed.items() if times > 1}
        went_wrong = Counter(logged.done for logged in self._proxy.log if logged.done != "passed")
        return {
            "executed": len(executed),
            "executed_again": sum(again.values()) - len(again),
            "lost": lost.total(),
            "executed_without_need": sum(times - 1 > lost[id_] for id_, times in again.items()),
            "batches": len(account.batch_sizes()),
            "cancelled": kinds["cancel"],
            "refused for quota": account.refusals,
            "calls": dict(kinds.most_common()),
            "faults": dict(went_wrong.most_common()),
        }


def _chance(kind: str) -> float:
    return OFTEN.get(kind, SELDOM)


def _endings(dice: Random, batch_requests: int, batches: int) -> list[tuple[Change, ...]]:
    """How the first batches end: what loses or expires rows is done before the rest."""
    hard = [
        expires(int(DONE_BEFORE_EXPIRY * batch_requests)) for _ in range(int(EXPIRING * batches))
    ]
    hard += [drops(int(0.45 * batch_requests)) for _ in range(3)]
    hard += [loses_to_errors(-(-batch_requests // 40))]
    at = dice.sample(range(max(batches, len(hard))), len(hard))
    by_number = dict(zip(at, hard, strict=True))
    return [
        (*([by_number[number]] if number in by_number else []), *ending(dice))
        for number in range(max(at) + 1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description="A provider at which everything goes wrong.")
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--requests", type=int, required=True)
    parser.add_argument("--batch-requests", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    with real_server(given.data) as upstream, FaultProxy(upstream.base_url) as proxy:
        storm = Storm(Random(given.seed), proxy, given.requests, given.batch_requests)
        _say({"base_url": proxy.base_url, "key": upstream.token, "lag_s": storm.lag_s})
        for line in sys.stdin:
            _say(storm.obey(json.loads(line)))


def _say(value: Mapping[str, Any]) -> None:
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    main()
