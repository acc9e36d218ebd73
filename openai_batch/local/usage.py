"""Token usage: every endpoint's words for it, summed up in the batch object's words."""

from typing import Any


class Usage:
    """A running sum over the successful requests of one batch. Not safe for several threads."""

    __slots__ = ("cached", "input", "output", "reasoning", "total")

    def __init__(self) -> None:
        self.input = 0
        self.cached = 0
        self.output = 0
        self.reasoning = 0
        self.total = 0

    def add(self, body: dict[str, Any]) -> None:
        """Add one response body's `usage`; without one, or with a broken one, it adds nothing."""
        usage = body.get("usage")
        if not isinstance(usage, dict):
            return
        # Chat, completions and embeddings say prompt and completion, responses input and output.
        side_in, side_out = (
            ("input_tokens", "output_tokens")
            if "input_tokens" in usage
            else ("prompt_tokens", "completion_tokens")
        )
        details_in = side_in.replace("tokens", "tokens_details", 1)
        details_out = side_out.replace("tokens", "tokens_details", 1)
        tokens_in = _count(usage, side_in)
        tokens_out = _count(usage, side_out)
        self.input += tokens_in
        self.output += tokens_out
        self.total += _count(usage, "total_tokens") or tokens_in + tokens_out
        self.cached += _count(usage.get(details_in), "cached_tokens")
        self.reasoning += _count(usage.get(details_out), "reasoning_tokens")

    def as_object(self) -> dict[str, Any]:
        """The batch object's `usage`."""
        return {
            "input_tokens": self.input,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.output,
            "output_tokens_details": {"reasoning_tokens": self.reasoning},
            "total_tokens": self.total,
        }


def _count(holder: Any, name: str) -> int:
    value = holder.get(name) if isinstance(holder, dict) else None
    return value if isinstance(value, int) else 0
