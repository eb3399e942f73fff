"""What nearly every command opens first: the conference's settings and its database. Nothing here needs the command line's
library, which takes longer to load than most commands to run. Neighbours: `workspace`, `failure`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from server.cli.failure import Failure
from server.settings import Settings
from server.starter import PROGRAMME

if TYPE_CHECKING:
    from server.database import Database


def settings_of(directory: Path, *, port: int | None = None, host: str | None = None) -> Settings:
    """The settings of the conference in `directory`. Raises `Failure` if there is none: no command shall leave a database
    in a directory that was mistyped."""
    if not directory.is_dir():
        raise Failure(f"there is no directory {directory}; `plenum init {directory}` makes one to start from")
    if not (directory / PROGRAMME).exists():
        raise Failure(
            f"there is no {directory / PROGRAMME}; `plenum init {directory}` makes one, -C DIR names another place"
        )
    return Settings.from_environment(directory=directory, port=port, host=host)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database, beside a server that may be running."""
    async with opened_at(settings.database) as database:
        yield database


@asynccontextmanager
async def opened_at(place: Path | str) -> AsyncIterator[Database]:
    """Any database: an SQLite file, or a PostgreSQL address."""
    from server.database import opened as database_at  # late: it takes longer than most commands

    quiet()
    async with database_at(place) as database:
        yield database


def quiet() -> None:
    """No log: what fails is told in the command's one line; standard output is for links and tables."""
    import structlog  # late: it takes longer than most commands

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
