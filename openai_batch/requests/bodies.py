"""What is wrong with the body of a request, beyond what is missing: every rule, by endpoint."""

import difflib
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from .endpoints import Endpoint
from .faults import shown
from .formats import chat_format_flaws, response_format_flaws, tools_flaws
from .messages import Flaw, chat_flaws, input_flaws
from .parameters import ELSEWHERE, EXCLUSIVE, KNOWN, PARAMETERS

MOST_EMBEDDED = 2048
"""Texts, or tokens of a text, in one request for embeddings (API reference, `input`)."""

_NATIVE_DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
"""The most dimensions a model has (Embeddings guide)."""
_FIXED_DIMENSIONS = ("text-embedding-ada-002",)

_ALIKE = 0.88
"""How much a misspelt name is like the right one: `temprature` is by 0.95, `top_k` and `top_p`, of
which the first is another provider's, by 0.8."""


def body_flaws(endpoint: Endpoint, body: dict[str, Any], *, strict: bool) -> Iterator[Flaw]:
    """Every flaw of a body. Unless `strict`, those that no server can take."""
    path = endpoint.path
    if strict:
        yield from _name_flaws(path, body)
    for name, parameter in PARAMETERS.get(path, {}).items():
        value = body.get(name)
        if value is not None and not parameter.fits(value, strict):
            yield name, f"is {shown(value)}; {path} wants {parameter.words}"
    if path == "/chat/completions" and isinstance(messages := body.get("messages"), list):
        yield from chat_flaws(messages, strict)
    if path == "/responses" and isinstance(items := body.get("input"), list):
        yield from input_flaws(items, strict)
    if strict:
        for rule in _STRICT_RULES.get(path, ()):
            yield from rule(body)


@lru_cache(maxsize=1024)
def slip(path: str, name: str) -> str | None:
    """What is wrong with the name of a parameter at an endpoint of OpenAI's, or None.

    A name that is only unknown may be a new one, so nothing is said of it.
    """
    known = KNOWN.get(path)
    if known is None or name in known:
        return None
    if right := ELSEWHERE.get(path, {}).get(name):
        return f"is another endpoint's; in {path} it is `{right}`"
    bare = {_bare(one): one for one in known}
    near = difflib.get_close_matches(_bare(name), bare, n=1, cutoff=_ALIKE)
    return f"is no parameter; is `{bare[near[0]]}` meant?" if near else None


def _bare(name: str) -> str:
    """A name without what spellings differ in: maxTokens is max_tokens."""
    return name.replace("_", "").replace("-", "").lower()


def _name_flaws(path: str, body: dict[str, Any]) -> Iterator[Flaw]:
    for name in body:
        if message := slip(path, name):
            yield name, message


def _token_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    if all(body.get(name) is not None for name in EXCLUSIVE["/chat/completions"]):
        message = "stands beside `max_completion_tokens`, its new name; leave one of them out"
        yield "max_tokens", message


def _logprob_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    if body.get("top_logprobs") and body.get("logprobs") in (None, False):
        yield "top_logprobs", "needs `logprobs`: true beside it"


def _stream_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    if body.get("stream_options") is not None and not body.get("stream"):
        yield "stream_options", "goes with `stream`, and a batch cannot stream; leave it out"


def _best_of_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    best_of, n = body.get("best_of"), body.get("n")
    if type(best_of) is int and type(n) is int and best_of < n:
        yield "best_of", f"is {best_of}, and the best {n} of them are asked for; make `n` smaller"


def _embedding_flaws(body: dict[str, Any]) -> Iterator[Flaw]:
    yield from _embedded_flaws(body.get("input"))
    model, dimensions = body.get("model"), body.get("dimensions")
    if not isinstance(model, str) or type(dimensions) is not int:
        return
    if model in _FIXED_DIMENSIONS:
        yield "dimensions", f"cannot be chosen with {model}; leave it out"
    elif dimensions > (most := _NATIVE_DIMENSIONS.get(model, dimensions)):
        yield "dimensions", f"is {dimensions}, and {model} has {most}"


def _embedded_flaws(value: Any) -> Iterator[Flaw]:
    if value == "":
        yield "input", "is an empty text, of which there is no embedding; leave the request out"
    if not isinstance(value, list) or not value:
        return  # what is missing is found elsewhere
    if len(value) > MOST_EMBEDDED:
        yield "input", f"has {len(value):,} items, and a request takes {MOST_EMBEDDED:,}; split it"
    form = type(value[0])
    if form not in (str, int, list):
        yield "input[0]", f"is {shown(value[0])}; it must be a text, a token, or a list of tokens"
        return
    for index, item in enumerate(value):
        if type(item) is not form:
            yield f"input[{index}]", f"is {shown(item)}, and input[0] is {shown(value[0])}"
        elif item == "":
            yield f"input[{index}]", "is an empty text, of which there is no embedding"
        elif form is list and (not item or any(type(token) is not int for token in item)):
            yield f"input[{index}]", f"is {shown(item)}; it must be a list of tokens"
        else:
            continue
        return  # the first of them tells enough


_STRICT_RULES: dict[str, tuple[Callable[[dict[str, Any]], Iterator[Flaw]], ...]] = {
    "/chat/completions": (
        _token_flaws,
        _logprob_flaws,
        _stream_flaws,
        chat_format_flaws,
        lambda body: tools_flaws(body, nested=True),
    ),
    "/responses": (
        _stream_flaws,
        response_format_flaws,
        lambda body: tools_flaws(body, nested=False),
    ),
    "/completions": (_stream_flaws, _best_of_flaws),
    "/embeddings": (_embedding_flaws,),
}
"""What is decided by several parameters, or by what is inside of one."""
