"""An older name of `create_batch`."""

from .create_batch import __getattr__, main

__all__ = ["__getattr__", "main"]

if __name__ == "__main__":
    main()
