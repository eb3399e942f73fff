"""Where else in a conference's directory somebody is named, besides the database: in files that the organiser wrote."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from server.durable import sync_folder
from server.starter import PEOPLE

MOST_BYTES: Final = 10 << 20  # larger files are no text that anybody wrote


class Leftover(NamedTuple):
    path: Path
    line: int  # the first is 1


def strike_out(directory: Path, email: str) -> int:
    """Takes the rows with an e-mail address out of `people.csv`, so that the next import does not bring the person back;
    returns how many. Rows that go over several lines are left, and found by `leftovers`."""
    path = directory / PEOPLE
    if not email or not path.is_file():
        return 0
    lines = path.read_bytes().splitlines(keepends=True)
    needle = email.lower().encode()
    kept = [line for line in lines if not _has(line.lower(), needle) or line.count(b'"') % 2]
    if len(kept) < len(lines):
        _replace(path, b"".join(kept))
    return len(lines) - len(kept)


def _replace(path: Path, content: bytes) -> None:
    """The old file or the new one, whatever happens; whose it was and for whom, and never for others' eyes in between."""
    before, part = path.stat(), path.with_suffix(".part")
    part.unlink(missing_ok=True)  # of one that was killed
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
            with contextlib.suppress(PermissionError):  # only root may give files away
                os.fchown(file.fileno(), before.st_uid, before.st_gid)
        os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def leftovers(directory: Path, words: Sequence[str]) -> Iterator[Leftover]:
    """Lines of text files in the directory itself (not in `data/`) with one of the words, whatever the case."""
    needles = [word.casefold() for word in words if word]
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.stat().st_size <= MOST_BYTES:
            content = path.read_bytes()
            text = content.decode("utf-8", "replace") if _is_utf8(content) else content.decode("cp1252", "replace")
            for number, line in enumerate(text.splitlines(), 1):
                if any(needle in line.casefold() for needle in needles):
                    yield Leftover(path, number)


def _has(line: bytes, email: bytes) -> bool:
    """The address itself, and not another that ends with it."""
    return re.search(rb"(?<![\w.+-])" + re.escape(email) + rb"(?![\w.-])", line) is not None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
