"""A run: opened by one process at a time, driven to its end, delivered."""

import contextlib
import shutil
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Self

from ..errors import (
    GaveUp,
    OutcomeUnknown,
    ProviderError,
    StillRunning,
    UsageError,
)
from ..providers.interface import BatchClient
from ..requests.price import Price
from .budget import Budget
from .ceilings import Ceilings
from .deliver import Delivery, deliver, record_delivery
from .driver import Driver, in_phase
from .entries import CeilingsNamed, Reopened, SendingAllowed
from .events import Delivering, FilesDeleted, Finished
from .failures import failures
from .harvest import plan_open_rows
from .journal import RunInfo
from .merge import Counts
from .persistent import Persistent
from .records import record, resent_unconfirmed
from .refusals import refusal
from .remote_files import RemoteFiles
from .restore import restore
from .runs import Place, driving, open_journal
from .states import (
    Phase,
    RunState,
    disposable,
    may_be_removed,
    open_duplicates,
    settled,
    was_cancelled,
)
from .wiring import driver_for

if TYPE_CHECKING:
    from ..providers.provider import Provider

_HANDED_OVER = {Phase.RUNNING, Phase.ENDED, Phase.HARVESTED}


class Run:
    """One run whose lock this process holds, until `close`. Use as a context manager."""

    def __init__(
        self,
        run_id: str,
        place: Place,
        provider: "Provider",
        *,
        interval_s: float | None = None,
        timeout_s: float | None = None,
        max_in_flight: int | None = None,
        fresh: bool = False,
    ):
        """Take the run's lock and read its journal; calls nobody.

        `fresh`: it was planned just now, so that nobody else can have gone on with it.
        `interval_s` fixes the poll interval, `timeout_s` ends the whole drive (both in seconds).
        Raises RunLocked where another process drives it, RunDamaged where it cannot be read.
        """
        self._stack = contextlib.ExitStack()
        self._place = place
        self._provider = provider
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._fresh = fresh
        self._client: BatchClient | None = None
        self._driver: Driver | None = None
        with self._stack:
            if not place.journal_path(run_id).exists():
                raise UsageError(f"there is no run {run_id} in {place.state_dir}")
            self._stack.enter_context(driving(place, run_id))
            self._journal = open_journal(place, run_id)
            self._stack.callback(self._journal.close)
            self._spool = place.spool(run_id)
            self._max_in_flight = max_in_flight or self.info.max_in_flight
            self._stack = self._stack.pop_all()

    @property
    def info(self) -> RunInfo:
        """What the run is."""
        return self._journal.info

    @property
    def state(self) -> RunState:
        """Where the run stands, as recorded."""
        return self._journal.state

    @property
    def settled(self) -> bool:
        """Whether every request is accounted for."""
        return settled(self.state)

    @property
    def public_id(self) -> str:
        """The batch's id where one batch does the whole run, else the run's."""
        shards = self.state.in_order()
        return (len(shards) == 1 and shards[0].current.batch_id) or self.info.run_id

    def connect(self) -> None:
        """Open the way to the provider now; for the local one, start its server.

        Raises UsageError or CredentialsMissing where that cannot be.
        """
        self._open_client()

    def limit(self, ceilings: Ceilings | None, price: Price | None = None) -> None:
        """Name other ceilings, for this and every later process, and what a batch costs.

        What is not named stays. Durable on return. Raises CeilingExceeded, and records nothing,
        where what is still to be sent may pass them.
        """
        if ceilings is None and price is None:
            return
        limits = ceilings or Ceilings()
        named = CeilingsNamed(
            None if limits.cost is None else str(limits.cost),
            limits.tokens,
            None if price is None else price.to_fields(),
        )
        if not self.settled and self._may_send:
            info = self.info.limited_by(named.over(self.state.ceilings))
            Budget(info, self._spool).require_for_rest(self.state)
        self._journal.append(named, at=self._place.clock.now())

    def submit(self) -> None:
        """Hand every shard to the provider once; return as soon as that is done.

        What was handed over is durable on return. May be repeated. Raises GaveUp where the provider
        takes no more for now.
        """
        self._reopen_refused()
        self._require_requests()
        self._drive().drive(_handed_over, may_submit=True, may_look=False)

    def settle(self) -> None:
        """Submit, wait, harvest and retry until every request is accounted for. May be repeated.

        Results are durable on return. Raises CeilingExceeded where what is still to be sent may
        pass what `limit` has named, GaveUp, OutcomeUnknown, ProviderRefused,
        CredentialsRefused; after each of them the run can be resumed.
        """
        if self.settled:
            self._cancel_duplicates()
            return
        self._reopen_refused()
        self._require_requests()
        if self.state.ceilings and self._may_send:  # what it was planned with, it keeps anyway
            self._budget.require_for_rest(self.state)
        self._drive().drive(settled, may_submit=self._may_send)

    def step(self) -> None:
        """Look once, submit and fetch what can be, and return without waiting. May be repeated."""
        if self.settled:
            self._cancel_duplicates()
            return
        self._require_requests()
        self._drive().step(may_submit=self._may_send)

    def harvest(self) -> None:
        """Look once and fetch what has ended; never submit, never wait for a batch.

        Raises StillRunning while batches run, GaveUp where only `resume` can go on, and
        ProviderRefused where the provider has refused a part for good.
        """
        if self.settled:
            self._cancel_duplicates()
            return
        driver = self._drive()
        driver.doubts.hurry()
        while True:
            driver.step(may_submit=False)
            driver.drive(_nothing_to_fetch, may_submit=False, may_look=False)
            # What another machine has begun is found where it follows from what was fetched.
            if all(shard.current.seen for shard in in_phase(self.state, Phase.RUNNING)):
                break
        if self.settled:
            return
        running = in_phase(self.state, Phase.RUNNING)
        if set_aside := driver.doubts.set_aside:
            raise OutcomeUnknown("; ".join(set_aside.values()))
        if running:
            raise StillRunning(
                f"{self.info.run_id}: {len(running)} of {len(self.state.shards)} batches have not "
                "ended; ask again later, or `download --partial` takes what there is"
            )
        if refused := in_phase(self.state, Phase.REFUSED):
            raise refusal(refused[0].current)
        raise GaveUp(
            f"{self.info.run_id}: some requests are still to be sent: "
            f"`openai-batch resume {self.info.run_id}` goes on"
        )

    def resubmit_lost(self) -> int:
        """Open again what has no known outcome, on the user's word; return how many shards.

        Those are shards whose `create` got no reply that can be cleared up, and batches that the
        provider does not know, that ended without files, or that do not end. What may only be late
        is waited for first. Their requests may be paid for twice. Raises CeilingExceeded where that
        may be more than the user allows.
        """
        if not self._may_send:
            raise UsageError(
                f"{self.info.run_id} is of a batch made elsewhere: nothing of it is sent again"
            )
        if self.settled:
            return 0
        driver = self._drive()
        doubts = driver.doubts
        doubts.set_aside.clear()  # what was so an hour ago in this process may be known by now
        with contextlib.suppress(GaveUp):
            driver.step(may_submit=False)
            driver.drive(lambda state: not doubts.pending(), may_submit=False)
        lost = [self.state.shards[index] for index in sorted(doubts.set_aside)]
        again = [(shard.plan.index, shard.current.number) for shard in lost]
        self._budget.require_for(self.state, again)
        facts = [Reopened(shard.plan.index, shard.current.number) for shard in lost]
        self._journal.append(*facts, at=self._place.clock.now())
        doubts.set_aside.clear()
        return len(lost)

    def _cancel_duplicates(self) -> None:
        """Do what is left to be done at the provider; the results are here, with or without it."""
        if open_duplicates(self.state):
            with contextlib.suppress(ProviderError):
                self._drive().step(may_submit=False)

    @property
    def _budget(self) -> Budget:
        return Budget(self.info, self._spool)

    @property
    def _may_send(self) -> bool:
        return self.state.sending_allowed or not self.info.harvest_only

    def allow_sending(self, *, foreign: bool = False) -> None:
        """Let the open requests of a cancelled run be sent again; with `foreign`, also those of a
        batch made elsewhere.

        Those are the ones that never returned, that the cancelling ended, or that failed in a way
        that passes. Durable on return; may be repeated. Raises CeilingExceeded where that may cost
        more than the user allows.
        """
        if self.info.harvest_only and not foreign:
            return
        cancelled = any(was_cancelled(shard) for shard in self.state.shards.values())
        if not (cancelled or self.state.cancel_requested or self.info.harvest_only):
            return
        self._restore_spool()
        planned = [
            plan_open_rows(shard, self._spool)
            for shard in in_phase(self.state, Phase.HARVESTED)
            if shard.current.number < self.info.max_attempts
        ]
        retries = [plan for plan in planned if plan]
        again = [(plan.shard, plan.attempt) for plan in retries]
        self._budget.require_for(self.state, again)
        facts = [SendingAllowed(), *retries]
        self._journal.append(*facts, at=self._place.clock.now())

    @contextlib.contextmanager
    def failed_requests(self, only: Collection[str] = ()) -> Iterator[Iterator[bytes]]:
        """The requests that did not succeed, as they were sent, in input order.

        `only` names reasons: an HTTP status, an error code, `missing`. A delivered run is fetched
        from the provider for as long as the context lasts. Raises StillRunning before the run is
        settled.
        """
        if not self.settled:
            raise StillRunning(f"{self.info.run_id} is not finished")
        fetched = self._restore_spool()
        try:
            yield (failure.request for failure in failures(self.state, self._spool, only))
        finally:
            if fetched:
                self._spool.remove()

    def deliver(self, delivery: Delivery) -> Counts:
        """Write the results in input order; on return they are durable, and the spool is gone.

        A run that was delivered before is fetched from the provider again, because its spool may
        be gone, or half gone. With `delivery.partial`, what there is is written and nothing is
        recorded.
        """
        if not self._restore_spool() and not (self.settled or delivery.partial):
            raise StillRunning(f"{self.info.run_id} is not finished")
        info = self.info
        again = self.state.delivered is not None
        counts = deliver(
            self._journal,
            self._spool,
            self._place.clock,
            delivery,
            lambda done: self._place.on_event(Delivering(done, info.requests)),
        )
        delivered = self.state.delivered
        if delivered and not again:
            self._delete_orphans()
        self._place.on_event(
            Finished(
                info.run_id,
                counts.requests,
                counts.succeeded,
                counts.failed,
                counts.missing,
                resent_unconfirmed(self.state),
                delivered.output_file if delivered else None,
                delivered.error_file if delivered else None,
                self.record(),
            )
        )
        return counts

    def confirm_delivery(self, output_file: str | None, error_file: str | None) -> None:
        """Record what `deliver` wrote with `Delivery.held`: it is safe now. Durable on return."""
        record_delivery(self._journal, self._spool, self._place.clock, output_file, error_file)
        self._delete_orphans()

    def delete_remote_files(self) -> None:
        """Delete the files at the provider of a run that is over; nothing can be fetched then.

        Durable on return; may be repeated. Raises UsageError while its results are not delivered,
        FilesLeft where some files could not be deleted, NotFound where this key is shown none.
        """
        if not disposable(self.state):
            raise UsageError(f"{self.info.run_id} is not delivered: its files are still needed")
        if not self.state.remote_files_deleted:
            files = self._remote_files().delete_all(self._place.clock)
            self._place.on_event(FilesDeleted(self.info.run_id, files, orphans=False))

    def record(self) -> dict[str, Any]:
        """The run as one JSON object, from what is recorded here."""
        return record(self.info, self.state)

    def forget(self) -> None:
        """Delete the run from this machine, and let it go. For a run of which nothing was sent."""
        folder = self._place.folder(self.info.run_id)
        self._place.journal_path(self.info.run_id).unlink(missing_ok=True)
        self.close()
        shutil.rmtree(folder, ignore_errors=True)

    def close(self) -> None:
        """Let go of the lock, the journal and the connections. May be repeated."""
        if self._driver is not None:
            self._driver.close()
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _restore_spool(self) -> bool:
        """Fetch the run's files again where they are gone, or half gone; say whether they were."""
        if not may_be_removed(self.state):
            return False
        if self.state.remote_deletion_began:
            delivered = self.state.delivered
            where = (delivered and delivered.output_file) or "standard output"
            raise UsageError(
                f"the results of {self.info.run_id} went to {where}, and its files were deleted at "
                "the provider, as was asked for: there is nothing left to fetch"
            )
        restore(self._journal, Persistent(self._open_client(), self._place), self._spool)
        return True

    def _reopen_refused(self) -> None:
        """Give what was refused another chance: the user has come back, and may have mended it."""
        if not self._may_send:
            return
        for shard in in_phase(self.state, Phase.REFUSED):
            reopened = Reopened(shard.plan.index, shard.current.number)
            self._journal.append(reopened, at=self._place.clock.now())

    def _delete_orphans(self) -> None:
        if self._driver is None:  # nothing was asked of the provider by this process
            return
        # The results are delivered: what is only tidying up must not make that fail.
        with contextlib.suppress(ProviderError):
            if files := self._remote_files().delete_orphans():
                self._place.on_event(FilesDeleted(self.info.run_id, files, orphans=True))

    def _remote_files(self) -> RemoteFiles:
        can = self._provider
        return RemoteFiles(self._journal, self._open_client(), can.can_list, can.can_list_files)

    def _open_client(self) -> BatchClient:
        if self._client is None:
            from ..providers.client import open_client

            self._client = open_client(self._provider, state_dir=self._place.state_dir)
            self._stack.callback(self._client.close)
        return self._client

    def _drive(self) -> Driver:
        if self._driver is None:
            self._driver = driver_for(
                self._journal,
                self._spool,
                self._open_client(),
                place=self._place,
                provider=self._provider,
                interval_s=self._interval_s,
                timeout_s=self._timeout_s,
                max_in_flight=self._max_in_flight,
                look_first=not self._fresh,
            )
        return self._driver

    def _require_requests(self) -> None:
        """A run rebuilt from the provider has no requests for shards that were never submitted."""
        if self.state.cancel_requested:
            return
        for shard in self.state.in_order():
            attempt = shard.current
            waiting = attempt.phase in (Phase.PLANNED, Phase.UPLOADING)
            if waiting and not self._spool.requests(shard.plan.index, attempt.number).exists():
                run_id = self.info.run_id
                raise UsageError(
                    f"{shard.plan.rows} requests of {run_id} were never submitted and are not on "
                    f"this machine: give the input again, `openai-batch resume {run_id} INPUT`"
                )


def _handed_over(state: RunState) -> bool:
    return all(shard.current.phase in _HANDED_OVER for shard in state.shards.values())


def _nothing_to_fetch(state: RunState) -> bool:
    return not in_phase(state, Phase.ENDED)
