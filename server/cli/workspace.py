"""What every command needs of the command line: the conference's directory, and where tables go. Neighbours: `opening`,
`failure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server import programme_file
from server.municipalities import Country, country_of_time_zone
from server.settings_sources import PREFIX
from server.starter import PROGRAMME

if TYPE_CHECKING:
    from rich.console import Console

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


def home_country(directory: Path) -> Country | None:
    """The country whose municipalities are meant where a name or code fits several."""
    return country_of_time_zone(programme_file.read(directory / PROGRAMME).time_zone)


def console() -> Console:
    """Where tables go. As wide as the terminal; wide enough to read where there is none."""
    from rich.console import Console  # late: most commands print no table

    terminal = Console(highlight=False, markup=False, emoji=False)
    return terminal if terminal.is_terminal else Console(highlight=False, markup=False, emoji=False, width=TABLE_WIDTH)
