"""Disks that get full: a small file system in memory where this process may make one, else a limit on the files that a
process writes (`setrlimit`), which looks the same to a database: its writes fail."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol

NEW_MOUNTS: Final = 0x00020000  # CLONE_NEWNS, of linux/sched.h
PIECES: Final = (1 << 20, 1 << 12)  # bytes


class Disk(Protocol):
    def fill(self) -> None: ...

    def free(self) -> None: ...


def make_mounts_private() -> bool:
    """From now on nobody outside this process and its children sees what it mounts, and that is gone with them. Before any
    thread is started: each has its own view. False where it is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(NEW_MOUNTS) != 0:
        return False
    try:
        _mount("--make-rprivate", "/")
    except OSError:
        return False
    return True


class Small:
    """A file system of `megabytes` on `folder`, after `make_mounts_private`."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "plenum-chaos", str(folder))
        self._folder = folder
        self._ballast = folder / "ballast"

    def fill(self) -> None:
        with self._ballast.open("ab", buffering=0) as file:
            for size in PIECES:
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def free(self) -> None:
        self._ballast.unlink(missing_ok=True)

    def leave(self) -> None:
        subprocess.run(["umount", "-l", str(self._folder)], check=False, capture_output=True)


class Rationed:
    """The processes `of()` may write no byte to any file (RLIMIT_FSIZE, of which Python makes an error and no signal)."""

    def __init__(self, of: Callable[[], Iterable[int]]) -> None:
        self._of = of

    def fill(self) -> None:
        self._limit(0)

    def free(self) -> None:
        self._limit(resource.RLIM_INFINITY)

    def leave(self) -> None:
        """Nothing is left behind."""

    def _limit(self, size: int) -> None:
        for pid in self._of():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
                soft = hard if size == resource.RLIM_INFINITY else size
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


def _mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise OSError(errno.EPERM, done.stderr.strip())
