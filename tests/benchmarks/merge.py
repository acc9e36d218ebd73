"""Merging results into input order, beside an orjson loop that reads each line and writes it again.

    python tests/benchmarks/merge.py [--rounds N] [REQUESTS]

A real run harvests its results (1,000,000) from a server, once shuffled within each shard and once
in order; then the engine's merge and the loop write them to a file, in turn, N times (5). Figures
are medians of wall times. Exits 1 where merging has less than half the speed of the loop.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import orjson
from measuring import instant_server, write_workload

from openai_batch.engine.merge import merge
from openai_batch.engine.plan import Settings, plan
from openai_batch.engine.run import Run
from openai_batch.engine.runs import Place
from openai_batch.providers.catalog import resolve

LEAST_SPEED = 0.5


def harvested(base_url: str, workload: Path, state_dir: Path) -> Run:
    """A run of the workload with all its results in the spool, and nothing delivered."""
    place = Place(state_dir)
    provider = resolve(base_url=base_url, api_key="none")
    with (workload / "input.jsonl").open("rb") as stream:
        run_id = plan(
            stream,
            input_name=None,
            provider_for=lambda model: provider,
            settings=Settings(),
            place=place,
        )
    run = Run(run_id, place, provider, fresh=True)
    run.settle()
    return run


def orjson_loop(results: list[Path], target: Path) -> None:
    """Read every result line and write it again."""
    with target.open("wb") as out:
        for path in results:
            with path.open("rb") as lines:
                for line in lines:
                    out.write(orjson.dumps(orjson.loads(line)) + b"\n")


def engine_merge(run: Run, place: Place, target: Path) -> None:
    """What `run` does once everything is here."""
    with target.open("wb") as out:
        merge(run.state.in_order(), place.spool(run.info.run_id), out, None)


def seconds(call: Callable[[], None]) -> float:
    """How long one call takes."""
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def compare(requests: int, rounds: int, *, shuffled: bool) -> bool:
    """Measure one order of results, print its figures, and say whether they are met."""
    loop_s, merge_s = [], []
    with tempfile.TemporaryDirectory() as temporary:
        workload, target = Path(temporary, "workload"), Path(temporary, "target")
        place = Place(Path(temporary, "state"))
        write_workload(workload, requests)
        with (
            instant_server(shuffled=shuffled) as base_url,
            harvested(base_url, workload, place.state_dir) as run,
        ):
            results = sorted(place.spool(run.info.run_id).folder.glob("*.output.jsonl"))
            for _ in range(rounds):
                loop_s.append(seconds(lambda: orjson_loop(results, target)))
                merge_s.append(seconds(lambda: engine_merge(run, place, target)))
    speed = median(loop_s) / median(merge_s)
    order = "shuffled" if shuffled else "in order"
    print(
        f"{order}  {requests:>10,}  {median(loop_s):>6.2f}  {median(merge_s):>7.2f}  {speed:>5.2f}",
        flush=True,
    )
    return speed >= LEAST_SPEED


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requests", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("results     requests  loop s  merge s  speed")
    met = [
        compare(options.requests, options.rounds, shuffled=shuffled) for shuffled in (True, False)
    ]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
