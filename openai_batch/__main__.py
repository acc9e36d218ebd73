"""`python -m openai_batch` is `openai-batch`."""

from .cli.main import main

if __name__ == "__main__":
    main()
