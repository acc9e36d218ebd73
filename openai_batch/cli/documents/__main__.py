"""`python -m openai_batch.cli.documents` writes `completions/` and `man/` of a checkout anew."""

from pathlib import Path

from .scripts import FILES, completion_script

CHECKOUT = Path(__file__).parents[3]
FOLDERS = ("completions",)


def documents() -> dict[str, str]:
    """Each document by its path in a checkout. Nothing else is in their folders."""
    scripts = {f"completions/{FILES[shell]}": completion_script(shell) for shell in FILES}
    return scripts


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
