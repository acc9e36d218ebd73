"""A still older name of `create_batch_input`."""

from .create_batch_input import __getattr__, get_parser, main

__all__ = ["Batch", "__getattr__", "get_parser", "main"]  # noqa: F822  # Batch is loaded when used

if __name__ == "__main__":
    main()
