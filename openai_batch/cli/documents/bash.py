"""The completion script for bash, from 3.2 (macOS) on, with or without bash-completion."""

import shlex
from collections.abc import Iterable

from .tree import Command
from .values import ASKED, FILES, WORDS


def script(program: Command, commands: list[Command]) -> str:
    """The script. Words that it knows need no call of the program."""
    names = [command.name for command in commands]
    words = {"commands": names} | {kind: list(values) for kind, values in WORDS.items()}
    return (
        _SCRIPT.replace("@WORDS@", "\n".join(_words(*item) for item in words.items()))
        .replace("@ASKED@", " | ".join(ASKED))
        .replace("@FILES@", FILES)
        .replace("@PROGRAM@", _table(program))
        .replace("@COMMANDS@", "\n".join(_case(command) for command in commands))
    )


def _words(kind: str, words: Iterable[str]) -> str:
    return f"        {kind}) printf '%s\\n' {shlex.join(words)} ;;"


def _case(command: Command) -> str:
    return f"        {command.name})\n            {_table(command)}\n            ;;"


def _table(command: Command) -> str:
    options = " ".join(name for option in command.options for name in option.names)
    values = " ".join(
        f"{name}={option.kind}"
        for option in command.options
        if option.kind
        for name in option.names
    )
    arguments = " ".join(
        str(argument.kind) + "*" * argument.repeatable for argument in command.arguments
    )
    return (
        f"options='{options}'\n            values=' {values} '\n            arguments='{arguments}'"
    )


_SCRIPT = r"""# bash completion for openai-batch, written by `python -m openai_batch.cli.documents`

# The options of a command, which of them want what kind of value, and the kinds of its arguments.
_openai_batch_table() {
    case $1 in
        '')
            @PROGRAM@
            ;;
@COMMANDS@
        *) options='' values='' arguments='' ;;
    esac
}

# Everything of one kind, one a line; what stands behind a tab describes it.
_openai_batch_candidates() {
    case $1 in
@WORDS@
        options) [[ -z $options ]] || printf '%s\n' $options ;;
        @ASKED@)
            "${words[0]/#\~\//$HOME/}" __complete "$1" "$state_dir" 2>/dev/null </dev/null
            ;;
    esac
}

# The kind of value that an option wants: sets `kind`, empty where it wants none.
_openai_batch_wanted() {
    kind=${values#*" $1="}
    [[ $kind == "$values" ]] && kind='' || kind=${kind%% *}
}

# Cuts the line into words without their quotes, as bash's own cut at : and = as well.
# `cur` is the word at the cursor, and `kept` what readline leaves alone of it.
_openai_batch_split() {
    local line=${COMP_LINE:0:COMP_POINT} begun='' escaped='' i char
    words=() cur='' kept='' quote=''
    for ((i = 0; i < ${#line}; i++)); do
        char=${line:i:1}
        if [[ $escaped ]]; then
            escaped='' cur+=$char
        elif [[ $char == \\ && $quote != \' ]]; then
            escaped=1 begun=1
        elif [[ $quote ]]; then
            if [[ $char == "$quote" ]]; then quote=''; else cur+=$char; fi
        elif [[ $char == [\'\"] ]]; then
            quote=$char begun=1 kept=$cur
        elif [[ $char == [[:space:]] ]]; then
            [[ $begun ]] && words+=("$cur")
            cur='' kept='' begun=''
        else
            cur+=$char begun=1
            [[ $char == [:=] && $COMP_WORDBREAKS == *"$char"* ]] && kept=$cur
        fi
    done
    while [[ ${words[0]} == [A-Za-z_]*=* ]]; do # variables that are set before the command
        words=("${words[@]:1}")
    done
}

_openai_batch() {
    local words cur kept quote options values arguments
    local command='' state_dir='' option='' kind='' only_arguments='' given=0 prefix='' word value
    local redirection='^[0-9&]*[<>]' IFS=$' \t\n'
    _openai_batch_split
    _openai_batch_table ''
    for word in "${words[@]:1}"; do
        if [[ $kind ]]; then
            [[ $option == --state-dir ]] && state_dir=$word
            kind=''
        elif [[ $word =~ $redirection ]]; then
            # The file follows, unless it stands in the same word.
            [[ $word == *[\<\>\&\|] ]] && kind=@FILES@ option=''
        elif [[ -z $only_arguments && $word == -?* ]]; then
            case $word in
                --) only_arguments=1 ;;
                --state-dir=*) state_dir=${word#*=} ;;
                --*=*) ;;
                *) option=$word && _openai_batch_wanted "$word" ;;
            esac
        elif [[ -z $command ]]; then
            command=$word
            _openai_batch_table "$command"
        else
            ((given += 1))
        fi
    done

    if [[ $cur =~ $redirection ]]; then
        kind=@FILES@
    elif [[ $kind ]]; then
        : # the option before it wants this
    elif [[ -z $only_arguments && $cur == --*=* ]]; then
        prefix=${cur%%=*}=
        _openai_batch_wanted "${cur%%=*}"
    elif [[ -z $only_arguments && $cur == -* ]]; then
        kind=options
    elif [[ -z $command ]]; then
        kind=commands
    else
        for word in $arguments; do
            kind=${word%\*}
            [[ $word == *\* ]] || ((given-- == 0)) && break
            kind=''
        done
    fi

    # Files are readline's own business where there are no candidates: it knows ~ and quotes best.
    [[ $kind == @FILES@ ]] && return
    compopt +o default +o bashdefault 2>/dev/null
    [[ $kind == folders ]] && compopt -o dirnames 2>/dev/null
    [[ $kind == runs ]] && compopt -o nosort 2>/dev/null
    while IFS= read -r value; do
        value=$prefix${value%%$'\t'*}
        [[ $value == "$cur"* ]] || continue
        value=${value#"$kept"}
        [[ $quote ]] || printf -v value %q "$value"
        COMPREPLY+=("$value")
    done < <(_openai_batch_candidates "$kind")
}

complete -o default -o bashdefault -F _openai_batch openai-batch
"""
