"""What a model's name says about the requests it takes.

Only names that leave no doubt are listed: a wrong guess sends a request to an endpoint that refuses
it, and where a name says nothing, the request's parameters decide.
"""

import re

_EMBEDDING = re.compile(
    r"embed|^sentence-transformers/|^text-(?:similarity|search)-"
    r"|(?:^|[-_/])(?:e5|bge|gte|uae|stella|labse|minilm|mpnet|instructor|voyage)(?:[-_.]|$)",
    re.IGNORECASE,
)
_MODERATION = re.compile(r"^(?:omni|text)-moderation")
_OPENAI_IMAGE = re.compile(r"^(?:gpt-image|chatgpt-image|dall-e)")
_IMAGE = re.compile(
    r"(?:^|[-_/])(?:flux|sdxl|stable-diffusion|qwen-image|seedream|kolors|cogview|imagen)(?:[-_.]|$)",
    re.IGNORECASE,
)
_OPENAI_CHAT = re.compile(r"^(?:openai/)?(?:ft:)?(?:gpt-|chatgpt-|codex-|o\d+(?:-|$))")


def embeds(model: str) -> bool:
    """Whether the name says that the model turns text into vectors."""
    return _EMBEDDING.search(model) is not None


def moderates(model: str) -> bool:
    """Whether the name says that the model judges whether text is harmful."""
    return _MODERATION.match(model) is not None


def draws(model: str) -> bool:
    """Whether the name says that the model makes images."""
    return is_openai_image_model(model) or _IMAGE.search(model) is not None


def is_openai_image_model(model: str) -> bool:
    """Whether the name is one of OpenAI's own image models."""
    return _OPENAI_IMAGE.match(model) is not None


def chats_at_openai(model: str) -> bool:
    """Whether the name is one of OpenAI's chat or reasoning models, which never embed."""
    return _OPENAI_CHAT.match(model) is not None
