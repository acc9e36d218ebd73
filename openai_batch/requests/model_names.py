"""What a model's name says about the requests it takes.

Only names that leave no doubt are listed: a wrong guess sends a request to an endpoint that refuses
it, and where a name says nothing, the request's parameters decide. Patterns are compiled when they
are first asked for: `create` seldom asks, and starts sooner.
"""

import re

_EMBEDDING = (
    r"(?i)embed|^sentence-transformers/|^text-(?:similarity|search)-"
    r"|(?:^|[-_/])(?:e5|bge|gte|uae|stella|labse|minilm|mpnet|instructor|voyage)(?:[-_.]|$)"
)
_MODERATION = ("omni-moderation", "text-moderation")
_OPENAI_IMAGE = ("gpt-image", "chatgpt-image", "dall-e")
_IMAGE = (
    r"(?i)(?:^|[-_/])(?:flux|sdxl|stable-diffusion|qwen-image|seedream|kolors|cogview|imagen)"
    r"(?:[-_.]|$)"
)
_OPENAI_CHAT = r"(?:openai/)?(?:ft:)?(?:gpt-|chatgpt-|codex-|o\d+(?:-|$))"


def embeds(model: str) -> bool:
    """Whether the name says that the model turns text into vectors."""
    return re.search(_EMBEDDING, model) is not None


def moderates(model: str) -> bool:
    """Whether the name says that the model judges whether text is harmful."""
    return model.startswith(_MODERATION)


def draws(model: str) -> bool:
    """Whether the name says that the model makes images."""
    return is_openai_image_model(model) or re.search(_IMAGE, model) is not None


def is_openai_image_model(model: str) -> bool:
    """Whether the name is one of OpenAI's own image models."""
    return model.startswith(_OPENAI_IMAGE)


def chats_at_openai(model: str) -> bool:
    """Whether the name is one of OpenAI's chat or reasoning models, which never embed."""
    return re.match(_OPENAI_CHAT, model) is not None
