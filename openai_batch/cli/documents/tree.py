"""The command tree, as far as documents tell of it."""

import re
from typing import Any, NamedTuple

from ..main import PROGRAM, command_tree
from .values import METAVARS


class Option(NamedTuple):
    """An option: its names, the short one first. `metavar` is empty where it takes no value."""

    names: tuple[str, ...]
    metavar: str
    help: str
    repeatable: bool
    exclusive: bool
    """It is the only thing that is done, whatever else the line has."""

    @property
    def kind(self) -> str | None:
        """Of which kind its value is; None where it takes none."""
        return METAVARS[self.metavar] if self.metavar else None


class Argument(NamedTuple):
    """An argument by its place."""

    metavar: str
    help: str
    required: bool
    repeatable: bool

    @property
    def kind(self) -> str:
        """Of which kind its values are."""
        return METAVARS[self.metavar]

    @property
    def usage(self) -> str:
        """As a synopsis shows it."""
        return ("{}" if self.required else "[{}]").format(self.metavar) + "..." * self.repeatable


class Command(NamedTuple):
    """A command. `name` is empty for the program itself."""

    name: str
    summary: str
    """Its first sentence."""
    about: list[str]
    """What else there is to say, a paragraph each."""
    examples: list[str]
    options: list[Option]
    arguments: list[Argument]


def read_tree() -> tuple[Command, list[Command]]:
    """The program, and its commands in the order of `--help`."""
    tree = command_tree()
    context = tree.make_context(PROGRAM, [], resilient_parsing=True)
    names = tree.list_commands(context)
    return (
        _read("", tree, context),
        [_read(name, tree.get_command(context, name), context) for name in names],
    )


def _read(name: str, command: Any, parent: Any) -> Command:
    context = command.make_context(name or PROGRAM, [], parent=parent, resilient_parsing=True)
    paragraphs = [text.strip() for text in (command.help or "").split("\n\n")]
    examples = [
        line.strip()
        for text in paragraphs
        if text.startswith("\b")
        for line in text.removeprefix("\b").strip().splitlines()
    ]
    prose = [" ".join(text.split()) for text in paragraphs if not text.startswith("\b")]
    summary, *rest = re.split(r"(?<=\.) ", prose[0], maxsplit=1)
    parameters = command.get_params(context)
    return Command(
        name=name,
        summary=summary,
        about=[*rest, *prose[1:]],
        examples=examples,
        options=[_option(p) for p in parameters if p.param_type_name == "option"],
        arguments=[_argument(p) for p in parameters if p.param_type_name == "argument"],
    )


def _option(parameter: Any) -> Option:
    return Option(
        names=tuple(sorted(parameter.opts, key=len)),
        metavar="" if parameter.is_flag else parameter.metavar,
        help=parameter.help,
        repeatable=parameter.multiple,
        exclusive=parameter.is_eager,
    )


def _argument(parameter: Any) -> Argument:
    return Argument(
        metavar=parameter.metavar.strip("[]."),
        help=parameter.help,
        required=parameter.required,
        repeatable=parameter.nargs == -1,
    )
