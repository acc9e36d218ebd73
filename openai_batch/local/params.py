"""What clients send beside files, checked; and the shape in which we answer."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from .. import jsonl
from .refusal import Refused

_MAX_JSON_BYTES = 64_000_000
_MIN_EXPIRY_S = 3_600
_MAX_EXPIRY_S = 2_592_000


class JsonResponse(Response):
    """A JSON answer. Starlette's own fails on lone surrogates, which JSON allows in escapes."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return jsonl.dumps(content)


def page(objects: list[dict[str, Any]], limit: int) -> JsonResponse:
    """One page of a listing, from up to `limit + 1` objects: the last says that there is more."""
    shown = objects[:limit]
    return JsonResponse(
        {
            "object": "list",
            "data": shown,
            "first_id": shown[0]["id"] if shown else None,
            "last_id": shown[-1]["id"] if shown else None,
            "has_more": len(objects) > limit,
        }
    )


def unknown_cursor(after: object) -> Refused:
    """The refusal of a listing behind an id that was never there."""
    return Refused(400, f"Invalid 'after': nothing has the id '{after}'.", param="after")


def limit_param(request: Request, default: int, most: int) -> int:
    """The query's `limit`, from 1 to `most`. Raises Refused."""
    given = request.query_params.get("limit")
    if given is None:
        return default
    try:
        limit = int(given)
    except ValueError:
        message = "Invalid type for 'limit': expected an integer."
        raise Refused(400, message, param="limit", code="invalid_type") from None
    if limit < 1:
        message = f"Invalid 'limit': expected a value >= 1, but got {limit}."
        raise Refused(400, message, param="limit", code="integer_below_min_value")
    if limit > most:
        message = f"Invalid 'limit': expected a value <= {most}, but got {limit}."
        raise Refused(400, message, param="limit", code="integer_above_max_value")
    return limit


async def json_object(request: Request) -> dict[str, Any]:
    """The request's body. Raises Refused where it is not a JSON object."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > _MAX_JSON_BYTES:
            raise Refused(413, f"The body is above {_MAX_JSON_BYTES} bytes.")
    try:
        body = jsonl.parse(bytes(content))
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Refused(400, "The body of the request must be a JSON object.")
    return body


def expiry_s(policy: Any, param: str) -> int:
    """Seconds that a file is kept, from an expiration policy; None stands for the longest.

    Raises Refused.
    """
    if policy is None:
        return _MAX_EXPIRY_S
    if not isinstance(policy, dict) or policy.get("anchor") != "created_at":
        message = f"Invalid value for '{param}.anchor': only 'created_at' is supported."
        raise Refused(400, message, param=f"{param}.anchor", code="invalid_value")
    try:
        seconds = int(policy["seconds"])
    except (KeyError, TypeError, ValueError):
        seconds = 0
    if not _MIN_EXPIRY_S <= seconds <= _MAX_EXPIRY_S:
        message = f"Invalid '{param}.seconds': from {_MIN_EXPIRY_S} to {_MAX_EXPIRY_S} are allowed."
        raise Refused(400, message, param=f"{param}.seconds", code="invalid_value")
    return seconds
