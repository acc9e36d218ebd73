"""Everything that OpenAI would find wrong with a batch's input file, line by line.

Written apart from `openai_batch.requests`, which checks before sending: two independent readings of
the same rules, so that each finds the other's mistakes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import jsonl
from .endpoints import EMBEDDINGS, REQUIRED_BODY_FIELDS

_BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What one input file may hold. `max_faults` is where reporting stops, not a limit.

    `max_enqueued_tokens` is for all batches that have not ended, this one included, with four bytes
    of input counted as a token; None is no limit.
    """

    max_requests: int = 50_000
    max_file_bytes: int = 200_000_000
    max_embedding_inputs: int = 50_000
    max_faults: int = 100
    max_enqueued_tokens: int | None = None


@dataclass(slots=True)
class Verdict:
    """What was found. The file is valid where `faults` is empty; they are `errors.data` entries."""

    total: int = 0
    model: str | None = None
    faults: list[dict[str, Any]] = field(default_factory=list)


class _Fault(Exception):
    def __init__(self, code: str, param: str | None, message: str):
        super().__init__(message)
        self.code = code
        self.param = param

    def entry(self, line: int | None) -> dict[str, Any]:
        return {"code": self.code, "message": str(self), "param": self.param, "line": line}


def missing_file(file_id: str) -> dict[str, Any]:
    """The fault of a batch whose input file is gone, or is not meant for batches."""
    message = f"The input file {file_id} does not exist, or its purpose is not 'batch'."
    return _Fault("invalid_request", "file_id", message).entry(None)


def over_quota(enqueued_bytes: int, limits: Limits) -> list[dict[str, Any]]:
    """The fault, if any, of having `enqueued_bytes` of input in batches that have not ended."""
    most = limits.max_enqueued_tokens
    if most is None or enqueued_bytes // _BYTES_PER_TOKEN <= most:
        return []
    message = (
        f"Enqueued token limit reached. Limit: {most:,} enqueued tokens. "
        "Try again when other batches have ended."
    )
    return [_Fault("token_limit_exceeded", None, message).entry(None)]


def validate(path: Path, endpoint: str, limits: Limits) -> Verdict:
    """Check an input file, one fault a line, until `limits.max_faults` were found.

    The file is read as a stream; only the custom_ids are kept meanwhile. Raises OSError.
    """
    size_bytes = path.stat().st_size
    if size_bytes > limits.max_file_bytes:
        message = f"The file has {size_bytes} bytes; at most {limits.max_file_bytes} are allowed."
        return Verdict(faults=[_Fault("file_too_large", None, message).entry(None)])
    checker = _Checker(endpoint, limits)
    with path.open("rb") as stream:
        # The bytes are left to `jsonl.lines`, which forgives a mark that this API does not.
        marked = stream.read(len(jsonl.BOM)) == jsonl.BOM
        stream.seek(0)
        for line, content in jsonl.lines(stream):
            try:
                checker.check(jsonl.BOM + content if marked and line == 1 else content)
            except _Fault as fault:
                checker.verdict.faults.append(fault.entry(line))
            if len(checker.verdict.faults) >= limits.max_faults or checker.is_full:
                break
    return checker.finish()


class _Checker:
    def __init__(self, endpoint: str, limits: Limits):
        self.verdict = Verdict()
        self._endpoint = endpoint
        self._limits = limits
        self._custom_ids: set[str] = set()
        self._embedding_inputs = 0

    @property
    def is_full(self) -> bool:
        return self.verdict.total > self._limits.max_requests

    def check(self, content: bytes) -> None:
        """Check one line and remember what later ones are compared with. Raises _Fault."""
        self.verdict.total += 1
        try:
            request = jsonl.parse(content)
        except ValueError:
            request = None
        if not isinstance(request, dict):
            raise _Fault("invalid_json_line", None, "This line is not a JSON object.")
        for name in ("custom_id", "method", "url", "body"):
            if request.get(name) is None:
                message = f"Missing required parameter: '{name}'."
                raise _Fault("missing_required_parameter", name, message)
        self._check_custom_id(request["custom_id"])
        if request["method"] != "POST":
            raise _Fault("invalid_method", "method", "The method must be 'POST'.")
        if request["url"] != self._endpoint:
            message = f"The url must be the batch's endpoint, '{self._endpoint}'."
            raise _Fault("invalid_url", "url", message)
        if not isinstance(request["body"], dict):
            raise _Fault("invalid_request", "body", "The body must be an object.")
        self._check_body(request["body"])

    def _check_custom_id(self, custom_id: Any) -> None:
        if not isinstance(custom_id, str) or not custom_id:
            message = "The custom_id must be a string that is not empty."
            raise _Fault("invalid_request", "custom_id", message)
        if custom_id in self._custom_ids:
            message = f"The custom_id '{custom_id}' stands on an earlier line already."
            raise _Fault("duplicate_custom_id", "custom_id", message)
        self._custom_ids.add(custom_id)

    def _check_body(self, body: dict[str, Any]) -> None:
        for name in REQUIRED_BODY_FIELDS[self._endpoint]:
            if body.get(name) is None:
                message = f"Missing required parameter: 'body.{name}'."
                raise _Fault("invalid_request", f"body.{name}", message)
        model = body.get("model")
        if model is not None:
            if not isinstance(model, str):
                raise _Fault("invalid_request", "body.model", "The model must be a string.")
            if self.verdict.model is None:
                self.verdict.model = model
            elif model != self.verdict.model:
                message = f"The model must be that of the first line, '{self.verdict.model}'."
                raise _Fault("mismatched_model", "body.model", message)
        if body.get("stream"):
            raise _Fault("streaming_unsupported", "body.stream", "A batch cannot stream.")
        if self._endpoint == EMBEDDINGS:
            self._embedding_inputs += _count_inputs(body["input"])

    def finish(self) -> Verdict:
        """The verdict, with the faults of the file as a whole."""
        if not self.verdict.total:
            self._add("empty_file", "The file holds no requests.")
        if self.is_full:
            most = self._limits.max_requests
            self._add("too_many_tasks", f"The file holds more than {most} requests.")
        if self._embedding_inputs > self._limits.max_embedding_inputs:
            most = self._limits.max_embedding_inputs
            self._add("too_many_tasks", f"The file holds more than {most} embedding inputs.")
        return self.verdict

    def _add(self, code: str, message: str) -> None:
        self.verdict.faults.append(_Fault(code, None, message).entry(None))


def _count_inputs(value: Any) -> int:
    """How many texts an embedding `input` stands for: a list of token numbers is one text."""
    is_many = isinstance(value, list) and not all(isinstance(item, int) for item in value)
    return len(value) if is_many else 1
