"""A provider in memory for most tests, a real server for those that kill processes."""

from pathlib import Path

import pytest
from engine_fakes import Bench


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, address or file of the user's own reaches a test."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "PARASAIL_API_KEY", "PARASAIL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "providers.toml"))
    monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "state"))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A state directory, a clock and a provider."""
    return Bench(tmp_path)
