"""The loop that drives a run: one thread that owns the journal, a few that make calls.

It starts the calls that `scheduler` names, waits for the first to come back, lets `receipts` record
what that means, and begins again. The intent of a call that costs is committed before the call;
wherever the process dies, the journal says enough to go on.
"""

import math
from collections.abc import Callable
from typing import Any

from ..clock import Clock
from ..errors import Error, GaveUp, OutcomeUnknown
from ..poller import Poller
from ..providers.interface import BatchClient, BatchSnapshot
from . import scheduler
from .doubts import Doubts
from .entries import CreateStarted, Harvested, RetryPlanned, UploadStarted
from .harvest import HarvestJob, harvest
from .journal import Journal
from .patience import Patience
from .pool import Done, Pool
from .receipts import Receipts
from .refusals import refusal
from .scheduler import (
    Call,
    Cancel,
    CancelDuplicate,
    Create,
    Find,
    Halve,
    Harvest,
    Look,
    Quota,
    Upload,
    View,
)
from .spending import prices_of
from .spool import Spool
from .states import Phase, RunState, Shard, was_cancelled
from .submit import begun_elsewhere, create, find, label_of, made_already
from .surveys import survey

Goal = Callable[[RunState], bool]


class Driver:
    """Drives one run whose lock is held. Used from one thread."""

    def __init__(
        self,
        journal: Journal,
        client: BatchClient,
        spool: Spool,
        *,
        clock: Clock,
        poller: Poller,
        receipts: Receipts,
        patience: Patience,
        quota: Quota,
        max_in_flight: int | None,
        can_list: bool,
        look_first: bool,
    ):
        self._journal = journal
        self._client = client
        self._spool = spool
        self._clock = clock
        self._poller = poller
        self._receipts = receipts
        self._patience = patience
        self._quota = quota
        self._max_in_flight = max_in_flight
        self._can_list = can_list
        self._look_first = look_first and can_list
        self._prices = prices_of(journal.info)
        # One for each call that may be under way: a look must not wait for a long upload to end,
        # nor a `create` whose intent is recorded.
        self._pool = Pool(threads=scheduler.MAX_UPLOADS + scheduler.MAX_HARVESTS + 2)
        self._busy: set[Call] = set()

    @property
    def doubts(self) -> Doubts:
        """What cannot be known, for now or for good."""
        return self._receipts.doubts

    def close(self) -> None:
        """Stop. A call under way is left to itself; the journal knows of it."""
        self._pool.stop()

    def drive(self, goal: Goal, *, may_submit: bool, may_look: bool = True) -> None:
        """Go on until `goal` holds. May be repeated.

        Without `may_look`, batches are not waited for. Raises GaveUp when nothing more can be done
        for now, OutcomeUnknown where only the user can say how to go on, and what a provider
        refuses for good as it comes.
        """
        # `cancel` writes from another process.
        while not goal(self._journal.refresh()) or self._receipts.duplicates.to_cancel:
            self._advance(may_submit=may_submit, may_look=may_look)

    def step(self, *, may_submit: bool) -> None:
        """Look once, do what follows from that, and return without waiting for batches."""
        target = self._receipts.looks + 1
        self._receipts.look_at = self._clock.monotonic()
        while True:
            running = in_phase(self._journal.refresh(), Phase.RUNNING)
            looked = self._receipts.looks >= target or not running
            view = self._view(may_submit=may_submit, may_look=not looked)
            if looked and not self._busy and not scheduler.next_calls(view):
                return
            self._advance(may_submit=may_submit, may_look=not looked)

    def _advance(self, *, may_submit: bool, may_look: bool) -> None:
        for call in scheduler.next_calls(self._view(may_submit=may_submit, may_look=may_look)):
            self._start(call)
        self._await(self._view(may_submit=may_submit, may_look=may_look))

    def _view(self, *, may_submit: bool, may_look: bool) -> View:
        return View(
            state=self._journal.state,
            now=self._clock.monotonic(),
            may_submit=may_submit,
            look_at=self._receipts.look_at if may_look else math.inf,
            quota=self._quota,
            max_in_flight=self._max_in_flight,
            busy=frozenset(self._busy),
            not_before=self._patience.not_before,
            set_aside=self._receipts.doubts.set_aside,
            to_halve=self._receipts.to_halve,
            duplicates=self._receipts.duplicates.to_cancel,
        )

    def _await(self, view: View) -> None:
        """Wait for a call to come back, or for the next one to become due."""
        if scheduler.next_calls(view):
            return  # one became due since the others were started: nothing else would wake us
        due = scheduler.waits_until(view)
        if not self._busy and due is None:
            self._explain_standstill(view)
        done = self._clock.wait(self._pool.done, self._patience.wait_s(due))
        if done is not None:
            self._finish(done)

    def _explain_standstill(self, view: View) -> None:
        if self._receipts.doubts.set_aside:
            raise OutcomeUnknown("; ".join(self._receipts.doubts.set_aside.values()))
        if refused := in_phase(view.state, Phase.REFUSED):
            raise refusal(refused[0].current)
        run_id = self._journal.info.run_id
        placed = [shard for shard in view.state.shards.values() if shard.current.batch_id]
        rows = sum(shard.plan.rows for shard in placed)
        raise GaveUp(
            f"nothing more can be done for now: {len(placed)} of {len(view.state.shards)} batches "
            f"({rows:,} of {self._journal.info.requests:,} requests) are with the provider; "
            f"`openai-batch resume {run_id}` goes on"
        )

    def _start(self, call: Call) -> None:
        work = self._prepare(call)
        self._busy.add(call)
        self._pool.start(call, work)

    def _prepare(self, call: Call) -> Callable[[], Any]:
        """Record the call's intent where it costs, and return what a worker is to do."""
        state, client = self._journal.state, self._client
        match call:
            case Upload(shard=index):
                shard = state.shards[index]
                number = shard.current.number
                self._journal.append(UploadStarted(index, number), at=self._clock.now())
                path = self._spool.requests(index, number)
                name = label_of(self._journal.info, shard).file_name
                return lambda: client.upload(path, name)
            case Create(shard=index):
                shard = state.shards[index]
                now = self._clock.now()
                self._journal.append(CreateStarted(index, shard.current.number, now), at=now)
                info = self._journal.info
                look_first = self._look_first or (self._can_list and shard.current.doubted)
                former = state.former_batch_ids
                return lambda: create(client, info, shard, look_first=look_first, former=former)
            case Halve(shard=index):
                if not self._can_list:
                    return lambda: None
                shard, info = state.shards[index], self._journal.info
                former = state.former_batch_ids
                return lambda: made_already(client, info, shard, former)
            case Find():
                lost = in_phase(state, Phase.CREATING)
                info, began = self._journal.info, self._clock.monotonic()
                return lambda: (began, find(client, info, lost, can_list=self._can_list))
            case Look():
                running = in_phase(state, Phase.RUNNING)
                ids = [shard.current.batch_id for shard in running if shard.current.batch_id]
                return self._look(ids)
            case Cancel(shard=index):
                batch_id = state.shards[index].current.batch_id or ""
                return lambda: client.cancel_batch(batch_id)
            case CancelDuplicate(batch_id=batch_id):
                return lambda: client.cancel_batch(batch_id)
            case Harvest(shard=index):
                job = HarvestJob(
                    state.shards[index],
                    self._spool,
                    client,
                    may_retry=self._may_retry(state.shards[index]),
                    accept_gaps=self._receipts.gaps_are_final(index),
                    model=self._journal.info.model,
                    prices=self._prices,
                )
                return self._harvest(job, state.former_batch_ids)

    def _look(self, batch_ids: list[str]) -> Callable[[], Any]:
        """Ask for the batches and, where that is due, for what else there is of the run."""
        pages = self._receipts.surveys.pages
        if not pages:
            return lambda: (self._poller.look(batch_ids), None)
        client, info, began = self._client, self._journal.info, self._clock.monotonic()
        return lambda: (
            self._poller.look(batch_ids),
            survey(client, info, began=began, pages=pages),
        )

    def _harvest(self, job: HarvestJob, former: tuple[str, ...]) -> Callable[[], Any]:
        """Bring results home, with the batch of what they leave open if another machine has begun
        one: it is paid, and nothing is sent for it."""
        if not (self._look_first and self._can_list):
            return lambda: (*harvest(job), None)
        client, info = self._client, self._journal.info

        def bring() -> tuple[Harvested, RetryPlanned | None, BatchSnapshot | None]:
            harvested, retry = harvest(job)
            if retry is None:
                return harvested, None, None
            return harvested, retry, begun_elsewhere(client, info, job.shard, retry, former)

        return bring

    def _may_retry(self, shard: Shard) -> bool:
        info, state = self._journal.info, self._journal.state
        # Whoever cancelled a batch, here or elsewhere, did not want its requests sent again.
        unwanted = info.harvest_only or was_cancelled(shard)
        return (
            shard.current.number < info.max_attempts
            and not state.cancel_requested
            and (state.sending_allowed or not unwanted)
        )

    def _finish(self, done: Done) -> None:
        call: Call = done.key  # type: ignore[assignment]
        self._busy.discard(call)
        if done.error is None:
            self._patience.succeeded(call)
            self._receipts.succeeded(call, done.value)
        elif isinstance(done.error, Error):
            self._receipts.failed(call, done.error)
        else:
            raise done.error


def in_phase(state: RunState, phase: Phase) -> list[Shard]:
    """The shards whose current attempt is in `phase`, in the order of their rows."""
    return [shard for shard in state.in_order() if shard.current.phase is phase]
