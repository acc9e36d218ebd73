"""`completion`: the script with which a shell completes our command lines."""

from typing import Annotated

import typer

from ..errors import UsageError
from . import console


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print a shell's completion script.

    With it TAB completes commands, options, files, and the runs, providers and models there are.
    Save it where the shell looks, as below, and start a new shell. bash needs its package
    bash-completion for that, and zsh a folder that is in $fpath before compinit is called. Or, for
    the shell that is running: source <(openai-batch completion bash)

    \b
    openai-batch completion bash > ~/.local/share/bash-completion/completions/openai-batch
    openai-batch completion zsh > ~/.zfunc/_openai-batch
    openai-batch completion fish > ~/.config/fish/completions/openai-batch.fish
    """
    from .documents.scripts import FILES, completion_script

    if shell not in FILES:
        raise UsageError(f"there is no completion for {shell!r}: it is one of {', '.join(FILES)}")
    with console.stdout() as stream:
        stream.write(completion_script(shell).encode())
