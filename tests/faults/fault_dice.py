"""What goes wrong, by the dice, where everything may go wrong at once."""

from collections.abc import Callable, Sequence
from random import Random

from fault_calls import (
    Fault,
    early_end,
    garbage_after,
    html_after,
    meanwhile,
    reset_after,
    reset_before,
    status,
    status_after,
    truncated,
)
from fault_endings import (
    Change,
    adds_foreign,
    contradicts_itself,
    ends_lines,
    keeps_empty_files,
    repeats,
    shuffles,
)
from fault_quirks import (
    DIALECTS,
    Quirk,
    dates_in_iso,
    names_files_late,
    says_first,
    speaks,
    writes_null,
)
from fault_wire import Exchange

WAYS: Sequence[Fault] = (
    status(500),
    status(503, retry_after=3),
    status(429),
    status(502, html=True),
    reset_before(),
    reset_after(),
    status_after(500),
    truncated(0.6),
    early_end(0.6),
    html_after(),
    garbage_after(),
)


def failing(
    dice: Random,
    kill: Callable[[], None],
    *,
    faults: int,
    chance: Callable[[str], float] = lambda kind: 0.2,
) -> Fault:
    """Lets calls fail, each with the chance of its kind, until there were so many `faults`.

    Three in ten of them are the death of the client, by `kill`.
    """
    left = faults

    def fault(exchange: Exchange) -> None:
        nonlocal left
        if left == 0 or dice.random() > chance(exchange.kind):
            exchange.send(exchange.forward())
            return
        left -= 1
        if dice.random() < 0.3:
            meanwhile(kill, worked=dice.random() < 0.5, answers=False)(exchange)
        else:
            dice.choice(WAYS)(exchange)

    return fault


def ending(dice: Random) -> tuple[Change, ...]:
    """How a batch may end without anything of it being lost."""
    changes = [
        contradicts_itself(1),
        repeats(2),
        adds_foreign(2),
        shuffles(dice.randint(1, 9)),
        ends_lines(dice.choice(["\n", "\r\n", "\n\n"]), last=dice.random() < 0.5),
        keeps_empty_files(),
    ]
    return tuple(change for change in changes if dice.random() < 0.3)


def quirks(dice: Random) -> list[Quirk]:
    """How a provider may describe its batches."""
    possible = [
        names_files_late(dice.randint(1, 3)),
        says_first(dice.choice([["in_progress"], ["on_mars"], [None, "finalizing"]])),
        writes_null(dice.choice(["", None])),
        dates_in_iso(),
        speaks(dice.choice(sorted(DIALECTS))),
    ]
    return [quirk for quirk in possible if dice.random() < 0.3]
