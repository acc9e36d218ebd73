"""How many tokens a request sends, and how many its answer can have at most.

What a provider bills is only known from its own `usage`; this is what can be said before. Texts are
counted with the model's own encoding where it is public and the extra `tokens` is installed, and
estimated elsewhere (`encodings`); what surrounds them is in `tally`. Images, audio, files, stored
prompts and earlier responses have a size that the request does not tell: they are `uncounted`, so
say "at least" where there are any.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from .. import jsonl
from .encodings import text_counter
from .endpoints import endpoint_of
from .tally import Tally, mappings

_COMPLETION_TOKENS = 16
"""Output tokens of a `/completions` request that names no ceiling: the API's documented default."""


TEMPLATE_TOKENS = 64
"""What a chat template adds to a request at most. Of those that are public gpt-oss's adds most,
about sixty."""


class RequestTokens(NamedTuple):
    """The size of one request."""

    input: int
    output_max: int | None
    """At most so many tokens come back, reasoning included; None where there is no ceiling."""
    exact: bool
    """Whether all of the input was counted, and with the model's own encoding."""
    uncounted: int = 0
    """Parts of the input whose size is not known and not in `input`, images above all."""
    input_max: int = 0
    """At most so many, without `uncounted` parts: `input` itself where that is exact."""


def count_line(content: bytes, *, estimate: bool = False) -> RequestTokens:
    """As `count_request`, for one line of an input file that is known to be valid."""
    request = jsonl.parse(content)
    return count_request(request["url"], request["body"], estimate=estimate)


def count_request(
    url: str, body: Mapping[str, Any], *, estimate: bool = False, foreign: bool = False
) -> RequestTokens:
    """The tokens of a request to `url`, whatever its version prefix.

    With `estimate`, texts are estimated though they could be counted. `foreign`: the model has not
    the encoding that its name means, as on a server that answers to any name. A value that no valid
    body has counts for nothing.
    """
    model = body.get("model")
    named = model if isinstance(model, str) and not foreign else ""
    tally = Tally(text_counter(named, estimate=estimate))
    endpoint = endpoint_of(url)
    count = _ENDPOINTS.get(endpoint.path, _count_other) if endpoint else _count_other
    output_max = count(tally, body)
    exact = tally.exact and not tally.uncounted
    input_max = tally.most if tally.exact else tally.most + TEMPLATE_TOKENS
    return RequestTokens(tally.tokens, output_max, exact, tally.uncounted, input_max)


def _count_chat(tally: Tally, body: Mapping[str, Any]) -> int | None:
    for message in mappings(body.get("messages")):
        tally.add_message(message)
    tally.open_answer()
    tally.add_tools(body.get("tools") or body.get("functions"))
    _count_answer_schema(tally, body.get("response_format"))
    tally.add_json(body.get("prediction"))
    tally.uncounted += body.get("web_search_options") is not None
    ceiling = body.get("max_completion_tokens")
    if ceiling is None:
        ceiling = body.get("max_tokens")
    return _times(_natural(ceiling), body.get("n"))


def _count_response(tally: Tally, body: Mapping[str, Any]) -> int | None:
    tally.add_unnamed_message(body.get("instructions"))
    source = body.get("input")
    if isinstance(source, str):
        tally.add_unnamed_message(source)
    for item in mappings(source):
        if "role" in item:
            tally.add_message(item)
        elif item.get("type") == "function_call":
            tally.add_json({key: item.get(key) for key in ("name", "arguments")})
        elif item.get("type") == "function_call_output":
            tally.add_unnamed_message(item.get("output"))
        else:
            tally.uncounted += 1
    tally.open_answer()
    tally.uncounted += sum(
        bool(body.get(name)) for name in ("prompt", "previous_response_id", "conversation")
    )
    tally.add_tools(body.get("tools"))
    text = body.get("text")
    _count_answer_schema(tally, text.get("format") if isinstance(text, Mapping) else None)
    return _natural(body.get("max_output_tokens"))


def _count_answer_schema(tally: Tally, form: Any) -> None:
    if isinstance(form, Mapping) and form.get("type") == "json_schema":
        tally.add_json(form.get("json_schema", form.get("schema")))


def _count_messages(tally: Tally, body: Mapping[str, Any]) -> int | None:
    tally.add_unnamed_message(body.get("system"))
    for message in mappings(body.get("messages")):
        tally.add_message(message)
    tally.open_answer()
    tally.add_tools(body.get("tools"))
    return _natural(body.get("max_tokens"))


def _count_completion(tally: Tally, body: Mapping[str, Any]) -> int | None:
    prompts = tally.add_inputs(body.get("prompt"))
    tally.add_text(body.get("suffix"))
    # All that is generated is billed, also what `best_of` then throws away.
    ceiling = body.get("max_tokens")
    each = _COMPLETION_TOKENS if ceiling is None else _natural(ceiling)
    wanted, made = _times(each, body.get("n")), _times(each, body.get("best_of"))
    return None if wanted is None or made is None else max(wanted, made) * prompts


def _count_input(tally: Tally, body: Mapping[str, Any]) -> int | None:
    tally.add_inputs(body.get("input"))
    return 0


def _count_pairs(tally: Tally, body: Mapping[str, Any]) -> int | None:
    tally.add_pairs(
        _first_of(body, "text_1", "query", "queries", "data_1"),
        _first_of(body, "text_2", "documents", "items", "data_2"),
    )
    return 0


def _first_of(body: Mapping[str, Any], *names: str) -> Any:
    return next((body[name] for name in names if name in body), [])


def _count_prompt(tally: Tally, body: Mapping[str, Any]) -> int | None:
    """Images, films and transcripts: neither what is sent along nor the answer can be foretold."""
    tally.add_text(body.get("prompt"))
    if any(body.get(name) for name in ("image", "images", "input_reference", "file")):
        tally.uncounted += 1
    return None


def _count_other(tally: Tally, body: Mapping[str, Any]) -> int | None:
    tally.add_json(dict(body))
    return None


_ENDPOINTS: dict[str, Callable[[Tally, Mapping[str, Any]], int | None]] = {
    "/chat/completions": _count_chat,
    "/responses": _count_response,
    "/messages": _count_messages,
    "/completions": _count_completion,
    "/embeddings": _count_input,
    "/moderations": _count_input,
    "/score": _count_pairs,
    "/rerank": _count_pairs,
    "/images/generations": _count_prompt,
    "/images/edits": _count_prompt,
    "/videos": _count_prompt,
    "/audio/transcriptions": _count_prompt,
    "/audio/translations": _count_prompt,
}


_MOST = 10**12
"""No answer is as long; what is beyond is no ceiling."""


def _natural(value: Any) -> int | None:
    """`value` where it is a whole number from 0 to _MOST, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MOST:
        return None
    return int(value) if value == int(value) else None


def _times(ceiling: int | None, count: Any) -> int | None:
    """The ceiling of several answers; None where nobody can say how many there are."""
    number = 1 if count is None else _natural(count)
    return None if ceiling is None or number is None else ceiling * max(1, number)
