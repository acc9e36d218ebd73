"""Where things are kept, and what the environment says."""

from pathlib import Path

import platformdirs
import pytest

from openai_batch import settings
from openai_batch.errors import UsageError


def test_the_state_directory(monkeypatch, tmp_path: Path):
    """An override counts first, then the variable, then the platform; nothing is created."""
    monkeypatch.setenv("OPENAI_BATCH_HOME", str(tmp_path / "home"))
    assert settings.state_dir(tmp_path / "given") == tmp_path / "given"
    assert settings.state_dir(str(tmp_path / "given")) == tmp_path / "given"
    assert settings.state_dir() == tmp_path / "home"
    monkeypatch.setenv("OPENAI_BATCH_HOME", "  ")
    assert settings.state_dir() == platformdirs.user_state_path("openai-batch", appauthor=False)
    assert list(tmp_path.iterdir()) == []


def test_paths_are_absolute_and_know_the_home_folder(monkeypatch, tmp_path: Path):
    """A relative path is the same one after the process changes its folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    assert settings.state_dir("here") == tmp_path / "here"
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", "~/rows.toml")
    assert settings.config_file() == tmp_path / "me" / "rows.toml"


def test_the_configuration_file(monkeypatch, tmp_path: Path):
    """The variable names a file; without it, it is in the platform's configuration folder."""
    monkeypatch.setenv("OPENAI_BATCH_CONFIG", str(tmp_path / "rows.toml"))
    assert settings.config_file() == tmp_path / "rows.toml"
    monkeypatch.delenv("OPENAI_BATCH_CONFIG")
    folder = platformdirs.user_config_path("openai-batch", appauthor=False)
    assert settings.config_file() == folder / "providers.toml"


def test_blank_variables_are_unset(monkeypatch):
    """A variable that is empty or blank says nothing; a value loses the blanks around it."""
    monkeypatch.setenv("SOME_KEY", " key\n")
    assert settings.environment("SOME_KEY") == "key"
    monkeypatch.setenv("SOME_KEY", " \n")
    assert settings.environment("SOME_KEY") is None
    monkeypatch.delenv("SOME_KEY")
    assert settings.environment("SOME_KEY") is None
    assert settings.environment(None) is None


def test_the_local_server(monkeypatch, tmp_path: Path):
    """The model is a path, and arguments are split as a shell would."""
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_MODEL", str(tmp_path / "m.gguf"))
    assert settings.local_model() == tmp_path / "m.gguf"
    monkeypatch.delenv("OPENAI_BATCH_LOCAL_MODEL")
    assert settings.local_model() is None
    monkeypatch.delenv("OPENAI_BATCH_LOCAL_ARGS", raising=False)
    assert settings.local_arguments() == []
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "--executor echo --data 'a b'")
    assert settings.local_arguments() == ["--executor", "echo", "--data", "a b"]
    monkeypatch.setenv("OPENAI_BATCH_LOCAL_ARGS", "'open")
    with pytest.raises(UsageError, match="OPENAI_BATCH_LOCAL_ARGS cannot be split into arguments"):
        settings.local_arguments()
