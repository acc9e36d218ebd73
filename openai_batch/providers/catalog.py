"""Which provider is meant: by name, by address, by model, or by what a run recorded."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .. import settings
from ..errors import UsageError
from . import rows
from .provider import Provider

_CUSTOM = "custom"
"""The row of any server that is known by its address only."""


def known_providers() -> list[Provider]:
    """Every provider there is, without keys: the user's own rows, then `all_providers`, then the
    ones that have no address of their own (`local`, `custom`).

    The user's file is read at each call; it adds rows and overrides fields of known ones.
    Raises UsageError where it cannot be used.
    """
    own = rows.read(settings.config_file())
    shipped = [*all_providers, *(row for row in _shipped() if row.base_url is None)]
    shipped = [replace(row, **own.pop(row.name, {})) for row in shipped]
    custom = next(row for row in shipped if row.name == _CUSTOM)
    added = [_new_row(name, fields, custom) for name, fields in own.items()]
    for row in added:
        if row.base_url is None:
            raise UsageError(f"{settings.config_file()}: [{row.name}] needs a `base_url`.")
    return added + shipped


def _new_row(name: str, fields: dict[str, Any], custom: Provider) -> Provider:
    """A row of its own. What it does not say is as in `custom`, but for what is a server's own:
    TOML has no null with which a row could take a limit back."""
    prefix = "".join(letter if letter.isalnum() else "_" for letter in name.upper())
    own = {
        "name": name,
        "display_name": name,
        "base_url": None,
        "max_embedding_inputs": None,
        "base_url_env_var": f"{prefix}_BASE_URL",
        "api_key_env_var": f"{prefix}_API_KEY",
    }
    return replace(custom, **(own | fields))


@cache
def _shipped() -> tuple[Provider, ...]:
    tables = rows.read(Path(__file__).with_name("catalog.toml"))
    fallback = Provider(name=_CUSTOM, default_chat_model=None, default_embedding_model=None)
    custom = replace(fallback, **tables.pop(_CUSTOM))
    return (*(_new_row(name, fields, custom) for name, fields in tables.items()), custom)


all_providers: list[Provider] = [row for row in _shipped() if row.base_url is not None]
"""The remote providers that this package knows, without keys. A program may append its own."""

openai_provider = next(row for row in all_providers if row.name == "openai")
parasail_provider = next(row for row in all_providers if row.name == "parasail")


def get_provider_by_name(name: str) -> Provider:
    """The provider of that name, with address and key from the environment where they are set.

    Raises ValueError where there is none.
    """
    for row in known_providers():
        if row.name == name:
            return _with_key(_at_place(row, _place(row)))
    raise ValueError(f"No provider found with name: {name}")


def get_provider_by_model(model: str) -> Provider:
    """The provider that a model's name means, as `get_provider_by_name` gives it.

    A name that means none is Parasail's, as it always was here; `resolve` refuses it instead.
    """
    for row in known_providers():
        if row.claims(model):
            return _with_key(_at_place(row, _place(row)))
    return get_provider_by_name("parasail")


def get_provider_by_base_url(base_url: object) -> Provider:
    """The provider at that address, or a new one with safe limits. Its key is read when used.

    `base_url` is text, or what becomes it, as the `base_url` of the SDK's client does.
    """
    address = str(base_url)
    return _at(address, known_providers()) or Provider(base_url=address)


def providers_with_keys() -> list[Provider]:
    """Every provider whose key and address are known, once for each address: those to ask about
    a batch of which nothing else is known. Raises UsageError as `known_providers`."""
    by_place: dict[str, Provider] = {}
    for row in known_providers():
        provider = _with_key(_at_place(row, _place(row)))
        if provider.api_key and provider.base_url:
            by_place.setdefault(provider.base_url, provider)
    return list(by_place.values())


def resolve(
    *,
    base_url: str | None = None,
    provider_name: str | None = None,
    recorded: tuple[str, str | None] | None = None,
    model: str | None = None,
    api_key: str | None = None,
) -> Provider:
    """The provider that the arguments mean: its rules, its place and its key, if one is set.

    `base_url` and `provider_name` are what the user named, `recorded` is the name and address of
    an earlier run. They count in this order, then the model's name; with nothing at all it is the
    first of the catalog. An address says where and not by which rules, so the rules of a named
    provider hold at any address, and an unknown address alone has those of `custom`.

    Raises UsageError where no provider of that name is known, where the model's name means none,
    or where the user's file of providers cannot be used. A missing key is no error before a client
    is opened.
    """
    known = known_providers()
    if base_url is not None:
        base_url = rows.checked_url("--base-url", base_url)
    row = _rules(known, base_url, provider_name, recorded, model)
    return _with_key(_at_place(row, base_url or _place(row, recorded)), api_key)


def _rules(
    known: list[Provider],
    base_url: str | None,
    provider_name: str | None,
    recorded: tuple[str, str | None] | None,
    model: str | None,
) -> Provider:
    if provider_name is not None:
        return _named(provider_name, known)
    if base_url is not None and (row := _at(base_url, known)):
        return row
    if recorded is not None:
        return _recorded(recorded[0], known)
    if base_url is not None:
        return _named(_CUSTOM, known)
    if model is not None:
        return _by_model(model, known)
    return _named(all_providers[0].name, known)


def _named(name: str, known: list[Provider]) -> Provider:
    for row in known:
        if row.name == name:
            return row
    names = ", ".join(row.name for row in known)
    raise UsageError(
        f"no provider is called {name!r}. Known: {names}. "
        f"More can be added in {settings.config_file()}, or name an address with --base-url."
    )


def _recorded(name: str, known: list[Provider]) -> Provider:
    """The row of that name; where this machine has none, `custom` under that name."""
    for row in known:
        if row.name == name:
            return row
    custom = _named(_CUSTOM, known)
    return _new_row(name, {}, custom) if name else custom


def _by_model(model: str, known: list[Provider]) -> Provider:
    for row in known:
        if row.claims(model):
            return row
    custom = _named(_CUSTOM, known)
    if settings.environment(custom.base_url_env_var):
        return custom
    names = ", ".join(row.name for row in known)
    raise UsageError(
        f"the model {model!r} does not tell which provider serves it. "
        f"Name one with --provider ({names}), or an address with --base-url."
    )


def _place(row: Provider, recorded: tuple[str, str | None] | None = None) -> str | None:
    """Where a provider is: where the run left its batches, else the environment, else its row."""
    name, left_at = recorded or (None, None)
    if left_at and name in (row.name, "") and not row.starts_server:
        return left_at
    named = settings.environment(row.base_url_env_var)
    return rows.checked_url(f"${row.base_url_env_var}", named) if named else row.base_url


def _at_place(row: Provider, base_url: str | None) -> Provider:
    nameless = row.name == _CUSTOM and row.display_name is None
    return replace(row, base_url=base_url, display_name=base_url if nameless else row.display_name)


def _at(base_url: str, known: list[Provider]) -> Provider | None:
    wanted = _address(base_url)
    for row in known:
        if row.base_url is not None and _address(row.base_url) == wanted:
            return row
    return None


def _address(base_url: str) -> tuple[str, str, str]:
    parts = urlsplit(base_url)
    return parts.scheme.lower(), parts.netloc.lower(), parts.path.rstrip("/")


def _with_key(row: Provider, api_key: str | None = None) -> Provider:
    key = (api_key or "").strip() or settings.environment(row.api_key_env_var)
    return replace(row, api_key=key)
