"""`python -m openai_batch.run`: the command `run`, with files named by the batch's id.

Files that exist are replaced, as they always were here.
"""

from .cli.modules import run_main as main
from .cli.modules import run_program
from .cli.parsers import run_parser as get_parser

__all__ = ["get_parser", "main"]

if __name__ == "__main__":
    run_program()
