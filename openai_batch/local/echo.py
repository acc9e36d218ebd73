"""An executor that answers at once, always the same: for tests, and to try a pipeline out.

Nothing in an answer depends on time or chance. A chat gets the last user message back; token counts
are counts of words.
"""

import hashlib
import time
from typing import Any

from .executor import Answer
from .refusal import error_body

_DIMENSIONS = 8
_CATEGORIES = ("harassment", "hate", "self-harm", "sexual", "violence")


class EchoExecutor:
    """Answers every endpoint whose answer is text or numbers, after `delay_s` seconds."""

    model_id = "echo"

    def __init__(self, delay_s: float = 0.0, parallel: int = 1):
        self._delay_s = delay_s
        # Without a delay, more threads would only take the interpreter from each other: one does
        # three times as many requests a second as four.
        self.parallel = parallel if delay_s else 1
        self._answers = {
            "/v1/chat/completions": _chat,
            "/v1/completions": _completion,
            "/v1/responses": _response,
            "/v1/embeddings": _embeddings,
            "/v1/moderations": _moderations,
            "/v1/score": _score,
            "/v1/rerank": _rerank,
        }

    def execute(self, url: str, body: dict[str, Any]) -> Answer:
        if self._delay_s:
            time.sleep(self._delay_s)
        answer = self._answers.get(url)
        if answer is None:
            return 404, error_body(f"Unknown URL: {url}", code="unknown_url")
        try:
            return 200, {"model": body.get("model", self.model_id), **answer(body)}
        except _Unusable as error:
            return 400, error_body(f"Invalid value for '{error}'.", param=str(error))

    def close(self) -> None:
        """Nothing was opened."""


class _Unusable(Exception):
    """The named parameter cannot be echoed."""


def _chat(body: dict[str, Any]) -> dict[str, Any]:
    messages = _list_of_objects(body, "messages")
    texts = [_text(message.get("content"), "messages") for message in messages]
    said = [text for text, m in zip(texts, messages, strict=True) if m.get("role") == "user"]
    reply = (said or texts)[-1]
    return {
        "id": "chatcmpl-echo",
        "object": "chat.completion",
        "created": 0,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": reply, "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(sum(map(_words, texts)), _words(reply)),
    }


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    prompts = _texts(body, "prompt")
    words = sum(map(_words, prompts))
    choices = [
        {"index": index, "text": text, "logprobs": None, "finish_reason": "stop"}
        for index, text in enumerate(prompts)
    ]
    return {
        "id": "cmpl-echo",
        "object": "text_completion",
        "created": 0,
        "choices": choices,
        "usage": _usage(words, words),
    }


def _response(body: dict[str, Any]) -> dict[str, Any]:
    given = body.get("input")
    if isinstance(given, str):
        texts = [given]
    else:
        items = _list_of_objects(body, "input")
        texts = [_text(item.get("content"), "input") for item in items if "content" in item]
    reply = texts[-1] if texts else ""
    content = [{"type": "output_text", "text": reply, "annotations": []}]
    message = {
        "id": "msg_echo",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": content,
    }
    words_in, words_out = sum(map(_words, texts)), _words(reply)
    return {
        "id": "resp_echo",
        "object": "response",
        "created_at": 0,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": False,
        "tool_choice": "none",
        "tools": [],
        "output": [message],
        "usage": {
            "input_tokens": words_in,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": words_out,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": words_in + words_out,
        },
    }


def _embeddings(body: dict[str, Any]) -> dict[str, Any]:
    texts = _texts(body, "input")
    dimensions = body.get("dimensions") or _DIMENSIONS
    if not isinstance(dimensions, int) or not 0 < dimensions <= 4096:
        raise _Unusable("dimensions")
    words = sum(map(_words, texts))
    data = [
        {"object": "embedding", "index": index, "embedding": _vector(text, dimensions)}
        for index, text in enumerate(texts)
    ]
    return {
        "object": "list",
        "data": data,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }


def _moderations(body: dict[str, Any]) -> dict[str, Any]:
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
    }
    return {"id": "modr-echo", "results": [result for _ in _texts(body, "input")]}


def _score(body: dict[str, Any]) -> dict[str, Any]:
    query = _texts(body, "text_1")[0]
    others = _texts(body, "text_2")
    data = [
        {"index": index, "object": "score", "score": _overlap(query, other)}
        for index, other in enumerate(others)
    ]
    words = _words(query) + sum(map(_words, others))
    return {
        "id": "score-echo",
        "object": "list",
        "created": 0,
        "data": data,
        "usage": {"prompt_tokens": words, "total_tokens": words},
    }


def _rerank(body: dict[str, Any]) -> dict[str, Any]:
    query = _texts(body, "query")[0]
    documents = _texts(body, "documents")
    results = [
        {"index": index, "document": {"text": text}, "relevance_score": _overlap(query, text)}
        for index, text in enumerate(documents)
    ]
    results.sort(key=lambda result: -float(str(result["relevance_score"])))
    words = _words(query) + sum(map(_words, documents))
    return {"id": "rerank-echo", "results": results, "usage": {"total_tokens": words}}


def _usage(words_in: int, words_out: int) -> dict[str, int]:
    return {
        "prompt_tokens": words_in,
        "completion_tokens": words_out,
        "total_tokens": words_in + words_out,
    }


def _words(text: str) -> int:
    return len(text.split())


def _overlap(query: str, text: str) -> float:
    """The share of the query's words that the text has."""
    wanted = set(query.split())
    return len(wanted & set(text.split())) / len(wanted) if wanted else 0.0


def _vector(text: str, dimensions: int) -> list[float]:
    """Numbers from -1 to 1, from the text's hash."""
    content = hashlib.shake_128(text.encode("utf-8", "surrogatepass")).digest(dimensions)
    return [(byte - 127.5) / 127.5 for byte in content]


def _text(content: Any, param: str) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise _Unusable(param)
    if any(part.get("type") == "file" for part in content):
        raise _Unusable(param)  # there is no file here that it could name
    return "".join(part["text"] for part in content if isinstance(part.get("text"), str))


def _texts(body: dict[str, Any], param: str) -> list[str]:
    """One text or several. A list of token numbers is one text, as in embeddings."""
    given = body.get(param)
    if isinstance(given, str):
        return [given]
    if not isinstance(given, list) or not given:
        raise _Unusable(param)
    if isinstance(given[0], int):
        return [" ".join(map(str, given))]
    return [item if isinstance(item, str) else str(item) for item in given]


def _list_of_objects(body: dict[str, Any], param: str) -> list[dict[str, Any]]:
    given = body.get(param)
    if not isinstance(given, list) or not given or not all(isinstance(m, dict) for m in given):
        raise _Unusable(param)
    return given
