"""Recognising requests of the shape that nearly all of a run have, faster than by a closer look."""

from functools import lru_cache, reduce
from operator import or_
from typing import Annotated, Any, Literal

import msgspec

from .. import jsonl
from ..blocks import Unreadable, decode_block
from .endpoints import FIELD_TYPES, Kind, endpoint_of, given


class Checked(msgspec.Struct, frozen=True, gc=False):
    """What is worth knowing of requests without faults: of one, or of several that are alike."""

    custom_ids: list[str]
    url: str
    models: list[str]
    """Each but once; none where the requests name none."""
    inputs: int
    """Texts to embed, for embeddings requests; else one a request."""


class Usual:
    """The shape of the last good request. Requests of that shape need no closer look.

    Nearly all requests of a run have one shape, and a closer look costs many times what it takes to
    read only the fields that count. Only a request that the closer look would pass is recognised.
    """

    def __init__(self, mixed_models: bool) -> None:
        self._mixed_models = mixed_models
        self._url = ""
        self._field = ""
        self._counts_inputs = False
        self._decoder: msgspec.json.Decoder[Any] | None = None

    def remember(self, request: dict[str, Any]) -> Checked:
        """Take the shape of a request that a closer look has passed."""
        url, body = request["url"], request["body"]
        model = body.get("model") if isinstance(body.get("model"), str) else None
        endpoint = endpoint_of(url)
        self._url = url
        self._counts_inputs = endpoint is not None and Kind.EMBEDDING in endpoint.kinds
        names = [given(group, body) for group in (endpoint.required if endpoint else ())]
        *others, self._field = [name for name in names if name and name != "model"] or [""]
        models = _ANY_MODEL if model and self._mixed_models else model
        self._decoder = _decoder(url, models, self._field, tuple(others)) if self._field else None
        inputs = _count_inputs(body.get("input")) if self._counts_inputs else 1
        return Checked([request["custom_id"]], url, [model] if model else [], inputs)

    def recognise(self, content: bytes) -> Checked | None:
        """What is worth knowing of a request of the usual shape, None for any other."""
        if self._decoder is None:
            return None
        try:
            request = self._decoder.decode(content)
        except Unreadable:
            return None  # the closer look says what is wrong with it, if anything is
        return self._sum([request]) if jsonl.is_utf8(content) else None

    def recognise_all(self, block: bytes) -> Checked | None:
        """The same of whole lines, of which each holds a request of the usual shape."""
        requests = self._decoder and decode_block(self._decoder, block)
        return self._sum(requests) if requests else None

    def _sum(self, requests: list[Any]) -> Checked:
        inputs = len(requests)
        if self._counts_inputs:
            inputs = sum(_count_inputs(getattr(one.body, self._field)) for one in requests)
        models = dict.fromkeys(one.body.model for one in requests)
        custom_ids = [one.custom_id for one in requests]
        return Checked(custom_ids, self._url, [model for model in models if model], inputs)


_ANY_MODEL = ""


@lru_cache(maxsize=64)
def _decoder(
    url: str, model: str | None, field: str, others: tuple[str, ...]
) -> "msgspec.json.Decoder[Any] | None":
    """Reads requests to `url` whose body has these fields, none empty, and refuses any other.

    `field` is what the request is about; the `others` are texts. Where `model` is None, it names
    none, where it is _ANY_MODEL, any. None where a name is beyond what decoders take.
    """
    if not all(name.isascii() for name in (url, model or "")):
        return None
    filled = msgspec.Meta(min_length=1)
    text = Annotated[str, filled]
    forms: dict[type, Any] = {
        str: text,
        list: Annotated[list[Any] if field == "input" else list[msgspec.Raw], filled],
        dict: Annotated[dict[str, msgspec.Raw], filled],
    }
    payload = reduce(or_, (forms[form] for form in FIELD_TYPES.get(field, (str, list))))
    named: list[tuple[str, Any]] = [(field, payload), *((name, text) for name in others)]
    absent: list[tuple[str, Any, Any]] = [("stream", None, None)]
    if model is None:
        absent.append(("model", None, None))
    else:
        named.append(("model", text if model == _ANY_MODEL else Literal[model]))
    body = msgspec.defstruct("Body", [*named, *absent], gc=False)
    request = msgspec.defstruct(
        "Request",
        [("custom_id", text), ("method", Literal["POST"]), ("url", Literal[url]), ("body", body)],
        gc=False,
    )
    return msgspec.json.Decoder(request)


def _count_inputs(value: Any) -> int:
    """Texts in an embedding's `input`: a text, a list of texts, or either as token numbers."""
    if type(value) is not list or (value and type(value[0]) is int):
        return 1
    return len(value)
