"""An older name of `create_batch`, with its model of then where none is named."""

from .cli.modules import entry
from .create_batch import __getattr__, get_parser

__all__ = ["Batch", "__getattr__", "get_parser", "main"]  # noqa: F822  # Batch is loaded when used

main = entry("create", "--model", "gpt-4")

if __name__ == "__main__":
    main()
