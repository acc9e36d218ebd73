"""Terminals: how wide they are, what they can show, and a block of lines that is drawn in place.

Loaded only where a stream is a terminal. Between two drawings the cursor rests on the block's first
line, and everything below it is the block's. So it does not matter what a resized window did to the
lines (some fold them, some cut them off): the next drawing begins where this one did.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from rich.cells import cell_len, set_cell_size

from ..settings import environment
from .console import TextStream

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"

# Not from the first column on: where a block stands at the top of the window, tmux takes that for
# clearing the whole of it, and keeps what stood there in its history, once for each drawing.
_ERASE_BELOW = "\r\x1b[K\x1b[C\x1b[J\r"

_TICK_S = 0.25
_CLOSE_S = 1.0  # a terminal that was stopped with Ctrl-S takes no drawing, and must not hold us
_SMALLEST = (10, 2)
"""Columns and rows under which nothing is drawn: there is no room for anything that says more."""

Draw = Callable[[int, int], Sequence[str]]
"""Answers the lines of a block, none of which may be wider, for a width in columns and a height."""


class Screen:
    """A terminal as something to write to: its size, its colours, its characters."""

    def __init__(self, stream: TextStream):
        self.stream = stream
        self.coloured = environment("NO_COLOR") is None and obeys(stream)

    def size(self) -> tuple[int, int]:
        """Columns and rows of the window as it is now."""
        with contextlib.suppress(OSError, ValueError):
            columns, rows = os.get_terminal_size(self.stream.fileno())
            if columns > 0 and rows > 0:  # some pseudo terminals have no size
                return columns, rows
        return 80, 24

    @property
    def width(self) -> int:
        """Columns that a line may fill. The last one stays free: filling it folds some consoles."""
        return max(self.size()[0] - 1, 1)

    def styled(self, text: str, *codes: int) -> str:
        """`text` in colours (numbers of the terminals' SGR command), unless NO_COLOR is set."""
        if not (self.coloured and text):
            return text
        return f"\x1b[{';'.join(map(str, codes))}m{text}\x1b[0m"

    def glyph(self, wanted: str, plain: str) -> str:
        """`wanted` where the terminal's encoding has it, else `plain`."""
        return wanted if self.stream.can_show(wanted) else plain

    def fit(self, text: str, width: int) -> str:
        """`text` on at most `width` columns, the cut marked. Characters may be two wide, as 中."""
        if cell_len(text) <= width:
            return text
        mark = self.glyph("…", ".")
        return set_cell_size(text, max(width - 1, 0)).rstrip() + mark if width > 0 else ""


class Block:
    """Lines that are drawn again in place, four times a second, at the bottom of a terminal.

    In the background (`&`, `bg`) nothing is drawn: the terminal is somebody else's then.
    """

    def __init__(self, screen: Screen, draw: Draw):
        self._screen = screen
        self._draw = draw
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._drawn: tuple[object, ...] | None = None
        self._cursor_hidden = False
        self._before: Any = None

    def start(self) -> None:
        """Begin to draw. May be repeated."""
        if self._thread is None and not self._closing.is_set():
            self._watch_for_stops()
            self._thread = threading.Thread(target=self._tick, name="display", daemon=True)
            self._thread.start()
            self.redraw()

    def redraw(self) -> None:
        """Draw what has changed, now."""
        with self._lock:
            columns, rows = self._screen.size()
            if self._thread is None or not self._is_ours():
                return
            small = columns < _SMALLEST[0] or rows < _SMALLEST[1]
            lines = [] if small else list(self._draw(columns - 1, rows - 1))[: rows - 1]
            drawing = (columns, rows, *lines)
            if drawing == self._drawn:
                return
            up = f"\x1b[{len(lines) - 1}A" if len(lines) > 1 else ""
            hide = "" if self._cursor_hidden else HIDE_CURSOR
            self._screen.stream.write(hide + _ERASE_BELOW + "\n".join(lines) + up + "\r")
            self._drawn, self._cursor_hidden = drawing, True

    def say(self, line: str) -> None:
        """Write a line that stays, above the block."""
        with self._lock:
            erase = "" if self._drawn is None else _ERASE_BELOW
            self._screen.stream.write(f"{erase}{line}\n")
            self._drawn = None
            self.redraw()

    def close(self) -> None:
        """Leave nothing of the block on the screen. May be repeated."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)
            self._thread = None
            self._heed_stops_no_more()
        with self._lock:
            self._erase()

    def _erase(self) -> None:
        if self._drawn is not None:
            self._screen.stream.write(_ERASE_BELOW)
            self._drawn = None
        if self._cursor_hidden:
            self._screen.stream.write(SHOW_CURSOR)
            self._cursor_hidden = False

    def _tick(self) -> None:
        while not self._closing.wait(_TICK_S):
            self.redraw()

    def _is_ours(self) -> bool:
        """Whether this process is the one that the terminal shows. Windows has no other."""
        if sys.platform == "win32":
            return True
        with contextlib.suppress(OSError, ValueError):
            return os.tcgetpgrp(self._screen.stream.fileno()) == os.getpgrp()
        return True

    def _watch_for_stops(self) -> None:
        if sys.platform != "win32" and threading.current_thread() is threading.main_thread():
            self._before = signal.getsignal(signal.SIGTSTP)
            if self._before is signal.SIG_DFL:
                signal.signal(signal.SIGTSTP, self._stop)

    def _heed_stops_no_more(self) -> None:
        if sys.platform != "win32" and self._before is signal.SIG_DFL:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            self._before = None

    def _stop(self, number: int, frame: object) -> None:
        """Ctrl-Z: leave the screen to the shell, stop, and come back."""
        if sys.platform != "win32":
            with self._lock:
                self._erase()
                signal.signal(signal.SIGTSTP, signal.SIG_DFL)
                os.kill(os.getpid(), signal.SIGTSTP)
                signal.signal(signal.SIGTSTP, self._stop)
                self.redraw()


def obeys(stream: TextStream) -> bool:
    """Whether `stream` is a terminal that understands colours and movements of the cursor."""
    if not stream.isatty():
        return False
    if sys.platform == "win32":
        return _switched_on(stream)
    return environment("TERM") not in (None, "dumb", "unknown")


def _switched_on(stream: TextStream) -> bool:
    """Windows: have the console follow escape sequences, which those before Windows 10 cannot."""
    if sys.platform == "win32":
        import ctypes
        import msvcrt

        enabled = 0x0004  # ENABLE_VIRTUAL_TERMINAL_PROCESSING
        with contextlib.suppress(OSError, ValueError):
            kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
            handle = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno()))
            mode = ctypes.c_ulong()
            if kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
                return bool(kernel32.SetConsoleMode(handle, mode.value | enabled))
    return False
