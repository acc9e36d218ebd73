"""The Batches API: create, list, look up, cancel."""

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from .endpoints import REQUIRED_BODY_FIELDS
from .lifecycle import IllegalMove, Status
from .params import JsonResponse, expiry_s, json_object, limit_param, page, unknown_cursor
from .records import BatchRecord, new_batch_id, new_file_id
from .refusal import Refused
from .runner import Runner
from .store import Store, UnknownCursor

_WINDOW = "24h"
_DEFAULT_PAGE, _MAX_PAGE = 20, 100
_MAX_METADATA_KEYS = 16
_MAX_METADATA_KEY_LENGTH = 64
_MAX_METADATA_VALUE_LENGTH = 512


def routes(store: Store, runner: Runner, window_s: float) -> list[BaseRoute]:
    """The routes under /v1 that batches need. `window_s` is how long "24h" lasts."""
    api = _Batches(store, runner, window_s)
    return [
        Route("/batches", api.create, methods=["POST"]),
        Route("/batches", api.list, methods=["GET"]),
        Route("/batches/{batch_id}", api.retrieve, methods=["GET"]),
        Route("/batches/{batch_id}/cancel", api.cancel, methods=["POST"]),
    ]


class _Batches:
    def __init__(self, store: Store, runner: Runner, window_s: float):
        self._store = store
        self._runner = runner
        self._window_s = window_s

    async def create(self, request: Request) -> Response:
        """Begin a batch; it is durable when it is answered."""
        body = await json_object(request)
        record = await run_in_threadpool(self._begin, body)
        return JsonResponse(record.as_object())

    def _begin(self, body: dict[str, Any]) -> BatchRecord:
        _check_create(body)
        input_file_id = body["input_file_id"]
        if self._store.get_file(input_file_id) is None:
            message = f"No file has the id '{input_file_id}'."
            raise Refused(400, message, param="input_file_id", code="invalid_request")
        now_s = self._store.now_s()
        record = BatchRecord(
            id=new_batch_id(),
            status=Status.VALIDATING,
            endpoint=body["endpoint"],
            input_file_id=input_file_id,
            completion_window=body["completion_window"],
            created_at=now_s,
            expires_at=int(now_s + self._window_s),
            output_log_id=new_file_id(),
            error_log_id=new_file_id(),
            output_expires_after_s=expiry_s(
                body.get("output_expires_after"), "output_expires_after"
            ),
            metadata=body.get("metadata"),
        )
        self._store.add_batch(record)
        self._runner.validate(record.id)
        return record

    def list(self, request: Request) -> Response:
        limit = limit_param(request, _DEFAULT_PAGE, _MAX_PAGE)
        progress = self._runner.progress()
        try:
            records = self._store.list_batches(
                after=request.query_params.get("after"), limit=limit + 1
            )
        except UnknownCursor as error:
            raise unknown_cursor(error) from None
        objects = [record.with_progress(progress.get(record.id)).as_object() for record in records]
        return page(objects, limit)

    def retrieve(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        progress = self._runner.progress().get(batch_id)
        try:
            record = self._store.get_batch(batch_id)
        except KeyError:
            raise _no_such_batch(batch_id) from None
        return JsonResponse(record.with_progress(progress).as_object())

    def cancel(self, request: Request) -> Response:
        batch_id = request.path_params["batch_id"]
        progress = self._runner.progress().get(batch_id)
        try:
            record = self._runner.cancel(batch_id)
        except KeyError:
            raise _no_such_batch(batch_id) from None
        except IllegalMove as error:
            message = f"Cannot cancel a batch with status '{error.status}'."
            raise Refused(409, message) from None
        return JsonResponse(record.with_progress(progress).as_object())


def _no_such_batch(batch_id: str) -> Refused:
    return Refused(404, f"No batch found with id '{batch_id}'.")


def _check_create(body: dict[str, Any]) -> None:
    """Raise Refused for what is wrong with a create call's own parameters."""
    for name in ("input_file_id", "endpoint", "completion_window"):
        value = body.get(name)
        if value is None:
            message = f"Missing required parameter: '{name}'."
            raise Refused(400, message, param=name, code="missing_required_parameter")
        if not isinstance(value, str):
            message = f"Invalid type for '{name}': expected a string."
            raise Refused(400, message, param=name, code="invalid_type")
    for name, supported in (
        ("endpoint", list(REQUIRED_BODY_FIELDS)),
        ("completion_window", [_WINDOW]),
    ):
        if body[name] not in supported:
            message = f"Invalid value: '{body[name]}'. Supported values are: {supported}."
            raise Refused(400, message, param=name, code="invalid_value")
    _check_metadata(body.get("metadata"))


def _check_metadata(metadata: Any) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        message = "Invalid type for 'metadata': expected an object."
        raise Refused(400, message, param="metadata", code="invalid_type")
    if len(metadata) > _MAX_METADATA_KEYS:
        message = f"Invalid 'metadata': at most {_MAX_METADATA_KEYS} keys are allowed."
        raise Refused(400, message, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        param = f"metadata.{key}"
        if not isinstance(value, str):
            message = f"Invalid type for '{param}': expected a string."
            raise Refused(400, message, param=param, code="invalid_type")
        if len(key) > _MAX_METADATA_KEY_LENGTH or len(value) > _MAX_METADATA_VALUE_LENGTH:
            message = (
                f"Invalid '{param}': a key has at most {_MAX_METADATA_KEY_LENGTH} characters, "
                f"a value {_MAX_METADATA_VALUE_LENGTH}."
            )
            raise Refused(400, message, param=param, code="string_above_max_length")
