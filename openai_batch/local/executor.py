"""The seam: who answers a request.

Anything with these members will do, so a test wraps an executor to count, delay or spoil
what it answers. `server.serve` takes one instead of the name of a built-in one.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from .weights import find_weights

Answer = tuple[int, dict[str, Any]]
"""An HTTP status code and a JSON body: a response, or an error in OpenAI's shape."""


class Executor(Protocol):
    """Answers requests. Called from several threads at once."""

    @property
    def model_id(self) -> str:
        """The model's name in `GET /models`. Requests may name any model all the same."""

    @property
    def parallel(self) -> int:
        """How many threads should call `execute` for batches at the same time, from 1."""

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        """Answer one request. `url` is as in a batch line: `/v1/chat/completions`.

        What is wrong with the request is an answer (400, 404), not an exception; an exception
        becomes a 500 and the next request is executed. Must not change `body`.
        """

    def close(self) -> None:
        """Let go of what was opened. Calls of `execute` in flight may never return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorOptions:
    """Which built-in executor, and how. Each looks at its own fields only.

    `parallel` is the number of requests executed at the same time; `max_output_tokens` holds where
    a request names no limit; `context_tokens` is what one request's prompt and answer may have
    together.
    """

    name: str = "llama"
    parallel: int = 4
    model_file: Path | None = None
    max_output_tokens: int = 256
    context_tokens: int = 4096
    upstream_url: str | None = None
    upstream_key: str | None = None
    echo_delay_s: float = 0.0
    verbose: bool = False


NAMES = ("llama", "echo", "upstream")


def choose(options: ExecutorOptions) -> Executor:
    """Make a built-in executor. Fast: llama's weights are found here and loaded when first needed.

    Raises UsageError where an option is missing, Error where something is not installed.
    """
    if options.name == "llama":
        from .llama import LlamaExecutor

        return LlamaExecutor(find_weights(options.model_file), options)
    if options.name == "upstream":
        from .upstream import UpstreamExecutor

        return UpstreamExecutor(options.upstream_url, options.upstream_key, options.parallel)
    from .echo import EchoExecutor

    return EchoExecutor(options.echo_delay_s, options.parallel)
