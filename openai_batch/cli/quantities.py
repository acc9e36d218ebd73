"""Numbers in words.

Lines that tell how a run goes, and how it ended, have plain digits, because scripts read them. What
is for eyes alone (the live display, tables, the sentences that explain an error) has its thousands
grouped.
"""

from math import ceil, floor, log10


def size(size_bytes: int) -> str:
    """A size for people, in decimal units."""
    amount = float(size_bytes)
    for unit in ("bytes", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def many(number: int, thing: str, things: str | None = None, *, group: bool = False) -> str:
    """A number with its noun; `things` where the plural is not the usual one."""
    shown = grouped(number) if group else str(number)
    return f"{shown} {thing if number == 1 else things or thing + 's'}"


def grouped(number: int) -> str:
    """A number as a screen shows it, its thousands apart."""
    return f"{number:,}"


def money(amount: float, *, at_most: bool = False) -> str:
    """US dollars for people: two digits of what is small, whole dollars of what is large.

    With `at_most` it is rounded up, so that what is shown is an upper bound, too.
    """
    decimals = 0 if amount >= 1000 else 2
    if 0 < amount < 0.1:
        decimals = 1 - floor(log10(amount))
    scale = 10**decimals
    if at_most:
        amount = ceil(round(amount * scale, 6)) / scale
    return f"${amount:,.{decimals}f}"
