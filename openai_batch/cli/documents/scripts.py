"""The completion script of each shell, and the file that the shell looks for it in."""

from . import bash, fish, zsh
from .tree import read_tree

_SCRIPTS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}

FILES = {"bash": "openai-batch", "zsh": "_openai-batch", "fish": "openai-batch.fish"}
"""Each shell, and the name that its script must have in a folder of completions."""


def completion_script(shell: str) -> str:
    """The script for a shell that FILES names."""
    return _SCRIPTS[shell](*read_tree())
