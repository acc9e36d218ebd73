"""Somebody who tries out what README shows, in a shell of their own."""

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

WAIT_S = 60.0


def environment(home: Path) -> dict[str, str]:
    """A reader's: nothing of ours set, and `openai-batch` on the path."""
    ours = ("OPENAI_", "PARASAIL_", "PYTHONPATH", "RUN_ID", "BATCH_ID")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    places = {
        "OPENAI_BATCH_HOME": str(home / "state"),
        "OPENAI_BATCH_CONFIG": str(home / "providers.toml"),
    }
    return {**kept, **places, "PATH": path}


@dataclass
class Newcomer:
    """Somebody who tries out what README says, in a folder that holds the files it names."""

    folder: Path
    variables: dict[str, str]

    def types(
        self, command: str, *, elsewhere: bool = False
    ) -> "subprocess.CompletedProcess[bytes]":
        new_home = {"OPENAI_BATCH_HOME": str(self.folder.parent / secrets.token_hex(4))}
        return subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.variables | (new_home if elsewhere else {}),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=WAIT_S,
            check=False,
        )

    def remember(self, record: bytes) -> None:
        """Set the variables that README's commands use, once the provider is done with the run."""
        run = json.loads(record)
        (batch_id,) = run["batch_ids"]
        self.variables |= {"RUN_ID": run["run_id"], "BATCH_ID": batch_id}
        request = urllib.request.Request(
            f"{self.variables['OPENAI_BASE_URL']}/batches/{batch_id}",
            headers={"Authorization": f"Bearer {self.variables['OPENAI_API_KEY']}"},
        )
        deadline = time.monotonic() + WAIT_S
        status = None
        while status != "completed":
            assert time.monotonic() < deadline, status
            time.sleep(0.01)
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                status = json.load(answer)["status"]
