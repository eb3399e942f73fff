"""Groups as a table: CSV that organisers bring along, and take home. Neighbours: `spreadsheet`, `people_file`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from rooms import messages as m
from rooms.breakouts.planning import TITLE_LENGTH
from rooms.errors import Refused, _
from rooms.text import check_text
from server.export import Row, Table
from server.i18n import Translator
from server.people import People
from server.people_file import HEADINGS, fold
from server.person import Person
from server.spreadsheet import NotReadable, decode, records

ROOM_HEADINGS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("room", "rum", "rom", "group", "grupp", "gruppe", "roomname", "rumsnamn"), "room"),
    **dict.fromkeys(("topic", "amne", "emne", "tema"), "topic"),
    **dict.fromkeys(("facilitator", "facilitates", "samtalsledare", "samtaleleder", "facilitatorn", "leder"), "facilitator"),
}
COLUMNS: Final = ("room", "topic", "name", "email", "municipality", "facilitator")

_NOBODY: Final = _("Row {row}: nobody here is called {who}.")
_TWICE: Final = _("Row {row}: {who} is in a room already.")
_SEVERAL: Final = _("Row {row}: several people are called {who}; write the e-mail address.")
_NO_ROOM: Final = _("Row {row}: the room is missing.")
_FULL: Final = _("Row {row}: the room of {who} is full.")


def read_list(data: bytes, people: People, words: Translator) -> tuple[tuple[m.DraftRoom, ...], list[str]]:
    """Rooms in the order of the file, and sentences about rows that could not be taken. A column names the room, another the
    person, by e-mail address or name. Raises `Refused` for what is no such table."""
    try:
        rows = records(decode(data), lambda cells: sum(_heading(cell) != "" for cell in cells))
        _row, header = next(rows, (1, []))
        columns = {heading: at for at, cell in enumerate(header) if (heading := _heading(cell))}
        if "room" not in columns or not {"email", "name"} & columns.keys():
            raise Refused("bad_list")
        reader = _Reader(columns, people, words)
        for row, cells in rows:
            reader.read(row, cells)
    except NotReadable as error:
        raise Refused("bad_list") from error
    return reader.rooms(), reader.problems


def list_of(rooms: Iterable[m.DraftRoom | m.BreakoutRoom], people: People) -> Table:
    """A row for each person in a room. No two rooms have one name: they would come back as one."""
    rows: list[Row] = []
    names: set[str] = set()
    for number, room in enumerate(rooms, 1):
        name = room.title or str(number)
        if name in names:
            mark = f" ({number})"
            name = name[: TITLE_LENGTH - len(mark)] + mark
        names.add(name)
        for person_id in room.people:
            person = people.get(person_id)
            if person is not None:
                rows.append(
                    {
                        "room": name,
                        "topic": room.topic,
                        "name": person.name,
                        "email": person.email,
                        "municipality": person.municipality,
                        "facilitator": "x" if room.facilitator == person_id else "",
                    }
                )
    return Table(COLUMNS, rows)


class _Reader:
    def __init__(self, columns: Mapping[str, int], people: People, words: Translator) -> None:
        self._columns = columns
        self._people = people
        self._words = words
        self._rooms: dict[str, list[str]] = {}
        self._topics: dict[str, str] = {}
        self._led: dict[str, str] = {}
        self._placed: set[str] = set()
        self.problems: list[str] = []

    def read(self, row: int, cells: Sequence[str]) -> None:
        def cell(heading: str) -> str:
            at = self._columns.get(heading, len(cells))
            return cells[at].strip() if at < len(cells) else ""

        email, name = cell("email"), cell("name")
        who = email or name
        if not who:
            return
        found = [person] if (person := self._people.with_email(email)) else self._named(name)
        room = _line(cell("room"))
        if not room:
            self._note(_NO_ROOM, row, who)
        elif len(found) != 1:
            self._note(_SEVERAL if found else _NOBODY, row, who)
        elif found[0].id in self._placed:
            self._note(_TWICE, row, who)
        elif len(self._rooms.get(room, ())) >= m.MOST_IN_A_ROOM:
            self._note(_FULL, row, who)
        else:
            self._place(found[0], room, _line(cell("topic")), leads=bool(cell("facilitator")))

    def rooms(self) -> tuple[m.DraftRoom, ...]:
        return tuple(
            m.DraftRoom(title, self._topics.get(title, ""), people=tuple(people), facilitator=self._led.get(title, ""))
            for title, people in self._rooms.items()
        )

    def _place(self, person: Person, room: str, topic: str, *, leads: bool) -> None:
        self._rooms.setdefault(room, []).append(person.id)
        self._placed.add(person.id)
        if topic:
            self._topics[room] = topic
        if leads:
            self._led.setdefault(room, person.id)

    def _named(self, name: str) -> list[Person]:
        wanted = name.casefold()
        return [person for person in self._people.all() if person.name.casefold() == wanted] if wanted else []

    def _note(self, text: str, row: int, who: str) -> None:
        self.problems.append(self._words.gettext(text, row=row, who=who[:TITLE_LENGTH]))


def _heading(cell: str) -> str:
    found = HEADINGS.get(fold(cell), "")
    return ROOM_HEADINGS.get(fold(cell)) or (found if found in ("email", "name") else "")


def _line(text: str) -> str:
    """A title as it may be shown; what cannot be is missing."""
    try:
        return check_text(text, most=TITLE_LENGTH)
    except Refused:
        return ""
