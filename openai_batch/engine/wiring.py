"""What drives a run, put together: one of each, around one journal, one clock and one client."""

from typing import TYPE_CHECKING

from ..poller import Poller
from ..providers.interface import BatchClient
from .budget import Budget
from .driver import Driver
from .journal import Journal
from .patience import Patience
from .receipts import Receipts
from .runs import Place
from .scheduler import Quota
from .spool import Spool

if TYPE_CHECKING:
    from ..providers.provider import Provider


def driver_for(
    journal: Journal,
    spool: Spool,
    client: BatchClient,
    *,
    place: Place,
    provider: "Provider",
    interval_s: float | None,
    timeout_s: float | None,
    max_in_flight: int | None,
    look_first: bool,
) -> Driver:
    """A driver for a run whose lock is held, by what the provider can do."""
    clock, can_list = place.clock, provider.can_list
    poller = Poller(client, can_list=can_list, clock=clock, interval_s=interval_s)
    patience = Patience(clock, journal.info.run_id, timeout_s)
    quota = Quota()
    receipts = Receipts(
        journal,
        spool,
        budget=Budget(journal.info, spool),
        clock=clock,
        tell=place.on_event,
        poller=poller,
        patience=patience,
        quota=quota,
        can_list=can_list,
        listing_grace_s=provider.listing_grace_s,
        idempotent=provider.idempotency_header is not None,
    )
    return Driver(
        journal,
        client,
        spool,
        clock=clock,
        poller=poller,
        receipts=receipts,
        patience=patience,
        quota=quota,
        max_in_flight=max_in_flight,
        can_list=can_list,
        look_first=look_first,
    )
