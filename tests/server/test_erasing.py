"""What stays when somebody is erased: counts, and everybody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server import export
from server.ballots import SURVEY, Ballots, SurveyAnswer
from server.database import Database
from server.journal import Journal
from server.keys import FileKeys
from server.privacy import erasing
from server.privacy.erasing import PURGE, Departure, Erased, erase
from server.privacy.former import FORMER, is_former
from server.report import build
from server.tables import answers, attendance, chores, events, people, votes
from tests.server.board_day import at, programme, session, write_rows

NOW = at(200)
NAMED = m.Poll("named", "Vem?", ("Jag", "Du"), anonymous=False)
SECRET = m.Poll("secret", "Hur?", ("Bra", "Illa"), anonymous=True)
ANNA = Departure("anna", "gone-anna", "Anna Ek")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    """Anna, Bo and Siri in a session of an hour; Siri speaks."""
    database = Database(place)
    await database.open()
    roles = {"anna": "attendee", "bo": "attendee", "siri": "speaker"}
    known = [{"id": key, "name": f"{key.title()} Ek", "email": key, "county": "X", "roles": roles[key]} for key in roles]
    await write_rows(database, people, known)
    stretches = [("anna", 10, 20), ("anna", 30, 40), ("bo", 0, 60), ("siri", 0, 60), ("early", -20, -10)]
    await write_rows(database, attendance, [stretch(number, *each) for number, each in enumerate(stretches)])
    await write_rows(database, answers, [{"poll_id": "named", "voter": who, "option": 0} for who in ("anna", "bo")])
    await write_rows(database, votes, [{"question_id": "s1-q1", "person_id": who, "up": True} for who in ("anna", "bo")])
    await write_rows(database, votes, [{"question_id": "s1-q2", "person_id": "anna", "up": False}])
    journal = Journal(database)
    plan = programme(session("s1", "Folkstyrelse", 0, 60, speakers=("Siri Ek, SKR", "Anna Ekberg")))
    steps: list[m.Event] = [m.ProgrammePublished(plan), m.SessionWentLive("s1", at(0)), m.SessionEnded("s1", at(60))]
    await journal.append(m.CONFERENCE, 1, steps, actor="mona", cause=None, at=at(0))
    for number, (who, event) in enumerate(happened(), 1):
        await journal.append("session/s1", number, [event], actor=who, cause=f"{who}/tab/{number}", at=at(number))
    yield database
    await database.close()


def happened() -> list[tuple[str, m.Event]]:
    annas, bos = m.Question("s1-q1", "anna", "Varför?", at(1)), m.Question("s1-q2", "bo", "Hur?", at(2))
    return [
        ("anna", m.QuestionAsked(annas)),
        ("bo", m.QuestionAsked(bos)),
        ("mona", m.QuestionPublished(annas_published := m.Question("s1-q1", "anna", "Varför?", at(1), "published", at(3)))),
        ("mona", m.QuestionPublished(m.Question("s1-q2", "bo", "Hur?", at(2), "published", at(4)))),
        ("mona", m.PollOpened(NAMED)),
        ("mona", m.PollClosed("named", at(6))),
        ("system", m.PollCounted("named", (2, 0))),
        ("siri", m.StageEntered("siri", at(8))),
        ("mona", m.QuestionDismissed("s1-q1", annas_published.author_id, was_published=True)),
    ]


def stretch(number: int, who: str, came: float, left: float) -> dict[str, Any]:
    times = {"from_at": at(came).timestamp(), "seen_at": at(left).timestamp()}
    return {"id": str(number), "session_id": "s1", "person_id": who, "visible": True, **times}


@pytest.fixture
def keys(database: Database, tmp_path: Path) -> FileKeys:
    return FileKeys(tmp_path / "keys")


async def journal_of(database: Database) -> list[Any]:
    async def work(connection: AsyncConnection) -> list[Any]:
        return list(await connection.execute(select(events).order_by(events.c.stream, events.c.seq)))

    return await database.read(work)


async def test_order_number_and_time_of_entries_stay_and_others_are_untouched(database: Database, keys: FileKeys) -> None:
    before = await journal_of(database)
    await erase(database, keys, [ANNA], NOW)
    after = await journal_of(database)
    assert [(row.stream, row.seq, row.at) for row in after] == [(row.stream, row.seq, row.at) for row in before]
    changed = [(new.seq, new.actor, new.cause) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [(1, "gone-anna", None), (3, "mona", "mona/tab/3"), (9, "mona", "mona/tab/9")]
    entries = await Journal(database).read("session/s1")
    assert [type(entry.event) for entry in entries] == [type(event) for _, event in happened()]
    assert b"Hur?" in entries[1].body and entries[1].cause == "bo/tab/2"


async def test_counts_of_polls_questions_and_participants_stay(database: Database, keys: FileKeys) -> None:
    before = await build(database, NOW)
    await erase(database, keys, [ANNA], NOW)
    after = await build(database, NOW)
    assert after.polls == before.polls
    assert [(q.id, q.votes) for q in after.questions.shown] == [(q.id, q.votes) for q in before.questions.shown]
    assert (after.participants.people, after.participants.days) == (2, before.participants.days)
    assert (after.sessions[0].people, before.sessions[0].people) == (2, 2)  # Anna and Bo
    assert after.sessions[0].median_minutes == 60.0  # of Bo alone, whose minutes are known


async def test_of_attendance_it_stays_that_one_more_was_there_at_no_time_in_particular(
    database: Database, keys: FileKeys
) -> None:
    await erase(database, keys, [ANNA, Departure("siri", "gone-siri")], NOW)

    async def work(connection: AsyncConnection) -> list[Any]:
        return list(await connection.execute(select(attendance)))

    marks = [row for row in await database.read(work) if is_former(row.person_id)]
    assert [(row.session_id, row.from_at, row.seen_at) for row in marks] == [("s1", at(0).timestamp(), at(0).timestamp())]
    assert marks[0].person_id != "gone-anna"  # nothing leads from the journal to it
    assert [row["person_id"] for row in await export.rows(database, "attendance", NOW)] == ["bo"]


async def test_exports_say_that_it_was_somebody_who_is_gone(database: Database, keys: FileKeys) -> None:
    await erase(database, keys, [Departure("anna", "gone-anna", texts=False)], NOW)
    found = [(row["name"], row["question"], row["votes"]) for row in await export.rows(database, "questions", NOW)]
    assert found == [(FORMER, "Varför?", 2), ("Bo Ek", "Hur?", 0)]
    assert [row["person_id"] for row in await export.rows(database, "answers", NOW)] == ["bo"]


async def test_the_texts_of_their_questions_go_unless_they_shall_stay(database: Database, keys: FileKeys) -> None:
    await erase(database, keys, [ANNA], NOW)
    assert [row["question"] for row in await export.rows(database, "questions", NOW)] == ["", "Hur?"]


async def test_a_speaker_leaves_past_programmes_and_namesakes_stay(database: Database, keys: FileKeys) -> None:
    await erase(database, keys, [Departure("siri", "gone-siri", "Siri Ek"), ANNA], NOW)
    entry = (await Journal(database).read(m.CONFERENCE))[0]
    assert isinstance(entry.event, m.ProgrammePublished)
    assert entry.event.programme.sessions[0].speakers == ("Anna Ekberg",)


async def test_answers_under_a_key_that_is_there_still_are_erased_too(
    database: Database, keys: FileKeys, tmp_path: Path
) -> None:
    ballots = Ballots(database, keys)
    for who in ("anna", "bo"):
        await ballots.answer(m.Actor(who), "s1", SECRET, 1)
        await ballots.answer_survey(m.Actor(who), SurveyAnswer(5, 4, who))
    erased, _ = await erase(database, keys, [ANNA], NOW)
    assert erased.answers == 3  # the named one as well
    anew = Ballots(database, FileKeys(tmp_path / "keys"))
    await anew.load()
    assert (anew.answered("secret"), [row.comment for row in await anew.survey_rows()]) == (1, ["bo"])
    assert await anew.answer_of("bo", SECRET) == 1 and await keys.holds(SURVEY)


async def test_a_running_ballot_forgets_them_at_once(database: Database, keys: FileKeys) -> None:
    ballots = Ballots(database, keys)
    await ballots.load()
    await ballots.answer(m.Actor("anna"), "s1", SECRET, 1)
    await ballots.forget_person("anna", [NAMED, SECRET])
    assert (ballots.votes("s1-q1"), await ballots.voted("anna", ["s1-q1"])) == (2, ())
    assert (ballots.answered("secret"), ballots.answered("named")) == (0, 1)


async def test_erasing_twice_changes_nothing_the_second_time(database: Database, keys: FileKeys) -> None:
    first, _ = await erase(database, keys, [ANNA], NOW)
    assert first == Erased(people=1, links=0, attendance=2, answers=1, votes=2, events=3)
    before = await journal_of(database)
    assert await erase(database, keys, [Departure("anna", "gone-again", "Anna Ek")], NOW) == (
        Erased(0, 0, 0, 0, 0, 0),
        True,
    )
    assert await journal_of(database) == before


async def test_a_kill_before_the_files_are_clean_leaves_word_that_they_are_not(
    database: Database, keys: FileKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def busy(*tables: object) -> bool:
        return False

    async def waiting(connection: AsyncConnection) -> list[str]:
        return list((await connection.execute(select(chores.c.name))).scalars())

    with monkeypatch.context() as patched:
        patched.setattr(database, "purge", busy)
        assert (await erase(database, keys, [ANNA], NOW))[1] is False
    assert await database.read(waiting) == [PURGE]
    assert await erasing.purge(database)
    assert await database.read(waiting) == []


async def test_thousands_are_erased_in_one_go(database: Database, keys: FileKeys) -> None:
    rows = [{"id": f"x{n}", "name": "X", "email": f"{n}", "roles": "attendee"} for n in range(2500)]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(people), rows)

    await database.write(work)
    erased, _ = await erase(database, keys, [Departure(f"x{n}", f"gone-{n}") for n in range(2500)], NOW)
    assert (erased.people, erased.events) == (2500, 0)


async def test_traces_in_pages_that_were_split_are_gone_too(tmp_path: Path) -> None:
    """SQLite's `secure_delete` does not reach copies of a cell left behind when a page was split; here two."""
    path, random = tmp_path / "split.db", Random(2)
    database = Database(path)
    await database.open()
    crowd = [f"p{random.getrandbits(64):016x}" for _ in range(200)]
    await write_rows(database, people, [{"id": who, "name": who, "email": who, "roles": "attendee"} for who in crowd])
    seen = {"session_id": "s1", "from_at": 1.0, "seen_at": 2.0, "visible": True}
    for number in range(60):
        some = random.sample(crowd, 50)
        rows = [{"id": f"{random.getrandbits(64):x}", "person_id": who, **seen} for who in some]
        await write_rows(database, attendance, rows)
        await write_rows(database, votes, [{"question_id": f"q{number}", "person_id": who, "up": True} for who in some])
    leaving = crowd[:60]
    departures = [Departure(who, f"gone-{number}") for number, who in enumerate(leaving)]
    assert (await erase(database, FileKeys(tmp_path / "keys"), departures, NOW))[1]
    content = b"".join(each.read_bytes() for each in tmp_path.glob("split.db*"))  # noqa: ASYNC240
    assert [who for who in leaving if who.encode() in content] == []
    assert all(who.encode() in content for who in crowd[60:])
    await database.close()
