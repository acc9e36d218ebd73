"""JSON Schemas as OpenAI's strict mode takes them, which is a part of what JSON Schema has.

Rules and figures are those of its guide (Structured Outputs, "Supported schemas", 2026-02). Left
out is what only fine-tuned models refuse, and what was refused once and may be taken by now.
"""

import re
from collections.abc import Iterator
from typing import Any

from .faults import shown

MOST_PROPERTIES = 5_000
MOST_LEVELS = 10
MOST_CHARACTERS = 120_000
"""Of all names of properties and definitions, and all values of `enum` and `const`."""
MOST_ENUM_VALUES = 1_000
LARGE_ENUM_VALUES = 250
LARGE_ENUM_CHARACTERS = 15_000

_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")
_REFUSED = (
    "allOf",
    "not",
    "oneOf",
    "dependentRequired",
    "dependentSchemas",
    "if",
    "then",
    "else",
)
_SAYS_WHAT = ("type", "$ref", "anyOf", "enum", "const", *_REFUSED)
_DEEPEST = 100
"""Steps into a schema after which nobody looks any more: it has faults enough by then."""
_INDEX = re.compile(r"[0-9]{1,9}\Z")  # of thousands of digits Python makes no number
_DEFINITIONS = ("$defs", "definitions")

Flaw = tuple[str, str]
"""Where in the schema, as in `.properties.age`, and what is wrong there."""


def schema_flaws(schema: Any) -> Iterator[Flaw]:
    """Every flaw of a schema that stands under `strict: true`."""
    if not isinstance(schema, dict):
        yield "", f"is {shown(schema)}; it must be a JSON Schema of an object"
        return
    if "anyOf" in schema:
        yield ".anyOf", "is at the root, where strict mode wants an object; put it in a property"
    elif schema.get("type") != "object" and "$ref" not in schema:
        given = shown(schema.get("type"))
        yield ".type", f'is {given}; strict mode wants "object" at the root'
    walk = _Walk(schema)
    yield from walk.flaws(schema, "", 0)
    yield from walk.totals()


class _Walk:
    """Goes once through every part of a schema, and counts what is limited for the whole."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._properties = 0
        self._characters = 0
        self._enum_values = 0
        self._levels = 0

    def flaws(self, schema: Any, where: str, level: int) -> Iterator[Flaw]:
        if not isinstance(schema, dict):
            yield where, f"is {shown(schema)}; it must be a JSON Schema, an object"
            return
        if where.count(".") > _DEEPEST:
            return
        if "object" in _types(schema):
            self._levels = max(self._levels, level)
        for name in _REFUSED:
            if name in schema:
                mend = "say it with anyOf, or in a description"
                yield f"{where}.{name}", f"is not taken in strict mode; {mend}"
        if where and not any(name in schema for name in _SAYS_WHAT):
            yield where, "has no `type`; strict mode wants one"
        yield from self._type_flaws(schema, where)
        yield from self._value_flaws(schema, where)
        yield from self._reference_flaws(schema, where)
        if "object" in _types(schema):
            yield from _object_flaws(schema, where)
        if "array" in _types(schema) and not {"items", "prefixItems"} & schema.keys():
            yield where, "is an array without `items`; say what is in it"
        yield from self._inner_flaws(schema, where, level)

    def _type_flaws(self, schema: dict[str, Any], where: str) -> Iterator[Flaw]:
        for name in _types(schema):
            if name not in _TYPES:
                known = ", ".join(_TYPES)
                yield f"{where}.type", f"is {shown(name)}; it must be one of {known}"

    def _value_flaws(self, schema: dict[str, Any], where: str) -> Iterator[Flaw]:
        values = schema.get("enum", [])
        if not isinstance(values, list) or ("enum" in schema and not values):
            yield f"{where}.enum", f"is {shown(values)}; it must be a list with a value at least"
            return
        lengths = [len(value) for value in values if isinstance(value, str)]
        self._enum_values += len(values)
        self._characters += sum(lengths) + len(_text(schema.get("const")))
        if len(values) > LARGE_ENUM_VALUES and sum(lengths) > LARGE_ENUM_CHARACTERS:
            yield (
                f"{where}.enum",
                f"has {len(values):,} values of {sum(lengths):,} characters, and more than "
                f"{LARGE_ENUM_VALUES} values may have {LARGE_ENUM_CHARACTERS:,}; shorten them",
            )

    def _reference_flaws(self, schema: dict[str, Any], where: str) -> Iterator[Flaw]:
        if "$ref" not in schema:
            return
        reference = schema["$ref"]
        if not isinstance(reference, str) or not reference.startswith("#"):
            wanted = "it must name a part of this schema, as #/$defs/x does"
            yield f"{where}.$ref", f"is {shown(reference)}; {wanted}"
        elif not self._has(reference):
            yield f"{where}.$ref", f"is {shown(reference)}, which is not in this schema"

    def _has(self, reference: str) -> bool:
        found: Any = self._root
        for step in reference.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, list) and _INDEX.match(name) and int(name) < len(found):
                found = found[int(name)]
            elif isinstance(found, dict) and name in found:
                found = found[name]
            else:
                return False
        return True

    def _inner_flaws(self, schema: dict[str, Any], where: str, level: int) -> Iterator[Flaw]:
        properties = schema.get("properties")
        if isinstance(properties, dict):
            self._properties += len(properties)
            self._characters += sum(map(len, properties))
            for name, inner in properties.items():
                yield from self.flaws(inner, f"{where}.properties.{name}", level + 1)
        if isinstance(items := schema.get("items"), dict):
            yield from self.flaws(items, f"{where}.items", level)
        if isinstance(choices := schema.get("anyOf"), list):
            for index, inner in enumerate(choices):
                yield from self.flaws(inner, f"{where}.anyOf[{index}]", level)
        for group in _DEFINITIONS:
            if isinstance(definitions := schema.get(group), dict):
                self._characters += sum(map(len, definitions))
                for name, inner in definitions.items():
                    yield from self.flaws(inner, f"{where}.{group}.{name}", 0)

    def totals(self) -> Iterator[Flaw]:
        """What is too much of the schema as a whole. Call after `flaws`."""
        for have, most, words in (
            (self._properties, MOST_PROPERTIES, "properties"),
            # Whether the root is a level is not said anywhere; here it is none.
            (self._levels, MOST_LEVELS, "levels of objects"),
            (self._enum_values, MOST_ENUM_VALUES, "values in its enums"),
            (self._characters, MOST_CHARACTERS, "characters in its names and values"),
        ):
            if have > most:
                yield "", f"has {have:,} {words}, and strict mode takes {most:,}; make it smaller"


def _types(schema: dict[str, Any]) -> list[Any]:
    given = schema.get("type", [])
    return given if isinstance(given, list) else [given]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _object_flaws(schema: dict[str, Any], where: str) -> Iterator[Flaw]:
    if schema.get("additionalProperties") is not False:
        yield f"{where}.additionalProperties", "must be false in strict mode"
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict):
        yield f"{where}.properties", f"is {shown(properties)}; it must be an object"
        return
    if not isinstance(required, list):
        yield f"{where}.required", f"is {shown(required)}; it must be a list"
        return
    named = {name for name in required if isinstance(name, str)}
    missing = [name for name in properties if name not in named]
    if missing:
        first = shown(missing[0]) if len(missing) == 1 else f"{shown(missing[0])} and others"
        yield (
            f"{where}.required",
            f"lacks {first}; strict mode wants every property in it: give one that may be absent "
            'the type ["string", "null"] or the like',
        )
    extra = [name for name in required if not isinstance(name, str) or name not in properties]
    if extra:
        yield f"{where}.required", f"names {shown(extra[0])}, which is no property"
