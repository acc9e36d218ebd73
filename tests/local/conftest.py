"""One echo server for every test of this folder that does not need one of its own."""

from collections.abc import Iterator

import openai
import pytest
from local_server import ServerProcess, running


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running echo server."""
    with running(tmp_path_factory.mktemp("echo") / "data") as server:
        yield server


@pytest.fixture
def client(echo: ServerProcess) -> openai.OpenAI:
    """The official SDK's client for that server; it repeats nothing."""
    return echo.client
