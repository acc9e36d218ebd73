"""Who executes batches: the catalog of providers, and clients for them.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .catalog import (
        all_providers,
        get_provider_by_base_url,
        get_provider_by_model,
        get_provider_by_name,
        known_providers,
        openai_provider,
        parasail_provider,
        resolve,
    )
    from .provider import Provider

    openai_models: list[str]
    """The models' names in the installed SDK. What `get_provider_by_model` goes by is the
    catalog's patterns, which know newer ones, too."""

__all__ = [
    "Provider",
    "all_providers",
    "get_provider_by_base_url",
    "get_provider_by_model",
    "get_provider_by_name",
    "known_providers",
    "openai_models",
    "openai_provider",
    "parasail_provider",
    "resolve",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "openai_models":
        from .client import sdk_models

        return globals().setdefault(name, sdk_models())
    from . import catalog

    return getattr(catalog, name)
