"""How a batch's object may differ from what the API promises."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

Quirk = Callable[[dict[str, Any], int], None]
"""Changes a batch's object; the number says how often it was shown as final, this time included."""

QUIRKS: dict[str, Callable[..., Quirk]] = {}

UPPER = {
    word: word.upper()
    for word in ("validating", "failed", "in_progress", "finalizing", "completed", "expired")
}
DIALECTS: dict[str, dict[str, str]] = {
    "together": {**UPPER, "cancelling": "CANCELING", "cancelled": "CANCELLED"},
    "novita": {**UPPER, "in_progress": "PROGRESS"},
    "zhipu": {"validating": "queued", "in_progress": "running"},
    "azure": {word: word.title().replace("_", "") for word in UPPER}
    | {"in_progress": "InProgress"},
    "aibrix": {"validating": "scheduling"},
    "mistral": {
        "validating": "QUEUED",
        "in_progress": "RUNNING",
        "finalizing": "RUNNING",
        "completed": "SUCCESS",
        "expired": "TIMEOUT_EXCEEDED",
    },
    "spaced": {"in_progress": " In Progress ", "completed": "Completed "},
}


def _quirk(make: Callable[..., Quirk]) -> Callable[..., Quirk]:
    QUIRKS[make.__name__] = make
    return make


@_quirk
def speaks(dialect: str) -> Quirk:
    """Statuses are spelled as that provider spells them."""
    words = DIALECTS[dialect]

    def change(batch: dict[str, Any], finals: int) -> None:
        batch["status"] = words.get(batch["status"], batch["status"])

    return change


@_quirk
def says_first(words: Sequence[str | None]) -> Quirk:
    """The end is shown under these statuses before, one a look."""

    def change(batch: dict[str, Any], finals: int) -> None:
        if 0 < finals <= len(words):
            batch.update(status=words[finals - 1], output_file_id=None, error_file_id=None)

    return change


@_quirk
def names_files_late(looks: int, *, errors_at_once: bool = False) -> Quirk:
    """The end is shown so many times before the files have names, or the output file has."""

    def change(batch: dict[str, Any], finals: int) -> None:
        if finals <= looks:
            batch["output_file_id"] = None
            if not errors_at_once:
                batch["error_file_id"] = None

    return change


@_quirk
def writes_null(word: str | None) -> Quirk:
    """What is null is this word instead; None leaves it out."""

    def change(batch: dict[str, Any], finals: int) -> None:
        for name in [name for name, value in batch.items() if value is None]:
            batch[name] = word
            if word is None:
                del batch[name]

    return change


@_quirk
def says(**fields: Any) -> Quirk:
    """These fields always have these values."""
    return lambda batch, finals: batch.update(fields)


@_quirk
def lacks(names: Sequence[str]) -> Quirk:
    """These fields are never there."""

    def change(batch: dict[str, Any], finals: int) -> None:
        for name in names:
            batch.pop(name, None)

    return change


@_quirk
def dates_in_iso() -> Quirk:
    """Times are ISO text instead of seconds."""

    def change(batch: dict[str, Any], finals: int) -> None:
        for name, value in batch.items():
            if name.endswith("_at") and isinstance(value, int):
                batch[name] = datetime.fromtimestamp(value, UTC).isoformat()

    return change
