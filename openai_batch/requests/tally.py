"""The running size of one request: what each part of a body adds to its input tokens.

A message costs what OpenAI's cookbook says ("How to count tokens with tiktoken"): three tokens, one
more for a name, and three that open the answer. Models newer than that page, and the Responses API,
are taken to do the same. Tool definitions follow the same page, whose rule is for flat parameters;
nested ones are counted alike, and a schema for the answer as its JSON: both make an estimate of it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .. import jsonl
from .encodings import O200K, TextCounter

_PER_MESSAGE = 3
_PER_NAME = 1
_PER_ROLE = 1
_PER_TOOLS = 12
_PER_PROPERTIES = 3
_PER_PROPERTY = 3
_PER_CHOICE = 3


class Tally:
    """Adds up one request. A value that no valid body has adds nothing, and nothing raises."""

    __slots__ = ("_counter", "_slack", "exact", "tokens", "uncounted")

    def __init__(self, counter: TextCounter):
        self._counter = counter
        self._slack = 0
        self.exact = counter.exact
        self.tokens = 0
        self.uncounted = 0
        """Parts whose size the request does not tell: images, audio, files, what is stored."""

    @property
    def most(self) -> int:
        """At most so many tokens, without what a chat template adds.

        Of what is not counted with the model's own encoding a token has a byte at least: there are
        texts, of digits or in Thai, that come near to one.
        """
        return self.tokens + self._slack

    def _count(self, text: str) -> int:
        return self._counter.count(text) if self._counter.exact else self._count_loosely(text)

    def _count_loosely(self, text: str) -> int:
        found = self._counter.count(text)
        self._slack += max(0, _bytes(text) - found)
        return found

    def add_text(self, value: Any) -> None:
        """Add a text."""
        if isinstance(value, str):
            self.tokens += self._count(value)

    def add_json(self, value: Any) -> None:
        """Add what the model is shown in words that only the provider knows, as its JSON."""
        if not value:
            return
        self.exact = False
        try:
            text = jsonl.dumps(value).decode()
        except (ValueError, RecursionError):  # nested deeper than anybody writes
            self.uncounted += 1
        else:
            self.tokens += self._count_loosely(text)

    def add_content(self, content: Any) -> None:
        """Add a text, or a list of parts: texts and others."""
        if isinstance(content, str):
            self.tokens += self._count(content)
        elif isinstance(content, list):
            for part in content:
                self.add_part(part)

    def add_part(self, part: Any) -> None:
        """Add one text, bare or in an object; any other part has a size of its own."""
        text = part.get("text", part.get("refusal")) if isinstance(part, Mapping) else part
        if isinstance(text, str):
            self.tokens += self._count(text)
        else:
            self.uncounted += 1

    def add_message(self, message: Any) -> None:
        """Add one message of a conversation, with what surrounds it."""
        if not isinstance(message, Mapping):
            return
        self.tokens += _PER_MESSAGE
        self.add_text(message.get("role"))
        self.add_content(message.get("content"))
        if "name" in message:
            self.tokens += _PER_NAME
            self.add_text(message["name"])
        self.add_text(message.get("refusal"))
        self.add_json(message.get("function_call"))
        for call in mappings(message.get("tool_calls")):
            self.add_json(call.get("function", call.get("custom")))
        if message.get("audio"):
            self.uncounted += 1

    def add_unnamed_message(self, content: Any) -> None:
        """Add a message that the body holds without its role, such as `instructions`."""
        if content:
            self.tokens += _PER_MESSAGE + _PER_ROLE
            self.add_content(content)

    def open_answer(self) -> None:
        """Add what follows the last message, so that the model answers."""
        self.tokens += 3

    def add_inputs(self, value: Any) -> int:
        """Add one text or several, each also as a list of token numbers; return how many."""
        inputs = value if isinstance(value, list) and not _are_tokens(value) else [value]
        for one in inputs:
            if _are_tokens(one):
                self.tokens += len(one)
            elif one is not None:
                self.add_part(one)
        return len(inputs)

    def add_pairs(self, left: Any, right: Any) -> None:
        """Add each text of one side with its partner; a single one is read again for each."""
        lefts, rights = _as_list(left), _as_list(right)
        before, slack = self.tokens, self._slack
        self.add_content(lefts)
        if len(lefts) == 1:
            self.tokens += (self.tokens - before) * (len(rights) - 1)
            self._slack += (self._slack - slack) * (len(rights) - 1)
        self.add_content(rights)

    def add_tools(self, tools: Any) -> None:
        """Add definitions of functions, as Chat Completions and as Responses have them.

        What the cookbook's recipe does not know (definitions that are referred to, choices between
        schemas, a grammar, tools in a namespace) is counted as its JSON.
        """
        functions = 0
        for tool in mappings(tools):
            function = tool.get("function", tool)
            if not isinstance(function, Mapping) or tool.get("type") not in _SPELLED_OUT:
                self.uncounted += 1  # a tool of the provider's own
            elif not isinstance(function.get("name"), str):
                self.add_json(dict(tool))
            else:
                functions += 1
                self._add_function(function)
        if functions:
            self.exact = False
            per_function = 7 if self._counter.encoding == O200K else 10
            self.tokens += per_function * functions + _PER_TOOLS

    def _add_function(self, function: Mapping[str, Any]) -> None:
        parameters = function.get("parameters", function.get("input_schema"))
        try:
            is_plain = function.keys() <= _FUNCTION_KEYS and _is_plain(parameters)
        except RecursionError:
            is_plain = False
        if not is_plain:
            self.add_json(dict(function))
            return
        before = self.tokens
        self._add_described(function["name"], function)
        self._add_properties(parameters)
        # How it is shown to the model is known from experiments only.
        whole = _bytes(jsonl.dumps(dict(function)).decode())
        self._slack += max(0, whole - (self.tokens - before))

    def _add_described(self, label: str, schema: Mapping[str, Any]) -> None:
        description = schema.get("description")
        text = description.removesuffix(".") if isinstance(description, str) else ""
        self.tokens += self._count(f"{label}:{text}")

    def _add_properties(self, schema: Any) -> None:
        properties = schema.get("properties") if isinstance(schema, Mapping) else None
        if not properties or not isinstance(properties, Mapping):
            return
        self.tokens += _PER_PROPERTIES
        for name, one in properties.items():
            if not isinstance(one, Mapping):
                continue
            self.tokens += _PER_PROPERTY
            self._add_described(f"{name}:{one.get('type', '')}", one)
            choices = one.get("enum")
            if choices and isinstance(choices, list):
                self.tokens += _PER_CHOICE * (len(choices) - 1)
                for choice in choices:
                    self.add_text(choice)
            self._add_properties(one)
            self._add_properties(one.get("items"))


def _bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


_SPELLED_OUT = (None, "function", "custom", "namespace")
"""Tools that are shown to the model as the body has them. All others are the provider's own, which
has its words for them, and most bring in what nobody has seen yet: pages, files, pictures. They
come with dates in their names (web_search_2025_08_26), so that no list of them is ever whole."""

_FUNCTION_KEYS = frozenset({"name", "description", "parameters", "input_schema", "strict", "type"})
_SCHEMA_KEYS = frozenset(
    {
        "type",
        "description",
        "properties",
        "required",
        "items",
        "enum",
        "additionalProperties",
        "title",
        "$schema",
    }
)


def _is_plain(schema: Any) -> bool:
    """Whether the recipe knows all of a schema."""
    if schema is None:
        return True
    if not isinstance(schema, Mapping) or not schema.keys() <= _SCHEMA_KEYS:
        return False
    properties, choices = schema.get("properties", {}), schema.get("enum", [])
    if not isinstance(properties, Mapping) or isinstance(
        schema.get("additionalProperties"), Mapping
    ):
        return False
    if not isinstance(choices, list) or not all(isinstance(one, str) for one in choices):
        return False
    return all(map(_is_plain, properties.values())) and _is_plain(schema.get("items"))


def mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects in a list; none where it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, Mapping))


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], int)
