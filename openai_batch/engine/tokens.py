"""Numbers of tokens, and what a batch says of its own.

Apart from `usage`, which reads results, because every record needs it and not what that loads.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

CHAT, RESPONSES = ("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")
"""What the two sides are called: chat, completions and embeddings have words of their own."""

_MOST_IN_A_BATCH = 10**15


class Tokens(NamedTuple):
    """Tokens of one request, or sums of several. `cached` and `cache_written` are parts of the
    input, `reasoning` of the output."""

    input: int
    output: int
    total: int
    cached: int = 0
    cache_written: int = 0
    reasoning: int = 0


def added(*parts: Tokens) -> Tokens:
    """The sum of several."""
    return Tokens(*map(sum, zip(*parts, strict=True)))


def count(value: Any, most: int) -> int | None:
    """A number of tokens as a provider gives it; None for anything that is none."""
    return value if type(value) is int and 0 <= value <= most else None


def told_by_batch(usage: Any) -> Tokens | None:
    """What a batch object says that it took.

    None where it does not tell both sides, or nothing but zeros, which some servers send for what
    they do not count. What a total has beyond both is output, as in results (`usage.tokens_in`).
    """
    for sides in (RESPONSES, CHAT):
        taken, made = (_read(usage, side) for side in sides)
        if taken is not None and made is not None and taken + made:
            of_input, of_output = (_part(usage, f"{side}_details") for side in sides)
            made = max(made, (_read(usage, "total_tokens") or 0) - taken)
            return Tokens(
                taken,
                made,
                taken + made,
                _read(of_input, "cached_tokens") or 0,
                _read(of_input, "cache_write_tokens") or 0,
                _read(of_output, "reasoning_tokens") or 0,
            )
    return None


def _part(holder: Any, name: str) -> Any:
    return holder.get(name) if isinstance(holder, Mapping) else None


def _read(holder: Any, name: str) -> int | None:
    return count(_part(holder, name), _MOST_IN_A_BATCH)
