"""Images and other files inside a request, as data URLs."""

import base64
import io
import mimetypes
import os
import sys
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

_DOWNLOAD_TIMEOUT_S = 60
_UNKNOWN = "application/octet-stream"

# The standard library learns some of these only in later versions, or from the machine's own table.
_BY_SUFFIX = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".heic": "image/heic",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".webp": "image/webp",
}

_BY_FIRST_BYTES = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"%PDF-", "application/pdf"),
)

# ISO base media files name their brand after the word `ftyp`.
_BY_BRAND = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"hevc": "image/heic",
    b"mif1": "image/heif",
    b"msf1": "image/heif",
}


def data_url(arg: Any) -> str:
    """Turn an image, or another file, into a data URL that a request can carry.

    `arg` may be a path, a path or `file:`, `http:` or `https:` URL as a string, bytes, a file that
    is open for reading bytes, or a PIL image (which becomes a JPEG of quality 95). A data URL is
    returned as it is. An `http` URL is downloaded now.

    Raises ValueError for anything else, for what is empty, and for a file that is not there (its
    notes say more); urllib's and the system's errors where a download or reading fails.
    """
    if not arg:
        raise ValueError("Empty argument")
    if isinstance(arg, str) and arg.startswith("data:"):
        return arg
    mime_type, content = _read(arg)
    if not content:
        raise _unknown("There is nothing in it: " + repr(arg)[:300])
    mime_type = mime_type or sniff(content) or _UNKNOWN
    return f"data:{mime_type};base64,{base64.b64encode(content).decode('ascii')}"


def _read(arg: Any) -> tuple[str | None, bytes]:
    """The content, and its MIME type where something beside the content says it."""
    if isinstance(arg, bytes | bytearray | memoryview):
        return None, bytes(arg)
    if isinstance(arg, str):
        return _read_named(arg)
    if isinstance(arg, os.PathLike):
        return _read_path(Path(arg))
    if _is_pil_image(arg):
        return "image/jpeg", _encode_jpeg(arg)
    if callable(getattr(arg, "read", None)):
        content = arg.read()
        if not isinstance(content, bytes):
            raise _unknown("It is open for text: open it with mode 'rb'.")
        return None, content
    raise _unknown(f"A {type(arg).__name__} is no path, bytes, open file or image.")


def _unknown(reason: str) -> ValueError:
    # Programs match the message as a whole, so the reason goes beside it.
    error = ValueError("Unknown file type.")
    error.add_note(reason)
    return error


def _read_named(name: str) -> tuple[str | None, bytes]:
    url = _split(name)
    if url and url.scheme in ("http", "https") and url.netloc:
        return _download(name)
    if os.path.exists(name):  # noqa: PTH110  # a Path raises where a string is too long for a name
        return _read_path(Path(name))
    if url and url.scheme == "file":
        return _read_path(Path(urllib.request.url2pathname(url.path)))
    raise ValueError("String does not point to a file or URL: " + name[:300])


def _split(name: str) -> urllib.parse.SplitResult | None:
    try:
        return urllib.parse.urlsplit(name)
    except ValueError:
        return None


def _download(url: str) -> tuple[str | None, bytes]:
    with urllib.request.urlopen(url, timeout=_DOWNLOAD_TIMEOUT_S) as response:
        mime_type = (
            response.headers.get_content_type() if "Content-Type" in response.headers else None
        )
        return None if mime_type == _UNKNOWN else mime_type, response.read()


def _read_path(path: Path) -> tuple[str | None, bytes]:
    if not path.is_file():
        raise ValueError("Path must be a file: " + str(path)[:300])
    mime_type = _BY_SUFFIX.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    return mime_type, path.read_bytes()


def _is_pil_image(arg: Any) -> bool:
    # Who holds such an image has loaded the module, so it need not be imported to find out.
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(arg, module.Image)


def _encode_jpeg(image: Any) -> bytes:
    if image.mode not in ("RGB", "L", "CMYK"):
        image = image.convert("RGB")  # JPEG knows neither palettes nor transparency
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=95)
    return stream.getvalue()


def sniff(content: bytes) -> str | None:
    """The MIME type that a file's first bytes tell; None where they tell none."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    if content[4:8] == b"ftyp":
        return _BY_BRAND.get(content[8:12])
    for first_bytes, mime_type in _BY_FIRST_BYTES:
        if content.startswith(first_bytes):
            return mime_type
    return None
