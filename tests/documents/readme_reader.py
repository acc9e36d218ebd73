"""A README as its reader meets it: sections, code blocks, and the commands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
ENGLISH = ROOT / "README.md"
CHINESE = ROOT / "README.zh-CN.md"

_MARK = re.compile(r"<!-- (command|not run|only here): (.+) -->")
_COMMENT = re.compile(r"(^|\s+)#\s.*$", re.MULTILINE)
_CONTINUED = re.compile(r"(?<=[|\\&])\n\s*")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the comment right above it, which a reader of the page does not see.

    `command: NAME` is run by CI, `not run: REASON` by nobody; `only here: REASON` has no
    counterpart in the other language.
    """

    section: str
    language: str
    code: str
    mark: str = ""
    reason: str = ""

    @property
    def uncommented(self) -> str:
        """The code as the other language has it, too: without comments and empty lines."""
        lines = _COMMENT.sub("", self.code).splitlines()
        return "".join(f"{line}\n" for line in lines if line.strip())

    @property
    def commands(self) -> list[str]:
        """The commands of a block for the shell, each on one line."""
        return _CONTINUED.sub(" ", self.uncommented).replace("\\ ", "").splitlines()


def sections(page: Path) -> list[str]:
    """The titles of the page's sections."""
    return re.findall(r"^## (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)


def blocks(page: Path) -> Iterator[Block]:
    """Every code block of the page. Raises ValueError for one that is only indented."""
    section, before, inside, code = "", "", None, ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith("```"):
            if inside is None:
                inside, code = line.removeprefix("```"), ""
                mark = _MARK.fullmatch(before)
            else:
                yield Block(section, inside, code, *(mark.groups() if mark else ()))
                inside = None
        elif inside is not None:
            code += f"{line}\n"
        elif line.startswith("    ") and not before:
            raise ValueError(f"{page.name}: put it into a fence, and name its language: {line}")
        elif line.startswith("## "):
            section = line.removeprefix("## ")
        before = line


def prose(page: Path) -> str:
    """The page without its blocks."""
    return re.sub(r"```.*?```\n", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table in a text, without heads."""
    rows = re.findall(r"^\|(.*)\|$", text, re.MULTILINE)
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    rules = [number for number, row in enumerate(cells) if set("".join(row)) <= set("-: ")]
    heads = {number - 1 for number in rules}
    return [row for number, row in enumerate(cells) if number not in {*rules, *heads}]
