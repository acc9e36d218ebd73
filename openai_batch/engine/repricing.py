"""The money side of a run that is rebuilt elsewhere: what its lost journal said of prices."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from ..requests.price import Price, given_price
from ..requests.price_list import batch_price

if TYPE_CHECKING:
    from ..providers.provider import Provider


def prices_again(
    models: Iterable[str], provider: "Provider", created_at: float, record: Mapping[str, Any]
) -> dict[str, dict[str, Any]]:
    """The prices of `models`, as a run keeps them: the user's own where the run's record has one,
    else those of the day on which it was made (`created_at`, unix time in seconds)."""
    if given := _given(record.get("price_given")):
        return {model: given.to_fields() for model in models}
    try:
        at = datetime.fromtimestamp(created_at, UTC)
    except (ValueError, OverflowError, OSError):  # no date at all: the provider said so
        return {}
    found = {
        model: batch_price(model, at, api_url=provider.base_url, provider_id=provider.price_list)
        for model in models
    }
    return {model: price.to_fields() for model, price in found.items() if isinstance(price, Price)}


def _given(told: Any) -> Price | None:
    try:
        return given_price(str(told["input"]), str(told["output"]))
    except (KeyError, TypeError, UsageError):  # there is none, or somebody has edited it
        return None


def ceilings_again(record: Mapping[str, Any]) -> dict[str, Any]:
    """The ceilings in a run's record, as fields of `RunInfo`, where it has any that make sense."""
    cost, tokens = record.get("max_cost_usd"), record.get("max_tokens")
    return {
        "max_cost_usd": str(cost) if isinstance(cost, int | float) and cost >= 0 else None,
        "max_tokens": tokens if type(tokens) is int and tokens > 0 else None,
    }


def estimate_again(record: Mapping[str, Any]) -> dict[str, Any] | None:
    """The estimate in a run's record, where it is one that ours may have."""
    estimate: Any = record.get("estimate")
    match estimate:
        case {"cost_usd": None | {"low": int() | float(), "high": int() | float() | None}}:
            return {**estimate}
    return None
