"""The Files API, driven by the official SDK over HTTP."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import openai
import pytest
from local_server import ServerProcess, chat_line, jsonl, running, until, upload

CONTENT = jsonl(chat_line(f"row-{number}") for number in range(3))


def test_an_uploaded_file_has_openais_shape(client: openai.OpenAI) -> None:
    """A file object has exactly the API's fields, and lives for thirty days by default."""
    file = client.files.create(file=("requests.jsonl", CONTENT), purpose="batch")
    fields = file.to_dict()
    assert set(fields) == {
        "id",
        "object",
        "bytes",
        "created_at",
        "expires_at",
        "filename",
        "purpose",
        "status",
        "status_details",
    }
    assert fields["id"].startswith("file-")
    assert (fields["object"], fields["purpose"], fields["status"]) == ("file", "batch", "processed")
    assert (fields["bytes"], fields["filename"]) == (len(CONTENT), "requests.jsonl")
    assert fields["expires_at"] - fields["created_at"] == 2_592_000
    assert client.files.retrieve(file.id).to_dict() == fields


def test_content_comes_back_byte_for_byte(client: openai.OpenAI) -> None:
    """Line separators that are none, lone surrogates and long integers survive the store."""
    content = '{"a":"\u2028\u0085\\ud800","b":1180591620717411303424}\r\n'.encode() + b"\xff\n\n"
    assert client.files.content(upload(client, content)).content == content


def test_expires_after_is_kept(client: openai.OpenAI) -> None:
    """The upload's own expiration policy replaces the default."""
    file = client.files.create(
        file=("a.jsonl", CONTENT),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at - file.created_at == 3600


@pytest.mark.parametrize(
    ("content", "options", "param"),
    [
        (b"", {}, "file"),
        (b"\n \n", {}, "file"),
        (b"hello\n" + CONTENT, {}, "file"),
        (CONTENT, {"purpose": "assistants"}, "purpose"),
        (CONTENT, {"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after"),
        (CONTENT, {"expires_after": {"anchor": "now", "seconds": 3600}}, "expires_after"),
    ],
)
def test_what_cannot_be_a_batch_input_is_refused(
    client: openai.OpenAI, content: bytes, options: dict[str, Any], param: str
) -> None:
    """An upload that is empty, not JSON Lines, or for another purpose is a 400, and not kept."""
    before = [file.id for file in client.files.list()]
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.create(file=("x.jsonl", content), **{"purpose": "batch", **options})
    assert refused.value.type == "invalid_request_error"
    assert refused.value.param.startswith(param)
    assert [file.id for file in client.files.list()] == before


def test_files_are_listed_by_page(tmp_path: Path) -> None:
    """Pages follow a cursor in both orders, also behind a deleted file; purposes filter."""
    with running(tmp_path / "data") as server:
        client = server.client
        ids = [upload(client, CONTENT) for _ in range(5)]
        page = client.files.list(limit=2)
        assert [file.id for file in page.data] == [ids[4], ids[3]]
        assert page.has_more is True
        assert page.to_dict()["first_id"] == ids[4]
        assert page.to_dict()["last_id"] == ids[3]
        client.files.delete(ids[3])
        page = client.files.list(limit=2, after=ids[3])
        assert [file.id for file in page.data] == [ids[2], ids[1]]
        page = client.files.list(limit=2, after=ids[1])
        assert [file.id for file in page.data] == [ids[0]]
        assert page.has_more is False
        everything = list(client.files.list(order="asc", limit=1))
        assert [file.id for file in everything] == [ids[0], ids[1], ids[2], ids[4]]
        assert list(client.files.list(purpose="batch_output")) == []
        assert len(list(client.files.list(purpose="batch"))) == 4


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 10_001}, "limit"),
        ({"order": "up"}, "order"),
        ({"after": "file-never"}, "after"),
    ],
)
def test_a_listing_that_makes_no_sense_is_refused(
    client: openai.OpenAI, options: dict[str, Any], param: str
) -> None:
    """Wrong paging parameters are a 400 that names them."""
    with pytest.raises(openai.BadRequestError) as refused:
        client.files.list(**options)
    assert refused.value.param == param


def test_a_deleted_file_is_gone(client: openai.OpenAI) -> None:
    """After a delete, looking up, reading and deleting again are 404."""
    file_id = upload(client, CONTENT)
    assert client.files.delete(file_id).to_dict() == {
        "id": file_id,
        "object": "file",
        "deleted": True,
    }
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            call(file_id)


def test_a_part_of_a_file_can_be_read(echo: ServerProcess) -> None:
    """A Range request is answered with 206 and those bytes, one behind the end with 416."""
    file_id = upload(echo.client, CONTENT)

    def read(wanted: str) -> Any:
        url = f"{echo.ready['base_url']}/files/{file_id}/content"
        headers = {"authorization": f"Bearer {echo.ready['token']}", "range": wanted}
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10)

    with read("bytes=10-29") as answer:
        assert answer.status == 206
        assert answer.headers["content-range"] == f"bytes 10-29/{len(CONTENT)}"
        assert answer.read() == CONTENT[10:30]
    with read("bytes=-5") as answer:
        assert answer.read() == CONTENT[-5:]
    with pytest.raises(urllib.error.HTTPError) as refused:
        read("bytes=100000-")
    with refused.value:
        assert refused.value.code == 416


def test_a_torn_upload_leaves_nothing(echo: ServerProcess) -> None:
    """A form that ends before its last boundary is a 400, and no file appears."""
    before = [file.id for file in echo.client.files.list()]
    form = (
        b'--x\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{"a":1}\n{"b":'
    )
    headers = {
        "authorization": f"Bearer {echo.ready['token']}",
        "content-type": "multipart/form-data; boundary=x",
    }
    request = urllib.request.Request(f"{echo.ready['base_url']}/files", form, headers)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    with refused.value:
        assert refused.value.code == 400
        assert set(json.load(refused.value)["error"]) == {"message", "type", "param", "code"}
    assert [file.id for file in echo.client.files.list()] == before


def test_an_upload_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    """A client that hangs up in the middle leaves no file, and no words on stderr."""
    with running(tmp_path) as server:
        port = int(server.ready["base_url"].split(":")[2].removesuffix("/v1"))
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                b"POST /v1/files HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n"
                b"content-type: multipart/form-data; boundary=x\r\n"
                + f"authorization: Bearer {server.ready['token']}\r\n\r\n".encode()
                + b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{"a":'
            )
            until(lambda: list((tmp_path / "files").iterdir()))
        until(lambda: not list((tmp_path / "files").iterdir()))
        assert list(server.client.files.list()) == []
        server.process.stdin.close()
        assert server.process.wait(10) == 0
        assert server.process.stderr.read() == b""
