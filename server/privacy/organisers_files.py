"""Where else in a conference's directory somebody is named, besides the database: in files that the organiser wrote."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

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
        part = path.with_suffix(".part")
        with part.open("wb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        part.chmod(path.stat().st_mode)
        part.replace(path)
    return len(lines) - len(kept)


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
