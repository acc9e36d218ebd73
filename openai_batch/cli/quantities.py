"""Numbers in words.

Lines that tell how a run goes, and how it ended, have plain digits, because scripts read them. What
is for eyes alone (the live display, tables, the sentences that explain an error) has its thousands
grouped.
"""

from math import floor, log10


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


def money(amount: float) -> str:
    """US dollars for people: two digits of what is small, whole dollars of what is large."""
    if amount >= 1000:
        return f"${amount:,.0f}"
    decimals = 2 if amount >= 0.1 or amount <= 0 else 1 - floor(log10(amount))
    return f"${amount:.{decimals}f}"
