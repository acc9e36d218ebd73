"""A terminal that a command can be run on: its window can be resized, and its screen be read."""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pyte
from cli_process import WAIT_S, Cli

_LOG_IN = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv("/bin/sh", ["sh", "-c", *sys.argv[1:]])
"""
"""Makes the terminal that of the new session: only then are Ctrl-C and Ctrl-Z signals, and is one
job in the foreground."""


class Terminal:
    """A pseudo terminal with its own session and an emulated screen.

    The emulator cuts lines that a narrower window has no room for, as xterm does.
    """

    def __init__(self, cli: Cli, command: list[str], columns: int, rows: int, shell: str):
        import pty

        self._controller, terminal = pty.openpty()
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.told = b""
        """Every byte that the screen was told."""
        self.resize(columns, rows)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LOG_IN, shell, "sh", *command],
            cwd=cli.cwd,
            env={**cli.environment, "TERM": cli.env.get("TERM", "xterm-256color")},
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
        )
        os.close(terminal)

    def resize(self, columns: int, rows: int = 24) -> None:
        """Make the window wider or narrower."""
        import fcntl
        import struct
        import termios

        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._controller, termios.TIOCSWINSZ, size)
        self.screen.resize(rows, columns)

    def press(self, keys: bytes) -> None:
        """What a person types."""
        os.write(self._controller, keys)

    def wait_for(self, *parts: str) -> list[str]:
        """Follow the screen until it shows every one of `parts`; the lines that it shows then."""
        return self.wait_until(lambda lines: all(part in "\n".join(lines) for part in parts))

    def wait_until(self, shown: Callable[[list[str]], bool]) -> list[str]:
        """Follow the screen until its lines are as they should be; those lines."""
        deadline = time.monotonic() + WAIT_S
        while not shown(self.lines):
            if time.monotonic() > deadline or not self._read():
                raise AssertionError("it never came to that:\n" + "\n".join(self.lines))
        return self.lines

    def end(self) -> int:
        """Follow the screen until the command has left; its exit code."""
        while self._read():
            pass
        return self.process.wait(WAIT_S)

    @property
    def lines(self) -> list[str]:
        """What the screen shows, without what is blank on the right and at the end."""
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def close(self) -> None:
        """Take the terminal away."""
        os.close(self._controller)
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(WAIT_S)

    def _read(self) -> bool:
        if not select.select([self._controller], [], [], WAIT_S)[0]:
            raise AssertionError("nothing more came:\n" + "\n".join(self.lines))
        with contextlib.suppress(OSError):  # Linux says so when the last one has left the terminal
            told = os.read(self._controller, 65536)
            self.told += told
            self._stream.feed(told)
            return bool(told)
        return False


@contextlib.contextmanager
def terminal(
    cli: Cli, *arguments: str, columns: int = 80, rows: int = 24, shell: str = 'exec "$@"'
) -> Iterator[Terminal]:
    """Run the command on a terminal, as `shell` says, whose `"$@"` it is."""
    opened = Terminal(cli, cli.command(*arguments), columns, rows, shell)
    try:
        yield opened
    finally:
        opened.close()
