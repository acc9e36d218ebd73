"""What OpenAIClient makes of answers: the error, whether a batch may exist, and words to read."""

import traceback

import pytest
from creating import create, refusal
from scripted_server import KEY, error, head, html, resets, says, says_raw

from openai_batch.errors import (
    CredentialsMissing,
    CredentialsRefused,
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    QuotaRefused,
    UsageError,
)
from openai_batch.providers.client import OpenAIClient, Timeouts, open_client
from openai_batch.providers.provider import Provider

# What answers mean


@pytest.mark.parametrize(
    ("answer", "kind", "executed", "code", "message"),
    [
        (
            error(400, "Invalid value: 'x'", "invalid_value"),
            ProviderRefused,
            False,
            "invalid_value",
            "Somewhere refused to create a batch: 400 Invalid value: 'x' (invalid_value)",
        ),
        (
            error(400, "Enqueued token limit reached", "token_limit_exceeded"),
            QuotaRefused,
            False,
            "token_limit_exceeded",
            "Somewhere has no room to create a batch: 400 Enqueued token limit reached "
            "(token_limit_exceeded)",
        ),
        (
            error(401, "Incorrect API key provided"),
            CredentialsRefused,
            False,
            "some_error",
            "Somewhere refused the key when asked to create a batch: "
            "401 Incorrect API key provided (some_error)",
        ),
        (
            error(402, "Out of credits", "billing_hard_limit_reached"),
            QuotaRefused,
            False,
            "billing_hard_limit_reached",
            "Somewhere has no room to create a batch: 402 Out of credits "
            "(billing_hard_limit_reached)",
        ),
        (
            error(403, "You have insufficient permissions", "missing_scope"),
            CredentialsRefused,
            False,
            "missing_scope",
            "Somewhere refused the key when asked to create a batch: "
            "403 You have insufficient permissions (missing_scope)",
        ),
        (
            error(403, "Country not supported", "unsupported_country"),
            ProviderRefused,
            False,
            "unsupported_country",
            "Somewhere refused to create a batch: 403 Country not supported (unsupported_country)",
        ),
        (
            html(403, "Access denied: invalid key"),
            ProviderRefused,
            False,
            None,
            "Somewhere refused to create a batch: 403 an HTML page "
            "'Access denied: invalid key' instead of an answer of the API",
        ),
        (
            error(404, "No such file", "not_found"),
            NotFound,
            False,
            "not_found",
            "Somewhere found nothing when asked to create a batch: 404 No such file (not_found). "
            "It may also mean that the key belongs to another organisation or project.",
        ),
        (
            error(408, "Too late"),
            ProviderUnavailable,
            None,
            "some_error",
            "Somewhere gave no usable answer when asked to create a batch: "
            "408 Too late (some_error)",
        ),
        (
            error(409, "Being created", "conflict"),
            ProviderUnavailable,
            None,
            "conflict",
            "Somewhere gave no usable answer when asked to create a batch: "
            "409 Being created (conflict)",
        ),
        (
            says(
                {"error": {"message": "Limit: 2,000,000", "code": "token_limit_exceeded"}},
                400,
                {"content-type": "text/html"},
            ),
            QuotaRefused,
            False,
            "token_limit_exceeded",
            "Somewhere has no room to create a batch: 400 Limit: 2,000,000 (token_limit_exceeded)",
        ),
        (
            says({"errors": {"data": [{"error": {"message": "deep", "code": 7}}]}}, 400),
            ProviderRefused,
            False,
            "7",
            "Somewhere refused to create a batch: 400 deep (7)",
        ),
        (
            html(413, "Request Entity Too Large"),
            ProviderRefused,
            False,
            None,
            "Somewhere refused to create a batch: 413 request too large; an HTML page "
            "'Request Entity Too Large' instead of an answer of the API",
        ),
        (
            says(b"", 413),
            ProviderRefused,
            False,
            None,
            "Somewhere refused to create a batch: 413 request too large",
        ),
        (
            says({"detail": [{"loc": ["body"], "msg": "field required"}]}, 422),
            ProviderRefused,
            False,
            None,
            "Somewhere refused to create a batch: 422 field required",
        ),
        (
            error(429, "You exceeded your current quota", "insufficient_quota"),
            QuotaRefused,
            False,
            "insufficient_quota",
            "Somewhere has no room to create a batch: 429 You exceeded your current quota "
            "(insufficient_quota)",
        ),
        (
            says(b"Internal Server Error", 500),
            ProviderUnavailable,
            None,
            None,
            "Somewhere gave no usable answer when asked to create a batch: "
            "500 Internal Server Error",
        ),
        (
            error(501, "No batches here"),
            ProviderRefused,
            False,
            "some_error",
            "Somewhere refused to create a batch: 501 No batches here (some_error)",
        ),
        (
            html(502),
            ProviderUnavailable,
            None,
            None,
            "Somewhere gave no usable answer when asked to create a batch: 502 an HTML page "
            "'Bad Gateway' instead of an answer of the API",
        ),
        (
            html(200, "Sign in"),
            ProviderUnavailable,
            None,
            None,
            "Somewhere gave no usable answer when asked to create a batch: 200 an HTML page "
            "'Sign in' instead of an answer of the API",
        ),
        (
            says(b'{"id": "batch_', headers={"content-type": "application/json"}),
            ProviderUnavailable,
            None,
            None,
            'Somewhere gave no usable answer when asked to create a batch: 200 {"id": "batch_',
        ),
        (
            says({"object": "list", "data": []}),
            ProviderUnavailable,
            None,
            None,
            "Somewhere gave no usable answer when asked to create a batch: 200 Word",
        ),
        (
            says({"error": "the queue is down"}),
            ProviderUnavailable,
            None,
            None,
            "Somewhere gave no usable answer when asked to create a batch: 200 the queue is down",
        ),
    ],
)
def test_answers_are_judged(client, server, answer, kind, executed, code, message):
    """Each answer to a creation has its class, says whether a batch may exist, and reads well."""
    caught = refusal(client, server, answer)
    assert (type(caught), caught.executed, caught.code) == (kind, executed, code)
    assert str(caught) == message


@pytest.mark.parametrize(
    ("headers", "wanted_s"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after": "1.5"}, 1.5),
        ({"retry_after_ms": "250", "retry_after": "7"}, 0.25),
        (
            {
                "date": "Mon, 23 Nov 2026 10:00:00 GMT",
                "retry_after": "Mon, 23 Nov 2026 10:02:00 GMT",
            },
            120.0,
        ),
        (
            {
                "date": "Mon, 23 Nov 2026 10:02:00 GMT",
                "retry_after": "Mon, 23 Nov 2026 10:00:00 GMT",
            },
            0.0,
        ),
        ({"retry_after": "Mon, 23 Nov 2015 10:00:00 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "nan"}, None),
        ({"retry_after": "-5"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_waits_that_are_asked_for(client, server, status, headers, wanted_s):
    """Retry-After is read as seconds, as a date by the server's own clock, and as milliseconds."""
    assert refusal(client, server, error(status, "wait", **headers)).retry_after_s == wanted_s


def test_a_409_is_a_refusal_except_for_creations(client, server):
    """A conflict on a lookup leaves nothing unknown."""
    server.will(error(409, "conflict"))
    with pytest.raises(ProviderRefused):
        client.retrieve_batch("batch_1")


@pytest.mark.parametrize(
    "answer",
    [
        resets,
        says_raw(b""),
        says_raw(head(200, {"content-length": "500"}) + b'{"id": "batch_1"'),
        says_raw(head(200, {"transfer-encoding": "chunked"}) + b'5\r\n{"id"\r\n'),
        says_raw(b"HTTP/1.1 two hundred\r\n\r\n"),
        says(b"not gzip", headers={"content-encoding": "gzip"}),
    ],
    ids=["reset", "closed", "cut short", "chunks cut short", "no HTTP", "bad gzip"],
)
def test_a_broken_connection_leaves_the_outcome_open(client, server, answer):
    """When the answer to a creation is lost, the batch may exist: `executed` is None."""
    caught = refusal(client, server, answer)
    assert (type(caught), caught.executed, caught.status_code) == (ProviderUnavailable, None, None)
    assert str(caught).startswith(
        "the connection to Somewhere broke before it answered to create a batch: "
    )


def test_no_connection_means_nothing_happened(connect):
    """A refused connection and an unknown host leave no doubt: `executed` is False."""
    for base_url in ("http://127.0.0.1:1/v1", "http://nowhere.invalid/v1"):
        with pytest.raises(ProviderUnavailable, match="cannot reach Somewhere to create") as caught:
            create(connect(base_url))
        assert caught.value.executed is False


def test_a_silent_server_leaves_the_outcome_open(client, server):
    """A time-out after the request was sent is no refusal."""
    client = OpenAIClient(Provider(display_name="P"), client.sdk, Timeouts(answer_s=0.2))
    hung_up: list[bytes] = []
    caught = refusal(client, server, lambda handler: hung_up.append(handler.rfile.read(1)))
    assert (type(caught), caught.executed) == (ProviderUnavailable, None)


def test_a_lookup_that_shows_no_batch_is_no_answer(client, server):
    """A 200 that carries an error is not taken for a batch that runs."""
    server.will(says({"status": "busy", "error": {"message": "try later"}}))
    with pytest.raises(ProviderUnavailable, match="200 try later"):
        client.retrieve_batch("batch_1")
    with pytest.raises(ProviderUnavailable, match="200 try later"):
        client.list_batches()


def test_a_lookup_may_leave_the_id_out(client, server):
    """An answer that has a status is the batch that was asked for."""
    server.will(says({"status": "in_progress", "error": None}))
    assert client.retrieve_batch("batch_1").id == "batch_1"


# Keys


def test_keys_never_show(client, server):
    """Neither our key, wherever the server repeats it, nor anything that looks like one."""
    caught = refusal(
        client,
        server,
        error(401, f"Incorrect key: {KEY}; also sk-abc***wxyz and Bearer abc.def", f"c-{KEY}"),
    )
    assert str(caught) == (
        "Somewhere refused the key when asked to create a batch: "
        "401 Incorrect key: [key]; also [key] and Bearer [key] (c-[key])"
    )
    shown = "".join(traceback.format_exception(caught))
    assert KEY not in shown
    assert KEY not in repr(Provider(api_key=KEY))


def test_control_characters_never_show(client, server):
    """What a provider says cannot move a terminal's cursor or turn the writing direction."""
    caught = refusal(
        client, server, error(400, "a\x1b[31mred\x07\u202e\r\nb\u2028c\ud800", "x\x00y")
    )
    assert str(caught) == "Somewhere refused to create a batch: 400 a[31mred b c (xy)"


def test_long_answers_are_cut(client, server):
    """A provider's text is quoted in part when it is long."""
    caught = refusal(client, server, error(400, "x" * 5000))
    assert len(str(caught)) < 700


def test_a_missing_key_is_told_when_a_client_is_opened(monkeypatch):
    """The message names the variable; another provider's key is never sent instead."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    row = Provider(
        display_name="Parasail", base_url="http://127.0.0.1:1", api_key_env_var="PARASAIL_API_KEY"
    )
    with pytest.raises(CredentialsMissing, match=r"^Parasail needs a key: set PARASAIL_API_KEY$"):
        open_client(row)
    with pytest.raises(CredentialsMissing):
        row.get_client()


def test_a_key_that_no_header_can_carry_is_told(monkeypatch):
    """A key with a quotation mark of a word processor is a fault of the key, not of the network."""
    monkeypatch.setenv("OPENAI_API_KEY", "“sk-abc”")
    with pytest.raises(CredentialsRefused, match="copy it again into OPENAI_API_KEY"):
        open_client(Provider(base_url="http://127.0.0.1:1"))


def test_no_address_is_a_usage_error():
    """A provider of which no address is known says how to name one."""
    with pytest.raises(UsageError, match="no address is known for custom: name one with"):
        open_client(Provider(name="custom", api_key=KEY))
