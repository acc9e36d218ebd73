"""Where the process begins: `openai-batch`, which is also `python -m openai_batch`."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line, or answer a shell that completes one, for which Typer is too slow."""
    if sys.argv[1:2] == ["__complete"]:
        from .cli import candidates

        candidates.main(sys.argv[2:])
        sys.exit()
    from .cli.main import main as run

    run()


if __name__ == "__main__":
    main()
