"""A clean environment, and a server that says what it is told."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scripted_server import KEY, ScriptedServer

from openai_batch.providers.client import OpenAIClient, open_client
from openai_batch.providers.provider import Provider


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_BASE_URL",
        "OPENAI_ORG_ID",
        "OPENAI_PROJECT_ID",
        "PARASAIL_API_KEY",
        "PARASAIL_BASE_URL",
        "OPENAI_BATCH_LOCAL_TOKEN",
        "OPENAI_BATCH_LOCAL_BASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "providers.toml"))
    monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "state"))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as running:
        yield running


@pytest.fixture
def connect() -> Iterator[Callable[..., OpenAIClient]]:
    """Open clients that are closed at the test's end."""
    opened: list[OpenAIClient] = []

    def connect(base_url: str, **fields: object) -> OpenAIClient:
        row = Provider(name="p", display_name="Somewhere", base_url=base_url, api_key=KEY)
        for name, value in fields.items():
            setattr(row, name, value)
        opened.append(open_client(row))
        return opened[-1]

    yield connect
    for client in opened:
        client.close()


@pytest.fixture
def client(server: ScriptedServer, connect: Callable[..., OpenAIClient]) -> OpenAIClient:
    return connect(server.base_url)
