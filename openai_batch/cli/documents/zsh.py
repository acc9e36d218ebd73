"""The completion script for zsh, to be autoloaded by compinit or evaluated."""

import re

from .tree import Argument, Command, Option
from .values import ASKED, FILES, FOLDERS, FREE, WORDS


def script(program: Command, commands: list[Command]) -> str:
    """The script. Options and values have their descriptions."""
    described = [f"{command.name}:{_escaped(command.summary)}" for command in commands]
    return (
        _SCRIPT.replace("@PROGRAM@", _specifications(program))
        .replace("@COMMANDS@", "\n".join(f"        {_quoted(text)}" for text in described))
        .replace("@CASES@", "\n".join(_case(command) for command in commands))
    )


def _case(command: Command) -> str:
    call = f"_arguments -s -S{_specifications(command)}"
    return f"        {command.name})\n            {call}\n            ;;"


def _specifications(command: Command) -> str:
    options = [_option(option) for option in command.options]
    arguments = [_argument(argument) for argument in command.arguments]
    return "".join(f" \\\n                {text}" for text in options + arguments)


def _option(option: Option) -> str:
    """As `_arguments` has it: what it excludes, its names, its help, and what its value is."""
    excluded = "- *" if option.exclusive else " ".join(option.names)
    before = "*" if option.repeatable else f"({excluded})"
    help_text = f"[{_escaped(option.help)}]"
    if not option.metavar:
        return " ".join(_quoted(f"{before}{name}{help_text}") for name in option.names)
    value = f":{_escaped(option.metavar)}:{_action(option.kind or FREE)}"
    names = [name + ("=" if name.startswith("--") else "+") for name in option.names]
    return " ".join(_quoted(f"{before}{name}{help_text}{value}") for name in names)


def _argument(argument: Argument) -> str:
    before = "*:" if argument.repeatable else ":" if argument.required else "::"
    return _quoted(f"{before}{_escaped(argument.metavar)}:{_action(argument.kind)}")


def _action(kind: str) -> str:
    if kind in ASKED:
        return f" _openai_batch_ask {kind}"  # a space first: nothing is put between the words
    if kind in WORDS:
        words = WORDS[kind].items()
        return "((" + " ".join(f"{word}\\:{_quoted_twice(about)}" for word, about in words) + "))"
    return {FILES: "_files", FOLDERS: "_files -/", FREE: " "}[kind]


def _escaped(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _quoted_twice(text: str) -> str:
    return '"' + _escaped(text) + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


_SCRIPT = r"""#compdef openai-batch
# zsh completion for openai-batch, written by `python -m openai_batch.cli.documents`

# Offers what only the program knows. It describes each value behind a tab.
_openai_batch_ask() {
    local -a found match mbegin mend
    # `_arguments` has put a backslash before each colon and backslash of a value.
    local line state_dir=${(Q)${opt_args[--state-dir]-}//(#b)\\(?)/$match[1]}
    for line in ${(f)"$(_call_program $1 ${(q)program/#\~\//$HOME/} \
        __complete $1 ${(q)state_dir} 2>/dev/null </dev/null)"}; do
        found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
    done
    _describe -V $1 found
}

_openai_batch() {
    local program=${(Q)words[1]} curcontext=$curcontext context state state_descr line
    local -A opt_args
    local -a commands=(
@COMMANDS@
    )

    _arguments -C -S@PROGRAM@ \
        ': :->command' '*:: :->arguments' && return
    if [[ $state == command ]]; then
        _describe -V command commands
        return
    fi
    opt_args=()
    case ${(Q)words[1]} in
@CASES@
    esac
}

if [[ $funcstack[1] == _openai-batch ]]; then
    _openai_batch "$@" # called by compinit, with this file as the body of the function
else
    compdef _openai_batch openai-batch
fi
"""
