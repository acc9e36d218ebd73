"""Checking requests before anything is sent, one line at a time.

A fault found here costs nothing; the same fault found by the provider fails the whole batch, hours
later. Codes are the provider's own where it has one for the fault.
"""

import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from .. import jsonl
from ..errors import Fault
from .bodies import body_flaws
from .endpoints import FIELD_TYPES, FIELD_WORDS, Endpoint, endpoint_of, given
from .faults import invalid_json, shown
from .usual import Checked, Usual
from .wrong_file import is_result

OnFault = Callable[[Fault], None]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a provider asks of the requests of one run. The defaults suit an unknown server."""

    endpoints: Collection[str] = ()
    """The URLs a request may have; empty where any may be tried."""
    mixed_models: bool = False
    """Whether requests may name different models."""
    mixed_urls: bool = False
    """Whether requests may name different URLs."""
    max_request_bytes: int | None = None
    """Bytes of one line without its newline; None where there is no limit."""
    max_inputs: int | None = None
    """Texts to embed in one request; None where there is no limit."""
    strict_parameters: bool = False
    """Whether the body's parameters are checked as OpenAI checks them; if not, only what no server
    can take is a fault."""


class Validator:
    """Checks the requests of one run, in their order, and reports every fault of every line.

    Looks at lines one by one and keeps only what the first one said, so memory does not grow.
    Duplicate ids are found elsewhere (`unique`).
    """

    def __init__(self, rules: Rules, on_fault: OnFault):
        self._rules = rules
        self._on_fault = on_fault
        self._endpoints = frozenset(rules.endpoints)
        self._max_bytes = rules.max_request_bytes or sys.maxsize
        self._max_inputs = rules.max_inputs or sys.maxsize
        self._first_url: tuple[str, int] | None = None
        self._first_model: tuple[str, int] | None = None
        self._lines = 0
        self.faulty_id: str | None = None
        """The custom_id of the line that was checked last, where that has one and faults."""
        self._usual = Usual(rules.mixed_models, rules.strict_parameters)

    def check(self, line_number: int, content: bytes) -> Checked | None:
        """Check one request; None where it has faults, which have been reported by then.

        `line_number` is the user's, `content` the line without its newline. Raises nothing.
        """
        self._lines += 1
        self.faulty_id = None
        if len(content) > self._max_bytes:
            self._refuse_size(line_number, len(content))
            return None
        checked = self._usual.recognise(content)
        if checked is not None and checked.inputs <= self._max_inputs:
            return checked
        return self._check_text(line_number, content)

    def check_block(self, block: bytes) -> Checked | None:
        """Check lines that are nothing but requests like the last good one; None for any other.

        Of those nothing is reported: check them one by one. Raises nothing.
        """
        if len(block) > self._max_bytes:
            return None
        checked = self._usual.recognise_all(block)
        if checked is None or checked.inputs > self._max_inputs:
            return None
        self._lines += len(checked.custom_ids)
        return checked

    def finish(self) -> None:
        """Report an input without any request. Call once, after the last line."""
        if self._lines == 0:
            self._report(
                "empty_file",
                "the input holds no requests; is it the right one, and did what writes it succeed?",
                None,
            )

    def _refuse_size(self, line_number: int, size_bytes: int) -> None:
        self._report(
            "request_too_large",
            f"the request has {size_bytes:,} bytes, and at most {self._max_bytes:,} can be sent; "
            "shorten it or split it",
            line_number,
        )

    def _refuse_inputs(self, line_number: int, inputs: int) -> None:
        self._report(
            "too_many_inputs",
            f"`input` has {inputs:,} texts, and the provider takes {self._max_inputs:,} in a whole "
            "batch; make several requests of it",
            line_number,
            "body.input",
        )

    def _check_text(self, line_number: int, content: bytes) -> Checked | None:
        if content[:1] not in b"{[":
            self._refuse_kind(f"plain text, not a request; {_CREATE}", line_number)
            return None
        try:
            request = jsonl.parse(content)
        except ValueError as error:
            self._on_fault(invalid_json(line_number, content, error))
            return None
        if other := _other_kind(request):
            self._refuse_kind(other, line_number)
            return None
        return self._check_closely(line_number, request, content)

    def _refuse_kind(self, message: str, line_number: int) -> None:
        self._report("invalid_json_line", message, line_number)

    def _check_closely(
        self, line_number: int, request: dict[str, Any], content: bytes
    ) -> Checked | None:
        faults = [
            *_envelope_faults(request),
            *self._url_faults(request, line_number),
            *self._body_faults(request, line_number),
        ]
        for code, param, message in faults:
            self._report(code, message, line_number, param)
        if faults:
            custom_id = request.get("custom_id")
            self.faulty_id = custom_id if isinstance(custom_id, str) and custom_id else None
            return None
        checked = self._usual.remember(request, content)
        if checked.inputs > self._max_inputs:
            self.faulty_id = request["custom_id"]
            self._refuse_inputs(line_number, checked.inputs)
            return None
        return checked

    def _url_faults(self, request: dict[str, Any], line_number: int) -> "_FaultParts":
        url = request.get("url")
        if url is None:
            return  # reported with the envelope
        if not isinstance(url, str) or not url.startswith("/") or not self._knows(url):
            known = ", ".join(sorted(self._endpoints)) or "/v1/chat/completions and the like"
            yield "invalid_url", "url", f"url is {shown(url)}; this provider takes {known}"
            return
        first_url, first_line = self._first_url = self._first_url or (url, line_number)
        if url != first_url and not self._rules.mixed_urls:
            yield (
                "invalid_url",
                "url",
                f"url is {url}, but line {first_line} has {first_url}; "
                "a run has one url: send the others as a run of their own",
            )

    def _knows(self, url: str) -> bool:
        return not self._endpoints or url in self._endpoints

    def _body_faults(self, request: dict[str, Any], line_number: int) -> "_FaultParts":
        body = request.get("body")
        if not isinstance(body, dict):
            return  # reported with the envelope
        url = request.get("url")
        endpoint = endpoint_of(url) if isinstance(url, str) else None
        missing = list(_missing_fields(endpoint, body)) if endpoint is not None else []
        yield from missing
        if body.get("stream"):
            yield (
                "streaming_unsupported",
                "body.stream",
                "a batch cannot stream; leave `stream` out of the body",
            )
        model = body.get("model")
        if isinstance(model, str) and model:
            first_model, first_line = self._first_model = self._first_model or (model, line_number)
            if model != first_model and not self._rules.mixed_models:
                yield (
                    "mismatched_model",
                    "body.model",
                    f"model is {shown(model)}, but line {first_line} has {shown(first_model)}; "
                    "this provider takes one model a batch: send the others as a run of their own",
                )
        if endpoint is not None:
            told = {param for _, param, _ in missing}
            for name, message in body_flaws(endpoint, body, strict=self._rules.strict_parameters):
                if f"body.{name}" not in told:
                    yield "invalid_request", f"body.{name}", f"`{name}` {message}"

    def _report(self, code: str, message: str, line: int | None, param: str | None = None) -> None:
        self._on_fault(Fault(code, message, line, param))


_FaultParts = Iterator[tuple[str, str, str]]
"""Code, param and message of each fault."""

_CREATE = "`openai-batch create` makes requests out of prompts"


def _other_kind(value: Any) -> str | None:
    """What a parsed line is, where it is no request at all; one fault says more than four."""
    if isinstance(value, list):
        if any(isinstance(item, dict) and "body" in item for item in value):
            return "a JSON array of requests; each needs a line of its own: `jq -c '.[]'` does that"
        return f"a JSON array, not a request; {_CREATE}"
    if not value.keys().isdisjoint(("method", "url", "body")):
        return None
    if is_result(value):
        return "a result, not a request; `openai-batch retry RUN_ID` sends what failed again"
    if value.get("object") in ("run", "batch"):
        return f"the record of a {value['object']}; `openai-batch status` and `download` read it"
    if set(value) <= {"custom_id"} and value:
        return None  # a request of which the rest is missing
    return f"a prompt, not a request; {_CREATE}"


def _envelope_faults(request: dict[str, Any]) -> _FaultParts:
    for name, example in _ENVELOPE.items():
        if request.get(name) is None:
            message = f"the request has no `{name}`; give it one, such as {example}"
            yield "missing_required_parameter", name, message
    custom_id = request.get("custom_id")
    if custom_id is not None and (not isinstance(custom_id, str) or not custom_id):
        message = f"custom_id must be a string that is not empty, not {shown(custom_id)}"
        yield "invalid_request", "custom_id", message
    method = request.get("method")
    if method is not None and method != "POST":
        yield "invalid_method", "method", f'method must be "POST", not {shown(method)}'
    body = request.get("body")
    if body is not None and not isinstance(body, dict):
        yield "invalid_request", "body", f"body must be an object, not {shown(body)}"


_ENVELOPE = {
    "custom_id": '"line-1"',
    "method": '"POST"',
    "url": '"/v1/chat/completions"',
    "body": '{"model": …, "messages": […]}',
}


def _missing_fields(endpoint: Endpoint, body: dict[str, Any]) -> _FaultParts:
    for group in endpoint.required:
        name = given(group, body)
        if name is None:
            message = f"the body has no `{group[0]}`, which {endpoint.path} needs"
            yield "invalid_request", f"body.{group[0]}", message
        elif not _is_good(name, body[name]):
            wanted = FIELD_WORDS.get(name, "one that is not empty")
            message = f"`{name}` is {shown(body[name])}; {endpoint.path} wants {wanted}"
            yield "invalid_request", f"body.{name}", message


def _is_good(name: str, value: Any) -> bool:
    if type(value) not in FIELD_TYPES.get(name, (type(value),)):
        return False
    # An empty text may be sent (a document can be empty); no messages at all, or no model, cannot.
    return bool(value) or (type(value) is str and name != "model")
