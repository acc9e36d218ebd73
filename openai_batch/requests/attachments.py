"""Images and other files that a request carries: whether they can be read where they arrive."""

import binascii
import re
import string

from .data_url import sniff
from .faults import shown

_TAKEN_IMAGES = ("image/png", "image/jpeg", "image/webp", "image/gif")
_FIRST_CHARACTERS = 64
"""Characters of base64 from which a file's type is told, a multiple of four."""

_DATA_URL = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),")
_ALPHABET = string.ascii_letters.encode() + string.digits.encode() + b"+/"
_BLANKS = str.maketrans("", "", " \t\r\n=")
_USUAL_ALPHABET = str.maketrans("-_", "+/")
_NO_BASE64 = "is no data URL in base64"
_MEND = "`openai_batch.data_url(path)` makes one of a file"


def image_fault(url: str, strict: bool) -> str | None:
    """What is wrong with the URL of an image, or None. What is on the web is not looked at.

    Unless `strict`, the server may read more types, and files of its own.
    """
    head = url[:5].lower()
    if head != "data:":
        if not strict or url[:8].lower().startswith(("http://", "https://")):
            return None
        return f"is {shown(url)}, which is neither a web address nor a data URL: {_MEND}"
    found = _DATA_URL.match(url)
    if found is None or ";base64" not in found[2].lower():
        return f"{_NO_BASE64}: {_MEND}" if strict or found is None else None
    if strict and not found[1].lower().startswith("image/"):
        named = found[1] or "no type"
        return f"is a data URL of {named}, and only images are taken: name image/png or the like"
    return _image_data_fault(url, found.end(), strict)


def _image_data_fault(url: str, start: int, strict: bool) -> str | None:
    if fault := base64_fault(url, start):
        return fault
    if not strict:
        return None
    kind = sniff(_decode(url[start : start + _FIRST_CHARACTERS]) or b"")
    if kind in _TAKEN_IMAGES:
        return None
    # That the type named is another image's is no fault: what is inside counts.
    return f"holds {kind or 'no image'}, and png, jpeg, webp and gif are taken"


def file_fault(data: str) -> str | None:
    """What is wrong with a file's content, which is a data URL or plain base64."""
    found = _DATA_URL.match(data)
    if found is None:
        return base64_fault(data, 0)
    if ";base64" not in found[2].lower():
        return f"{_NO_BASE64}: {_MEND}"
    return base64_fault(data, found.end())


def base64_fault(text: str, start: int) -> str | None:
    """What is wrong with the base64 that begins at `start`, in any of its dialects."""
    payload = text[start:] if start else text
    if _is_plain_base64(payload):
        return None
    content = _decode(payload)
    if content is None:
        return f"holds base64 that is damaged or cut off: {_MEND}"
    return None if content else f"holds nothing: {_MEND}"


def _is_plain_base64(payload: str) -> bool:
    """Whether it is base64 as most write it; takes a fifth of the time of decoding it."""
    if not payload.isascii() or len(payload) % 4 or len(payload) < 4:
        return False
    padding = payload.encode("ascii").translate(None, _ALPHABET)
    return padding in (b"", b"=", b"==") and payload.endswith(padding.decode("ascii"))


def _decode(payload: str) -> bytes | None:
    """Decode base64, be it with line breaks, without padding, or of the alphabet for URLs."""
    try:
        return binascii.a2b_base64(payload, strict_mode=True)
    except ValueError:
        pass
    bare = payload.translate(_BLANKS).translate(_USUAL_ALPHABET)
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError:
        return None
