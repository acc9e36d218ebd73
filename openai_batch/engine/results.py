"""What one result line says, whatever the provider's dialect."""

from typing import Annotated, Any

import msgspec

from .. import jsonl
from ..blocks import Unreadable, decode_block
from .spool import Outcome
from .usage import Answer, answer_in

_NOT_EXECUTED_CODES = {"batch_expired", "batch_cancelled"}
_RETRYABLE_STATUSES = {408, 409, 429}


class Result(msgspec.Struct, frozen=True, gc=False):
    """One result line. `unexecuted`: the provider says that the request was not carried out;
    `answer`: what its body says of tokens, where it has one."""

    custom_id: str
    outcome: Outcome
    unexecuted: bool = False
    answer: Answer | None = None


def parse_result(line: bytes) -> Result | None:
    """Read one line; None where it is not a result at all (not JSON, or without a custom_id).

    A failure stands in `error` or in `response.body.error`; a status code of 0, null or none at all
    means that the provider itself does not know, so another attempt may succeed.
    """
    try:
        success = _SUCCESSES.decode(line)
    except Unreadable:
        return _parse_closely(line)
    if not jsonl.is_utf8(line):
        return None
    return Result(success.custom_id, Outcome.SUCCEEDED, answer=success.response.body)


def succeeded(block: bytes) -> tuple[list[str], list[Answer]] | None:
    """The custom_ids and answers of lines that are all plain successes; None where any is not."""
    successes = decode_block(_SUCCESSES, block)
    if successes is None:
        return None
    ids = [success.custom_id for success in successes]
    return ids, [success.response.body for success in successes]


class _Body(Answer, gc=False):
    error: None = None


class _Response(msgspec.Struct, gc=False):
    status_code: Annotated[int, msgspec.Meta(ge=200, lt=300)]
    body: _Body


class _Success(msgspec.Struct, gc=False):
    """What nearly all lines look like. Reading only this takes a third of the time of parsing."""

    custom_id: str
    response: _Response
    error: None = None


_SUCCESSES = msgspec.json.Decoder(_Success)


def _parse_closely(line: bytes) -> Result | None:
    try:
        result = jsonl.parse(line)
    except ValueError:
        return None
    if not isinstance(result, dict) or not isinstance(result.get("custom_id"), str):
        return None
    custom_id: str = result["custom_id"]
    error = result.get("error")
    response = result.get("response")
    response = response if isinstance(response, dict) else {}
    status = _status(response.get("status_code"))
    body = response.get("body")
    answer = _answer(body)
    if not error and 200 <= status < 300 and not _body_error(body):
        return Result(custom_id, Outcome.SUCCEEDED, answer=answer)
    code = error.get("code") if isinstance(error, dict) else None
    unexecuted = code in _NOT_EXECUTED_CODES or status == 429
    if code in _NOT_EXECUTED_CODES or status == 0 or status in _RETRYABLE_STATUSES or status >= 500:
        return Result(custom_id, Outcome.RETRYABLE, unexecuted, answer)
    return Result(custom_id, Outcome.FAILED, answer=answer)


def reasons(line: bytes) -> frozenset[str]:
    """What a failed result's line says of why: its HTTP status as text, and its error codes."""
    result = jsonl.parse(line)
    response = result.get("response")
    response = response if isinstance(response, dict) else {}
    body = response.get("body")
    told = [result.get("error"), body.get("error") if isinstance(body, dict) else None]
    codes = (error.get("code") for error in told if isinstance(error, dict))
    return frozenset(str(code) for code in (response.get("status_code"), *codes) if code)


def missing_line(custom_id: str) -> bytes:
    """The line of ours for a request that never came back."""
    return jsonl.dumps(
        {
            "id": None,
            "custom_id": custom_id,
            "response": None,
            "error": {
                "code": "missing",
                "message": "The provider returned no result for this request.",
            },
        }
    )


def _status(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return 0


def _body_error(body: Any) -> bool:
    # Some servers send the body as a JSON text; a success stays a success there.
    return isinstance(body, dict) and bool(body.get("error"))


def _answer(body: Any) -> Answer | None:
    if isinstance(body, str):
        try:
            body = jsonl.parse(body.encode())
        except ValueError:
            return None
    return answer_in(body) if isinstance(body, dict) else None
