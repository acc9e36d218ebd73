"""An executor that runs a language model in this process: llama.cpp, by way of xllamacpp."""

import os
import secrets
import threading
from pathlib import Path
from typing import Any

from .executor import Answer, ExecutorOptions
from .refusal import error_body

_HANDLERS = {
    "/v1/chat/completions": "handle_chat_completions",
    "/v1/completions": "handle_completions",
}
_QUIET, _VERBOSE = -1, 3  # llama.cpp's own scale; it logs to stderr
_OVERFLOW = "exceed_context_size_error"


class LlamaExecutor:
    """Answers chats and completions; `options.parallel` of them share the processor at a time.

    The weights are loaded when the first request comes, so a server that only lists and polls is
    there at once. Any model name is accepted and given back.
    """

    def __init__(self, weights: Path, options: ExecutorOptions):
        self.model_id = weights.stem
        self.parallel = options.parallel
        self._weights = weights
        self._options = options
        self._loading = threading.Lock()
        self._server: Any = None

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        handler = _HANDLERS.get(url)
        if handler is None:
            return 404, error_body(f"The local model does not answer {url}.", code="unknown_url")
        if _has_other_than_text(body):
            return 400, error_body("The local model only reads text.", param="messages")
        try:
            answer = getattr(self._loaded(), handler)(self._bounded(body))
        except (TypeError, ValueError) as error:  # how xllamacpp refuses a request's shape
            return 400, error_body(str(error))
        if "error" in answer:
            return _refusal(answer["error"])
        answer.pop("timings", None)  # llama.cpp's own
        return 200, {**answer, "model": body.get("model", self.model_id)}

    def close(self) -> None:
        """Nothing can be closed: llama.cpp crashes where a request is in flight, so the process
        ends without unloading (see `__main__`)."""

    def _bounded(self, body: dict[str, Any]) -> dict[str, Any]:
        """The body with a limit on its output: a small model may otherwise never stop."""
        limits = (body.get("max_tokens"), body.get("max_completion_tokens"))
        if limits != (None, None):
            return body
        return {**body, "max_tokens": self._options.max_output_tokens}

    def _loaded(self) -> Any:
        with self._loading:
            if self._server is None:
                self._server = self._load()
            return self._server

    def _load(self) -> Any:
        import xllamacpp

        options = self._options
        params = xllamacpp.CommonParams()
        params.model.path = str(self._weights)
        params.n_parallel = options.parallel
        params.n_ctx = options.parallel * options.context_tokens
        # Half of the processors: hyper-threads do not add speed here, and on two processors one
        # thread was steadier than two.
        threads = max(1, (os.cpu_count() or 1) // 2)
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.cache_ram_mib = 0  # by default up to 8 GB of past prompts are kept
        params.warmup = False
        params.verbosity = _VERBOSE if options.verbose else _QUIET
        # llama.cpp opens a port of its own on loopback, which cannot be turned off: lock it.
        params.hostnames = ["127.0.0.1"]
        params.api_keys = [secrets.token_urlsafe(32)]
        params.ui = False
        params.endpoint_slots = False
        return xllamacpp.Server(params)


def _refusal(error: dict[str, Any]) -> Answer:
    status_code = error.get("code")
    if not isinstance(status_code, int) or not 400 <= status_code < 600:
        status_code = 500
    kind = "invalid_request_error" if status_code < 500 else "server_error"
    code = "context_length_exceeded" if error.get("type") == _OVERFLOW else None
    return status_code, error_body(str(error.get("message")), kind=kind, code=code)


def _has_other_than_text(body: dict[str, Any]) -> bool:
    """Whether a message carries an image or a sound, which llama.cpp would fail on with a 500."""
    messages = body.get("messages")
    for message in messages if isinstance(messages, list) else ():
        parts = message.get("content") if isinstance(message, dict) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and part.get("type") != "text":
                return True
    return False
