"""Peak memory of `openai-batch run`, at growing sizes of the same kind of input.

    python tests/benchmarks/memory.py [REQUESTS ...]

Each size runs as a process of its own against the embedded server, whose executor answers at once.
Exits 1 where a run takes 150 MB or more, or the largest takes over 1.5 times what 100,000 take.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from inputs import write_input

LIMIT_MB = 150
GROWTH = 1.5
SIZES = (10_000, 100_000, 1_000_000)


def measure(requests: int, folder: Path) -> tuple[float, float]:
    """Run once; return the peak memory of the command in MB and its wall time in seconds."""
    source, target = folder / "input.jsonl", folder / "output.jsonl"
    write_input(source, requests)
    environment = {
        **os.environ,
        "OPENAI_BATCH_HOME": str(folder / "state"),
        "OPENAI_BATCH_LOCAL_ARGS": "--executor echo",
    }
    command = [sys.executable, "-m", "openai_batch", "run", str(source), "-o", str(target)]
    command += ["--provider", "local", "--quiet"]
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    elapsed_s = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"`run` of {requests} requests exited {process.returncode}")
    with target.open("rb") as stream:
        results = sum(1 for _ in stream)
    assert results == requests, f"{results} results for {requests} requests"
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return kilobytes / 1024, elapsed_s


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or SIZES
    peaks = {}
    print(f"{'requests':>10}  {'peak MB':>8}  {'seconds':>8}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            peaks[size], elapsed_s = measure(size, Path(folder))
        print(f"{size:>10,}  {peaks[size]:>8.0f}  {elapsed_s:>8.1f}", flush=True)
    too_large = max(peaks.values()) >= LIMIT_MB
    base = peaks.get(100_000, max(peaks.values()))
    grows = peaks[max(peaks)] > GROWTH * base
    sys.exit(1 if too_large or grows else 0)


if __name__ == "__main__":
    main()
