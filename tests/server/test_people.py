"""People in the database, and what an import changes."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server.database import Database
from server.people import People
from server.person import Import, Person, new_person_id, plan_import
from server.tables import people as people_table
from tests.fakes import FakeClock

ANNA = Person("", "Anna Lind", "anna@example.org", municipality="Knivsta", population=19818, roles=("attendee", "board"))
BO = Person("", "Bo Ek", "bo@example.org", year_appointed=2019)


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def people(database: Database) -> People:
    people = People(database, FakeClock())
    await people.load()
    return people


async def take_in(people: People, *rows: Person) -> Import:
    plan = plan_import(people.all(), rows)
    await people.apply(plan)
    return plan


async def remove(database: Database, person_id: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(people_table).where(people_table.c.id == person_id))

    await database.write(work)


async def test_who_is_imported_is_there_after_a_restart(people: People, database: Database) -> None:
    await take_in(people, ANNA, BO)
    again = People(database)
    await again.load()
    assert again.all() == people.all()
    assert [replace(person, id="") for person in again.all()] == [ANNA, BO]


async def test_an_actor_has_the_persons_roles_and_nothing_more(people: People) -> None:
    await take_in(people, ANNA)
    anna = people.with_email(" Anna@Example.org ")
    assert anna is not None
    assert people.actor(anna) == m.Actor(anna.id, "Anna Lind", frozenset({"attendee", "board"}))


async def test_a_new_name_or_role_is_a_change_of_the_same_person(people: People) -> None:
    await take_in(people, ANNA, BO)
    before = people.with_email(ANNA.email)
    plan = await take_in(people, replace(ANNA, name="Anna Berg", roles=("moderator",)))
    assert before is not None
    after = people.get(before.id)
    assert plan.changed == ((before, after),)
    assert after is not None
    assert (after.name, after.roles) == ("Anna Berg", ("moderator",))


async def test_whoever_is_missing_from_the_file_stays(people: People) -> None:
    await take_in(people, ANNA, BO)
    plan = await take_in(people, ANNA)
    assert [person.email for person in plan.missing] == [BO.email]
    assert people.with_email(BO.email) is not None


async def test_importing_twice_changes_nothing_the_second_time(people: People) -> None:
    await take_in(people, ANNA, BO)
    assert (await take_in(people, ANNA, BO)).is_empty


async def test_two_imports_at_once_end_with_each_address_once(people: People, database: Database) -> None:
    other = People(database)
    await other.load()
    mine, theirs = plan_import([], [ANNA]), plan_import([], [BO, ANNA])
    await people.apply(mine)
    with pytest.raises(IntegrityError):
        await other.apply(theirs)
    await people.load()
    assert [person.email for person in people.all()] == [ANNA.email]  # nothing of the second, not even Bo


async def test_a_running_server_notices_an_import_and_an_erasure(people: People, database: Database) -> None:
    server = People(database)
    await server.load()
    assert not await server.refresh()
    clock = FakeClock()
    organiser = People(database, clock)
    await organiser.load()
    await take_in(organiser, ANNA)
    assert await server.refresh()
    clock.advance(0.001)
    await take_in(organiser, replace(ANNA, title="Direktör"))
    assert await server.refresh()
    assert [person.title for person in server.all()] == ["Direktör"]
    gone = server.all()[0].id
    told: list[frozenset[str]] = []
    server.on_gone = told.append
    await remove(database, gone)
    assert await server.refresh()
    assert (server.all(), told) == ([], [frozenset({gone})])
    assert not await server.refresh()


async def test_ten_thousand_are_imported_in_one_go(people: People) -> None:
    rows = [Person("", f"Person {i:05}", f"p{i}@example.org") for i in range(10_000)]
    await take_in(people, *rows)
    assert len(people.all()) == 10_000
    changed = await take_in(people, *(replace(row, title="Ny") for row in rows))
    assert len(changed.changed) == 10_000


def test_ids_are_fit_for_streams_and_never_alike() -> None:
    ids = {new_person_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(one.isalnum() and len(one) < 64 for one in ids)


NAME = st.text(max_size=3)
KNOWN = st.lists(st.builds(Person, st.uuids().map(str), NAME, st.sampled_from("abcdef")), unique_by=lambda p: p.email)
ROWS = st.lists(st.builds(Person, st.just(""), NAME, st.sampled_from("abcdefgh")), unique_by=lambda p: p.email)


@given(KNOWN, ROWS)
def test_a_plan_accounts_for_everybody_once_and_keeps_ids(known: list[Person], rows: list[Person]) -> None:
    numbers = itertools.count()
    plan = plan_import(known, rows, lambda: f"new{next(numbers)}")
    after = [*plan.added, *(new for _, new in plan.changed), *plan.unchanged]
    assert sorted(person.email for person in after) == sorted(row.email for row in rows)
    assert {person.email for person in plan.missing} == {p.email for p in known} - {row.email for row in rows}
    assert all(old.id == new.id and old != new for old, new in plan.changed)
    by_email = {person.email: person for person in after}
    assert all(replace(by_email[row.email], id="") == row for row in rows)
