"""Disks that are full when it suits a test."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

DISK_BYTES = 1 << 20
PAGE_BYTES = 4096


def can_mount() -> bool:
    """Whether there can be a `small_disk`: only root may mount one (tmpfs), and only on Linux."""
    return sys.platform == "linux" and os.geteuid() == 0


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    folder.mkdir()
    options = f"size={DISK_BYTES},mode=0700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, leaving: int) -> None:
    """Let another program take all that is left but so many bytes."""
    free = os.statvfs(disk).f_bavail * PAGE_BYTES - leaving
    with (disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, max(free, 1))


def make_room(disk: Path) -> None:
    """Let the other program give it back."""
    (disk / "filler").unlink()
