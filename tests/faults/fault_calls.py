"""What can go wrong with one call. A fault is a function that gets the call and answers it."""

import signal
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from fault_wire import Answer, Exchange

Fault = Callable[[Exchange], None]

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # Windows: `os.kill` ends the process at once
LONGEST_STALL_S = 5.0
ABSENT = "<absent>"

FAULTS: dict[str, Callable[..., Fault]] = {}
"""Every fault that a script may name."""


def _named(make: Callable[..., Fault]) -> Callable[..., Fault]:
    """Register a fault under its name, and let the log say which one it was."""

    @wraps(make)
    def named(*arguments: Any, **options: Any) -> Fault:
        fault = make(*arguments, **options)
        given = [*map(str, arguments), *(f"{name}={value}" for name, value in options.items())]

        def apply(exchange: Exchange) -> None:
            exchange.done = f"{make.__name__}({', '.join(given)})"
            fault(exchange)

        return apply

    FAULTS[make.__name__] = named
    return named


# --- before the work: the provider never hears of the call ----------------------------------------


@_named
def status(
    code: int, *, retry_after: float | None = None, error: str | None = None, html: bool = False
) -> Fault:
    """An error status, nothing having been done; `error` is the code in its body."""
    headers = {} if retry_after is None else {"retry_after": f"{retry_after:g}"}
    answer = Answer.error(code, f"the proxy says {code}", error, **headers)
    return lambda exchange: exchange.send(_page(code) if html else answer)


@_named
def reset_before() -> Fault:
    """The connection is reset, nothing having been done."""
    return lambda exchange: exchange.reset()


@_named
def stall(seconds: float) -> Fault:
    """Nothing happens for a while; then all is well."""

    def fault(exchange: Exchange) -> None:
        threading.Event().wait(min(seconds, LONGEST_STALL_S))
        exchange.send(exchange.forward())

    return fault


# --- after the work: only the client does not know that it was done -------------------------------


@_named
def reset_after() -> Fault:
    """The work is done and the connection is reset."""

    def fault(exchange: Exchange) -> None:
        exchange.forward()
        exchange.reset()

    return fault


@_named
def status_after(code: int) -> Fault:
    """The work is done and the answer is an error."""

    def fault(exchange: Exchange) -> None:
        exchange.forward()
        exchange.send(Answer.error(code, f"the proxy says {code}, although it was done"))

    return fault


@_named
def truncated(share: float = 0.5) -> Fault:
    """The answer ends early under the length of the whole."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send(answer, body=_part(answer, share))

    return fault


@_named
def early_end(share: float = 0.5) -> Fault:
    """The answer comes in chunks and ends early, as if that were its end."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send_chunked(answer, _part(answer, share))

    return fault


@_named
def closed_early(share: float = 0.5) -> Fault:
    """The answer has no length, and its connection is closed early."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send_until_close(answer, _part(answer, share))

    return fault


@_named
def html_after(code: int = 200) -> Fault:
    """The work is done and the answer is a web page."""

    def fault(exchange: Exchange) -> None:
        exchange.forward()
        exchange.send(_page(code))

    return fault


@_named
def garbage_after() -> Fault:
    """The work is done and the answer is what no JSON is."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        exchange.send(Answer(200, b"\x00\xff{\x80" * 10, answer.headers))

    return fault


@_named
def empty_after() -> Fault:
    """The work is done and the answer is 200 with nothing in it."""

    def fault(exchange: Exchange) -> None:
        exchange.forward()
        exchange.send(Answer(200, b""))

    return fault


@_named
def answer_with(**fields: Any) -> Fault:
    """The work is done and the answer says something else; a field that is `ABSENT` is left out."""

    def fault(exchange: Exchange) -> None:
        answer = exchange.forward()
        changed = {**answer.json, **fields}
        kept = {name: value for name, value in changed.items() if value != ABSENT}
        exchange.send(Answer.of(kept, answer.status))

    return fault


# --- what happens on the client's machine meanwhile -----------------------------------------------


def meanwhile(action: Callable[[], None], *, worked: bool = False, answers: bool = True) -> Fault:
    """`action` happens before the work, or after it (`worked`); then the answer is sent, or not."""

    def fault(exchange: Exchange) -> None:
        exchange.done = f"interfered {'after' if worked else 'before'} the work"
        if worked:
            exchange.forward()
        action()
        if answers:
            exchange.send(exchange.forward())

    return fault


def _part(answer: Answer, share: float) -> bytes:
    return answer.body[: int(len(answer.body) * share)]


def _page(code: int) -> Answer:
    page = f"<!DOCTYPE html><html><head><title>{code} from a proxy</title></head></html>"
    return Answer(code, page.encode(), {"content-type": "text/html; charset=utf-8"})
