"""Giving a rebuilt run its input again, for the requests that are not on this machine."""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from .. import jsonl
from ..errors import Fault, InputInvalid, RunDamaged
from ..files import make_private_dir
from ..requests.validate import Validator
from .cutting import Limits, ShardWriter
from .entries import ShardSplit
from .intake import rules
from .runs import Place, driving, open_journal
from .spool import Spool
from .states import Phase, Shard

if TYPE_CHECKING:
    from ..providers.provider import Provider


def supply(place: Place, run_id: str, stream: BinaryIO, provider: "Provider") -> None:
    """Take from `stream` the requests that the run lacks; shards never submitted are cut anew.

    Durable on return; may be repeated. Raises RunDamaged where the input is not the run's,
    InputInvalid where the provider takes it no more. Until all of it was read and found to be the
    run's, nothing of it stands in the spool.
    """
    with driving(place, run_id):
        journal = open_journal(place, run_id)
        spool = place.spool(run_id)
        staged = Spool(spool.folder / "supplied")
        make_private_dir(staged.folder)
        try:
            lacking = [shard for shard in journal.state.in_order() if _lacks(spool, shard)]
            next_index = max(journal.state.shards) + 1
            writers = []
            for shard in lacking:
                unsent = shard.current.phase is Phase.PLANNED
                limits = Limits.of(provider, None, None) if unsent else Limits()
                first_index = next_index if unsent else shard.plan.index
                writers.append(
                    ShardWriter(
                        staged,
                        limits,
                        first_index=first_index,
                        first_row=shard.plan.first_row,
                    )
                )
                # Room for the most parts it could be cut into: one a request.
                next_index += shard.plan.rows if unsent else 0
            found, faults = _read(stream, lacking, writers, provider)
            if found != journal.info.input_sha256:
                raise RunDamaged(
                    f"this is not the input of {run_id}: its SHA-256 is {found}, that of the run "
                    f"is {journal.info.input_sha256}; nothing was sent"
                )
            if faults:
                raise InputInvalid(
                    f"the input of {run_id} has faults that it had not when it was planned; "
                    "nothing was sent",
                    faults,
                )
            for plan in (plan for writer in writers for plan in writer.shards):
                spool.adopt(staged, plan.index)
            splits = [
                ShardSplit(shard.plan.index, tuple(writer.shards))
                for shard, writer in zip(lacking, writers, strict=True)
                if shard.current.phase is Phase.PLANNED
            ]
            journal.append(*splits, at=place.clock.now())
        finally:
            journal.close()
            staged.remove()


def _lacks(spool: Spool, shard: Shard) -> bool:
    """Whether a shard's requests are wanted: not once its results stand in their output's order,
    which is not the input's."""
    return shard.last_harvest is None and not spool.ids_path(shard.plan.index).exists()


def _read(
    stream: BinaryIO, lacking: list[Shard], writers: list[ShardWriter], provider: "Provider"
) -> tuple[str, list[Fault]]:
    """Send each row to the writer that lacks it; return the hash of all rows, and first faults."""
    faults: list[Fault] = []

    def report(fault: Fault) -> None:
        if len(faults) < _FAULTS_KEPT:
            faults.append(fault)

    # It was checked when it was planned, and is known by its hash: rules that came later are not to
    # part a run from its own input.
    validator = Validator(replace(rules(provider), strict_parameters=False), report)
    sha256 = hashlib.sha256()
    wanted = iter(zip(lacking, writers, strict=True))
    shard, writer = next(wanted, (None, None))
    try:
        for row, (number, content) in enumerate(jsonl.lines(stream)):
            sha256.update(content + b"\n")
            if shard and writer and row >= shard.plan.first_row + shard.plan.rows:
                writer.finish()
                shard, writer = next(wanted, (None, None))
            checked = validator.check(number, content)
            if shard and writer and checked and row >= shard.plan.first_row:
                writer.add(content, checked)
        if writer:
            writer.finish()
    finally:
        for writer in writers:
            writer.close()
    return sha256.hexdigest(), faults


_FAULTS_KEPT = 100
