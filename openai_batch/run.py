"""`python -m openai_batch.run`: the command `run`, with files named by the batch's id."""

from .cli.modules import run_main as main

__all__ = ["main"]

if __name__ == "__main__":
    main()
