"""What providers write, made fit to be read by people: no control characters, no keys."""

import re

MESSAGE_LIMIT = 600
"""Characters of a provider's own text that a message quotes."""

# Keys as providers shape them (`sk-…`, Parasail's `psk-…`, Groq's `gsk_…`). Refusals echo them,
# some half masked with asterisks, and not always the key that we sent.
_KEY = r"\b(?:p?sk-|gsk_)[\w*.\-]{6,}|(?<=Bearer )\S+"
_SHORTEST_KEY = 4  # replacing every occurrence of a shorter one would garble the message


def printable(text: str) -> str:
    """`text` on one line, without control, formatting and unpaired surrogate characters."""
    spaced = " ".join(text.split())
    if spaced.isprintable():
        return spaced
    from unicodedata import category  # seldom needed, and takes a while to load

    return "".join(letter for letter in spaced if category(letter) not in _UNPRINTABLE).strip()


# Cf holds the marks that reverse the direction of writing, which can disguise a message.
_UNPRINTABLE = {"Cc", "Cf", "Cs"}


def quotable(text: str, key: str | None = None) -> str:
    """`text` as a message may quote it: printable, shortened, and with every key blotted out."""
    shown = printable(text)
    if key and len(key) >= _SHORTEST_KEY:
        shown = shown.replace(key, "[key]")
    shown = re.sub(_KEY, "[key]", shown)
    return shown if len(shown) <= MESSAGE_LIMIT else shown[: MESSAGE_LIMIT - 1] + "…"
