"""`conference.toml`: the programme as the organiser writes it, read and checked. `plenum check` tells what is wrong, with
file and line; `plenum run` starts with nothing that is wrong. Neighbours: `toml_table` (values and problems by line),
`programme_values` (what each value must be), `starter` (the file that `plenum init` writes).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from rooms import messages as m
from server import programme_values as check
from server.person import Person
from server.programme_values import Speaker
from server.shown import shown
from server.toml_lines import Lines
from server.toml_table import Problem, Table

MOST_BYTES: Final = 1 << 20
MOST_SESSIONS: Final = 500
MOST_ROOMS: Final = 100
LONGEST_SESSION: Final = timedelta(hours=24)

Plan = TypeVar("Plan", m.RoomPlan, m.SessionPlan)

_SYNTAX: Final = re.compile(r"(.*) \(at line (\d+), column \d+\)", re.DOTALL)
_BARE_TIME: Final = re.compile(r"=\s*\d{4}-\d\d-\d\d[T ]\d\d:\d\d\s*(?:#.*)?$")


class SpeakerAddress(Struct, frozen=True):
    """A speaker who is known by an e-mail address, and where the file says so."""

    line: int
    name: str
    email: str


class Reading(Struct, frozen=True):
    """A file that was read: everything that is wrong, and the programme if that is nothing but warnings."""

    programme: m.Programme | None
    problems: tuple[Problem, ...]
    speakers: tuple[SpeakerAddress, ...] = ()
    time_zone: str = ""  # known even if other things are wrong

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if not problem.is_warning]


class ProgrammeFileError(Exception):
    """The file cannot be used. The message is one line with file, line and reason."""


def load(path: Path) -> m.Programme:
    """The programme in a file. Raises `ProgrammeFileError`."""
    reading = read(path)
    if reading.programme is not None:
        return reading.programme
    first, *others = reading.errors
    more = f" (and {len(others)} more: see `plenum check`)" if others else ""
    raise ProgrammeFileError(f"{path}:{first.line}: {first.message}{more}")


def read(path: Path) -> Reading:
    """Reads a file and everything that is wrong in it. Raises `ProgrammeFileError` if it cannot be opened."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ProgrammeFileError(f"there is no {path}; `plenum init` makes one to start from") from None
    except OSError as error:
        raise ProgrammeFileError(f"{path} cannot be read: {error.strerror}") from None
    return parse(data)


def parse(data: bytes) -> Reading:
    """Like `read`, for the bytes of a file."""
    if len(data) > MOST_BYTES:
        return Reading(None, (Problem(1, f"the file is larger than {MOST_BYTES >> 20} MB"),))
    try:
        text = data.decode("utf-8-sig")
        values = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return Reading(None, (Problem(line, "this line is not UTF-8; save the file as UTF-8"),))
    except ValueError as error:  # tomllib.TOMLDecodeError, or a number of thousands of digits
        return Reading(None, (_syntax_problem(str(error), text),))
    except RecursionError:
        return Reading(None, (Problem(1, "brackets are nested too deeply"),))
    return _read_programme(values, Lines(text))


def unknown_speakers(reading: Reading, people: Iterable[Person]) -> list[Problem]:
    """A warning for each speaker whom no link would let on stage: not among the people, or without a fitting role."""
    by_email = {person.email: person for person in people}
    warnings = []
    for speaker in reading.speakers:
        person = by_email.get(speaker.email)
        if person is None:
            warnings.append(Problem(speaker.line, f"{shown(speaker.email)} is not among the people", is_warning=True))
        elif not {"speaker", "moderator"} & set(person.roles):
            reason = f"{shown(speaker.name)} may not go on stage: the role speaker is missing"
            warnings.append(Problem(speaker.line, reason, is_warning=True))
    return warnings


def _syntax_problem(message: str, text: str) -> Problem:
    lines = text.split("\n")
    match = _SYNTAX.fullmatch(message)
    line = int(match.group(2)) if match else len(lines)
    reason = match.group(1) if match else message.partition(" (at end")[0]
    hint = '; write times in quotation marks: "2027-03-25 09:00"' if _BARE_TIME.search(lines[line - 1]) else ""
    return Problem(line, f"this is not TOML: {reason}{hint}")


def _read_programme(values: dict[str, Any], lines: Lines) -> Reading:
    problems: list[Problem] = []
    speakers: list[SpeakerAddress] = []
    table = Table(values, (), lines, problems)
    name = table.take("name", check.line)
    organiser = table.take("organiser", check.line)
    zone = table.take("time_zone", check.time_zone)
    languages = table.take("languages", check.languages)
    goals = _goals(table.table("goals"))
    rooms = _unique(table.tables("rooms", MOST_ROOMS), _room)
    read_session = _SessionReader(zone or ZoneInfo("UTC"), {room.id: room for room in rooms}, speakers)
    sessions = sorted(_unique(table.tables("sessions", MOST_SESSIONS), read_session), key=lambda s: (s.starts_at, s.ends_at))
    read_session.note_overlaps(sessions)
    table.close()
    problems.sort(key=lambda problem: problem.line)
    if not all(problem.is_warning for problem in problems):
        return Reading(None, tuple(problems), tuple(speakers), zone.key if zone else "")
    assert name and organiser and zone and languages and goals
    programme = m.Programme(name, organiser, zone.key, languages, goals, tuple(rooms), tuple(sessions))
    return Reading(programme, tuple(problems), tuple(speakers), zone.key)


def _goals(table: Table) -> m.Goals | None:
    usual = m.Goals()
    participants = table.take("participants", check.whole_number(1, 100_000), usual.participants)
    share = table.take("satisfied_share", check.number(0, 1, "a share such as 0.9"), usual.satisfied_share)
    mean = table.take("mean", check.number(1, 5, "a point on the scale of five"), usual.mean)
    table.close()
    return m.Goals(participants, share, mean) if participants and share is not None and mean else None


def _room(table: Table) -> m.RoomPlan | None:
    room_id, title = table.take("id", check.identifier), table.take("title", check.line)
    table.close()
    return m.RoomPlan(room_id, title) if room_id and title else None


class _SessionReader:
    """Reads sessions, and remembers where each stands."""

    def __init__(self, zone: ZoneInfo, rooms: dict[str, m.RoomPlan], speakers: list[SpeakerAddress]) -> None:
        self._zone = zone
        self._rooms = rooms
        self._speakers = speakers
        self._tables: dict[str, Table] = {}

    def __call__(self, table: Table) -> m.SessionPlan | None:
        """The session in a table; None if something is wrong with it, which has been noted."""
        nobody: tuple[Speaker, ...] = ()
        to_utc = check.local_time(self._zone)
        session_id = table.take("id", check.identifier)
        title = table.take("title", check.line)
        kind = table.take("kind", check.kind)
        starts_at, ends_at = table.take("start", to_utc), table.take("end", to_utc)
        # A break is everywhere; a conference with one room need not name it.
        somewhere = next(iter(self._rooms), None) if kind == "break" or len(self._rooms) == 1 else None
        room = table.take("room", check.room(self._rooms), somewhere)
        theme = table.take("theme", check.optional_line, "")
        host = table.take("host", check.optional_line, "")
        speakers = table.take("speakers", check.speakers, nobody)
        table.close()
        if speakers:
            self._remember(speakers, table)
        self._check_times(table, starts_at, ends_at)
        if not (session_id and title and kind and starts_at and ends_at and room):
            return None
        self._tables.setdefault(session_id, table)
        names = tuple(speaker.name for speaker in speakers or ())
        return m.SessionPlan(session_id, title, kind, starts_at, ends_at, room, theme or "", names, host or "")

    def note_overlaps(self, sessions: Iterable[m.SessionPlan]) -> None:
        """Notes every session that begins before the one before it in the same room has ended. In order of time."""
        last: dict[str, m.SessionPlan] = {}
        for session in sessions:
            before = last.get(session.room)
            if before is not None and session.starts_at < before.ends_at:
                line = self._tables[before.id].line
                what = f"overlaps with {shown(before.title)} (line {line}) in the room {shown(session.room)}"
                self._tables[session.id].note(f"{shown(session.title)} {what}", "start")
            if before is None or session.ends_at > before.ends_at:
                last[session.room] = session

    def _check_times(self, table: Table, starts_at: datetime | None, ends_at: datetime | None) -> None:
        for key, at in (("start", starts_at), ("end", ends_at)):
            if at is not None and check.is_ambiguous(at, self._zone):
                table.note(f"{key} comes twice that night, as clocks are put back; the first is taken", key, is_warning=True)
        if starts_at is None or ends_at is None:
            return
        if ends_at <= starts_at:
            table.note("end must be after start", "end")
        elif ends_at - starts_at > LONGEST_SESSION:
            table.note("the session is longer than 24 hours", "end")

    def _remember(self, speakers: Iterable[Speaker], table: Table) -> None:
        line = table.line_of("speakers")
        self._speakers += [SpeakerAddress(line, one.name, one.email) for one in speakers if one.email]


def _unique(tables: Iterable[Table], read_one: Callable[[Table], Plan | None]) -> list[Plan]:
    """What `read_one` makes of the tables, without those whose id another has, which are noted."""
    found: dict[str, tuple[Plan, Table]] = {}
    for table in tables:
        plan = read_one(table)
        if plan is None:
            continue
        if plan.id in found:
            table.note(f"the id {shown(plan.id)} is taken already, on line {found[plan.id][1].line_of('id')}", "id")
        else:
            found[plan.id] = plan, table
    return [plan for plan, _ in found.values()]
