"""Real shells on a terminal, and what a key makes of the lines that are typed there."""

import contextlib
import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

WAIT_S = 30.0

TAB = "\t"
EVERY = "\x18\x05"  # inserts every completion there is, in the order in which they are offered
_SHOW = "\x18\x04"  # prints the line as it is, and begins a new one

_START = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
}
_SETTINGS = {
    "bash": r"""
PS1='@@ '; bind 'set enable-bracketed-paste off'; bind 'set bell-style none'
bind '"\C-x\C-e": insert-completions'
bind -x '"\C-x\C-d": printf "<<%s>>\n" "$READLINE_LINE"; READLINE_LINE='
""",
    "zsh": r"""
PS1='@@ '; unsetopt zle_bracketed_paste beep prompt_cr prompt_sp; bindkey -e
every() { _main_complete; compstate[insert]=all; compstate[list]=; }
zle -C every complete-word every; bindkey '^X^E' every
show() { zle -I; print -r -- "<<$BUFFER>>"; BUFFER=; }
zle -N show; bindkey '^X^D' show
""",
}


def needs(shell: str) -> str | None:
    """Why a shell cannot be tried here, if it cannot."""
    path = shutil.which(shell)
    if path is None:
        return f"{shell} is not installed"
    if os.name == "nt":
        return "there are no terminals to drive it on"
    if shell == "bash":
        version = subprocess.run([path, "--version"], capture_output=True, check=True).stdout
        if b"version 3." in version:
            return "this bash (macOS's) cannot be asked what is in its line"
    return None


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self, terminal: int):
        self._terminal = terminal

    def run(self, text: str) -> None:
        """Run lines of shell; returns when they are done."""
        os.write(self._terminal, text.strip().encode() + b"\necho done-$((1 + 1))\n")
        self._read_until(rb"done-2\r?\n.*@@ ")

    def press(self, key: str, line: str) -> str:
        """What the line is after a key was pressed at its end, all that is shown left out."""
        os.write(self._terminal, (line + key + _SHOW).encode())
        shown = self._read_until(rb"<<[^\n]*>>\r?\n.*@@ ")
        found = re.search(rb"<<([^\n]*)>>\r?\n", shown)
        assert found
        return found[1].decode()

    def shown(self, key: str, line: str) -> str:
        """Everything that the screen was told when a key was pressed."""
        os.write(self._terminal, (line + key + _SHOW).encode())
        return self._read_until(rb"<<[^\n]*>>\r?\n.*@@ ").decode()

    def _read_until(self, pattern: bytes) -> bytes:
        told = b""
        deadline = time.monotonic() + WAIT_S
        while not re.search(pattern, told, re.DOTALL):
            assert time.monotonic() < deadline, told
            if select.select([self._terminal], [], [], 1)[0]:
                told += os.read(self._terminal, 65536)
        return told


@contextlib.contextmanager
def interactive(name: str, cwd: Path, environment: Mapping[str, str]) -> Iterator[Shell]:
    """Start bash or zsh; it reads no start-up file."""
    import fcntl
    import pty
    import struct
    import termios

    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    process = subprocess.Popen(
        _START[name],
        cwd=cwd,
        env={**environment, "TERM": "dumb"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    try:
        shell = Shell(controller)
        shell.run(_SETTINGS[name])
        yield shell
    finally:
        os.close(controller)
        process.kill()
        process.wait()
