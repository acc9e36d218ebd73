"""Send many LLM requests through a provider's Batch API, and get every answer back in order.

    from openai_batch import Batch

    with Batch() as batch:
        batch.add_to_batch(model="gpt-4o-mini", messages=[{"role": "user", "content": "Hello"}])
        result, output_path, error_path = batch.submit_wait_download()

Names are loaded when they are first used, so that the command line starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import batch, providers
    from .batch import Batch
    from .legacy import wait
    from .providers import get_provider_by_base_url
    from .requests.data_url import data_url

__all__ = [
    "Batch",
    "__version__",
    "batch",
    "data_url",
    "get_provider_by_base_url",
    "providers",
    "wait",
]

_HOMES = {
    "Batch": ".batch",
    "data_url": ".requests.data_url",
    "get_provider_by_base_url": ".providers",
    "wait": ".legacy",
}
_MODULES = ("batch", "providers")


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("openai-batch")
        except PackageNotFoundError:  # a checkout that is not installed
            return "unknown"
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
