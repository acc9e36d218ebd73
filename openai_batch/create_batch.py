"""`python -m openai_batch.create_batch`: the command `create`."""

from typing import TYPE_CHECKING, Any

from .cli.modules import entry
from .cli.parsers import create_parser as get_parser

if TYPE_CHECKING:
    from .batch import Batch

__all__ = ["Batch", "get_parser", "main"]

main = entry("create")


def __getattr__(name: str) -> Any:
    if name == "Batch":  # was always to be had here; loaded only for who asks
        from .batch import Batch

        return Batch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
