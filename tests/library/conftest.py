"""A server for all tests, and for each a folder to work in with a state directory of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from library_server import Server, running


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that answers at once."""
    with running(tmp_path_factory.mktemp("echo") / "data") as server:
        yield server


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: Server) -> Path:
    """The working directory, where OpenAI and Parasail are both that server."""
    for name in os.environ:
        if name.startswith(("OPENAI_", "PARASAIL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "providers.toml"))
    for provider in ("OPENAI", "PARASAIL"):
        monkeypatch.setenv(f"{provider}_BASE_URL", echo.base_url)
        monkeypatch.setenv(f"{provider}_API_KEY", echo.token)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work
