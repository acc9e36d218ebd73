"""Peak memory of `openai-batch run`, at growing sizes of the same kind of input.

    python tests/benchmarks/memory.py [REQUESTS ...]

Each size runs as a process of its own against a server without think time. Exits 1 where a run
takes 150 MB, or where a size takes more than 100,000 requests do, but for 10 bytes a request (the
exact check for duplicates) and what the C library keeps free for each thread (with
MALLOC_ARENA_MAX=1 a million take just those 10 bytes more).
"""

import sys
import tempfile
from pathlib import Path

from measuring import Measured, instant_server, run_product, write_workload

MOST_MB = 150
SIZES = (10_000, 100_000, 1_000_000)
BASE = 100_000
BYTES_A_REQUEST = 10
NOISE_MB = 12


def measure(requests: int) -> Measured:
    """Run once."""
    with tempfile.TemporaryDirectory() as temporary:
        workload, folder = Path(temporary, "workload"), Path(temporary, "run")
        folder.mkdir()
        write_workload(workload, requests)
        with instant_server() as base_url:
            return run_product(base_url, workload, folder)


def allowed_mb(requests: int, base_mb: float) -> float:
    """What a run of this size may take, where one of BASE requests takes `base_mb`."""
    grown_mb = max(requests - BASE, 0) * BYTES_A_REQUEST / 1e6
    return min(MOST_MB, base_mb + grown_mb + NOISE_MB)


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    peaks_mb = {}
    print(f"{'requests':>10}  {'peak MB':>8}  {'seconds':>8}")
    for size in sizes:
        measured = measure(size)
        peaks_mb[size] = measured.peak_mb
        print(f"{size:>10,}  {measured.peak_mb:>8.0f}  {measured.wall_s:>8.1f}", flush=True)
    base_mb = peaks_mb.get(BASE, max(peaks_mb.values()))
    met = all(peak_mb < allowed_mb(size, base_mb) for size, peak_mb in peaks_mb.items())
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
