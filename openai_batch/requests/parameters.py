"""What the parameters of a request's body may be, endpoint by endpoint: one table.

Types and ranges are those of OpenAI's API description (version 2.3.0, 2026-08) and of its SDK
(3.57), and where neither has one, of the API's own refusals. Left out is what depends on a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one parameter may be. Anything may also be null, which stands for leaving it out.

    Of a list or an object, `each` is what one of its values may be.
    """

    forms: tuple[type, ...]
    """JSON types, as Python has them; `float` is any number, `int` one without a fraction."""
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    longest: int | None = None
    """Characters of a text."""
    most_items: int | None = None
    longest_key: int | None = None
    each: "Parameter | None" = None
    least_anywhere: float | None = None
    """Less no server can take, whatever else it takes."""
    phrase: str = ""
    """What it must be, where that takes more words than can be made of the above."""

    @property
    def words(self) -> str:
        """What it must be, for people."""
        if self.phrase:
            return self.phrase
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        if self.longest is not None:
            return f"a text of at most {self.longest} characters"
        name = " or ".join(_WORDS[form] for form in self.forms)
        if self.least is not None and self.most is not None:
            return f"{name} from {self.least:g} to {self.most:g}"
        return name if self.least is None else f"{name}, {self.least:g} or more"

    def fits(self, value: Any, strict: bool) -> bool:
        """Whether a value, as a JSON parser gives it, is one the parameter may have.

        Unless `strict`, only what no server can take does not fit: those that are written in Python
        read "0.5" as a number, and -1 stands for "no limit" in some.
        """
        if value is None:
            return True
        if not strict:
            return self._may_fit(value)
        return self._has_form(value) and self._is_within(value)

    def _has_form(self, value: Any) -> bool:
        form = type(value)
        if form in self.forms:
            return True
        if form is int:
            return float in self.forms
        return form is float and int in self.forms and value.is_integer()

    def _is_within(self, value: Any) -> bool:
        if isinstance(value, str):
            return (not self.choices or value in self.choices) and (
                self.longest is None or len(value) <= self.longest
            )
        if isinstance(value, list | dict):
            return self._has_good_items(value)
        return (self.least is None or value >= self.least) and (
            self.most is None or value <= self.most
        )

    def _has_good_items(self, value: list[Any] | dict[str, Any]) -> bool:
        if self.most_items is not None and len(value) > self.most_items:
            return False
        if isinstance(value, dict):
            if self.longest_key is not None and any(len(key) > self.longest_key for key in value):
                return False
            value = list(value.values())
        each = self.each
        return each is None or all(item is not None and each.fits(item, True) for item in value)

    def _may_fit(self, value: Any) -> bool:
        if isinstance(value, list | dict):
            return type(value) in self.forms
        if not _SCALARS.intersection(self.forms):
            return False
        if self.least_anywhere is not None and isinstance(value, int | float):
            return value >= self.least_anywhere
        return not isinstance(value, str) or str in self.forms or _is_scalar_text(value)


_WORDS = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "a text",
    list: "a list",
    dict: "an object",
}
_SCALARS = frozenset((float, int, bool, str))


def _is_scalar_text(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return value.lower() in ("true", "false", "yes", "no", "on", "off")
    return True


_TEXT = Parameter((str,))
_FLAG = Parameter((bool,))
_LIST = Parameter((list,))
_OBJECT = Parameter((dict,))
_WHOLE = Parameter((int,))
_COUNT = Parameter((int,), 1)
_PENALTY = Parameter((float,), -2, 2)
_ANSWERS = Parameter((int,), 1, 128, least_anywhere=0)
_IMAGES = Parameter((int,), 1, 10, least_anywhere=0)
_IDENTIFIER = Parameter((str,), longest=64)
_STOP = Parameter(
    (str, list), most_items=4, each=_TEXT, phrase="a text, or a list of at most 4 texts"
)
_BIAS = Parameter(
    (dict,),
    each=Parameter((float,), -100, 100),
    phrase="an object of token numbers, each with a number from -100 to 100",
)
_METADATA = Parameter(
    (dict,),
    most_items=16,
    longest_key=64,
    each=Parameter((str,), longest=512),
    phrase="an object of at most 16 texts, with keys of at most 64 characters and values of 512",
)

_SAMPLING = {
    "temperature": Parameter((float,), 0, 2),
    "top_p": Parameter((float,), 0, 1),
}
_COMPLETING = {
    **_SAMPLING,
    "frequency_penalty": _PENALTY,
    "presence_penalty": _PENALTY,
    "logit_bias": _BIAS,
    "seed": _WHOLE,
    "stop": _STOP,
    "n": _ANSWERS,
    "user": _TEXT,
}
_ANSWERING = {
    **_SAMPLING,
    "metadata": _METADATA,
    "moderation": _OBJECT,
    "parallel_tool_calls": _FLAG,
    "prompt_cache_key": _TEXT,
    "prompt_cache_options": _OBJECT,
    "prompt_cache_retention": _TEXT,
    "safety_identifier": _IDENTIFIER,
    "service_tier": _TEXT,
    "store": _FLAG,
    "tool_choice": Parameter((str, dict)),
    "tools": _LIST,
    "top_logprobs": Parameter((int,), 0, 20),
    "user": _TEXT,
}
_PAINTING = {
    "background": _TEXT,
    "complexity": _TEXT,
    "frame_count": _WHOLE,
    "frame_duration_ms": _WHOLE,
    "model": _TEXT,
    "moderation": _TEXT,
    "n": _IMAGES,
    "output_compression": Parameter((int,), 0, 100),
    "output_format": _TEXT,
    "partial_images": Parameter((int,), 0, 3),
    "quality": _TEXT,
    "response_format": _TEXT,
    "safety_identifier": _IDENTIFIER,
    "size": _TEXT,
    "svg": _OBJECT,
    "user": _TEXT,
}

PARAMETERS: dict[str, dict[str, Parameter]] = {
    "/chat/completions": {
        **_COMPLETING,
        **_ANSWERING,
        "audio": _OBJECT,
        "function_call": Parameter((str, dict)),
        "functions": Parameter((list,), most_items=128, phrase="a list of at most 128 functions"),
        "logprobs": _FLAG,
        # "integer below minimum value. Expected a value >= 1": the API's refusal of less.
        "max_completion_tokens": _COUNT,
        "max_tokens": _COUNT,
        "modalities": Parameter((list,), each=_TEXT, phrase="a list of texts"),
        "prediction": _OBJECT,
        "reasoning_effort": _TEXT,
        "response_format": _OBJECT,
        "tools": Parameter((list,), most_items=128, phrase="a list of at most 128 tools"),
        "verbosity": _TEXT,
        "web_search_options": _OBJECT,
    },
    "/responses": {
        **_ANSWERING,
        "background": _FLAG,
        "context_management": _LIST,
        "conversation": Parameter((str, dict)),
        "include": Parameter((list,), each=_TEXT, phrase="a list of texts"),
        # "Expected a value >= 16": the API's refusal of less.
        "max_output_tokens": Parameter((int,), 16),
        "max_tool_calls": _WHOLE,
        "previous_response_id": _TEXT,
        "prompt": _OBJECT,
        "reasoning": _OBJECT,
        "text": _OBJECT,
        "truncation": _TEXT,
    },
    "/completions": {
        **_COMPLETING,
        "best_of": Parameter((int,), 0, 20, least_anywhere=0),
        "echo": _FLAG,
        "logprobs": Parameter((int,), 0, 5),
        "max_tokens": Parameter((int,), 0),
        "suffix": _TEXT,
    },
    "/embeddings": {
        "dimensions": Parameter((int,), 1),
        "encoding_format": Parameter((str,), choices=("float", "base64")),
        "user": _TEXT,
    },
    "/moderations": {"model": _TEXT},
    "/images/generations": {**_PAINTING, "style": _TEXT},
    "/images/edits": {**_PAINTING, "input_fidelity": _TEXT},
}
"""By endpoint and name. What is not listed may be anything."""

_ALSO_KNOWN: dict[str, tuple[str, ...]] = {
    "/chat/completions": ("messages", "model", "stream", "stream_options"),
    "/responses": (
        *("access_programs", "background_options", "image", "input", "instructions", "model"),
        *("stream", "stream_options"),
    ),
    "/completions": ("model", "prompt", "stream", "stream_options"),
    "/embeddings": ("input", "model"),
    "/moderations": ("input",),
    "/images/generations": ("prompt", "stream"),
    "/images/edits": ("image", "images", "markup", "mask", "prompt", "stream"),
}

KNOWN: Mapping[str, frozenset[str]] = {
    path: frozenset((*_ALSO_KNOWN[path], *table)) for path, table in PARAMETERS.items()
}
"""Every name that OpenAI's endpoints know. A newer one may be missing, so that a name which is not
among these is no fault by itself; one that is nearly the same is a slip."""

ELSEWHERE: dict[str, dict[str, str]] = {
    "/chat/completions": {
        "input": "messages",
        "max_output_tokens": "max_completion_tokens",
        "reasoning": "reasoning_effort",
        "text": "response_format",
    },
    "/responses": {
        "max_completion_tokens": "max_output_tokens",
        "max_tokens": "max_output_tokens",
        "messages": "input",
        "reasoning_effort": "reasoning.effort",
        "response_format": "text.format",
        "verbosity": "text.verbosity",
    },
}
"""Names that belong to another endpoint and are refused here, and what stands for them here."""

WHOLLY_LOOKED_AT: dict[str, frozenset[str]] = {
    "/chat/completions": frozenset(
        {
            *("function_call", "functions", "logprobs", "response_format", "tool_choice", "tools"),
            "top_logprobs",
        }
    ),
    "/responses": frozenset({"text", "tool_choice", "tools"}),
    "/completions": frozenset({"best_of", "n"}),
    "/embeddings": frozenset({"dimensions"}),
}
"""Parameters that are looked into, or of which one decides what another may be."""

EXCLUSIVE: dict[str, frozenset[str]] = {
    # "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported."
    "/chat/completions": frozenset({"max_tokens", "max_completion_tokens"}),
}
"""Of these at most one may be given, whatever its value."""
