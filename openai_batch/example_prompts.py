"""`python -m openai_batch.example_prompts`: the command `example-prompts`."""

from typing import TYPE_CHECKING, Any

from .cli.modules import entry
from .cli.parsers import prompts_parser as get_parser

if TYPE_CHECKING:
    ABSTRACTS: list[str]
    """Documents to embed."""
    ACTIONS: list[str]
    """Beginnings of tasks, which end with one of SUBJECTS and a full stop."""
    SUBJECTS: list[str]

__all__ = ["ABSTRACTS", "ACTIONS", "SUBJECTS", "get_parser", "main"]

main = entry("example-prompts")


def __getattr__(name: str) -> Any:
    from .requests import example_texts as texts

    match name:
        case "ABSTRACTS":
            return list(texts.DOCUMENTS)
        case "ACTIONS":
            end = " {subject}. {manner}"
            return [task.removesuffix(end) for task in texts.TASKS if task.endswith(end)]
        case "SUBJECTS":
            return list(texts.SUBJECTS)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
