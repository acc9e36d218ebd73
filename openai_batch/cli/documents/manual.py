"""The manual: a page for the program and one for each command, in man(7)."""

import re
import textwrap
from collections.abc import Iterable, Iterator

from ..exits import TABLE
from ..main import PROGRAM
from .surroundings import FILES, VARIABLES, Thing
from .tree import Argument, Command, Option

RELEASED = "2026-11-26"
"""The date of the pages. It goes with a release: a build's date would make them stale each day."""

_ABOUT = (
    "A run is one job over an input of any size. It is cut into shards that fit what the provider "
    "takes, and each becomes one of its batches. Batches are submitted as its limits allow, waited "
    "for, and downloaded; what failed in a way that passes is sent again; results come in input "
    "order. Everything that is sent is in a journal first, so that `openai-batch resume` goes on "
    "after a crash, a reboot, or on another machine, and no request is sent twice by mistake.",
    "Commands read JSON Lines on standard input and write JSON Lines on standard output; messages "
    "go to standard error. A single `-` stands for standard input or output. What one command "
    "prints, the next one reads.",
    "The provider is the one that `--base-url` or `--provider` names, or that the model's name "
    "means: OpenAI's own names mean OpenAI, names like Org/Name mean Parasail, and `--provider "
    "local` executes requests on this machine.",
)


def pages(version: str, program: Command, commands: list[Command]) -> dict[str, str]:
    """Each page by the name of its file."""
    whole = program._replace(about=[*_ABOUT, *program.about])
    return {
        f"{_title(command)}.1": _page(version, command, commands) for command in (whole, *commands)
    }


def _page(version: str, command: Command, commands: list[Command]) -> str:
    is_program = not command.name
    sections = {
        "NAME": [f"{_roff(_title(command))} \\- {_prose(_title_phrase(command.summary))}"],
        "SYNOPSIS": list(_synopsis(command)),
        "DESCRIPTION": list(_paragraphs([command.summary, *command.about]))[1:],
        "COMMANDS": [line for each in commands for line in _command(each)] if is_program else [],
        "ARGUMENTS": [line for argument in command.arguments for line in _argument(argument)],
        "OPTIONS": [line for option in command.options for line in _option(option)],
        "EXIT STATUS": list(_exit_status(command)),
        "ENVIRONMENT": list(_things(VARIABLES, command)),
        "FILES": list(_things(FILES, command)),
        "EXAMPLES": list(_examples(command)),
        "SEE ALSO": list(_see_also(command, commands)),
    }
    lines = [
        f'.\\" Written by `python -m {__package__}`.',
        f'.TH {_roff(_title(command).upper())} 1 "{RELEASED}" "{PROGRAM} {version}" ""',
        ".nh",  # no hyphens that nobody may type
        ".ad l",
    ]
    for title, body in sections.items():
        if body:
            lines += [f".SH {title}", *body]
    return "\n".join(lines) + "\n"


def _title(command: Command) -> str:
    return f"{PROGRAM}-{command.name}" if command.name else PROGRAM


def _title_phrase(summary: str) -> str:
    return summary[0].lower() + summary[1:].rstrip(".")


def _synopsis(command: Command) -> Iterator[str]:
    words = ["[OPTION]...", *(argument.usage for argument in command.arguments)]
    if command.name:
        yield f"\\fB{_roff(PROGRAM)} {_roff(command.name)}\\fR {_italic(' '.join(words))}"
    else:
        yield f"\\fB{_roff(PROGRAM)}\\fR {_italic('COMMAND [OPTION]... [ARGUMENT]...')}"


def _command(command: Command) -> Iterator[str]:
    yield from (".TP", f"\\fB{_roff(_title(command))}\\fR(1)")
    yield from _wrapped(_prose(command.summary))


def _argument(argument: Argument) -> Iterator[str]:
    yield from (".TP", _italic(argument.metavar))
    yield from _wrapped(_prose(argument.help))


def _option(option: Option) -> Iterator[str]:
    names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in option.names)
    yield from (".TP", f"{names} {_italic(option.metavar)}" if option.metavar else names)
    yield from _wrapped(_prose(option.help))


def _exit_status(command: Command) -> Iterator[str]:
    """Every code for commands that have to do with runs; else those of any program."""
    about_runs = not command.name or any("--base-url" in option.names for option in command.options)
    reads_requests = any(argument.metavar == "INPUT" for argument in command.arguments)
    for row in TABLE:
        general = row.code in (0, 1, 2) or row.code > 128
        if about_runs or general or (reads_requests and row.name == "invalid_input"):
            meaning = row.meaning if about_runs else row.meaning.partition(": the run is safe")[0]
            yield from (".TP", f"\\fB{row.code}\\fR", *_wrapped(_prose(meaning)))
    yield from _paragraphs(["Any other code means failure, too."])


def _things(things: Iterable[Thing], command: Command) -> Iterator[str]:
    for thing in things:
        if thing.concerns(command):
            yield from (".TP", _italic(thing.name), *_wrapped(_prose(thing.about)))


def _examples(command: Command) -> Iterator[str]:
    """Each as it is typed; what the help text has in brackets behind it becomes a comment."""
    if not command.examples:
        return
    yield ".EX"
    for example in command.examples:
        yield _roff(re.sub(r" {2,}\((.*)\)$", r"     # \1", example))
    yield ".EE"


def _see_also(command: Command, commands: list[Command]) -> Iterator[str]:
    """All pages from the program's, and back; else those that a page's own words name."""
    words = " ".join([*command.about, *command.examples, *(o.help for o in command.options)])
    others = [
        _title(other)
        for other in commands
        if other.name != command.name
        and (not command.name or re.search(rf"(?:`|{PROGRAM} ){re.escape(other.name)}\b", words))
    ]
    titles = [PROGRAM, *others] if command.name else others
    yield ",\n".join(f"\\fB{_roff(title)}\\fR(1)" for title in titles)


def _paragraphs(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from (".PP", *_wrapped(_prose(text)))


def _wrapped(text: str) -> list[str]:
    lines = textwrap.wrap(text, 78, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{line}" if line[0] in ".'" else line for line in lines]


_MARKED = re.compile(r"`(?P<code>[^`]+)`|(?<![\w-])(?P<option>--?[a-z][\w-]*)")


def _prose(text: str) -> str:
    """Text for people: what stands in backticks, and options, are bold."""
    parts, end = [], 0
    for found in _MARKED.finditer(text):
        parts += [
            _escaped(text[end : found.start()]),
            f"\\fB{_roff(found['code'] or found[0])}\\fR",
        ]
        end = found.end()
    return "".join([*parts, _escaped(text[end:])])


def _italic(text: str) -> str:
    """What stands for something is in italics; brackets and dots are not."""
    return re.sub(
        r"[\w~].*?(?=\.\.\.|[\[\], ]|$)", lambda found: f"\\fI{_roff(found[0])}\\fR", text
    )


def _roff(text: str) -> str:
    """Text to be typed: a hyphen stays one."""
    return _escaped(text).replace("-", "\\-")


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\e").replace("…", "...")
    return "".join(c if c.isascii() else f"\\[u{ord(c):04X}]" for c in plain)
