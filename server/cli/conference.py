"""`plenum init`, `plenum check` and `plenum run`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from server import programme_file
from server.cli.failure import Failure
from server.cli.opening import opened, settings_of
from server.cli.running import PORTS, Orders, run_conference
from server.cli.workspace import HERE, Directory
from server.municipalities import country_of_time_zone, read_tables
from server.people_file import PeopleFileError, read_people
from server.person import Person
from server.programme_file import Reading, unknown_speakers
from server.settings import Settings
from server.starter import PEOPLE, PROGRAMME, write_starter


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is missing.")],
) -> None:
    """Write a commented conference.toml and people.csv to start from.

    Example: plenum init spring-conference
    """
    written = write_starter(directory, datetime.now(UTC).astimezone().date())
    for path in written:
        typer.echo(f"wrote {path}")
    typer.echo(f"Change both to fit, then:  plenum check -C {directory}")
    typer.echo(f"                           plenum people import {directory / PEOPLE} -C {directory}")
    typer.echo(f"                           plenum run -C {directory}")


def check(directory: Directory = HERE) -> None:
    """Say what is wrong in conference.toml and people.csv.

    Every problem is named with file and line. Warnings stop nothing.

    Example: plenum check -C spring-conference
    """
    settings = settings_of(directory)
    path = directory / PROGRAMME
    reading = programme_file.read(path)
    rows, complaints = _people_file(directory, reading)
    warnings = unknown_speakers(reading, [*asyncio.run(_imported(settings)), *rows])
    for problem in sorted([*reading.problems, *warnings], key=lambda one: one.line):
        kind = "warning: " if problem.is_warning else ""
        typer.echo(f"{path}:{problem.line}: {kind}{problem.message}", err=True)
    for complaint in complaints:
        typer.echo(complaint, err=True)
    wrong = len(reading.errors) + len(complaints)
    if wrong or reading.programme is None:
        raise Failure(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong")
    programme = reading.programme
    found = f"{programme.name}: {len(programme.sessions)} sessions in {len(programme.rooms)} rooms, {_days(reading)}"
    typer.echo(f"{found}. Nothing is wrong.")


def run(
    directory: Directory = HERE,
    port: Annotated[
        int | None, typer.Option(min=PORTS[0], max=PORTS[1], help="The port of the pages; 8000 if not given.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; this machine only if not given.")] = None,
) -> None:
    """Run the conference until Ctrl-C.

    Example: plenum run -C spring-conference --port 8080
    """
    run_conference(Orders(directory, port, host))


def _people_file(directory: Path, reading: Reading) -> tuple[tuple[Person, ...], list[str]]:
    """The people in people.csv and what is wrong with it. There need not be one."""
    path = directory / PEOPLE
    if not path.exists():
        return (), []
    country = country_of_time_zone(reading.time_zone)
    try:
        return read_people(path, read_tables(), country=country, year=datetime.now(UTC).year).people, []
    except PeopleFileError as error:
        return (), [f"{path}, row {problem.row}: {problem.reason}" for problem in error.problems]


async def _imported(settings: Settings) -> list[Person]:
    if not settings.has_database:
        return []
    from server.people import People

    async with opened(settings) as database:
        people = People(database)
        await people.load()
        return people.all()


def _days(reading: Reading) -> str:
    programme = reading.programme
    assert programme is not None
    zone = ZoneInfo(programme.time_zone)
    days = sorted({plan.starts_at.astimezone(zone).date().isoformat() for plan in programme.sessions})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
