"""Recognising requests of the shape that nearly all of a run have, faster than by a closer look."""

from typing import Any

import msgspec

from .. import jsonl
from ..blocks import Unreadable, decode_block
from .attachments import image_fault
from .endpoints import Kind, endpoint_of, given, path_of
from .formats import chooses_elsewhere, says_json, wants_word_json
from .parameters import EXCLUSIVE
from .shapes import ANY_MODEL, Image, InputImage, Outline, Shape, content_of, shape

_MOST_NAMES = 64
_MOST_PASSED = 1_000
_MOST_WHOLE_BYTES = 4 << 20
"""Of the values that are kept as they stand, because a closer look has passed them."""


class Checked(msgspec.Struct, frozen=True, gc=False):
    """What is worth knowing of requests without faults: of one, or of several that are alike."""

    custom_ids: list[str]
    url: str
    models: list[str]
    """Each but once; none where the requests name none."""
    inputs: int
    """Texts to embed, for embeddings requests; else one a request."""


class Usual:
    """The shape of the good requests so far. Requests of that shape need no closer look.

    Nearly all requests of a run have one shape, and a closer look costs many times what it takes to
    read only the fields that count. Only a request that the closer look would pass is recognised.
    """

    def __init__(self, mixed_models: bool, strict: bool) -> None:
        self._mixed_models = mixed_models
        self._strict = strict
        self._url = ""
        self._field = ""
        self._counts_inputs = False
        self._names: frozenset[str] = frozenset()
        self._shape: Shape | None = None
        self._layout: tuple[str, ...] = ()
        self._passed: dict[tuple[bytes, ...], bool] = {}
        self._last: tuple[Any, ...] | None = None
        self._passed_bytes = 0

    def remember(self, request: dict[str, Any], content: bytes) -> Checked:
        """Take the shape of a request that a closer look has passed."""
        url, body = request["url"], request["body"]
        named = body.get("model")
        model = named if named and isinstance(named, str) else None
        endpoint = endpoint_of(url)
        if url != self._url:
            self._url, self._names = url, frozenset()
            self._counts_inputs = endpoint is not None and Kind.EMBEDDING in endpoint.kinds
            self._forget()
        names = [given(group, body) for group in (endpoint.required if endpoint else ())]
        about = dict.fromkeys(name for name in names if name and name != "model")
        *others, self._field = about or [""]
        self._shape = self._shape_of(body, model, tuple(others)) if self._field else None
        if self._shape is not None and not (self._strict and chooses_elsewhere(body)):
            self._pass(self._shape, content, self._strict and wants_word_json(body))
        inputs = _count_inputs(body.get("input")) if self._counts_inputs else 1
        return Checked([request["custom_id"]], url, [model] if model else [], inputs)

    def _shape_of(
        self, body: dict[str, Any], model: str | None, others: tuple[str, ...]
    ) -> Shape | None:
        optional = body.keys() - {self._field, *others, "model"}
        exclusive = EXCLUSIVE.get(path_of(self._url), frozenset())
        if exclusive <= optional and exclusive:
            return None  # one of them is null, and no type says that it must be
        joined = self._names - (exclusive if exclusive & optional else frozenset()) | optional
        self._names = frozenset(joined if len(joined) <= _MOST_NAMES else optional)
        models = ANY_MODEL if model and self._mixed_models else model
        content = content_of(self._field, body[self._field])
        if content == "messages" and self._shape is not None and self._shape.has_parts:
            content = "parts"  # which may be missing
        return shape(
            Outline(self._url, models, self._field, content, others, self._names, self._strict)
        )

    def _pass(self, known: Shape, content: bytes, wants_json: bool) -> None:
        """Take note of the values that count as they stand."""
        if known.whole is None:
            return
        if known.layout != self._layout:
            self._layout = known.layout
            self._forget()
        try:
            taken = known.whole(known.decoder.decode(content))
        except Unreadable:
            return
        values = _as_bytes(taken)
        self._passed_bytes += sum(map(len, values))
        if self._passed_bytes > _MOST_WHOLE_BYTES or len(self._passed) >= _MOST_PASSED:
            self._forget()
        self._passed[values] = wants_json
        self._last = None if wants_json else taken

    def _forget(self) -> None:
        self._passed.clear()
        self._passed_bytes = 0
        self._last = None

    def recognise(self, content: bytes) -> Checked | None:
        """What is worth knowing of a request of the usual shape, None for any other."""
        if self._shape is None:
            return None
        try:
            request = self._shape.decoder.decode(content)
        except Unreadable:
            return None  # the closer look says what is wrong with it, if anything is
        return self._sum([request]) if jsonl.is_utf8(content) else None

    def recognise_all(self, block: bytes) -> Checked | None:
        """The same of whole lines, of which each holds a request of the usual shape."""
        requests = self._shape and decode_block(self._shape.decoder, block)
        return self._sum(requests) if requests else None

    def _sum(self, requests: list[Any]) -> Checked | None:
        known = self._shape
        assert known is not None
        if known.whole is not None:
            for request, taken in zip(requests, map(known.whole, requests), strict=True):
                if taken != self._last and not self._has_passed(request, taken):
                    return None
        if known.has_parts and not all(map(self._has_good_images, requests)):
            return None
        inputs = len(requests)
        if self._counts_inputs and not known.is_one_text:
            inputs = sum(_count_inputs(getattr(one.body, self._field)) for one in requests)
        models = [known.model] if known.model else []
        if known.model == ANY_MODEL:
            models = list(dict.fromkeys(one.body.model for one in requests))
        return Checked([one.custom_id for one in requests], self._url, models, inputs)

    def _has_passed(self, request: Any, taken: tuple[Any, ...]) -> bool:
        wants_json = self._passed.get(_as_bytes(taken))
        if not wants_json:
            return wants_json is False
        return any(says_json(one.content) for one in getattr(request.body, self._field))

    def _has_good_images(self, request: Any) -> bool:
        for message in getattr(request.body, self._field):
            for part in message.content if type(message.content) is list else ():
                if isinstance(part, Image | InputImage):
                    url = part.image_url if isinstance(part, InputImage) else part.image_url.url
                    if message.role != "user" or image_fault(url, self._strict):
                        return False
        return True


def _as_bytes(taken: tuple[Any, ...]) -> tuple[bytes, ...]:
    """Texts, and values as they stand, to be looked up; empty for what is missing."""
    return tuple(
        bytes(one) if type(one) is msgspec.Raw else (one or "").encode("utf-8") for one in taken
    )


def _count_inputs(value: Any) -> int:
    """Texts in an embedding's `input`: a text, a list of texts, or either as token numbers."""
    if type(value) is not list or (value and isinstance(value[0], int | float)):
        return 1  # a parser may read a number as either
    return len(value)
