"""`python -m openai_batch.create_batch`: the command `create`."""

from typing import Any

from .cli.modules import entry

main = entry("create")


def __getattr__(name: str) -> Any:
    if name == "Batch":  # was always to be had here; loaded only for who asks
        from .batch import Batch

        return Batch
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
