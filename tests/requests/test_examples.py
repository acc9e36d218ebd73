"""Example prompts."""

import io
import json
from typing import Any

from openai_batch.requests.examples import example_prompts
from openai_batch.requests.prompt_options import PromptOptions
from openai_batch.requests.prompts import write_requests


def prompts(count: int, **options: Any) -> list[dict[str, str]]:
    """Example prompts, parsed."""
    return [json.loads(line) for line in b"".join(example_prompts(count, **options)).splitlines()]


def test_as_many_as_asked_for() -> None:
    """The number is exact, at the edges of blocks too."""
    for count in (0, 1, 999, 1000, 1001, 2500):
        assert len(prompts(count)) == count


def test_chat_prompts_have_texts_of_many_scripts() -> None:
    """Chat prompts are objects with a `prompt`, some of them Chinese, some with emoji."""
    examples = prompts(2000, seed=1)
    assert {tuple(example) for example in examples} == {("prompt",)}
    texts = "".join(example["prompt"] for example in examples)
    assert "笑话" in texts
    assert "🦉" in texts
    assert "ñ" in texts.lower()


def test_documents_to_embed() -> None:
    """With `embedding` they are objects with an `input`, short and long ones."""
    examples = prompts(500, embedding=True, seed=1)
    assert {tuple(example) for example in examples} == {("input",)}
    lengths = sorted(len(example["input"]) for example in examples)
    assert lengths[0] < 300
    assert lengths[-1] > 1500


def test_seed_repeats_the_prompts() -> None:
    """The same seed gives the same prompts, another one others; without a seed they vary."""
    assert prompts(50, seed=7) == prompts(50, seed=7)
    assert prompts(50, seed=7) != prompts(50, seed=8)
    assert prompts(50) != prompts(50)


def test_create_takes_them_as_they_are() -> None:
    """Each example becomes a request of its kind without any option."""
    options = PromptOptions(default_chat_model="chatty", default_embedding_model="vectors")
    for embedding, url in ((False, "/v1/chat/completions"), (True, "/v1/embeddings")):
        target = io.BytesIO()
        source = b"".join(example_prompts(20, embedding=embedding)).splitlines(keepends=True)
        assert write_requests(source, target, options) == 20
        urls = {json.loads(line)["url"] for line in target.getvalue().splitlines()}
        assert urls == {url}
