"""The fault proxy by itself: as a script, beside any client."""

import json
import subprocess
import sys

from fault_bench import SOME_FAILED, Benches, answers
from fault_children import HERE, clean_environment


def test_proxy_as_a_script(new_bench: Benches) -> None:
    """It prints its address, does what its script says, and tells at the end what it has done."""
    with new_bench(6) as bench:
        script = bench.folder / "script.json"
        script.write_text(
            json.dumps(
                {
                    "faults": [
                        {"fault": "status", "code": 503, "on": "retrieve", "retry_after": 0},
                        {"fault": "truncated", "on": "download", "share": 0.4},
                        {"fault": "stall", "number": 1, "seconds": 0.01},
                    ],
                    "every_ending": [{"ending": "shuffles"}, {"ending": "expires", "done": 2}],
                    "quirks": [{"quirk": "speaks", "dialect": "together"}],
                    "listing": {"page_size": 2},
                    "quota": {"requests": 6},
                }
            )
        )
        proxy = subprocess.Popen(
            [
                *(sys.executable, str(HERE / "fault_proxy.py")),
                *("--upstream", bench.upstream.base_url),
                *("--script", str(script)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            text=True,
        )
        assert proxy.stdout is not None
        base_url = proxy.stdout.readline().strip()
        ended = bench.run("--base-url", base_url, "--max-attempts", "1")
        told = proxy.communicate("")[1]
        assert ended.code == SOME_FAILED, f"{ended.stderr}\n{told}"
        came = [word for _, word in answers(bench.lines())]
        assert came.count("batch_expired") == 4
        assert told.count("status(code=503, retry_after=0)") == 1
        assert told.count("truncated(share=0.4)") == 1
        assert told.count("stall(seconds=0.01)") == 1
        assert "executed" not in told
