"""OpenAIClient against a real HTTP server: what it sends, and what it costs."""

import subprocess
import sys
from pathlib import Path

import pytest
from creating import BATCH, create, refusal
from scripted_server import KEY, error, html, resets, says

from openai_batch.errors import (
    NotFound,
    ProviderRefused,
    ProviderUnavailable,
    StorageError,
)
from openai_batch.providers.client import to_openai_batch
from openai_batch.providers.interface import BatchStatus, RemoteFile
from openai_batch.providers.provider import Provider

# What is sent


def test_upload_sends_the_file_as_it_is(client, server, tmp_path: Path):
    """An upload carries the bytes, the purpose and the name, and returns the file's id and size."""
    path = tmp_path / "shard"
    path.write_bytes(b'{"custom_id":"1"}\n')
    server.will(says({"id": "file-9", "object": "file", "bytes": 18, "filename": "r.jsonl"}))
    assert client.upload(path, "r.jsonl") == RemoteFile("file-9", "r.jsonl", 18)
    sent = server.requests[0]
    assert (sent.method, sent.path) == ("POST", "/v1/files")
    assert sent.headers["authorization"] == f"Bearer {KEY}"
    assert b'name="purpose"\r\n\r\nbatch\r\n' in sent.body
    assert b'name="file"; filename="r.jsonl"' in sent.body
    assert b'\r\n\r\n{"custom_id":"1"}\n\r\n--' in sent.body


def test_files_expire_where_the_provider_is_asked_to_delete_them(connect, server, tmp_path: Path):
    """`files_expire_after_s` goes along with uploads and batches; without it nothing is asked."""
    path = tmp_path / "shard"
    path.write_bytes(b"{}\n")
    client = connect(server.base_url, files_expire_after_s=1_209_600)
    server.will(says({"id": "file-9"}), says(BATCH))
    client.upload(path, "r.jsonl")
    create(client)
    uploaded, created = server.requests
    assert b'name="expires_after[anchor]"\r\n\r\ncreated_at\r\n' in uploaded.body
    assert b'name="expires_after[seconds]"\r\n\r\n1209600\r\n' in uploaded.body
    assert created.json["output_expires_after"] == {"anchor": "created_at", "seconds": 1_209_600}


def test_upload_wants_a_jsonl_name(client, tmp_path: Path):
    """A name without .jsonl is refused before anything is sent: servers refuse it after."""
    with pytest.raises(ValueError, match=r"must end in \.jsonl"):
        client.upload(tmp_path, "requests.txt")


def test_upload_of_a_missing_file_is_a_storage_error(client, server, tmp_path: Path):
    """A local file that cannot be read says nothing about the provider."""
    with pytest.raises(StorageError, match=r"cannot read .*gone: No such file"):
        client.upload(tmp_path / "gone", "r.jsonl")
    assert server.requests == []


def test_create_sends_what_the_api_wants(client, server):
    """POST /batches carries the four fields, no idempotency key, and happens once."""
    server.will(says(BATCH))
    made = create(client)
    assert (made.id, made.status) == ("batch_1", BatchStatus.VALIDATING)
    (sent,) = server.requests
    assert (sent.method, sent.path) == ("POST", "/v1/batches")
    assert sent.json == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"openai_batch": "run_1"},
    }
    assert "idempotency-key" not in sent.headers


def test_create_follows_the_providers_row(server, connect):
    """No metadata where it is not kept, and a key under the header that the provider documents."""
    server.will(says(BATCH))
    create(connect(server.base_url, supports_metadata=False, idempotency_header="Idempotency-Key"))
    (sent,) = server.requests
    assert "metadata" not in sent.json
    assert sent.headers["idempotency-key"] == "token-1"


@pytest.mark.parametrize(
    "answer",
    [error(500, "oops"), error(409, "busy"), error(429, "slow down"), error(408, "late"), resets],
)
def test_create_is_never_repeated(client, server, answer):
    """One call makes one POST, whatever comes back: the SDK by itself would make three."""
    refusal(client, server, answer)
    assert [request.method for request in server.requests] == ["POST"]


def test_a_redirected_create_is_not_followed(client, server):
    """A redirect of POST /batches is a refusal, not a GET that looks like an answer."""
    caught = refusal(client, server, says(b"", 302, {"location": f"{server.base_url}/elsewhere"}))
    assert type(caught) is ProviderRefused
    assert str(caught) == (
        "Somewhere refused to create a batch: 302 redirected elsewhere; check the base URL"
    )
    assert len(server.requests) == 1


def test_a_redirected_download_is_followed(client, server, tmp_path: Path):
    """Providers hand out files from a storage service."""
    server.will(
        says(b"", 302, {"location": f"{server.base_url}/storage"}), says(b'{"custom_id":"1"}\n')
    )
    assert client.download("file-1", tmp_path / "out") == 18
    assert [request.path for request in server.requests] == [
        "/v1/files/file-1/content",
        "/v1/storage",
    ]


def test_listings_page_by_page(client, server):
    """A page of batches has the cursor of the next one, and the last page has none."""
    server.will(
        says({"data": [BATCH, BATCH | {"id": "batch_2"}], "has_more": True, "last_id": "batch_2"}),
        says({"data": [BATCH | {"id": "batch_3"}], "has_more": False, "last_id": "batch_3"}),
    )
    first = client.list_batches()
    second = client.list_batches(first.next_after)
    assert [batch.id for batch in first.batches] == ["batch_1", "batch_2"]
    assert ([batch.id for batch in second.batches], second.next_after) == (["batch_3"], None)
    assert [request.path for request in server.requests] == [
        "/v1/batches?limit=100",
        "/v1/batches?after=batch_2&limit=100",
    ]


def test_files_are_listed_looked_up_and_deleted(client, server):
    """The calls on files use the documented paths; a deletion may be answered without a word."""
    listed = {"id": "file-1", "filename": "a.jsonl", "bytes": 5}
    server.will(
        says({"data": [listed], "has_more": False}), says(listed), says(b"", 204, length=False)
    )
    assert client.list_files() == ((RemoteFile("file-1", "a.jsonl", 5),), None)
    assert client.retrieve_file("file-1") == RemoteFile("file-1", "a.jsonl", 5)
    client.delete_file("file-1")
    server.will(says({"id": "file-1", "deleted": True}), html(200, "Sign in"))
    client.delete_file("file-1")
    with pytest.raises(ProviderUnavailable, match="an HTML page 'Sign in'"):
        client.delete_file("file-1")
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", "/v1/files?purpose=batch"),
        ("GET", "/v1/files/file-1"),
        *[("DELETE", "/v1/files/file-1")] * 3,
    ]


def test_cancel_posts_and_reports(client, server):
    """Cancelling returns the batch, and a batch that ended is a refusal."""
    server.will(says(BATCH | {"status": "cancelling"}), error(409, "Cannot cancel"))
    assert client.cancel_batch("batch_1").status is BatchStatus.CANCELLING
    with pytest.raises(ProviderRefused, match="409 Cannot cancel"):
        client.cancel_batch("batch_1")
    assert server.requests[0].path == "/v1/batches/batch_1/cancel"


def test_odd_ids_stay_one_segment_of_the_path(client, server):
    """An id is quoted into the address; what is no id at all is never sent."""
    server.will(says(BATCH))
    client.retrieve_batch("batch/1?x=#")
    assert server.requests[0].path == "/v1/batches/batch%2F1%3Fx=%23"
    for nothing in ("", " ", ".."):
        with pytest.raises(NotFound, match="is no id"):
            client.retrieve_batch(nothing)
    assert len(server.requests) == 1


def test_openai_account_names_go_to_openai_only(server, connect, monkeypatch):
    """OPENAI_ORG_ID is not sent to a provider with a key of its own."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    server.will(says(BATCH))
    connect(server.base_url, api_key_env_var="OPENAI_API_KEY").retrieve_batch("batch_1")
    connect(server.base_url, api_key_env_var="PARASAIL_API_KEY").retrieve_batch("batch_1")
    sent = [request.headers.get("openai-organization") for request in server.requests]
    assert sent == ["org-1", None]


def test_proxies_are_bypassed_on_loopback(server, connect, monkeypatch):
    """A proxy from the environment cannot reach this machine's loopback and is not asked."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server.will(says(BATCH))
    assert connect(server.base_url).retrieve_batch("batch_1").id == "batch_1"


# The library's face


def test_get_client_is_the_sdk_and_is_kept(server):
    """`Provider.get_client()` returns one official client, at the address, without retries."""
    import openai

    row = Provider(base_url=server.base_url, api_key=KEY)
    sdk = row.get_client()
    assert isinstance(sdk, openai.OpenAI)
    assert row.get_client() is sdk
    assert sdk.max_retries == 0
    server.will(error(500, "oops"))
    with pytest.raises(openai.InternalServerError):
        sdk.batches.retrieve("batch_1")
    assert len(server.requests) == 1
    sdk.close()


def test_to_openai_batch_takes_anything():
    """An OpenAI Batch is made from a complete object and from almost nothing."""
    batch = to_openai_batch(
        BATCH | {"status": "COMPLETED", "output_file_id": "", "request_counts": {"total": 2}}
    )
    assert (batch.id, batch.status, batch.output_file_id) == ("batch_1", "completed", None)
    assert batch.request_counts is not None
    assert batch.request_counts.total == 2
    bare = to_openai_batch({"id": "run_1"})
    assert (bare.id, bare.status, bare.errors, bare.created_at) == ("run_1", "in_progress", None, 0)


# Cost


def test_importing_the_package_does_not_import_the_sdk():
    """The catalog, the poller and the client's module load without openai and its transport."""
    program = (
        "import sys, openai_batch.providers as p, openai_batch.providers.client\n"
        "import openai_batch.poller\n"
        "p.resolve(model='gpt-4o')\n"
        "print([m for m in ('openai', 'httpx2', 'platformdirs', 'pydantic') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert result.stdout == "[]\n"


_UPLOAD = """
import resource, sys
from pathlib import Path
from openai_batch.providers.client import open_client
from openai_batch.providers.provider import Provider
client = open_client(Provider(base_url=sys.argv[1], api_key="k"))
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
client.upload(Path(sys.argv[2]), "small.jsonl")
before = peak_mb()
client.upload(Path(sys.argv[3]), "large.jsonl")
print(peak_mb() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads ru_maxrss in Linux's unit")
def test_memory_is_flat_while_uploading(server, tmp_path: Path):
    """200 MB go up through less than 10 MB of memory."""
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"{}\n")
    large.touch()
    with large.open("r+b") as stream:
        stream.truncate(200_000_000)
    server.will(says({"id": "file-1"}))
    result = subprocess.run(
        [sys.executable, "-c", _UPLOAD, server.base_url, str(small), str(large)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert server.requests[1].body_bytes > 200_000_000
    assert float(result.stdout) < 10
