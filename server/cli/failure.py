"""Failures of commands, each told in one line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from live.control import MediaRefused
from rooms.errors import Refused
from server.programme_file import ProgrammeFileError
from server.settings import SettingsError

INTERRUPTED: Final = 130  # an exit status, as a shell tells of SIGINT

# For what SQLite says in a few words.
_REMEDIES: Final[Mapping[str, str]] = {
    "disk I/O": "; is the disk full?",
    "unable to open": "; may this user write to data/ in the conference's directory, and is it no read-only disk?",
    "readonly": "; may this user write to data/ in the conference's directory?",
}


def printable(text: str) -> str:
    """On one line, and nothing in it that a terminal would obey: file names can hold anything."""
    return "".join(each if each.isprintable() else "?" for each in " ".join(text.split()))


class Failure(Exception):
    """The command cannot be done. The message is one clear line."""


def describe(error: Exception) -> str | None:
    """One line for a failure that can be expected; None if `error` is a bug."""
    from server.archive import ArchiveError  # late, as most commands do not fail
    from server.people_file import PeopleFileError
    from server.starter import AlreadyThere

    match error:
        case Failure() | SettingsError() | ProgrammeFileError() | PeopleFileError() | AlreadyThere() | ArchiveError():
            return str(error)
        case Refused(code="read_only" | "try_again"):
            return (
                "the database cannot be written now: the disk is full, "
                "it is read-only or away, or another program keeps it locked"
            )
        case Refused():
            return error.message
        case MediaRefused():
            return f"{error}; is another program using PLENUM_MEDIA_PORT?"
        case OSError():
            return _describe_os_error(error)
        case _:
            return _describe_database_error(error)


def _describe_os_error(error: OSError) -> str:
    reason = error.strerror or _one_line(str(error)) or type(error).__name__
    return f"{Path(str(error.filename))}: {reason}" if error.filename else reason


def _describe_database_error(error: Exception) -> str | None:
    from sqlalchemy.exc import DBAPIError, IntegrityError  # late: takes longer than most commands

    from server.database.failure import DatabaseFailure

    if isinstance(error, DatabaseFailure):
        return str(error)
    if isinstance(error, IntegrityError):
        return "somebody else changed the same people at the same moment; nothing was saved, please try again"
    if not isinstance(error, DBAPIError):
        return None
    reason = _one_line(str(error.orig))
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in reason), "")
    return f"the database cannot be used: {reason}{remedy}"


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]
