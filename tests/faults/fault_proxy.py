"""A proxy in front of a batch server, at which everything goes wrong on command.

In a test it is a context manager; as a script it prints its address and goes on until its standard
input is closed:

    python tests/faults/fault_proxy.py --upstream http://127.0.0.1:8000/v1 --script script.json

    {"faults": [{"fault": "status", "code": 503, "on": "retrieve", "times": 3},
                {"fault": "reset_after", "on": "create", "nth": 2},
                {"fault": "truncated", "number": 12}],
     "endings": [[{"ending": "expires", "done": 292}]],
     "every_ending": [{"ending": "shuffles"}],
     "quirks": [{"quirk": "speaks", "dialect": "novita"}],
     "listing": {"lag": 2}, "quota": {"requests": 500}}

A fault is for calls of one kind (`on`, see `Account.kind`; `download` is every download), or for
the call of one number; it begins with the `nth` of them and lasts for so many `times` (null: for
ever).
"""

import argparse
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from fault_account import Account, Listing, Quota
from fault_calls import FAULTS, Fault
from fault_endings import ENDINGS
from fault_quirks import QUIRKS
from fault_wire import Exchange, Request

PREFIX = "/v1"


@dataclass
class Rule:
    """Which calls a fault is for. `fired` counts how often it was applied."""

    fault: Fault
    on: str | None = None
    number: int | None = None
    nth: int = 1
    times: int | None = 1
    met: int = 0
    fired: int = 0

    def applies(self, exchange: Exchange) -> bool:
        """Whether this call is one of them; counts it."""
        if self.number is not None and exchange.number < self.number:
            return False
        if self.on is not None and not f"{exchange.kind}_".startswith(f"{self.on}_"):
            return False
        self.met += 1
        if self.met < self.nth or (self.times is not None and self.met >= self.nth + self.times):
            return False
        self.fired += 1
        return True


@dataclass(frozen=True, slots=True)
class Logged:
    """One call: its number from 1, what it was, what was done to it, and when (monotonic)."""

    number: int
    kind: str
    method: str
    path: str
    done: str
    at: float

    def __str__(self) -> str:
        return f"{self.number:3} {self.kind:16} {self.method} {self.path}: {self.done}"


class FaultProxy(ThreadingHTTPServer):
    """Passes calls on to the real server, and lets go wrong what was asked for."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, upstream_url: str, port: int = 0):
        super().__init__(("127.0.0.1", port), _Handler)
        self.account = Account(upstream_url)
        self.log: list[Logged] = []
        self._rules: list[Rule] = []
        self._calls = 0
        self._under_way = 0
        self._lock = threading.Condition()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}{PREFIX}"

    def fail(
        self,
        fault: Fault,
        *,
        on: str | None = None,
        number: int | None = None,
        nth: int = 1,
        times: int | None = 1,
    ) -> Rule:
        """Let calls fail from now on, as the module says. Of several rules the first one counts.

        With `number`, the first call of that number or after, of the kind `on`, is meant.
        """
        rule = Rule(fault, on, number, nth, times)
        self._rules.append(rule)
        return rule

    def mend(self) -> None:
        """Let no call fail any more."""
        self._rules.clear()

    def kinds(self) -> Counter[str]:
        """How many calls of each kind there were."""
        return Counter(logged.kind for logged in self.log)

    def story(self) -> str:
        """Every call, for a test that fails."""
        return "\n".join(map(str, self.log))

    def perform(self, script: Mapping[str, Any]) -> None:
        """Set what a script says."""
        for entry in script.get("faults", ()):
            options = dict(entry)
            name = options.pop("fault")
            when = {key: options.pop(key) for key in _WHEN if key in options}
            self.fail(FAULTS[name](**options), **when)
        account = self.account
        account.endings = [
            tuple(_made(ENDINGS, "ending", change) for change in changes)
            for changes in script.get("endings", ())
        ]
        account.every_ending = tuple(
            _made(ENDINGS, "ending", change) for change in script.get("every_ending", ())
        )
        account.quirks = [_made(QUIRKS, "quirk", quirk) for quirk in script.get("quirks", ())]
        account.listing = Listing(**script.get("listing", {}))
        account.quota = Quota(**script["quota"]) if "quota" in script else None

    def rest(self) -> None:
        """Wait until no call is under way, also none of a client that is dead."""
        with self._lock:
            self._lock.wait_for(lambda: self._under_way == 0)

    def handle_one(self, handler: BaseHTTPRequestHandler, request: Request) -> None:
        """Answer one call, or not."""
        kind = self.account.kind(request)
        with self._lock:
            self._calls += 1
            self._under_way += 1
            at = time.monotonic()
            exchange = Exchange(handler, request, self._calls, kind, self.account.answer)
            rule = next((rule for rule in self._rules if rule.applies(exchange)), None)
        try:
            if rule is None:
                exchange.send(exchange.forward())
            else:
                rule.fault(exchange)
        finally:
            called = (exchange.number, kind, request.method, request.path)
            self.log.append(Logged(*called, exchange.done, at))
            with self._lock:
                self._under_way -= 1
                self._lock.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of what is wrong with the proxy; a client that hung up is part of many tests."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultProxy

    def _handle(self) -> None:
        self.close_connection = True
        size = int(self.headers.get("content-length", 0))
        body = self.rfile.read(size)
        if len(body) < size:  # the client died while it was sending
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        path = self.path.removeprefix(PREFIX)
        self.server.handle_one(self, Request(self.command, path, headers, body))

    do_GET = do_POST = do_DELETE = _handle

    def log_message(self, format: str, *args: Any) -> None:
        """The log is `FaultProxy.log`."""


_WHEN = ("on", "number", "nth", "times")


def _made(makers: Mapping[str, Any], key: str, entry: Mapping[str, Any]) -> Any:
    options = dict(entry)
    return makers[options.pop(key)](**options)


def main() -> None:
    parser = argparse.ArgumentParser(description="Let calls to a batch server go wrong.")
    parser.add_argument("--upstream", required=True, metavar="URL", help="ends in /v1")
    parser.add_argument("--script", type=Path, metavar="FILE", help="what goes wrong, as JSON")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with FaultProxy(given.upstream, given.port) as proxy:
        if given.script:
            proxy.perform(json.loads(given.script.read_bytes()))
        print(proxy.base_url, flush=True)
        sys.stdin.read()
        print(proxy.story(), file=sys.stderr)
        executed = proxy.account.executed()
        for custom_id, times in executed.items():
            if times > 1:
                print(f"{custom_id} was executed {times} times", file=sys.stderr)


if __name__ == "__main__":
    main()
