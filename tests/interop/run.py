"""Talk to batch servers that others have written, through the real command line.

    python tests/interop/run.py [SERVER ...] [--into DIR]

Installs each server (aimock from npm, AIBrix from PyPI) into a temporary folder, or into DIR, where
the next run finds it again; starts it on a free port of this machine, runs every check against it,
and prints a table. Exits 1 where a check failed. Takes two minutes, one of them for installing.
"""

import argparse
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from checks import CHECKS, Bench
from servers import KINDS, Kind, running


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments name and print the table; returns the exit code."""
    names = [kind.name for kind in KINDS]
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("servers", nargs="*", metavar="SERVER", help=f"of {', '.join(names)}")
    parser.add_argument("--into", type=Path, metavar="DIR", help="where servers are installed")
    given = parser.parse_args(arguments)
    if unknown := set(given.servers) - set(names):
        parser.error(f"no server is called {', '.join(sorted(unknown))}")
    kinds = [kind for kind in KINDS if not given.servers or kind.name in given.servers]
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        into = given.into.resolve() if given.into else work / "servers"
        table = {kind.name: _try(kind, into / kind.name, work) for kind in kinds}
    _print(table)
    return 0 if all(word == "ok" for words in table.values() for word in words) else 1


def _try(kind: Kind, folder: Path, work: Path) -> list[str]:
    """One word for each check. A server that cannot be had fails them all."""
    try:
        _say(f"{kind.name}: installing")
        folder.mkdir(parents=True, exist_ok=True)
        kind.install(folder)
        with running(kind, folder, work / kind.name) as base_url:
            return [_check(kind, number, base_url, work) for number in range(len(CHECKS))]
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        _say(f"{kind.name}: {error}")
        return ["failed"] * len(CHECKS)


def _check(kind: Kind, number: int, base_url: str, work: Path) -> str:
    check = CHECKS[number]
    folder = work / f"{kind.name}-{check.__name__}"
    folder.mkdir()
    try:
        check(Bench(folder, base_url))
    except Exception:
        _say(f"{kind.name}: {check.__doc__}: failed\n{traceback.format_exc()}")
        return "failed"
    _say(f"{kind.name}: {check.__doc__}: ok")
    return "ok"


def _print(table: dict[str, list[str]]) -> None:
    width = max(len(str(check.__doc__)) for check in CHECKS)
    print(" " * width, *(f"{name:>8}" for name in table))
    for number, check in enumerate(CHECKS):
        print(f"{check.__doc__:<{width}}", *(f"{words[number]:>8}" for words in table.values()))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
