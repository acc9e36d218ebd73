"""What a run will need, before it is sent: tokens and money, each with the bounds it lies between.

Where texts are counted with the model's own encoding, input is known. Elsewhere a model may cut
them otherwise than was thought, and its chat template may add words of its own: the upper bound is
then a token a byte, which hardly any text comes near and none passes (`tally`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import ceil
from typing import Any

from .. import jsonl
from .encodings import release
from .price import Cost, Price, dollars
from .price_list import NoBatchPrice
from .sampling import WHOLE_BYTES, Estimate, Sample
from .tokens import count_request

LEAST = Decimal("0.5")
"""An input that is estimated is thought to have half of that at least, which texts of blanks and
dashes do not; it is in no bound that a ceiling is held to."""

PriceOf = Callable[[str], Price | NoBatchPrice]
"""The price of a model's batches."""

_UNKNOWN = Cost(Decimal(0), None)
_COST_DIGITS = 15
"""Costs are summed as whole numbers of so many digits behind the point of a dollar."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What requests need. Amounts of money are US dollars."""

    requests: int
    input_tokens: int
    """As counted or estimated."""
    input_max: int
    """At most so many, where the input was not counted exactly; else the same."""
    output_max: int | None
    """At most so many come back; None where an answer has no ceiling."""
    exact: bool
    """Whether every text was counted, with the encoding of its own model."""
    error_percent: float
    """What looking at a sample only may bring, with 95 % confidence; 0 where all was looked at."""
    uncounted: int
    """Parts whose size a request does not tell, such as images, among the lines looked at."""
    cost_low: Decimal | None
    cost_high: Decimal | None
    """None where there is no upper bound; `cost_low` None where there is no price."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the models that the requests name."""
    unpriced: Mapping[str, NoBatchPrice] = field(default_factory=dict)
    """Models without a price of batches."""
    open_ended_line: int | None = None
    """The first line that was seen whose answer has no ceiling."""
    uncounted_line: int | None = None
    """The first line that was seen with parts whose size is unknown."""

    @property
    def tokens_max(self) -> int | None:
        """Input and output together; None where there is no upper bound."""
        if self.output_max is None or self.uncounted:
            return None
        return self.input_max + self.output_max

    def to_fields(self) -> dict[str, Any]:
        """As a record has it: `tokens` and `cost_usd`."""
        tokens: dict[str, Any] = {
            "input": self.input_tokens,
            "input_max": None if self.uncounted else self.input_max,
            "output_max": self.output_max,
            "estimate": not self.exact or self.error_percent > 0,
        }
        if self.error_percent:
            tokens["error_percent"] = round(self.error_percent, 2)
        if self.uncounted:
            tokens["uncounted_parts"] = self.uncounted
        cost = None
        if self.cost_low is not None:
            cost = {"low": dollars(self.cost_low), "high": dollars(self.cost_high)}
        return {"tokens": tokens, "cost_usd": cost}


class Estimator:
    """Sums up requests in one pass, all of a small input and a sample of a large one."""

    def __init__(
        self, price_of: PriceOf, whole_bytes: int = WHOLE_BYTES, *, names_are_true: bool = True
    ):
        """`names_are_true`: a model has the encoding of its name; some servers answer to any."""
        self._price_of = price_of
        self._sample = Sample(whole_bytes)
        self._names_are_true = names_are_true
        self._prices: dict[str, Price | NoBatchPrice] = {}
        self._exact = True
        self._uncounted = 0
        self._open_ended_line: int | None = None
        self._uncounted_line: int | None = None

    def take(self, line_number: int, content: bytes, lines: int = 1) -> None:
        """Take `lines` requests without faults, which begin on that line: without last newline."""
        chosen = self._sample.choose(len(content) + 1, lines)
        if not chosen:
            return
        each = content.split(b"\n") if lines > 1 else [content]
        for index in chosen:
            self._add(line_number + index, each[index])

    def _add(self, line_number: int, content: bytes) -> None:
        request = jsonl.parse(content)
        body = request["body"]
        tokens = count_request(request["url"], body, foreign=not self._names_are_true)
        self._exact = self._exact and tokens.exact
        if tokens.uncounted:
            self._uncounted += tokens.uncounted
            self._uncounted_line = self._uncounted_line or line_number
        if tokens.output_max is None:
            self._open_ended_line = self._open_ended_line or line_number
        least = tokens.input if tokens.exact else int(tokens.input * LEAST)
        most = tokens.input_max
        output = tokens.output_max or 0
        price = self._price(body.get("model"))
        cost = price.bounds(least, output, most) if isinstance(price, Price) else _UNKNOWN
        high = cost.low if cost.high is None else cost.high
        self._sample.add(
            len(content) + 1,
            tokens.input,
            most,
            output,
            int(cost.low.scaleb(_COST_DIGITS)),
            ceil(high.scaleb(_COST_DIGITS)),
        )

    def _price(self, model: Any) -> Price | NoBatchPrice:
        name = model if isinstance(model, str) else ""
        price = self._prices.get(name)
        if price is None:
            price = self._prices[name] = self._price_of(name)
        return price

    def finish(self) -> Needs:
        """What all of them need. Encodings are let go of: a run takes far longer than to count."""
        release()
        zero = Estimate(Decimal(0), 0.0)
        totals = self._sample.totals() or [zero] * 5
        input_tokens, most, output, low, high = totals
        prices = {m: p for m, p in self._prices.items() if isinstance(p, Price)}
        unpriced = {m: p for m, p in self._prices.items() if isinstance(p, NoBatchPrice)}
        open_ended = self._open_ended_line is not None
        bounded = not open_ended and not self._uncounted
        return Needs(
            requests=self._sample.lines,
            input_tokens=round(input_tokens.amount),
            input_max=ceil(_higher(most)),
            output_max=None if open_ended else ceil(_higher(output)),
            exact=self._exact,
            error_percent=max(total.half_width_percent for total in totals),
            uncounted=self._uncounted,
            cost_low=None if unpriced else _lower(low).scaleb(-_COST_DIGITS),
            cost_high=(None if unpriced or not bounded else _higher(high).scaleb(-_COST_DIGITS)),
            prices=prices,
            unpriced=unpriced,
            open_ended_line=self._open_ended_line,
            uncounted_line=self._uncounted_line,
        )


def _lower(total: Estimate) -> Decimal:
    return total.amount * (1 - _share(total))


def _higher(total: Estimate) -> Decimal:
    return total.amount * (1 + _share(total))


def _share(total: Estimate) -> Decimal:
    return Decimal(total.half_width_percent) / 100
