"""The Files API: upload, list, look up, read, delete."""

import os
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route

from .. import jsonl
from ..files import fsync_dir
from .params import JsonResponse, expiry_s, limit_param, page, unknown_cursor
from .records import FileRecord, new_file_id
from .refusal import Refused
from .store import Store, UnknownCursor
from .upload import Form, receive_form

_MAX_PAGE = 10_000


def routes(store: Store) -> list[BaseRoute]:
    """The routes under /v1 that files need."""
    api = _Files(store)
    return [
        Route("/files", api.create, methods=["POST"]),
        Route("/files", api.list, methods=["GET"]),
        Route("/files/{file_id}", api.retrieve, methods=["GET"]),
        Route("/files/{file_id}", api.delete, methods=["DELETE"]),
        Route("/files/{file_id}/content", api.content, methods=["GET"]),
    ]


class _Files:
    def __init__(self, store: Store):
        self._store = store

    async def create(self, request: Request) -> Response:
        """Take an upload; it is durable when it is answered."""
        file_id = new_file_id()
        path = self._store.content_path(file_id)
        try:
            form = await receive_form(request, path)
            record = await run_in_threadpool(self._keep, file_id, path, form)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return JsonResponse(record.as_object())

    def _keep(self, file_id: str, path: Path, form: Form) -> FileRecord:
        kept_s = _check(form, path)
        with path.open("rb+") as stream:
            os.fsync(stream.fileno())
        fsync_dir(path.parent)
        now_s = self._store.now_s()
        record = FileRecord(
            id=file_id,
            filename=form.filename or "",
            purpose=form.fields["purpose"],
            size_bytes=form.size_bytes,
            created_at=now_s,
            expires_at=now_s + kept_s,
        )
        self._store.add_file(record)
        return record

    def list(self, request: Request) -> Response:
        limit = limit_param(request, _MAX_PAGE, _MAX_PAGE)
        query = request.query_params
        order = query.get("order", "desc")
        if order not in ("asc", "desc"):
            message = "Invalid value for 'order': expected 'asc' or 'desc'."
            raise Refused(400, message, param="order", code="invalid_value")
        try:
            records = self._store.list_files(
                purpose=query.get("purpose"),
                after=query.get("after"),
                newest_first=order == "desc",
                limit=limit + 1,
            )
        except UnknownCursor as error:
            raise unknown_cursor(error) from None
        return page([record.as_object() for record in records], limit)

    def retrieve(self, request: Request) -> Response:
        return JsonResponse(self._find(request).as_object())

    def delete(self, request: Request) -> Response:
        file_id = self._find(request).id
        if not self._store.delete_file(file_id):  # another client was faster
            raise _no_such_file(file_id)
        return JsonResponse({"id": file_id, "object": "file", "deleted": True})

    def content(self, request: Request) -> Response:
        """Stream a file from disk, whole or the range that was asked for."""
        record = self._find(request)
        path = self._store.content_path(record.id)
        if not path.exists():
            raise _no_such_file(record.id)
        return FileResponse(
            path, media_type="application/octet-stream", filename=record.filename or record.id
        )

    def _find(self, request: Request) -> FileRecord:
        file_id = request.path_params["file_id"]
        record = self._store.get_file(file_id)
        if record is None:
            raise _no_such_file(file_id)
        return record


def _no_such_file(file_id: str) -> Refused:
    return Refused(404, f"No such File object: {file_id}", param="id")


def _check(form: Form, path: Path) -> int:
    """Seconds to keep an upload that may be kept. Raises Refused."""
    purpose = form.fields.get("purpose")
    if form.filename is None or purpose is None:
        missing = "file" if form.filename is None else "purpose"
        message = f"Missing required parameter: '{missing}'."
        raise Refused(400, message, param=missing, code="missing_required_parameter")
    if purpose != "batch":
        message = f"Invalid value: '{purpose}'. This server keeps files with purpose 'batch' only."
        raise Refused(400, message, param="purpose", code="invalid_value")
    if not _begins_like_jsonl(path):
        message = "The file must be JSON Lines: its first line is missing or is not JSON."
        raise Refused(400, message, param="file")
    return expiry_s(_policy(form.fields), "expires_after")


def _policy(fields: dict[str, str]) -> dict[str, Any] | None:
    """The expiration policy, which a form spells `expires_after[anchor]` and `…[seconds]`."""
    prefix = "expires_after["
    policy = {
        name.removeprefix(prefix).removesuffix("]"): value
        for name, value in fields.items()
        if name.startswith(prefix)
    }
    return policy or None


def _begins_like_jsonl(path: Path) -> bool:
    with path.open("rb") as stream:
        for _, content in jsonl.lines(stream):
            try:
                jsonl.parse(content)
            except ValueError:
                return False
            return True
    return False
