"""Example prompts, for trying things out: short tasks for chat, documents for embedding."""

import itertools
import random
from collections.abc import Iterator

import orjson

from . import example_texts as texts

_CHUNK = 1_000


def example_prompts(
    count: int, *, embedding: bool = False, seed: int | None = None
) -> Iterator[bytes]:
    """Yield `count` prompts as lines that `create` takes, in blocks of whole lines.

    Each is `{"prompt": …}`, or with `embedding` `{"input": …}`. The same seed gives the same
    prompts; without one they vary from call to call.
    """
    lines = _embedding_lines() if embedding else _chat_lines()
    chance = random.Random(seed)
    for start in range(0, count, _CHUNK):
        yield b"".join(chance.choices(lines, k=min(_CHUNK, count - start)))


def _chat_lines() -> list[bytes]:
    prompts = [
        pattern.format(subject=subject, manner=manner)
        for patterns, subjects, manners in (
            (texts.TASKS, texts.SUBJECTS, texts.MANNERS),
            (texts.CHINESE_TASKS, texts.CHINESE_SUBJECTS, texts.CHINESE_MANNERS),
        )
        for pattern, subject, manner in itertools.product(patterns, subjects, manners)
    ]
    prompts += [f"{texts.SUMMARISE}\n\n{document}" for document in texts.DOCUMENTS]
    return [orjson.dumps({"prompt": prompt}) + b"\n" for prompt in prompts]


def _embedding_lines() -> list[bytes]:
    # Long ones are put together from short ones: about as long as a page.
    long = ["\n\n".join(group) for group in itertools.permutations(texts.DOCUMENTS[:5], 4)]
    return [orjson.dumps({"input": text}) + b"\n" for text in (*texts.DOCUMENTS, *long)]
