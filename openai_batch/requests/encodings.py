"""How many tokens a text has: counted with the model's own encoding, or estimated from its bytes.

Counting needs the extra `tokens`, whose package brings the encodings with it: nothing is ever
downloaded. Without it, and for models whose encoding is not public, the number is an estimate.

The estimate looks at how many bytes of UTF-8 each character takes, which tells English from Russian
from Chinese. Measured on texts of 0.4 to 3 MB against o200k (and cl100k): English prose +10 %
(+11 %), Python code +5 % (+6 %), Chinese news and reviews +2 to +7 % (±2 %), technical English in
Markdown -10 % (-8 %), Korean -7 % (-5 %), Russian +11 % (-18 %). What it gets wrong is text whose
words are cut small: other European languages come out 10 to 30 % (18 to 39 %) low, JSON full of
numbers 45 % low.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from math import ceil
from typing import NamedTuple

O200K = "o200k_base"
CL100K = "cl100k_base"

# Which model has which encoding: OpenAI's cookbook ("How to count tokens with tiktoken") and the
# table in tiktoken. The newest name there is gpt-5; later ones are taken to keep its encoding.
# gpt-oss has it too, but its chat template adds some sixty tokens that depend on who serves it, so
# it is left to the estimate, which uses the same encoding.
_ENCODINGS = (
    (r"gpt-(?:4o|4\.1|4\.5|[5-9]|[1-9]\d)(?:[-.]|$)", O200K),
    (r"(?:chatgpt-4o|codex-mini|o[1-9])(?:-|$)", O200K),
    (r"gpt-(?:4|3\.5|35)(?:-|$)", CL100K),
    (r"text-embedding-(?:3-(?:small|large)|ada-002)$", CL100K),
    (r"(?:davinci|babbage)-002$", CL100K),
)

_FOREIGN = O200K
"""Stands in for an encoding that is not public."""

_TOKENS_PER_CHARACTER = {
    # Characters of one, two, three and four bytes in UTF-8: ASCII; accents, Cyrillic, Arabic;
    # Chinese, Japanese, Korean; emoji.
    O200K: (0.25, 0.4, 0.85, 2.0),
    CL100K: (0.25, 0.4, 1.25, 2.5),
}


_PIECE = 1 << 16
"""Characters that are encoded at once: the encoder takes some eighty bytes for each. Where a longer
text is cut, it may have a token more; a megabyte of English had 14 of 279,200 more."""


class TextCounter(NamedTuple):
    """Counts the tokens of texts for one model."""

    count: Callable[[str], int]
    encoding: str
    """What it counts with, or estimates: the model's own encoding, or a similar one."""
    exact: bool
    """Whether `count` counts, and with the model's own encoding."""


def text_counter(model: str, *, estimate: bool = False) -> TextCounter:
    """The best counter there is for `model`: its own encoding, a similar one, or an estimate.

    With `estimate`, the last whatever is installed. Loading an encoding takes some 30 ms, once.
    """
    own = _encoding_of(model)
    encoding = own or _FOREIGN
    if not estimate and (count := _vocabulary(encoding)) is not None:
        return TextCounter(count, encoding, exact=own is not None)
    return TextCounter(_estimator(encoding), encoding, exact=False)


def can_count() -> bool:
    """Whether the extra `tokens` is installed, so that texts need not be estimated."""
    return _vocabulary(_FOREIGN) is not None


def release() -> None:
    """Let go of the encodings that were loaded, some 20 MB each; `text_counter` loads them anew."""
    _vocabulary.cache_clear()


@lru_cache(maxsize=1024)
def _encoding_of(model: str) -> str | None:
    name = model.removeprefix("openai/").removeprefix("ft:")
    name = name.partition(":")[0]  # a fine-tuned model goes on with its owner
    return next((encoding for pattern, encoding in _ENCODINGS if re.match(pattern, name)), None)


@lru_cache
def _vocabulary(encoding: str) -> Callable[[str], int] | None:
    try:
        from splintr import Tokenizer
    except ImportError:
        return None
    encode = Tokenizer.from_pretrained(encoding).encode_ordinary

    def count_piece(text: str) -> int:
        # What looks like a special token (`<|endoftext|>`) is text in a request, hence `ordinary`.
        try:
            return len(encode(text))
        except UnicodeEncodeError:  # a lone surrogate, which JSON allows
            return len(encode(text.encode("utf-8", "replace").decode()))

    def count(text: str) -> int:
        if len(text) <= _PIECE:
            return count_piece(text)
        return sum(count_piece(text[at : at + _PIECE]) for at in range(0, len(text), _PIECE))

    return count


@lru_cache
def _estimator(encoding: str) -> Callable[[str], int]:
    one, two, three, four = _TOKENS_PER_CHARACTER[encoding]

    def estimate(text: str) -> int:
        if text.isascii():
            return ceil(len(text) * one)
        # The lengths of its encodings tell how many characters of each sort a text has, without a
        # loop over them.
        ascii_count = len(text.encode("ascii", "ignore"))
        others = len(text) - ascii_count
        other_bytes = len(text.encode("utf-8", "surrogatepass")) - ascii_count
        fours = len(text.encode("utf-16-le", "surrogatepass")) // 2 - len(text)
        threes = other_bytes - 2 * others - 2 * fours
        twos = others - threes - fours
        return ceil(ascii_count * one + twos * two + threes * three + fours * four)

    return estimate
