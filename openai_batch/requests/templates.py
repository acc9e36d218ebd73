"""Requests that differ in nothing but a few values are built once, and then only filled in.

Nearly all prompts of an input are alike: the same names in the same order, and the same model. What
becomes of them is the same, too, so it is worked out for the first one and kept as bytes with
places for the values, which takes a quarter of the time.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..jsonl import dumps_each
from .build import request_line
from .prompt_options import PromptOptions, build_from_prompt

_KEPT = 1_000
"""How many templates are kept: prompts that are all different must not fill the memory."""

_TEXTS = ("prompt", "input")

# What becomes of these depends on what they hold, and not only on whether they are there.
_LOOKED_INTO = frozenset({"image", "documents", "text_1", "text_2", "query"})


class Template(NamedTuple):
    """A request with a place for its custom_id, and then one for each of `names`.

    It is for prompts whose value under `about` is of this very `type`.
    """

    line: bytes
    names: tuple[str, ...]
    about: str
    type: type

    def fill(self, custom_id: bytes, prompt: Mapping[str, Any]) -> bytes:
        """The line of the request that a fitting prompt asks for. `custom_id` is its JSON."""
        return self.line % (custom_id, *dumps_each([prompt[name] for name in self.names]))


class Templates:
    """The templates of one input, made as prompts come."""

    def __init__(self, options: PromptOptions):
        self._options = options
        self._made: dict[tuple[str | None, ...], Template | None] = {}

    def fitting(self, prompt: Mapping[str, Any]) -> Template | None:
        """The template of a prompt, None where that needs a closer look.

        What it makes is what `build_from_prompt` would make.
        """
        model = prompt.get("model")
        if model is not None and type(model) is not str:
            return None
        shape = (model, *prompt)
        try:
            template = self._made[shape]
        except KeyError:
            template = self._make(shape)
        if template is None or type(prompt[template.about]) is not template.type:
            return None
        return template

    def _make(self, shape: tuple[str | None, ...]) -> Template | None:
        model, *names = shape
        template = _template([str(name) for name in names], model, self._options)
        if len(self._made) < _KEPT:
            self._made[shape] = template
        return template


def _template(names: list[str], model: str | None, options: PromptOptions) -> Template | None:
    """The template for prompts of these names; None where such prompts are not all alike."""
    about = [name for name in (*_TEXTS, "messages") if name in names]
    reads_messages = about == ["messages"] and options.system is not None
    if len(about) != 1 or reads_messages or not _LOOKED_INTO.isdisjoint(names):
        return None
    custom_id = os.urandom(16).hex()
    marks = {name: os.urandom(16).hex() for name in names}
    try:
        url, body = build_from_prompt(
            marks | ({"model": model} if "model" in names else {}), options
        )
    except ValueError:
        return None  # the closer look says what is wrong
    line = request_line(custom_id, url, body) + b"\n"
    held = [name for name in names if marks[name].encode() in line]
    held.sort(key=lambda name: line.index(marks[name].encode()))
    line = line.replace(b"%", b"%%")
    for mark in (custom_id, *marks.values()):
        line = line.replace(b'"%b"' % mark.encode(), b"%b")
    return Template(line, tuple(held), about[0], str if about[0] in _TEXTS else list)
