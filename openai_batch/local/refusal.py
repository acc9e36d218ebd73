"""OpenAI's shape for a refusal, and the exception that carries one to the client."""

from typing import Any


def error_body(
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
) -> dict[str, Any]:
    """The JSON body of an error answer. `kind` is what the API calls `type`."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


class Refused(Exception):
    """A request to this server that is answered with an HTTP error."""

    def __init__(
        self, status_code: int, message: str, *, param: str | None = None, code: str | None = None
    ):
        super().__init__(message)
        self.status_code = status_code
        self.body = error_body(message, param=param, code=code)
