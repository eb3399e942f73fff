"""A person, and what an import of people changes. Pure; neighbours: `people` (the table), `people_file` (reads CSV)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from rooms import messages as m

ROLES: Final[tuple[m.Role, ...]] = ("attendee", "speaker", "moderator", "board", "organiser")  # the order they are shown in


class Person(Struct, frozen=True):
    """Somebody who takes part. What is not known of their municipality is empty or None."""

    id: str
    name: str
    email: str  # lower case; identifies a person in an import
    municipality_code: str = ""
    municipality: str = ""
    county: str = ""
    country: str = ""  # se, no, dk
    population: int | None = None
    size_band: str = ""  # see server.municipalities.SIZE_BANDS
    title: str = ""
    year_appointed: int | None = None
    roles: tuple[m.Role, ...] = ("attendee",)


class Import(Struct, frozen=True):
    """What importing a file will change. Nobody is removed: who is missing from the file stays."""

    added: tuple[Person, ...]
    changed: tuple[tuple[Person, Person], ...]  # before, after
    unchanged: tuple[Person, ...]
    missing: tuple[Person, ...]

    @property
    def is_empty(self) -> bool:
        return not self.added and not self.changed


def new_person_id() -> str:
    """A random id that says nothing about its person."""
    return f"p{secrets.token_hex(8)}"


def plan_import(known: Iterable[Person], rows: Sequence[Person], new_id: Callable[[], str] = new_person_id) -> Import:
    """Compares checked rows (whose ids are empty) with the people there are, by e-mail address."""
    by_email = {person.email: person for person in known}
    added: list[Person] = []
    changed: list[tuple[Person, Person]] = []
    unchanged: list[Person] = []
    for row in rows:
        before = by_email.pop(row.email, None)
        if before is None:
            added.append(replace(row, id=new_id()))
        elif (after := replace(row, id=before.id)) != before:
            changed.append((before, after))
        else:
            unchanged.append(before)
    return Import(tuple(added), tuple(changed), tuple(unchanged), missing=tuple(by_email.values()))
