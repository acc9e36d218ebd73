"""The completion script for fish."""

import shlex

from .tree import Command, Option
from .values import ASKED, FILES, FOLDERS, FREE, WORDS

_NAME = "complete -c openai-batch"


def script(program: Command, commands: list[Command]) -> str:
    """The script. Options and values have their descriptions."""
    valued = "\n".join(_valued(command) for command in commands)
    lines = [_line("__openai_batch_at ''", _option(option)) for option in program.options]
    for command in commands:
        offered = ["-a", command.name, "-d", _quoted(command.summary)]
        lines.append(_line("__openai_batch_at ''", offered))
    for command in commands:
        lines += _lines(command)
    words = "\n".join(_words(kind) for kind in WORDS)
    return (
        _SCRIPT.replace("@VALUED@", valued)
        .replace("@WORDS@", words)
        .replace("@LINES@", "\n".join(lines))
    )


def _lines(command: Command) -> list[str]:
    here = f"__openai_batch_at {command.name}"
    lines = [_line(here, _option(option)) for option in command.options]
    for place, argument in enumerate(command.arguments, 1):
        at = f"{here} {place}{'+' * argument.repeatable}"
        lines.append(_line(at, _values(argument.kind)))
    return lines


def _line(condition: str, arguments: list[str]) -> str:
    return " ".join([_NAME, "-n", _quoted(condition), *arguments])


def _option(option: Option) -> list[str]:
    names = [
        f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names
    ]
    values = _values(option.kind) if option.kind else []
    return [*names, *(["-r", *values] if values else []), "-d", _quoted(option.help)]


def _values(kind: str) -> list[str]:
    if kind in ASKED:
        return ["-f", "-k", "-a", f"'(__openai_batch_ask {kind})'"]
    if kind in WORDS:
        return ["-f", "-k", "-a", f"'(__openai_batch_words {kind})'"]
    if kind == FOLDERS:
        return ["-f", "-a", "'(__fish_complete_directories)'"]
    return {FILES: ["-F"], FREE: ["-f"]}[kind]


def _words(kind: str) -> str:
    pairs = (f"{word} {_quoted(about)}" for word, about in WORDS[kind].items())
    return f"        case {kind}\n            printf '%s\\t%s\\n' {' '.join(pairs)}"


def _valued(command: Command) -> str:
    names = " ".join(name for option in command.options if option.kind for name in option.names)
    return f"        case {command.name}\n            string split ' ' -- {shlex.quote(names)}"


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


_SCRIPT = r"""# fish completion for openai-batch, written by `python -m openai_batch.cli.documents`

# The options of a command that want a value.
function __openai_batch_valued
    switch $argv[1]
@VALUED@
    end
end

# Offers values that are always the same.
function __openai_batch_words # KIND
    switch $argv[1]
@WORDS@
    end
end

# Sets `command`, how many arguments it was `given` so far, and `state_dir`.
function __openai_batch_read --no-scope-shadowing
    set command ''
    set given 0
    set state_dir ''
    set -l valued
    set -l option ''
    set -l only_arguments no
    for word in (commandline -opc)[2..-1]
        if test -n "$option"
            test $option = --state-dir; and set state_dir $word
            set option ''
        else if test $only_arguments = no; and string match -q -- '-?*' $word
            if test "$word" = --
                set only_arguments yes
            else if string match -q -- '--state-dir=*' $word
                set state_dir (string replace -- --state-dir= '' $word)
            else if contains -- $word $valued
                set option $word
            end
        else if test -z "$command"
            set command $word
            set valued (__openai_batch_valued $command)
        else
            set given (math $given + 1)
        end
    end
end

# Whether COMMAND is being typed, and, where PLACE is named, its argument of that number (2+: or a
# later one).
function __openai_batch_at # COMMAND [PLACE]
    set -l command
    set -l given
    set -l state_dir
    __openai_batch_read
    test "$command" = "$argv[1]"; or return 1
    set -q argv[2]; or return 0
    set -l next (math $given + 1)
    test "$next" = $argv[2]; and return 0
    string match -q -- '*+' $argv[2]; and test $next -ge (string trim -c + -- $argv[2])
end

# Offers what only the program knows, each value with its description.
function __openai_batch_ask # KIND
    set -l command
    set -l given
    set -l state_dir
    __openai_batch_read
    set -l program (string replace -r '^~/' "$HOME/" -- (commandline -opc)[1])
    $program __complete $argv[1] $state_dir 2>/dev/null </dev/null
end

complete -c openai-batch -e
complete -c openai-batch -f
@LINES@
"""
