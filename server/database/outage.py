"""Errors that say nothing about what was asked: the database is away, restarts, or fails over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

PATIENCE: Final = 8.0  # seconds that a restart may take before somebody is told to try again
PAUSE: Final = 0.2  # seconds between two tries

# PostgreSQL, appendix A. 25006: a standby, which takes no writes until it is promoted. 25P03: we were frozen.
AWAY: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "53300", "25006", "25P03"})
AWAY_CLASS: Final = "08"  # connection exceptions
COLLISIONS: Final = frozenset({"40001", "40P01"})  # the same again will do
BUSY: Final = COLLISIONS | {"55P03", "57014"}  # or a lock was not given, or the statement was cancelled


def is_outage(error: BaseException) -> bool:
    """True if the connection is of no use any more, or could not be had."""
    for one in _chain(error):
        if isinstance(one, OSError | PoolTimeout):  # a TimeoutError is an OSError
            return True
        if isinstance(one, DBAPIError) and one.connection_invalidated:
            return True
        state = getattr(one, "sqlstate", None)
        if state in AWAY or str(state).startswith(AWAY_CLASS):
            return True
    return False


def is_collision(error: BaseException) -> bool:
    """True if two transactions were in each other's way and this one had to go."""
    return sqlstate(error) in COLLISIONS


def sqlstate(error: BaseException) -> str | None:
    """PostgreSQL's code for what went wrong."""
    return next((state for one in _chain(error) if isinstance(state := getattr(one, "sqlstate", None), str)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, what the driver said, and what that came from."""
    while error is not None:
        yield error
        error = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error.__cause__
