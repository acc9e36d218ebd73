"""The house stands as it is drawn: imports point downward, and what is heavy is fetched late."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "openai_batch"

LEVELS = {
    # the edge
    "__init__": 6,
    "__main__": 6,
    "cli": 6,
    "example_prompts": 6,
    "create_batch": 6,
    "create_batch_input": 6,
    "create_input": 6,
    "run": 6,
    "legacy": 5,
    "batch": 5,
    # the engine
    "engine": 4,
    # the way out
    "poller": 3,
    "providers": 2,
    # the words
    "requests": 1,
    # the ground
    "settings": 0,
    "errors": 0,
    "clock": 0,
    "files": 0,
    "jsonl": 0,
    "blocks": 0,
}
BESIDE = "local"
MODULES = sorted(PACKAGE.rglob("*.py"))


def home(path: Path) -> str:
    """The first part of a module's name below the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """Every absolute name that a module imports, wherever in it, with the statement."""
    package = ("openai_batch", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            for alias in node.names:
                yield ".".join(part for part in (base, node.module, alias.name) if part), node


def type_checking(path: Path) -> set[ast.stmt]:
    """The statements that only a type checker reads."""
    tree = ast.parse(path.read_bytes())
    guards = (
        n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test)
    )
    return {ast.dump(s) for guard in guards for s in ast.walk(guard) if isinstance(s, ast.stmt)}  # type: ignore[misc]


def test_every_module_has_a_place() -> None:
    """A new module is added to the drawing on purpose."""
    assert {home(path) for path in MODULES} <= {*LEVELS, BESIDE}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    """A module imports its own level or a lower one; the local server only the ground."""
    level = 0.5 if home(path) == BESIDE else LEVELS[home(path)]
    for name, _ in imports(path):
        parts = name.split(".")
        if parts[0] != "openai_batch" or len(parts) == 1:
            continue
        target = parts[1]
        if target in (home(path), "__version__"):
            continue
        if target == BESIDE and path.name == "serve.py":
            continue  # the command that starts it
        assert target != BESIDE, f"{path} imports the local server; it is reached by its URL"
        assert target in LEVELS, f"{path} imports {name}"
        assert LEVELS[target] <= level, f"{path} imports {name}, which is above it"


def test_one_module_imports_openai() -> None:
    """Half a second of start-up is paid in one place, and only when a provider is spoken to."""
    importers = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        for name, node in imports(path)
        if name.split(".")[0] == "openai" and ast.dump(node) not in type_checking(path)
    }
    assert importers == {"providers/client.py"}


def test_no_provider_is_named_outside_the_catalog() -> None:
    """Callers ask for a capability, never for a provider's name."""
    names = {"openai", "parasail", "local", "custom"}
    for path in MODULES:
        if home(path) in ("providers", BESIDE):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Compare):
                compared = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                assert not (compared & names), f"{path}:{node.lineno} compares a provider's name"
