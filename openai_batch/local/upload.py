"""Receiving a multipart form whose file goes straight to its place on disk."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from ..files import open_private
from .refusal import Refused

_MAX_UPLOAD_BYTES = 512_000_000
_MAX_FIELD_BYTES = 65_536
_FILE_FIELD = "file"


@dataclass(slots=True)
class Form:
    """What was received. `filename` is None where no file came; its content is not synced yet."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None
    size_bytes: int = 0


async def receive_form(request: Request, path: Path) -> Form:
    """Read the request's form, writing its field `file` to `path`, a chunk at a time.

    Raises Refused where it is not such a form or too large, and OSError where the disk refuses;
    `path` may exist then, and is the caller's to remove.
    """
    content_type, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if content_type != b"multipart/form-data" or not boundary:
        raise Refused(400, "The body of the request must be multipart/form-data.")
    with open_private(path) as stream:
        receiver = _Receiver(stream)
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": receiver.begin_part,
                "on_header_field": receiver.header_name,
                "on_header_value": receiver.header_value,
                "on_header_end": receiver.end_header,
                "on_headers_finished": receiver.end_headers,
                "on_part_data": receiver.data,
                "on_part_end": receiver.end_part,
                "on_end": receiver.end,
            },
        )
        try:
            async for chunk in request.stream():
                parser.write(chunk)
        except FormParserError as error:
            raise Refused(400, f"The form cannot be read: {error}") from None
    if not receiver.ended:
        raise Refused(400, "The form ends before its last boundary.")
    return receiver.form


class _Receiver:
    """Puts a parser's events together. Methods that get `(data, start, end)` get pieces."""

    def __init__(self, stream: BinaryIO):
        self.form = Form()
        self.ended = False
        self._stream = stream
        self._name = ""
        self._is_file = False
        self._value = bytearray()
        self._header = (bytearray(), bytearray())

    def begin_part(self) -> None:
        self._name = ""
        self._is_file = False
        self._value.clear()

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._header[0].extend(data[start:end])

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1].extend(data[start:end])

    def end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._header = (bytearray(), bytearray())
        if name.lower() != b"content-disposition":
            return
        _, options = parse_options_header(value)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        self._is_file = self._name == _FILE_FIELD
        if self._is_file:
            filename = options.get(b"filename", b"").decode("utf-8", "replace")
            if self.form.filename is not None:
                raise Refused(400, "The form has more than one file.", param=_FILE_FIELD)
            self.form.filename = filename or "upload.jsonl"

    def end_headers(self) -> None:
        if not self._name:
            raise Refused(400, "A part of the form has no name.")

    def data(self, data: bytes, start: int, end: int) -> None:
        size_bytes = end - start
        if self._is_file:
            self.form.size_bytes += size_bytes
            if self.form.size_bytes > _MAX_UPLOAD_BYTES:
                raise Refused(413, f"The file is above {_MAX_UPLOAD_BYTES} bytes.", param="file")
            self._stream.write(memoryview(data)[start:end])
        elif len(self._value) + size_bytes > _MAX_FIELD_BYTES:
            raise Refused(400, f"The field '{self._name}' is too long.", param=self._name)
        else:
            self._value.extend(data[start:end])

    def end_part(self) -> None:
        if not self._is_file:
            self.form.fields[self._name] = self._value.decode("utf-8", "replace")

    def end(self) -> None:
        self.ended = True
