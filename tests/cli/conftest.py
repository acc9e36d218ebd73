"""A folder, a state directory and a provider for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_process import Cli, batch_server


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A provider that answers at once."""
    with batch_server(tmp_path_factory.mktemp("echo") / "data") as variables:
        yield variables


@pytest.fixture(scope="session")
def stuck(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A provider whose batches never end."""
    folder = tmp_path_factory.mktemp("stuck") / "data"
    with batch_server(folder, "--echo-delay", "3600") as variables:
        yield variables


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A provider that takes a second for each four requests."""
    folder = tmp_path_factory.mktemp("slow") / "data"
    with batch_server(folder, "--echo-delay", "1", "--parallel", "4") as variables:
        yield variables


def _cli(tmp_path: Path, variables: dict[str, str]) -> Cli:
    folder = tmp_path / "work"
    folder.mkdir(exist_ok=True)
    state = {
        "OPENAI_BATCH_HOME": str(tmp_path / "state"),
        "OPENAI_BATCH_CONFIG": str(tmp_path / "providers.toml"),
    }
    return Cli(folder, state | variables)


@pytest.fixture
def nobody(tmp_path: Path) -> Cli:
    """The command line where no key is set."""
    return _cli(tmp_path, {})


@pytest.fixture
def cli(tmp_path: Path, echo: dict[str, str]) -> Cli:
    """The command line with a provider that answers at once."""
    return _cli(tmp_path, echo)


@pytest.fixture
def stuck_cli(tmp_path: Path, stuck: dict[str, str]) -> Cli:
    """The command line with a provider whose batches never end."""
    return _cli(tmp_path, stuck)


@pytest.fixture
def slow_cli(tmp_path: Path, slow: dict[str, str]) -> Cli:
    """The command line with a provider that takes its time."""
    return _cli(tmp_path, slow)
