"""`plenum person`: everything about one person, written out or erased."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server.cli.failure import Failure
from server.cli.opening import opened, settings_of
from server.cli.workspace import HERE, Directory
from server.privacy.organisers_files import Leftover, leftovers, strike_out
from server.settings import Settings
from server.shown import shown

# What needs the database is imported where it is used: SQLAlchemy takes longer than most commands.
if TYPE_CHECKING:
    from server.database import Database
    from server.keys import Keys
    from server.person import Person
    from server.privacy.erasing import Erased

Who = Annotated[str, typer.Argument(metavar="PERSON", help="An id, or an e-mail address.")]
LEFT_TO_DO: Final = 1  # exit status: it is done, and something is left for the operator


def export_person(
    who: Who,
    directory: Directory = HERE,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of PERSON.zip in this folder.")
    ] = None,
    language: Annotated[str, typer.Option(metavar="LANG", help="Of the page for reading: sv, en, nb or da.")] = "",
) -> None:
    """Write everything that is kept about a person into a ZIP file: a page to read, and the same as JSON.

    Also while the server runs. It is what the person finds on their own page.

    Example: plenum person export anna.lind@example.org
    """
    settings = settings_of(directory)
    person, content = asyncio.run(_export(settings, who, language))
    path = output or Path(f"{person.id}.zip")
    path.touch(mode=0o600)
    path.chmod(0o600)  # it may have been there
    path.write_bytes(content)
    typer.echo(f"wrote everything about {person.name} to {path}")


def erase_person(
    who: Who,
    directory: Directory = HERE,
    keep_questions: Annotated[
        bool, typer.Option("--keep-questions", help="Keep what they asked, without saying who did.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase a person: from the database and its files, and from people.csv.

    Their row and link, attendance, answers and votes, and the texts of their questions are gone for good; counts stay. A
    running server disconnects them within seconds. Backups made before still have them, and so do recordings.

    Example: plenum person erase anna.lind@example.org
    """
    settings = settings_of(directory)
    person = asyncio.run(_find(settings, who))
    if not yes:
        typer.confirm(f"Erase {person.name} <{person.email}> for good?", abort=True, err=True)
    rows = strike_out(settings.directory, person.email)  # first: while they are in the database, this can be repeated
    erased, is_gone = asyncio.run(_erase(settings, person, keep_questions=keep_questions))
    typer.echo(f"{person.id} is erased: {', '.join(f'{count} {name}' for name, count in erased._asdict().items())}.")
    if rows:
        typer.echo(f"people.csv: {rows} row{'s' if rows > 1 else ''} less.")
    left = list(leftovers(settings.directory, [person.name, person.email, person.id]))
    _tell_what_is_left(settings, left, is_gone=is_gone)
    if left or not is_gone:
        raise typer.Exit(LEFT_TO_DO)


def _tell_what_is_left(settings: Settings, left: list[Leftover], *, is_gone: bool) -> None:
    for path, line in left:
        typer.echo(f"{path.name}, line {line}: names them still; change it, or they come back with it", err=True)
    if not is_gone:
        typer.echo(
            "The database was busy, so its files still have traces: a running server cleans them within an hour.", err=True
        )
    if settings.recordings.is_dir() and any(settings.recordings.iterdir()):
        typer.echo("Recordings are as they were: nobody can be cut out of sound and picture.", err=True)


async def _export(settings: Settings, who: str, language: str) -> tuple[Person, bytes]:
    from server.i18n import Translations
    from server.privacy.person_data import collect
    from server.privacy.person_file import archive

    async with opened(settings) as database:
        person = await _person(database, who)
        data = await collect(database, await _keys(settings, database), person, datetime.now(UTC))
    translations = Translations()
    return person, archive(data, translations.of(language or next(iter(data.languages), "en")))


async def _find(settings: Settings, who: str) -> Person:
    async with opened(settings) as database:
        return await _person(database, who)


async def _erase(settings: Settings, person: Person, *, keep_questions: bool) -> tuple[Erased, bool]:
    from server.privacy.erasing import Departure, erase
    from server.privacy.former import new_former

    departure = Departure(person.id, new_former(), person.name, texts=not keep_questions)
    async with opened(settings) as database:
        return await erase(database, await _keys(settings, database), [departure], datetime.now(UTC))


async def _keys(settings: Settings, database: Database) -> Keys:
    from server.keys import open_keys
    from server.secret import read_secret

    return await open_keys(database, settings.data / "keys", read_secret(settings), several=False)


async def _person(database: Database, who: str) -> Person:
    from server.people import People

    people = People(database)
    await people.load()
    person = people.get(who) or people.with_email(who)
    if person is None:
        raise Failure(f"nobody has the id or e-mail address {shown(who)}")
    return person
