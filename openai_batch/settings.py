"""Where things are kept, and what the environment says: the only reader of environment variables.

Nothing here creates a file or a folder.
"""

import os
from pathlib import Path

from .errors import UsageError

HOME = "OPENAI_BATCH_HOME"
CONFIG = "OPENAI_BATCH_CONFIG"
LOCAL_MODEL = "OPENAI_BATCH_LOCAL_MODEL"
LOCAL_ARGUMENTS = "OPENAI_BATCH_LOCAL_ARGS"

_APPLICATION = "openai-batch"


def environment(name: str | None) -> str | None:
    """The variable's value without surrounding blanks, or None where it is unset or blank.

    Keys copied out of a file often bring a newline along, which no HTTP header may carry.
    """
    value = os.environ.get(name, "").strip() if name else ""
    return value or None


def state_dir(override: Path | str | None = None) -> Path:
    """The state directory: `override`, else $OPENAI_BATCH_HOME, else the platform's own place."""
    chosen = override or environment(HOME)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_state_path

    return user_state_path(_APPLICATION, appauthor=False)


def config_file() -> Path:
    """The user's own provider rows: $OPENAI_BATCH_CONFIG, else `providers.toml` in the platform's
    configuration folder. The file need not exist."""
    chosen = environment(CONFIG)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_config_path

    return user_config_path(_APPLICATION, appauthor=False) / "providers.toml"


def local_model() -> Path | None:
    """The model file (GGUF) for `--provider local`, where the user names one."""
    chosen = environment(LOCAL_MODEL)
    return Path(chosen).expanduser().absolute() if chosen else None


def local_arguments() -> list[str]:
    """More arguments for the server that `--provider local` starts, split as a shell would.

    Raises UsageError where a quote is left open.
    """
    import shlex

    try:
        return shlex.split(environment(LOCAL_ARGUMENTS) or "")
    except ValueError as error:
        raise UsageError(f"{LOCAL_ARGUMENTS} cannot be split into arguments: {error}") from error
