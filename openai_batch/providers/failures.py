"""What went wrong with a call, as one of our errors: the only place that judges failures.

Two questions are answered for each: may the same call succeed later (the class says it), and may it
have been carried out although no good answer came (`executed`). Where that is not certain it is
None, because a batch that is taken for lost is paid for twice.
"""

import math
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import (
    CredentialsRefused,
    NotFound,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
)
from ..jsonl import parse
from .text import quotable

if TYPE_CHECKING:
    import httpx2

# Refusals that speak of room or money whatever their status: clients saw `token_limit_exceeded`
# with 400 and 429, `billing_hard_limit_reached` with 400 to 429. The engine tells by the code
# which of them clear by waiting.
QUOTA_CODES = frozenset(
    {"token_limit_exceeded", "insufficient_quota", "billing_hard_limit_reached"}
)
_ABOUT_THE_KEY = re.compile(
    r"(?:\b|_)keys?\b|authenti|authori[sz]|permission|credential", re.IGNORECASE
)
_TITLE = re.compile(rb"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Call:
    """What was tried, for messages: `action` reads after "to", as in "create the batch"."""

    provider: str
    action: str
    key: str | None = None
    creates: bool = False
    """Whether the call starts work that costs."""

    def quote(self, text: str) -> str:
        return quotable(text, self.key)


def of_exception(error: Exception, call: Call) -> ProviderError:
    """What an exception of the SDK or its transport means. Every one of theirs has a meaning."""
    response = getattr(error, "response", None)
    if response is not None:
        return of_response(response, call)
    cause = error.__cause__ if isinstance(error.__cause__, transport_errors()) else error
    detail = call.quote(_detail(cause))
    if isinstance(cause, _never_formed()):
        return ProviderRefused(
            f"the call to {call.provider} to {call.action} could not be made: {detail}. "
            "Check the base URL and the key."
        )
    if isinstance(cause, _never_sent()):
        return ProviderUnavailable(
            f"cannot reach {call.provider} to {call.action}: {detail}", executed=False
        )
    return ProviderUnavailable(
        f"the connection to {call.provider} broke before it answered to {call.action}: {detail}",
        executed=None,
    )


def _detail(error: BaseException) -> str:
    return f"{error} ({type(error).__name__})" if str(error) else type(error).__name__


def transport_errors() -> tuple[type[Exception], ...]:
    """Every exception that the transport below the SDK raises; some reach us unwrapped."""
    import httpx2

    return (
        httpx2.HTTPError,
        httpx2.InvalidURL,
        httpx2.CookieConflict,
        httpx2.StreamError,
        ssl.SSLError,
    )


def _never_formed() -> tuple[type[BaseException], ...]:
    import httpx2

    return (httpx2.InvalidURL, httpx2.UnsupportedProtocol, httpx2.LocalProtocolError)


def _never_sent() -> tuple[type[BaseException], ...]:
    """No connection was made, so nothing reached the provider. A proxy's refusal is one of them."""
    import httpx2

    return (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


def of_response(response: "httpx2.Response", call: Call) -> ProviderError:
    """What an answer with an error status means, or one that is not what the API promises."""
    status = response.status_code
    said = _said(response)
    reason = call.quote(f"{status} {said.message}")
    if said.code:
        reason += f" ({call.quote(said.code)})"
    known: dict[str, Any] = {"status_code": status, "code": said.code}
    if status == 429 or (said.code in QUOTA_CODES and 400 <= status < 500):
        return QuotaRefused(
            f"{call.provider} has no room to {call.action}: {reason}",
            retry_after_s=retry_after_s(response.headers),
            **known,
        )
    if status == 401 or (status == 403 and said.about_the_key):
        return CredentialsRefused(
            f"{call.provider} refused the key when asked to {call.action}: {reason}", **known
        )
    if status == 404:
        return NotFound(
            f"{call.provider} found nothing when asked to {call.action}: {reason}. "
            "It may also mean that the key belongs to another organisation or project.",
            **known,
        )
    if _unclear(status, call):
        return ProviderUnavailable(
            f"{call.provider} gave no usable answer when asked to {call.action}: {reason}",
            retry_after_s=retry_after_s(response.headers),
            executed=None,
            **known,
        )
    return ProviderRefused(f"{call.provider} refused to {call.action}: {reason}", **known)


def _unclear(status: int, call: Call) -> bool:
    """Whether the status leaves open that the call was carried out.

    501 says that the server has no such call. 409 to a creation comes from servers which found the
    same creation under way.
    """
    if status == 409:
        return call.creates
    return status < 300 or status == 408 or (status >= 500 and status != 501)


@dataclass(frozen=True, slots=True)
class _Said:
    """What an answer says, in whichever shape it says it."""

    message: str
    code: str | None = None
    about_the_key: bool = False


def _said(response: "httpx2.Response") -> _Said:
    status, body = response.status_code, response.content
    if 300 <= status < 400:
        return _Said("redirected elsewhere; check the base URL")
    try:
        found = _error_object(parse(body))
    except ValueError:
        if is_html(response.headers, body):
            return _page(status, body)
        found = {"message": body[:2000].decode("utf-8", "replace")}
    message = _words(found.get("message") or found.get("msg"))
    if message is None:
        message = "request too large" if status == 413 else response.reason_phrase
    code = _words(found.get("code"))
    kind = _words(found.get("type"))
    if code in (None, str(status)) or (kind in QUOTA_CODES and code not in QUOTA_CODES):
        code = kind
    spoken = " ".join(filter(None, (message, code, kind)))
    return _Said(message, code, bool(_ABOUT_THE_KEY.search(spoken)))


def _page(status: int, body: bytes) -> _Said:
    """A page speaks for a proxy on the way, not for the provider: its words prove nothing."""
    title = _TITLE.search(body)
    words = title.group(1).decode("utf-8", "replace") if title else ""
    too_large = "request too large; " if status == 413 else ""
    return _Said(f"{too_large}an HTML page {words!r} instead of an answer of the API")


def _error_object(answer: Any) -> Mapping[str, Any]:
    """The part of an error answer that has `message` and `code`, wherever it stands."""
    for _ in range(_DEEPEST):
        if isinstance(answer, list) and answer:
            answer = answer[0]
        elif isinstance(answer, Mapping) and not isinstance(answer.get("message"), str):
            inner = (answer.get(key) for key in ("error", "errors", "data", "detail"))
            deeper = next((part for part in inner if part), None)
            if deeper is None:
                return answer
            answer = deeper
    if isinstance(answer, str):
        return {"message": answer}
    return answer if isinstance(answer, Mapping) else {}


_DEEPEST = 6  # `{"errors": {"data": [{"error": {…}}]}}` is the deepest shape that was seen


def _words(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def is_html(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether an answer is a web page, by its type or its first bytes."""
    start = body[:256].lstrip().lower()
    content_type = headers.get("content-type", "").lower()
    return "html" in content_type or start.startswith((b"<!doctype", b"<html"))


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds the provider asks to wait: `retry-after-ms`, else Retry-After as seconds or date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    moment = _date_s(value)
    if moment is None:
        return None
    # Both dates are the server's, so its clock may be wrong without harm.
    return max(moment - (_date_s(headers.get("date")) or time.time()), 0.0)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date_s(value: str | None) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(value).timestamp() if value else None
    except (ValueError, OverflowError):
        return None
