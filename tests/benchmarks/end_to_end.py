"""`openai-batch run` beside the bare SDK that uploads and downloads the same files.

    python tests/benchmarks/end_to_end.py [--rounds N] [REQUESTS ...]

Each size (1,000,000) runs N times (3) against a server without think time, in turn with the floor:
the official SDK, which transfers the same shards and results, and checks and merges nothing. Each
is a process of its own, from start to end; figures are medians. Exits 1 where `run` takes more than
2.5 times the floor, or 150 MB, or where its journal has more than 8 entries a shard.
"""

import argparse
import contextlib
import sqlite3
import sys
import tempfile
from pathlib import Path
from statistics import median

from measuring import Measured, instant_server, run_product, run_sdk, write_workload

MOST_TIMES_FLOOR = 2.5
MOST_MB = 150
MOST_ENTRIES_A_SHARD = 8


def journal_entries_a_shard(state_dir: Path) -> float:
    """What was written of shards to the journal of the only run, for each of them."""
    (path,) = state_dir.glob("runs/*/journal.db")
    with contextlib.closing(sqlite3.connect(path)) as journal:
        (entries,) = journal.execute(
            "SELECT count(*) FROM entry WHERE json_extract(body, '$.shard') IS NOT NULL"
        ).fetchone()
        (shards,) = journal.execute("SELECT count(*) FROM shard").fetchone()
    return float(entries / shards)


def compare(requests: int, rounds: int) -> bool:
    """Measure one size, print its figures, and say whether they are met."""
    floors: list[Measured] = []
    ours: list[Measured] = []
    with tempfile.TemporaryDirectory() as temporary:
        workload = Path(temporary, "workload")
        write_workload(workload, requests)
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as folder, instant_server() as base_url:
                floors.append(run_sdk(base_url, workload, Path(folder)))
            with tempfile.TemporaryDirectory() as folder, instant_server() as base_url:
                ours.append(run_product(base_url, workload, Path(folder)))
                entries = journal_entries_a_shard(Path(folder, "state"))
    floor_s = median(one.wall_s for one in floors)
    wall_s = median(one.wall_s for one in ours)
    peak_mb = median(one.peak_mb for one in ours)
    print(
        f"{requests:>10,}  {floor_s:>8.2f}  {wall_s:>8.2f}  {wall_s / floor_s:>6.2f}"
        f"  {peak_mb:>8.0f}  {entries:>16.2f}",
        flush=True,
    )
    return (
        wall_s <= MOST_TIMES_FLOOR * floor_s
        and peak_mb < MOST_MB
        and entries <= MOST_ENTRIES_A_SHARD
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("requests", nargs="*", type=int, default=[1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("  requests   floor s     run s   ratio   peak MB   entries a shard")
    met = [compare(requests, options.rounds) for requests in options.requests]
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
