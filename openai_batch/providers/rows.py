"""Rows of providers from a TOML file, checked so that a mistake is named with its mend."""

import dataclasses
import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..errors import UsageError
from .provider import ADAPTERS, Provider

Rows = dict[str, dict[str, Any]]
"""Provider name -> the fields that its row names."""

_SETTABLE = {
    field.name: field.type
    for field in dataclasses.fields(Provider)
    if field.name not in ("name", "api_key", "extra_headers", "extra_query")
}


def read(path: Path) -> Rows:
    """The rows of a file; none where there is no such file.

    Raises UsageError, naming the file, the key and the mend, where the file cannot be used.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        tables = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{path} is not TOML: {error}. Mend it or move it away.") from error
    return {name: _row(path, name, table) for name, table in tables.items()}


def _row(path: Path, name: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise UsageError(f"{path}: `{name}` stands alone; put it under a provider, as in [groq].")
    return {key: _value(f"{path}: [{name}] {key}", key, value) for key, value in table.items()}


def _value(where: str, key: str, value: Any) -> Any:
    if key == "api_key":
        raise UsageError(
            f"{where}: keys do not belong in a file. Put it in an environment variable and name "
            "that one as `api_key_env_var`."
        )
    if key not in _SETTABLE:
        near = difflib.get_close_matches(key, _SETTABLE, n=1)
        hint = f"Did you mean `{near[0]}`?" if near else f"Known: {', '.join(_SETTABLE)}."
        raise UsageError(f"{where} is not a setting. {hint}")
    if key == "base_url":
        return checked_url(where, value)
    if key == "adapter" and value not in ADAPTERS:
        raise UsageError(f"{where} must be one of {', '.join(ADAPTERS)}, not {value!r}.")
    return _typed(where, _SETTABLE[key], value)


def _typed(where: str, wanted: Any, value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if wanted is bool and isinstance(value, bool):
        return value
    if wanted in (int, int | None) and is_number and isinstance(value, int) and value > 0:
        return value
    if wanted is float and is_number and 0 <= value < float("inf"):
        return float(value)
    if wanted in (str, str | None) and isinstance(value, str) and value:
        return value
    if wanted == tuple[str, ...] and _is_texts(value):
        return tuple(value)
    raise UsageError(f"{where} must be {_DESCRIBED[wanted]}, not {value!r}.")


_DESCRIBED = {
    bool: "true or false",
    int: "a whole number above 0",
    int | None: "a whole number above 0",
    float: "a number of seconds, 0 or more",
    str: "text",
    str | None: "text",
    tuple[str, ...]: 'a list of texts, as in ["24h"]',
}


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item for item in value)


def checked_url(where: str, value: Any) -> str:
    """`value` where it is the address of an API, without a slash at its end; else UsageError."""
    parts = None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
        usable = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
        if parts is not None:
            _ = parts.port  # raises ValueError where it is not a number
    except ValueError:
        usable = False
    if parts is not None and (parts.username or parts.password):
        raise UsageError(f"{where} must not hold a user name or password: name the key by itself.")
    if not usable:
        raise UsageError(
            f"{where} must be the address of an API, as in https://api.example.com/v1, "
            f"not {value!r}."
        )
    return str(value).rstrip("/")
