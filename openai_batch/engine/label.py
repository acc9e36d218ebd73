"""The label that every batch of ours carries, so that anyone with the key can find its run again.

It stands in the batch's metadata under one key, and in the name of its input file, for providers
that keep no metadata.
"""

import re
from dataclasses import dataclass
from typing import Self

METADATA_KEY = "openai_batch"

_TEXT = re.compile(
    r"(?P<run_id>run_[0-9a-z_]+);rows=(?P<first>\d+)-(?P<last>\d+)/(?P<total>\d+)"
    r";attempt=(?P<attempt>\d+);input=sha256:(?P<sha>[0-9a-f]{64})"
)
_FILE_NAME = re.compile(
    r"openai-batch-(?P<run_id>run_[0-9a-z_]+)-rows-(?P<first>\d+)-(?P<last>\d+)-of-(?P<total>\d+)"
    r"-attempt-(?P<attempt>\d+)-sha256-(?P<sha>[0-9a-f]{64})\.jsonl"
)


@dataclass(frozen=True, slots=True)
class Label:
    """Rows `first_row` to `last_row` (from 0, both included) of `total`, at this attempt."""

    run_id: str
    first_row: int
    last_row: int
    total: int
    attempt: int
    input_sha256: str

    def __str__(self) -> str:
        return (
            f"{self.run_id};rows={self.first_row}-{self.last_row}/{self.total}"
            f";attempt={self.attempt};input=sha256:{self.input_sha256}"
        )

    @property
    def file_name(self) -> str:
        """The same as a file name; providers want `.jsonl` at its end."""
        return (
            f"openai-batch-{self.run_id}-rows-{self.first_row}-{self.last_row}-of-{self.total}"
            f"-attempt-{self.attempt}-sha256-{self.input_sha256}.jsonl"
        )

    @classmethod
    def parse(cls, text: str | None) -> Self | None:
        """Read a label from a metadata value or a file name; None where it is not one of ours."""
        match = text and (_TEXT.fullmatch(text) or _FILE_NAME.fullmatch(text))
        if not match:
            return None
        run_id, *numbers, sha = match.group("run_id", "first", "last", "total", "attempt", "sha")
        first, last, total, attempt = map(int, numbers)
        return cls(run_id, first, last, total, attempt, sha)
