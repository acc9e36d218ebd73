"""Looking at an input without keeping it: what is wrong with it, and what it will need."""

import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import InputInvalid
from ..files import make_private_dir
from ..requests.price import Price
from ..requests.sampling import WHOLE_BYTES
from .ceilings import why_unpriced
from .intake import EstimatorFor, Intake, ProviderFor, take_in
from .plan import OUTCOME, Settings, estimator
from .runs import Place, driving, new_run_id

if TYPE_CHECKING:
    from ..providers.provider import Provider


def validate(
    stream: BinaryIO, *, input_name: str | None, provider_for: ProviderFor, place: Place
) -> tuple[dict[str, Any], InputInvalid | None]:
    """Check `stream`; return what it holds as a record, and what forbids to send it.

    Each fault is also sent as an event. Nothing is sent, no key is needed, nothing is left behind.
    """
    found, provider = _look(stream, provider_for, Settings(), place, None)
    record = {"object": "validation", **_contents(found, provider, input_name)}
    return record, found.faults.verdict(input_name, OUTCOME)


def dry_run(
    stream: BinaryIO,
    *,
    input_name: str | None,
    provider_for: ProviderFor,
    settings: Settings,
    place: Place,
) -> tuple[dict[str, Any], InputInvalid | None]:
    """As `validate`, with what would be sent and what that needs, and the user's ceilings."""
    found, provider = _look(
        stream,
        provider_for,
        settings,
        place,
        lambda provider: estimator(settings, place, provider, WHOLE_BYTES),
    )
    needs = found.needs
    assert needs is not None
    contents = _contents(found, provider, input_name)
    faults = contents.pop("faults")
    record = {
        "object": "dry_run",
        **contents,
        "shards": len(found.shards),
        **needs.to_fields(),
        "prices": [_price(model, price) for model, price in needs.prices.items()],
        "no_price": why_unpriced(needs) if needs.unpriced else None,
        "faults": faults,
    }
    invalid = found.faults.verdict(input_name, OUTCOME) or settings.ceilings.refusal(needs)
    return record, invalid


def _look(
    stream: BinaryIO,
    provider_for: ProviderFor,
    settings: Settings,
    place: Place,
    estimator_for: EstimatorFor | None,
) -> "tuple[Intake, Provider]":
    run_id = new_run_id(place.clock.now())
    with driving(place, run_id):
        try:
            spool = place.spool(run_id)
            make_private_dir(spool.folder)
            return take_in(
                stream,
                provider_for,
                spool,
                place.on_event,
                shard_requests=settings.shard_requests,
                shard_bytes=settings.shard_bytes,
                estimator_for=estimator_for,
                keep=False,
            )
        finally:
            shutil.rmtree(place.folder(run_id), ignore_errors=True)


def _contents(found: Intake, provider: "Provider", input_name: str | None) -> dict[str, Any]:
    return {
        "input_file": input_name,
        "provider": provider.name,
        "base_url": provider.base_url,
        "requests": found.requests,
        "bytes": found.size_bytes,
        "models": found.models,
        "endpoints": [found.endpoint] if found.endpoint else [],
        "faults": found.faults.to_fields(),
    }


def _price(model: str, price: Price) -> Mapping[str, Any]:
    """A price as a record has it: US dollars for a million tokens; of long requests more."""
    fields = {"model": model, "input": float(price.input.base), "output": float(price.output.base)}
    if price.cached_input is not None:
        fields["cached_input"] = float(price.cached_input.base)
    return {
        **fields,
        "tiers": price.has_tiers,
        "since": price.since and price.since.isoformat(),
        "source": price.source,
    }
