"""Finding duplicate ids among any number of requests, exactly, at about nine bytes a request."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Set

from ..errors import Fault

MAX_SUSPECTS = 100_000
"""Duplicate hashes that are looked into. An input with more is refused on the strength of these."""


class UniqueIds:
    """Remembers a 64-bit hash of each id; what has one hash twice is then compared in full.

    Two different ids share a hash in about one of forty runs of a billion requests, so the second
    look at the data, which makes the answer exact, is hardly ever taken where no id repeats.
    """

    def __init__(self, key: Callable[[str], int] = hash) -> None:
        self._key = key
        # Hashes are partitioned so that only one part at a time is ever held as a set.
        self._buckets = [array("q") for _ in range(256)]
        self._append_to = [bucket.append for bucket in self._buckets]

    def update(self, custom_ids: Iterable[str]) -> None:
        """Take note of requests' ids."""
        append_to = self._append_to
        for value in map(self._key, custom_ids):
            append_to[value & 255](value)

    def suspects(self) -> set[int]:
        """Hashes that more than one request has, at most MAX_SUSPECTS of them."""
        suspects: set[int] = set()
        for bucket in self._buckets:
            if len(set(bucket)) < len(bucket):
                suspects.update(_repeated(bucket))
                if len(suspects) >= MAX_SUSPECTS:
                    break
        return suspects

    def confirm(self, suspects: Set[int], ids: Iterable[tuple[int, str]]) -> Iterator[Fault]:
        """Go through all `(line_number, custom_id)` again and yield a fault for each duplicate.

        The first request with an id is right; every later one is a fault that names its line.
        """
        first_lines: dict[str, int] = {}
        for line_number, custom_id in ids:
            if self._key(custom_id) not in suspects:
                continue
            first_line = first_lines.setdefault(custom_id, line_number)
            if first_line != line_number:
                yield Fault(
                    "duplicate_custom_id",
                    f"custom_id {custom_id!r} is that of line {first_line} too; "
                    "results could not be told apart: give each request its own",
                    line_number,
                    "custom_id",
                )


def _repeated(values: "array[int]") -> set[int]:
    seen: set[int] = set()
    repeated: set[int] = set()
    for value in values:
        if value in seen:
            repeated.add(value)
        seen.add(value)
    return repeated
