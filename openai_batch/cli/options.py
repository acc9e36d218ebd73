"""Options that several commands share: one meaning, one spelling, one sentence of help.

A metavar says what a value is, and so what the shells complete (see `documents.values`).
"""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import UsageError

if TYPE_CHECKING:
    from ..engine.ceilings import Ceilings
    from ..providers.provider import Provider
    from ..requests.price import Price

Recorded = tuple[str, str | None]
"""The provider's name and base URL that an earlier run recorded."""

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}
_SIZE = r"(?i)(\d+(?:\.\d+)?)\s*([kmg]i?)?b?"


def parse_size(text: str) -> int:
    """Bytes from `200000000`, `200MB` or `190MiB`."""
    match = re.fullmatch(_SIZE, text.strip())
    if not match:
        raise typer.BadParameter(f"{text!r} is no size: write bytes, or as in 200MB or 190MiB")
    return int(float(match[1]) * _UNITS[(match[2] or "").lower()])


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers between two bounds, for options: their own say `0<=x<=9`."""

    def parse(text: str) -> int:
        bounds = f"from {least} on" if most is None else f"from {least} to {most}"
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise typer.BadParameter(f"{text!r} is not a whole number {bounds}")
        return number

    return parse


def parse_amount(text: str) -> float:
    """A number of seconds or days, 0 or more, whole or not."""
    try:
        amount = float(text)
    except ValueError:
        amount = -1.0
    if not 0 <= amount < float("inf"):
        raise typer.BadParameter(f"{text!r} is not a number from 0 on")
    return amount


def parse_dollars(text: str) -> Decimal:
    """US dollars, 0 or more, from `12.50` or `$1,250`."""
    from ..requests.price import MOST_DOLLARS

    try:
        amount = Decimal(text.strip().removeprefix("$").replace(",", ""))
    except ArithmeticError:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < MOST_DOLLARS:
        raise typer.BadParameter(f"{text!r} is no amount of US dollars: write it as in 12.50")
    return amount


def parse_metadata(pairs: list[str] | None) -> dict[str, str]:
    """A dictionary from `key=value` texts. Raises UsageError for anything else."""
    metadata = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise UsageError(f"--metadata {pair!r}: write it as key=value")
        metadata[key] = value
    return metadata


ProviderName = Annotated[
    str | None,
    typer.Option(
        "--provider", "-p", metavar="PROVIDER", help="Who executes: openai, parasail, local, …"
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="MODEL", help="For prompts that name none [the provider's usual model]."
    ),
]
CompletionWindow = Annotated[
    str | None,
    typer.Option("--completion-window", metavar="WINDOW", help="How long batches may take [24h]."),
]
BaseUrl = Annotated[
    str | None,
    typer.Option("--base-url", metavar="URL", help="Where the provider's API is."),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key", metavar="KEY", help="The key; better kept in the provider's variable."
    ),
]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="Where runs are kept [$OPENAI_BATCH_HOME]."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing on standard error but errors.")
]
OutputFile = Annotated[
    str | None,
    typer.Option("--output-file", "-o", metavar="FILE", help="Results; `-` is standard output."),
]
ErrorFile = Annotated[
    str | None,
    typer.Option(
        "--error-file", "-e", metavar="FILE", help="Failed requests, taken out of the results."
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace output files that exist.")]
DeleteRemote = Annotated[
    bool,
    typer.Option(
        "--delete-remote",
        help="Delete the run's files at the provider, once its results are delivered.",
    ),
]
Interval = Annotated[
    float | None,
    typer.Option(
        "--interval",
        metavar="S",
        parser=parse_amount,
        help="Look every S seconds [0.5, growing to 60].",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout",
        metavar="S",
        parser=parse_amount,
        help="Wait S seconds in all, then exit 7 [no end].",
    ),
]
MaxInFlight = Annotated[
    int | None,
    typer.Option(
        "--max-in-flight",
        metavar="N",
        parser=whole_number(1),
        help="At most N batches at a time [all].",
    ),
]
MaxCost = Annotated[
    Decimal | None,
    typer.Option(
        "--max-cost",
        metavar="USD",
        parser=parse_dollars,
        help="Send nothing that may cost more in all, further attempts included.",
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        metavar="N",
        parser=whole_number(1),
        help="Send nothing that may take more tokens in all, in and out.",
    ),
]
MaxRequests = Annotated[
    int | None,
    typer.Option(
        "--max-requests",
        metavar="N",
        parser=whole_number(1),
        help="Send nothing where there are more requests.",
    ),
]
PriceIn = Annotated[
    Decimal | None,
    typer.Option(
        "--price-in",
        metavar="USD",
        parser=parse_dollars,
        help="What a batch costs for a million input tokens [the price list's].",
    ),
]
PriceOut = Annotated[
    Decimal | None,
    typer.Option(
        "--price-out",
        metavar="USD",
        parser=parse_dollars,
        help="The same for a million output tokens.",
    ),
]
Retry = Annotated[
    bool,
    typer.Option("--retry", help="Send failed requests of a cancelled or foreign batch again."),
]
Resubmit = Annotated[
    bool,
    typer.Option("--resubmit", help="Send again what may have been executed, and paid, already."),
]
Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Run or batch ids; `-` or none reads standard input."),
]


def limits(
    max_cost: Decimal | None = None, max_tokens: int | None = None, max_requests: int | None = None
) -> "Ceilings | None":
    """The user's ceilings; None where there are none."""
    if max_cost is None and max_tokens is None and max_requests is None:
        return None
    from ..engine.ceilings import Ceilings

    return Ceilings(max_cost, max_tokens, max_requests)


def price(price_in: Decimal | None, price_out: Decimal | None) -> "Price | None":
    """The user's own price. Raises UsageError where one of the two is missing."""
    if price_in is None and price_out is None:
        return None
    if price_in is None or price_out is None:
        raise UsageError("--price-in and --price-out go together: give both, 0 where it is free")
    from ..requests.price import given_price

    return given_price(price_in, price_out)


class Access(NamedTuple):
    """The options that say which provider is meant."""

    provider_name: str | None = None
    base_url: str | None = None
    api_key: str | None = None

    def resolve(self, *, recorded: Recorded | None = None, model: str | None = None) -> "Provider":
        """The provider for a run: as named, else as recorded, else by its model."""
        from ..providers.catalog import resolve

        return resolve(
            base_url=self.base_url,
            provider_name=self.provider_name,
            api_key=self.api_key,
            recorded=recorded,
            model=model,
        )

    def for_model(self) -> "Callable[[str | None], Provider]":
        """`resolve` for a new run, of which only the model is known."""
        return lambda model: self.resolve(model=model)

    def candidates(self, recorded: Recorded | None) -> "list[Provider]":
        """The providers to ask about a batch of which nothing is known here.

        That is the one that was named or recorded, else every one whose key is set.
        """
        if self.provider_name or self.base_url or recorded:
            return [self.resolve(recorded=recorded)]
        from ..providers.catalog import providers_with_keys

        return providers_with_keys()
