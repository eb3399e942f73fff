"""`plenum init`, `plenum check` and `plenum run`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer

from server import programme_file
from server.cli.failure import Failure
from server.cli.workspace import HERE, Directory, opened, settings_of
from server.municipalities import country_of_time_zone, read_tables
from server.people_file import PeopleFileError, read_people
from server.person import Person
from server.programme_file import Reading, unknown_speakers
from server.secret import read_secret
from server.settings import Settings
from server.starter import PEOPLE, PROGRAMME, write_starter

MEDIA_PATIENCE: Final = 5.0  # seconds; after a crash the old media worker needs a moment to notice that it is alone


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
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port of the pages; 8000 if not given.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; this machine only if not given.")] = None,
) -> None:
    """Run the conference until Ctrl-C.

    Example: plenum run -C spring-conference --port 8080
    """
    settings = settings_of(directory, port=port, host=host)
    programme = programme_file.load(directory / PROGRAMME)
    check_ports(settings)
    from server.start import start  # late: no other command needs it

    hints = f"stop with Ctrl-C; personal links: plenum links -C {directory}"
    line = f"{programme.name}: {settings.url}  ({hints})"
    with contextlib.suppress(KeyboardInterrupt):  # that is how one stops it
        start(settings, _check_data, lambda: typer.echo(line, err=True))


def check_ports(settings: Settings) -> None:
    """Raises `Failure` if a port is taken, before anything is started."""
    _check_port(settings.host, settings.port, socket.SOCK_STREAM, "--port")
    if settings.media_port:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            _check_port("127.0.0.1", settings.media_port, kind, "PLENUM_MEDIA_PORT", patience=MEDIA_PATIENCE)


def _check_port(host: str, port: int, kind: socket.SocketKind, option: str, *, patience: float = 0.0) -> None:
    give_up_at = time.monotonic() + patience
    while (error := _bind_error(host, port, kind)) is not None:
        if time.monotonic() >= give_up_at:
            is_port = error.errno in (errno.EADDRINUSE, errno.EACCES)  # else it is the address: not ours, or none
            remedy = option if is_port else "--host or PLENUM_HOST"
            raise Failure(f"cannot listen on {host}, port {port}: {error.strerror}; choose another with {remedy}")
        time.sleep(0.1)


def _bind_error(host: str, port: int, kind: socket.SocketKind) -> OSError | None:
    """Why a port cannot be had."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=kind)[0]
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do after a restart
            probe.bind(address)
    except OSError as error:
        return error
    return None


async def _check_data(settings: Settings) -> None:
    """Fails here, in one line, where the server would fail with a page of them: a damaged, locked or foreign database."""
    async with opened(settings):
        read_secret(settings)


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
