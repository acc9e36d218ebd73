"""What an input holds and needs, for people: the reports of `run --dry-run` and `validate`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .quantities import grouped, money, size

_LINES_SHOWN = 5


def forecast(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The record of a dry run, or of a validation, as names and what they stand for."""
    endpoints, models = record["endpoints"], record["models"]
    yield "input", record["input_file"] or "standard input"
    yield "requests", f"{grouped(record['requests'])} ({size(record['bytes'])})"
    if "shards" in record:
        yield "batches", grouped(record["shards"])
    yield "provider", f"{record['provider']} {record['base_url'] or ''}".strip()
    yield "endpoint", ", ".join(endpoints) or "-"
    yield "model" if len(models) == 1 else "models", ", ".join(map(str, models)) or "-"
    if "tokens" in record:
        rest = ", without the lines that have faults" if record["faults"] else ""
        yield "tokens", _tokens(record["tokens"]) + rest
        yield from _cost(record)
    for code, found in record["faults"].items():
        yield "faults", _fault(code, found["count"], found["lines"])


def _tokens(tokens: Mapping[str, Any]) -> str:
    found, most, output = tokens["input"], tokens["input_max"], tokens["output_max"]
    if most is None:
        parts = tokens["uncounted_parts"]
        others = f"besides {grouped(parts)} images, files, searches or the like"
        told = f"at least {grouped(found)} in, {others}"
    elif tokens["estimate"]:
        told = f"about {grouped(found)} in (at most {grouped(most)})"
    else:
        told = f"{grouped(found)} in"
    ceiling = "no ceiling on what comes out" if output is None else f"at most {grouped(output)} out"
    return f"{told}, {ceiling}"


def _cost(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    cost = record["cost_usd"]
    if cost is None:
        yield "cost", f"not known: {record['no_price']}"
    elif cost["high"] is None:
        yield "cost", f"{money(cost['low'])} or more, without an upper bound"
    elif cost["low"] == cost["high"]:
        yield "cost", money(cost["high"], at_most=True)
    else:
        yield "cost", f"{money(cost['low'])} to {money(cost['high'], at_most=True)}"
    for price in record["prices"]:
        yield "price", _price(price)


def _price(price: Mapping[str, Any]) -> str:
    since = f", since {price['since']}" if price["since"] else ""
    cached = f" ({_rate(price['cached_input'])} cached)" if "cached_input" in price else ""
    longer = ", more for long requests" if price["tiers"] else ""
    rates = f"{_rate(price['input'])} in{cached} and {_rate(price['output'])} out"
    return (
        f"{rates} for a million tokens of "
        f"{price['model'] or 'any model'}{longer} ({price['source']}{since})"
    )


def _rate(amount: float) -> str:
    """A price, all of its digits, and two behind the point at least."""
    text = f"{amount:.9f}".rstrip("0")
    whole, _, rest = text.partition(".")
    return f"${whole}.{rest.ljust(2, '0')}"


def _fault(code: str, count: int, lines: Sequence[int]) -> str:
    told = f"{grouped(count)} {code}"
    if not lines:
        return told
    shown = ", ".join(map(grouped, lines[:_LINES_SHOWN]))
    more = ", …" if len(lines) > _LINES_SHOWN else ""
    return f"{told}: line{'s' if len(lines) > 1 else ''} {shown}{more}"
