"""Every exception of the SDK and its transport has a meaning of ours."""

import inspect

import httpx2
import openai
import pytest

from openai_batch.errors import ProviderRefused, ProviderUnavailable
from openai_batch.providers.failures import Call, of_exception, transport_errors

CALL = Call("P", "create a batch", creates=True)

NOT_SENT = (ProviderUnavailable, False)
OPEN = (ProviderUnavailable, None)
NOT_FORMED = (ProviderRefused, False)

TRANSPORT = {
    "CloseError": OPEN,
    "ConnectError": NOT_SENT,
    "ConnectTimeout": NOT_SENT,
    "CookieConflict": OPEN,
    "DecodingError": OPEN,
    "HTTPError": OPEN,
    "HTTPStatusError": OPEN,
    "InvalidURL": NOT_FORMED,
    "LocalProtocolError": NOT_FORMED,
    "NetworkError": OPEN,
    "PoolTimeout": NOT_SENT,
    "ProtocolError": OPEN,
    "ProxyError": NOT_SENT,
    "ReadError": OPEN,
    "ReadTimeout": OPEN,
    "RemoteProtocolError": OPEN,
    "RequestError": OPEN,
    "RequestNotRead": OPEN,
    "ResponseNotRead": OPEN,
    "SSEError": OPEN,
    "StreamClosed": OPEN,
    "StreamConsumed": OPEN,
    "StreamError": OPEN,
    "TimeoutException": OPEN,
    "TooManyRedirects": OPEN,
    "TransportError": OPEN,
    "UnsupportedProtocol": NOT_FORMED,
    "WriteError": OPEN,
    "WriteTimeout": OPEN,
}
# With no answer attached. Those that carry one are judged by it (see test_provider_client).
SDK = {
    "APIConnectionError",
    "APIError",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "ConflictError",
    "ContentFilterFinishReasonError",
    "InternalServerError",
    "LengthFinishReasonError",
    "NotFoundError",
    "OAuthError",
    "OpenAIError",
    "PermissionDeniedError",
    "RateLimitError",
    "UnprocessableEntityError",
    "WebSocketConnectionClosedError",
    "WebSocketQueueFullError",
}
# Raised by helpers for webhooks, which are never called here.
SDK_ELSEWHERE = {"InvalidWebhookSignatureError"}


def exceptions_of(module: object) -> dict[str, type[Exception]]:
    return {
        name: member
        for name, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Exception) and not name.startswith("_")
    }


def test_no_exception_is_new():
    """A release of the SDK or its transport that adds an exception fails here."""
    assert set(exceptions_of(httpx2)) == set(TRANSPORT)
    assert set(exceptions_of(openai)) == SDK | SDK_ELSEWHERE


@pytest.mark.parametrize(("name", "wanted"), TRANSPORT.items())
def test_transport_failures(name: str, wanted: tuple[type, bool | None]):
    """Each says whether the call may have been carried out, bare and wrapped by the SDK."""
    kind = exceptions_of(httpx2)[name]
    assert issubclass(kind, transport_errors())
    bare = kind.__new__(kind)
    Exception.__init__(bare, "the reason")
    wrapped = openai.APIConnectionError(request=httpx2.Request("POST", "http://x"))
    wrapped.__cause__ = bare
    for failure in (bare, wrapped):
        ours = of_exception(failure, CALL)
        assert (type(ours), ours.executed) == wanted
        assert "P" in str(ours)
        assert f"the reason ({name})" in str(ours)


@pytest.mark.parametrize("name", sorted(SDK))
def test_sdk_failures(name: str):
    """What the SDK raises without an answer leaves the outcome open."""
    kind = exceptions_of(openai)[name]
    assert issubclass(kind, openai.OpenAIError)
    ours = of_exception(kind.__new__(kind), CALL)
    assert (type(ours), ours.executed) == (ProviderUnavailable, None)
