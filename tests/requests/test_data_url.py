"""Files as data URLs."""

import base64
import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import PIL.Image
import pytest

from openai_batch.requests.data_url import data_url

FIRST_BYTES = {
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n\x00",
    "image/gif": b"GIF89a\x01",
    "image/webp": b"RIFF\x24\x00\x00\x00WEBPVP8 ",
    "image/bmp": b"BM\x46\x00",
    "image/tiff": b"II*\x00\x08",
    "image/avif": b"\x00\x00\x00\x20ftypavif",
    "image/heic": b"\x00\x00\x00\x18ftypheic",
    "application/pdf": b"%PDF-1.7\n",
    "application/octet-stream": b"no idea",
}


def expected(mime_type: str, content: bytes) -> str:
    """The data URL, put together by hand."""
    return f"data:{mime_type};base64," + base64.b64encode(content).decode()


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A small JPEG on disk."""
    path = tmp_path / "a picture.jpg"
    PIL.Image.new("RGB", (2, 2), "red").save(path)
    return path


def test_every_way_to_name_a_picture(picture: Path) -> None:
    """Path, string, file URI, bytes and open files give the same URL."""
    url = expected("image/jpeg", picture.read_bytes())
    assert data_url(picture) == url
    assert data_url(str(picture)) == url
    assert data_url(picture.as_uri()) == url
    assert data_url(picture.read_bytes()) == url
    assert data_url(bytearray(picture.read_bytes())) == url
    assert data_url(io.BytesIO(picture.read_bytes())) == url
    with picture.open("rb") as stream:
        assert data_url(stream) == url
    with picture.open("rb", buffering=0) as raw:
        assert data_url(raw) == url


@pytest.mark.parametrize(("mime_type", "content"), FIRST_BYTES.items())
def test_type_is_told_by_the_first_bytes(mime_type: str, content: bytes) -> None:
    """Content without a name shows its type."""
    assert data_url(content) == expected(mime_type, content)


@pytest.mark.parametrize(
    ("name", "mime_type"),
    [
        ("a.webp", "image/webp"),
        ("a.PNG", "image/png"),
        ("a.avif", "image/avif"),
        ("a.txt", "text/plain"),
        ("a", "image/gif"),
        ("a.unheard-of", "image/gif"),
    ],
)
def test_type_is_told_by_the_name(tmp_path: Path, name: str, mime_type: str) -> None:
    """A file's name says its type, its first bytes only where the name does not."""
    path = tmp_path / name
    path.write_bytes(b"GIF89a")
    assert data_url(path) == expected(mime_type, b"GIF89a")


def test_data_urls_are_returned_as_they_are() -> None:
    """What is a data URL already stays one."""
    assert data_url("data:text/plain,x") == "data:text/plain,x"


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "CMYK", "1"])
def test_pil_images_become_jpegs(mode: str) -> None:
    """An image of any mode is encoded."""
    url = data_url(PIL.Image.new(mode, (2, 2)))
    assert url.startswith("data:image/jpeg;base64,/9j/")


@pytest.mark.parametrize(
    ("arg", "message"),
    [
        (None, "Empty argument"),
        ("", "Empty argument"),
        (b"", "Empty argument"),
        ("abc", "String does not point to a file or URL: abc"),
        ("x" * 5000, "String does not point to a file or URL: " + "x" * 300),
        ("ftp://example.com/a.jpg", "String does not point to a file or URL: ftp://"),
        ("http://[", "String does not point to a file or URL: http://["),
        ("a\0b", "String does not point to a file or URL: a\0b"),
        (Path(__file__).parent, "Path must be a file: "),
        (str(Path(__file__).parent), "Path must be a file: "),
        (Path("no/such/file.jpg"), "Path must be a file: "),
        ("file:///no/such/file.jpg", "Path must be a file: "),
        (12, "Unknown file type."),
        (io.BytesIO(), "Unknown file type."),
        (io.StringIO("x"), "Unknown file type."),
    ],
)
def test_anything_else_is_refused(arg: Any, message: str) -> None:
    """What holds no file is refused with a message that programs may match."""
    with pytest.raises(ValueError) as refused:
        data_url(arg)
    if message == "Unknown file type.":
        assert str(refused.value) == message
        assert refused.value.__notes__  # which say what is wrong with it
    else:
        assert str(refused.value).startswith(message)


class _Pictures(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        if self.path == "/typed":
            self.send_header("Content-Type", "image/png; charset=binary")
        elif self.path == "/vague":
            self.send_header("Content-Type", "application/octet-stream")
        self.end_headers()
        self.wfile.write(b"GIF89a")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def pictures() -> Iterator[str]:
    """The address of a server of pictures."""
    with HTTPServer(("127.0.0.1", 0), _Pictures) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_urls_are_downloaded(pictures: str) -> None:
    """The server's word on the type counts, where it has one."""
    assert data_url(f"{pictures}/typed") == expected("image/png", b"GIF89a")
    assert data_url(f"{pictures}/untyped") == expected("image/gif", b"GIF89a")
    assert data_url(f"{pictures}/vague") == expected("image/gif", b"GIF89a")
    with pytest.raises(HTTPError) as refused:
        data_url(f"{pictures}/missing")
    refused.value.close()


@pytest.mark.skipif(sys.platform == "win32", reason="drives have letters")
def test_spaces_in_file_uris(tmp_path: Path) -> None:
    """A file URI's escapes are undone."""
    path = tmp_path / "ein Bild ü.gif"
    path.write_bytes(b"GIF89a")
    assert data_url(path.as_uri()) == expected("image/gif", b"GIF89a")
