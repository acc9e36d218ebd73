"""`python -m openai_batch.cli.documents` writes `completions/` and `man/` of a checkout anew."""

import tomllib
from pathlib import Path

from .manual import pages
from .scripts import FILES, completion_script
from .tree import read_tree

CHECKOUT = Path(__file__).parents[3]
FOLDERS = ("completions", "man")


def documents() -> dict[str, str]:
    """Each document by its path in a checkout. Nothing else is in their folders."""
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    scripts = {f"completions/{FILES[shell]}": completion_script(shell) for shell in FILES}
    return scripts | {f"man/{name}": text for name, text in pages(version, *read_tree()).items()}


def main() -> None:
    """Write all of them, and remove what is none of them any more."""
    written = documents()
    for folder in FOLDERS:
        (CHECKOUT / folder).mkdir(exist_ok=True)
        for path in (CHECKOUT / folder).iterdir():
            if f"{folder}/{path.name}" not in written:
                path.unlink()
    for name, text in written.items():
        (CHECKOUT / name).write_bytes(text.encode())


if __name__ == "__main__":
    main()
