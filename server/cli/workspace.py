"""What every command needs: the conference's directory, its settings and its database. Neighbour: `failure`."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from server import programme_file
from server.cli.failure import Failure
from server.municipalities import Country, country_of_time_zone
from server.settings import Settings
from server.settings_sources import PREFIX
from server.starter import PROGRAMME

if TYPE_CHECKING:
    from server.database import Database

Directory = Annotated[
    Path,
    typer.Option(
        "--directory",
        "-C",
        metavar="DIR",
        envvar=f"{PREFIX}DIRECTORY",
        help="The conference's directory, with conference.toml in it.",
    ),
]
HERE: Final = Path(".")
TABLE_WIDTH: Final = 120


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


def home_country(directory: Path) -> Country | None:
    """The country whose municipalities are meant where a name or code fits several."""
    return country_of_time_zone(programme_file.read(directory / PROGRAMME).time_zone)


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


def console() -> Console:
    """Where tables go. As wide as the terminal; wide enough to read where there is none."""
    terminal = Console(highlight=False, markup=False, emoji=False)
    return terminal if terminal.is_terminal else Console(highlight=False, markup=False, emoji=False, width=TABLE_WIDTH)
