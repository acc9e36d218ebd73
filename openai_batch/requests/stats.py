"""What a file of requests or results holds, in one pass and in memory that does not grow."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from .. import jsonl
from .distribution import Distribution
from .endpoints import endpoint_of
from .sampling import Sample
from .tokens import count_request
from .wrong_file import is_result, unbroken

_MOST_NAMES = 1_000
_OTHERS = "(others)"
_USAGE = (("prompt_tokens", "input_tokens"), ("completion_tokens", "output_tokens"))


class Stats:
    """Takes the lines of one file and adds them up.

    What the first line is decides what the file holds: requests or results. Lines of another kind
    are counted as faulty, and nothing else is taken of them.
    """

    def __init__(self) -> None:
        self.kind: str | None = None
        """`requests` or `results`."""
        self.faulty = 0
        self.first_faulty: int | None = None
        """The number of the first line that is neither JSON nor of the kind."""
        self.line_bytes = Distribution()
        self.tokens: dict[str, Distribution] = {
            "input_tokens": Distribution(),
            "output_tokens": Distribution(),
        }
        self._count = 0
        self._bytes = 0
        self._names: dict[str, Counter[str]] = {}
        self._sample = Sample()

    def read(self, stream: BinaryIO | Iterable[bytes], input_name: str | None = None) -> None:
        """Add up all lines. Raises InputInvalid where the input is no text, or breaks off."""
        for number, content in jsonl.lines(unbroken(stream, input_name)):
            try:
                value = jsonl.parse(content)
            except ValueError:
                value = None
            kind = _kind(value)
            self.kind = self.kind or kind
            if kind is None or kind != self.kind:
                self.faulty += 1
                self.first_faulty = self.first_faulty or number
                continue
            self._count += 1
            self._bytes += len(content)
            self.line_bytes.add(len(content))
            if kind == "requests":
                self._add_request(value, len(content))
            else:
                self._add_result(value)

    def _add_request(self, request: Mapping[str, Any], size_bytes: int) -> None:
        url, body = request["url"], request["body"]
        self._name("endpoints", url)
        self._name("models", body.get("model"))
        endpoint = endpoint_of(url)
        asked = {name for group in endpoint.required for name in group} if endpoint else set()
        for parameter in body.keys() - asked - {"model"}:
            self._name("parameters", parameter)
        if self._sample.takes(size_bytes):
            tokens = count_request(url, body)
            ceiling = tokens.output_max
            self._sample.add(
                size_bytes, tokens.input, ceiling is not None, ceiling or 0, not tokens.exact
            )
            self.tokens["input_tokens"].add(tokens.input, self._sample.weight)

    def _add_result(self, result: Mapping[str, Any]) -> None:
        response = _object(result["response"])
        body = _object(response.get("body"))
        self._name("statuses", response.get("status_code"))
        self._name("models", body.get("model"))
        for error in (result.get("error"), body.get("error")):
            if isinstance(error, dict):
                self._name("errors", error.get("code") or error.get("type"))
        usage = _object(body.get("usage"))
        for names in _USAGE:
            found = next((usage[name] for name in names if type(usage.get(name)) is int), None)
            if found is not None and found >= 0:
                self.tokens[names[-1]].add(found)

    def _name(self, what: str, name: Any) -> None:
        counted = self._names.setdefault(what, Counter())
        if name is not None:
            name = str(name)
            full = len(counted) >= _MOST_NAMES and name not in counted
            counted[_OTHERS if full else name] += 1

    def record(self) -> dict[str, Any]:
        """Everything, as one record."""
        record: dict[str, Any] = {
            "object": "stats",
            "kind": self.kind,
            "lines": self._count,
            "bytes": self._bytes,
            "faulty": self.faulty,
            "line_bytes": self.line_bytes.summary(),
        }
        for what, names in self._names.items():
            record[what] = dict(names.most_common())
        if self.kind == "results":
            for name, tokens in self.tokens.items():
                record[name] = {"total": round(tokens.total), **tokens.summary()}
        elif self._count:
            total, with_ceiling, ceilings, inexact = self._sample.totals()
            record["input_tokens"] = {
                "total": round(total.amount),
                "error_percent": round(total.half_width_percent, 2),
                "counted_exactly": not inexact.amount,
                **self.tokens["input_tokens"].summary(),
            }
            record["output_ceilings"] = {
                "requests": round(with_ceiling.amount),
                "total": round(ceilings.amount),
                "error_percent": round(ceilings.half_width_percent, 2),
            }
        return record


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _kind(value: Any) -> str | None:
    if is_result(value):
        return "results"
    if not isinstance(value, dict):
        return None
    is_request = isinstance(value.get("url"), str) and isinstance(value.get("body"), dict)
    return "requests" if is_request else None
