"""What is there before the demonstration starts: a directory with a conference of today, people imported as
`plenum people import` does, and links and tokens for whoever shall get in. Neighbours: `programme`, `people`, `run`.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from server import programme_file
from server.cli.failure import Failure
from server.cli.opening import opened
from server.cli.workspace import home_country
from server.database import Database
from server.demo import people as invented
from server.demo.programme import HALL, MARK, conference
from server.identity import Identity
from server.links import Links
from server.municipalities import read_tables
from server.people import People
from server.people_file import read_people
from server.person import plan_import
from server.secret import read_secret
from server.settings import Settings
from server.starter import PEOPLE, PROGRAMME

VIEWERS: Final = 5  # attendees who receive sound and picture


class Tokens(Struct, frozen=True):
    """Of personal links, by part, and for media software in the hall."""

    speaker: str
    leader: str
    visitor: str
    visiting_moderator: str
    visiting_board: str
    attendees: list[str]
    speaker_whip: str
    guest_whip: str
    visitor_whep: str


def settings_of(directory: Path, port: int) -> Settings:
    """The demonstration's settings. The environment may change the others, say `PLENUM_LOG_LEVEL`."""
    return Settings.from_environment(
        {"PLENUM_MEDIA_PORT": "0", "PLENUM_LOG_LEVEL": "error", **os.environ},
        directory=directory,
        port=port,
        host="127.0.0.1",
        database_url="",  # never in the place of a real conference
        public_url=f"http://localhost:{port}",
    )


def write_conference(directory: Path, now: datetime, attendees: int) -> None:
    """Writes the programme and the table of people. A demonstration of today goes on where it stopped; any other
    conference is left alone. Raises `Failure`."""
    programme = directory / PROGRAMME
    if programme.exists():
        _check_goes_on(programme, now)
    else:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise Failure(f"{directory} is not empty; the demonstration takes a directory of its own")
        programme.write_text(conference(now), encoding="utf-8")
    crowd = invented.attendees(attendees, read_tables(), now.year)
    (directory / PEOPLE).write_bytes(invented.table([*invented.CAST, *crowd]))


async def import_people(settings: Settings, now: datetime) -> Tokens:
    """Imports the table of people and issues their links."""
    directory = settings.directory
    table = read_people(directory / PEOPLE, read_tables(), country=home_country(directory), year=now.year)
    async with opened(settings) as database:
        people = People(database)
        await people.load()
        await people.apply(plan_import(people.all(), table.people))
        return await _issue(settings, database, people, [person.email for person in table.people])


async def _issue(settings: Settings, database: Database, people: People, emails: list[str]) -> Tokens:
    secret = read_secret(settings)
    links = Links(database, secret)
    ids = {person.email: person.id for person in people.all()}
    issued = await links.ensure_all(ids[email] for email in emails)
    identity = Identity(secret, links, people, secure=False)

    def token(part: invented.Cast) -> str:
        return issued[ids[part.email]].token

    cast = {one.email for one in invented.CAST}
    return Tokens(
        speaker=token(invented.SPEAKER),
        leader=token(invented.LEADER),
        visitor=token(invented.VISITOR),
        visiting_moderator=token(invented.VISITING_MODERATOR),
        visiting_board=token(invented.VISITING_BOARD),
        attendees=[issued[ids[email]].token for email in emails if email not in cast],
        speaker_whip=await identity.media_token(HALL, ids[invented.SPEAKER.email], "whip"),
        guest_whip=await identity.media_token(HALL, ids[invented.GUEST.email], "whip"),
        visitor_whep=await identity.media_token(HALL, ids[invented.VISITOR.email], "whep"),
    )


def _check_goes_on(path: Path, now: datetime) -> None:
    if not path.read_text(encoding="utf-8", errors="replace").startswith(MARK):
        raise Failure(f"there is another conference in {path.parent}; the demonstration takes a directory of its own")
    if not any(plan.starts_at <= now < plan.ends_at for plan in programme_file.load(path).sessions):
        raise Failure(f"the demonstration in {path.parent} is over; remove that directory, or choose another")
