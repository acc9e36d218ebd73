"""Ceilings that the user sets: what a run may need at most, of all its attempts together."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal

from ..errors import CeilingExceeded
from ..requests.estimate import Needs
from ..requests.price import Price


@dataclass(frozen=True, slots=True)
class Ceilings:
    """None sets no ceiling. Money is US dollars; tokens are input and output together."""

    cost: Decimal | None = None
    tokens: int | None = None
    requests: int | None = None

    @property
    def of_size(self) -> bool:
        """Whether one depends on what is in the requests, so that all must be counted."""
        return self.cost is not None or self.tokens is not None

    def refusal(self, needs: Needs) -> CeilingExceeded | None:
        """Why requests that need so much are not sent; None where they may be."""
        reasons = list(self._reasons(needs))
        return CeilingExceeded("; ".join((*reasons, "nothing was sent"))) if reasons else None

    def _reasons(self, needs: Needs) -> Iterator[str]:
        if self.requests is not None and needs.requests > self.requests:
            yield f"{needs.requests:,} requests are more than --max-requests {self.requests:,}"
        if self.tokens is not None:
            if needs.tokens_max is None:
                yield f"--max-tokens cannot be kept: {_why_unbounded(needs)}"
            elif needs.tokens_max > self.tokens:
                yield (
                    f"up to {needs.tokens_max:,} tokens ({needs.input_max:,} in, "
                    f"{needs.output_max:,} out) are more than --max-tokens {self.tokens:,}"
                )
        if self.cost is not None:
            if needs.unpriced:
                yield f"--max-cost cannot be kept: {why_unpriced(needs)}"
            elif needs.cost_high is None:
                yield f"--max-cost cannot be kept: {_why_unbounded(needs)}"
            elif needs.cost_high > self.cost:
                most = shown_dollars(needs.cost_high)
                yield f"up to ${most} is more than --max-cost ${self.cost:f}"


def _why_unbounded(needs: Needs) -> str:
    if needs.output_max is None:
        return (
            f"the request on line {needs.open_ended_line} has no ceiling for its answer "
            "(`openai-batch create --param max_completion_tokens=500` gives each one; "
            "for /v1/responses it is max_output_tokens)"
        )
    return (
        f"the request on line {needs.uncounted_line} holds an image, a file, a search or something "
        "stored, whose size in tokens only the provider knows: try some first (`openai-batch "
        "sample`), and see what they cost"
    )


def why_unpriced(needs: Needs) -> str:
    """Which price is not known, and how to give it."""
    reason = next(iter(needs.unpriced.values()))
    others = len(needs.unpriced) - 1
    more = f" (nor of {others} other models)" if others else ""
    return (
        f"{reason.reason}{more}{_standard(reason.standard)}; give the provider's own with "
        "--price-in and --price-out"
    )


def _standard(price: Price | None) -> str:
    if price is None:
        return ""
    return f"; outside a batch it asks ${price.input.base} in and ${price.output.base} out"


def shown_dollars(amount: Decimal) -> str:
    """An amount for people, rounded up: what is above a ceiling must not look like the ceiling."""
    digits = Decimal("0.01") if amount >= 1 else Decimal("0.000001")
    return f"{amount.quantize(digits, rounding='ROUND_UP', context=_WIDE):,f}"


_WIDE = Context(prec=200)
"""For sums that no provider could charge: the usual context has 28 digits."""
