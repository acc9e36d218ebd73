"""README.md and README.zh-CN.md name what there is, and say the same."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from readme_reader import CHINESE, ENGLISH, ROOT, Block, blocks, prose, sections, table_rows

from openai_batch.cli import exits
from openai_batch.cli.main import command_tree
from openai_batch.providers import get_provider_by_model, get_provider_by_name

PAGES = pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=lambda page: page.name)

SECTIONS = {
    "Try it: two commands": "先试一试：两条命令",
    "Install": "安装",
    "In a pipeline": "用在管道里",
    "Know before you pay": "花钱之前先算清楚",
    "Files of any size": "处理大文件",
    "In CI: submit now, collect later": "用在 CI 里：先提交，后取结果",
    "After Ctrl-C, a crash, a reboot": "中断、崩溃、重启之后",
    "Looking after runs": "管理任务",
    "In Python": "在 Python 里使用",
    "Providers": "服务商",
    "Exit codes": "退出码",
    "Where things are kept": "数据存放在哪里",
    "Completion and manual": "补全与手册",
    "Memory and speed": "内存与速度",
    "What goes wrong, and what comes back": "会出什么错，结果如何",
    "Tried with": "实测过的服务端",
    "More": "其他",
}

OTHERS_OPTIONS = {"--no-deps", "--requests"}
"""Of pip, and of the soak."""


def options_of(command: Any) -> set[str]:
    """The names of a command's options, long and short."""
    return {name for parameter in command.params for name in parameter.opts if name[0] == "-"}


def commands() -> dict[str, set[str]]:
    """Every command and its options."""
    tree = command_tree()
    names = tree.list_commands(None)
    return {name: options_of(tree.get_command(None, name)) | {"--help"} for name in names}


@PAGES
def test_every_block_is_run_or_says_why_not(page: Path) -> None:
    """Nothing is left out silently: without a mark it is among those that the tests run."""
    for block in blocks(page):
        assert block.language in ("sh", "python", "toml", "json"), block
        assert block.mark in {
            "sh": ("", "command", "not run"),
            "toml": ("", "only here"),
        }.get(block.language, ("",)), block


@PAGES
def test_ci_runs_the_blocks_that_say_so(page: Path) -> None:
    """`command: NAME` marks what `.ci/run` picks out of README.md by that name, and no more."""
    marked = {block.reason: block.code for block in blocks(page) if block.mark == "command"}
    assert list(marked) == ["try", "test"]
    if page is ENGLISH and (ROOT / ".ci").is_dir():  # a source distribution has none
        script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
        assert sorted(re.findall(r"readme_command\.py (\w+)", script)) == ["test", "try"]
        for name, code in marked.items():
            picker = [sys.executable, str(ROOT / ".ci" / "readme_command.py"), name]
            assert subprocess.check_output(picker, text=True) == code


def invocations(page: Path) -> Iterator[list[str]]:
    """The words behind each `openai-batch`, in blocks and in sentences."""
    lines = re.findall(r"`([^`]+)`", prose(page))
    lines += [line for block in blocks(page) if block.language == "sh" for line in block.commands]
    for part in (part for line in lines for part in line.split("|")):
        if (words := part.partition("openai-batch ")[2]) and not words.startswith("#"):
            yield shlex.split(words)


@PAGES
def test_commands_and_options_exist(page: Path) -> None:
    """In a command each option is that command's; in a sentence it is some command's."""
    known = commands()
    for name, *words in invocations(page):
        assert name in known
        assert {word for word in words if re.match("--?[a-z]", word)} <= known[name]
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text))
    assert named <= set.union(OTHERS_OPTIONS, *known.values())


@PAGES
def test_manual_pages_exist(page: Path) -> None:
    """Each page that is named is in the folder from which the wheel takes them."""
    for name in re.findall(r"`man ([\w-]+)`", prose(page)):
        assert [*(ROOT / "man").rglob(f"{name}.1")]


@PAGES
def test_variables_exist(page: Path) -> None:
    """Each OPENAI_BATCH_… that is named is read by the program."""
    sources = [*(ROOT / "openai_batch").rglob("*.py"), ROOT / "openai_batch/providers/catalog.toml"]
    read = "".join(source.read_text(encoding="utf-8") for source in sources)
    for name in re.findall(r"OPENAI_BATCH_[A-Z_]+", page.read_text(encoding="utf-8")):
        assert f'"{name}"' in read


@pytest.mark.parametrize(
    ("page", "model", "row"),
    [
        (ENGLISH, None, ("parasail", "https://api.parasail.io/v1", 500_000_000)),
        (ENGLISH, None, ("perplexity", "https://api.perplexity.ai/v1", 200_000_000)),
        (
            CHINESE,
            "qwen-plus",
            ("dashscope", "https://dashscope.aliyuncs.com/compatible-mode/v1", 500_000_000),
        ),
        (CHINESE, "kimi-k2.6", ("moonshot", "https://api.moonshot.cn/v1", 100_000_000)),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_rows_of_providers_are_taken(
    page: Path,
    model: str | None,
    row: tuple[str, str, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is shown as `providers.toml` can be copied into that file, all of it at once."""
    rows = "".join(block.code for block in blocks(page) if block.language == "toml")
    (tmp_path / "providers.toml").write_text(rows, encoding="utf-8")
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "providers.toml"))
    name = row[0]
    monkeypatch.setenv(f"{name.upper()}_API_KEY", "secret")
    provider = get_provider_by_model(model) if model else get_provider_by_name(name)
    assert (provider.name, provider.base_url, provider.batch_input_max_bytes) == row
    assert provider.api_key == "secret"


@PAGES
def test_the_exit_codes_are_the_tables(page: Path) -> None:
    """Every code has its row, in the program's order."""
    codes = [
        int(code)
        for row in table_rows(page.read_text(encoding="utf-8"))
        if re.fullmatch(r"\d+(, \d+)*", row[0])
        for code in row[0].split(", ")
    ]
    assert codes == [row.code for row in exits.TABLE]


def test_both_have_the_same_sections() -> None:
    """One after the other, so that neither tells of something that the other does not know."""
    assert (sections(ENGLISH), sections(CHINESE)) == (list(SECTIONS), list(SECTIONS.values()))


def test_both_have_the_same_code() -> None:
    """Block by block, in the same section, with the same mark; comments are each page's own."""

    def alike(block: Block, section: str) -> tuple[str, ...]:
        name = block.reason if block.mark == "command" else ""
        return section, block.language, block.uncommented, block.mark, name

    english = [alike(block, SECTIONS.get(block.section, "")) for block in blocks(ENGLISH)]
    chinese = [
        alike(block, block.section) for block in blocks(CHINESE) if block.mark != "only here"
    ]
    assert chinese == english


def test_both_have_the_same_figures() -> None:
    """What was measured stands in both tables alike."""

    def figures(page: Path) -> list[list[list[str]]]:
        rows = table_rows(page.read_text(encoding="utf-8"))
        return [[re.findall(r"\d+(?:[.,]\d+)*", cell) for cell in row] for row in rows]

    assert figures(CHINESE) == figures(ENGLISH)


def test_each_leads_to_the_other() -> None:
    """In the first lines, where somebody looks who cannot read the rest."""
    assert "[简体中文](README.zh-CN.md)" in ENGLISH.read_text(encoding="utf-8")[:200]
    assert "[English](README.md)" in CHINESE.read_text(encoding="utf-8")[:200]


def test_chinese_is_set_as_it_should_be() -> None:
    """Spaces stand between Chinese and Latin words, none at its wide punctuation, none in it."""
    text = prose(CHINESE)
    for crowded in ("[一-龥][A-Za-z0-9`$]", "[A-Za-z0-9`%][一-龥]", "[一-龥][,;:!?]"):
        assert not re.findall(f".{{0,9}}{crowded}.{{0,9}}", text)
    for loose in ("[一-龥] [一-龥]", " [，。；：、）]", "[，。；：、（] "):
        assert not re.findall(f".{{0,9}}{loose}.{{0,9}}", text)
