"""What the clock deletes, when, and what stays: with a clock that moves when it is told to, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest
from msgspec.structs import replace
from pycrdt import Doc, Text
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from rooms import messages as m
from server import export
from server.bus import MemoryBus
from server.database import Database
from server.journal import Journal
from server.notes.document import TEXT
from server.notes.notebook import Notebook, Place
from server.privacy.retention import Retention, conference_end, due
from server.report import build
from server.services import Services
from server.settings import Settings
from server.streams import Streams
from server.tables import answers, attendance, links, notes, people, survey_answers, votes
from tests.fakes import FakeClock
from tests.server.board_day import at, programme, session, write_rows

END: Final = at(70)
NAMED: Final = m.Poll("named", "Vem?", ("Jag", "Du"), anonymous=False, phase="open")
ROLES: Final = {f"p{n}": "attendee" for n in range(6)} | {"siri": "speaker"}
LINK: Final = {"id": "l", "person_id": "p1", "digest": "d", "created_at": 0.0, "revoked": False}


class Node:
    """One server's streams and clock, on a database that others may share."""

    def __init__(self, database: Database, clock: FakeClock, settings: Settings) -> None:
        self.clock = clock
        self.streams = Streams(Journal(database), MemoryBus(), clock)
        services: Any = SimpleNamespace(database=database, now=clock, settings=settings, streams=self.streams)
        self.retention = Retention(cast(Services, services))

    async def days_later(self, days: float) -> None:
        """Looks, so many days after the conference's end."""
        self.clock.now = END + timedelta(days=days)
        await self.retention.look()


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    known = [{"id": key, "name": f"Namn {key}", "email": key, "county": "X", "roles": role} for key, role in ROLES.items()]
    await write_rows(database, people, known)
    await write_rows(database, links, [LINK])
    stretches = [
        {"id": key, "session_id": "s1", "person_id": key, "visible": True, **_minutes(n)} for n, key in enumerate(ROLES)
    ]
    await write_rows(database, attendance, stretches)
    await write_rows(database, answers, [{"poll_id": "named", "voter": f"p{n}", "option": n % 2} for n in range(5)])
    await write_rows(database, answers, [{"poll_id": "secret", "voter": "000000", "option": 1}])
    await write_rows(database, votes, [{"question_id": "s1-q1", "person_id": f"p{n}", "up": n > 1} for n in range(5)])
    opinions = [{"voter": f"{n:06}", "conference": 5, "association": 4, "comment": f"Tack {n}"} for n in range(6)]
    await write_rows(database, survey_answers, opinions)
    journal = Journal(database)
    plan = programme(session("s1", "Folkstyrelse", 0, 60))
    survey: list[m.Event] = [m.SurveyOpened(at(60)), m.SurveyClosed(END)]
    first: list[m.Event] = [m.ProgrammePublished(plan), m.SessionWentLive("s1", at(0)), m.SessionEnded("s1", at(60))]
    await journal.append(m.CONFERENCE, 1, first + survey, actor="mona", cause=None, at=at(0))
    question = m.Question("s1-q1", "p1", "Varför?", at(1), "published", at(2))
    room: list[m.Event] = [
        m.QuestionAsked(replace(question, status="pending", published_at=None)),
        m.QuestionPublished(question),
        m.PollOpened(NAMED),
        m.PollClosed("named", at(6)),
        m.PollCounted("named", (3, 2)),
        m.RecordingStarted("s1-r1", "mona", at(3)),
        m.RecordingStopped("s1-r1", at(50)),
        m.RecordingAvailable("s1-r1", 60.0),
    ]
    await journal.append("session/s1", 1, room, actor="p1", cause=None, at=at(5))
    written = {"session_id": "s1", "room_id": "r1", "state": written_note("Anteckning"), "changed_at": 0.0}
    await write_rows(database, notes, [written])
    yield database
    await database.close()


def written_note(text: str) -> bytes:
    document: Doc[Text] = Doc()
    document[TEXT] = Text(text)
    state: bytes = document.get_update()
    return state


def _minutes(length: float) -> dict[str, float]:
    return {"from_at": at(1).timestamp(), "seen_at": at(11 + length).timestamp()}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Every term another, so that each can be told from the others."""
    days = {"answers": 20, "attendance": 30, "comments": 40, "questions": 50, "notes": 45, "people": 60}
    terms: dict[str, Any] = {f"keep_{key}_days": n for key, n in days.items()}
    return Settings(directory=tmp_path, keep_recordings_days=10, **terms)


@pytest.fixture
async def node(database: Database, settings: Settings) -> Node:
    node = Node(database, FakeClock(END), settings)
    await node.streams.load()
    return node


@pytest.fixture
def film(settings: Settings) -> Iterator[Path]:
    settings.recordings.mkdir(parents=True)
    film = settings.recordings / "s1-r1.mp4"
    film.write_bytes(b"film")
    film.with_suffix(".webm").write_bytes(b"film")
    yield film


def left(film: Path) -> list[str]:
    return sorted(path.name for path in film.parent.iterdir())


def copy(film: Path) -> None:
    film.write_bytes(b"another node's")


async def counts(database: Database) -> dict[str, int]:
    """How many rows there still are that say something of somebody."""

    async def work(connection: AsyncConnection) -> dict[str, int]:
        said = {
            "attendance": select(func.count()).select_from(attendance),
            "answers": select(func.count()).where(answers.c.voter.startswith("p")),
            "votes": select(func.count()).where(votes.c.person_id.startswith("p")),
            "comments": select(func.count()).where(survey_answers.c.comment != ""),
            "people": select(func.count()).select_from(people),
            "links": select(func.count()).select_from(links),
        }
        return {key: (await connection.execute(query)).scalar_one() for key, query in said.items()}

    return await database.read(work)


ALL: Final = {"attendance": 7, "answers": 5, "votes": 5, "comments": 6, "people": 7, "links": 1}


async def test_each_kind_goes_on_its_day_and_not_before(database: Database, node: Node, film: Path) -> None:
    left = dict(ALL)
    for day, gone in ((19, []), (20, ["answers", "votes"]), (30, ["attendance"]), (40, ["comments"]), (59, [])):
        await node.days_later(day)
        left |= dict.fromkeys(gone, 0)
        assert await counts(database) == left, day
    await node.days_later(60)
    assert set((await counts(database)).values()) == {0}


async def test_questions_lose_their_texts_and_people_their_names(
    database: Database, node: Node, stored: Callable[[], dict[str, bytes]], film: Path
) -> None:
    await node.days_later(49)
    assert [row["question"] for row in await export.rows(database, "questions")] == ["Varför?"]
    await node.days_later(50)
    assert [(row["question"], row["name"]) for row in await export.rows(database, "questions")] == [("", "Namn p1")]
    await node.days_later(61)
    entries = await Journal(database).read("session/s1")
    assert {entry.actor[:5] for entry in entries[:8]} == {"gone-"}
    assert await Notebook(database, node.clock).texts("s1") == {}
    for name, content in stored().items():
        assert b"Anteckning" not in content, name
        assert b"Namn p1" not in content and "Varför?".encode() not in content and b"Tack 1" not in content, name


async def test_notes_and_points_of_rooms_go_before_what_was_gathered_in_the_plenary(
    database: Database, node: Node, stored: Callable[[], dict[str, bytes]], film: Path
) -> None:
    room = m.BreakoutRoom("b1", 1, "Ett", people=("p1",), points=("Punkt i rummet",), in_touch=("p1",))
    gathered = m.HarvestGathered(True, (m.HarvestPoint("b1-0", "b1", "Punkt i plenum"),), ())
    journal = Journal(database)
    await journal.append("breakouts/s1", 1, [m.BreakoutPointsSet(room)], actor="p1", cause=None, at=at(5))
    await journal.append("session/s9", 1, [gathered], actor="mona", cause=None, at=at(6))

    def there() -> list[bool]:
        everything = b"".join(stored().values())
        return [text in everything for text in (b"Anteckning", b"Punkt i rummet", b"Punkt i plenum")]

    await node.days_later(44)
    assert there() == [True, True, True]
    assert await Notebook(database, node.clock).texts("s1") == {Place("s1", "r1"): "Anteckning"}
    await node.days_later(45)
    assert there() == [False, False, True]
    await node.days_later(50)
    assert there() == [False, False, False]


async def test_the_boards_figures_stay_as_they_were(database: Database, node: Node) -> None:
    before = await build(database, END)
    assert (before.participants.people, before.participants.working, before.sessions[0].people) == (6, 1, 6)
    assert before.size_bands is not None or before.counties is not None
    await node.days_later(61)
    assert (await counts(database))["people"] == 0
    after = await build(database, node.clock.now)
    for part in ("participants", "sessions", "size_bands", "counties", "polls"):
        assert getattr(after, part) == getattr(before, part), part
    assert after.survey == replace(before.survey, comments=())
    assert [(q.id, q.votes) for q in after.questions.shown] == [("s1-q1", 3)]
    assert [row["option"] for row in await export.rows(database, "answers")] == ["Jag"] * 3 + ["Du"] * 2


async def test_anonymous_answers_are_left_as_they_are(database: Database, node: Node) -> None:
    await node.days_later(61)

    async def work(connection: AsyncConnection) -> list[Any]:
        return list(await connection.execute(select(answers.c.voter, answers.c.option).where(answers.c.poll_id == "secret")))

    assert await database.read(work) == [("000000", 1)]


async def test_a_recording_goes_so_long_after_it_was_made_from_the_library_and_the_disk(node: Node, film: Path) -> None:
    node.clock.now = at(49) + timedelta(days=10)
    await node.retention.look()
    assert left(film) == ["s1-r1.mp4", "s1-r1.webm"] and node.streams.room("s1").recordings["s1-r1"].status == "available"
    node.clock.now = at(51) + timedelta(days=11)
    await node.retention.look()
    assert node.streams.room("s1").recordings["s1-r1"].status == "erased"
    assert left(film) == []


async def test_what_a_session_left_goes_although_the_programme_has_it_no_longer(
    database: Database, node: Node, film: Path
) -> None:
    await node.streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(programme(session("s2", "Annat", 0, 60))))
    await node.days_later(9)
    assert left(film) == ["s1-r1.mp4", "s1-r1.webm"]
    await node.days_later(11)
    assert left(film) == []
    await node.days_later(20)
    assert (await counts(database))["answers"] == 0


async def test_ballots_that_nobody_closed_are_closed_before_voters_are_forgotten(
    database: Database, settings: Settings
) -> None:
    opened: list[m.Event] = [m.PollOpened(replace(NAMED, id=key, anonymous=key == "b")) for key in ("a", "b")]
    await Journal(database).append("session/s1", 9, opened, actor="mona", cause=None, at=at(6))
    await Journal(database).append(m.CONFERENCE, 6, [m.SurveyOpened(END)], actor="mona", cause=None, at=END)
    node = Node(database, FakeClock(END), settings)
    await node.streams.load()
    found = []
    for day in (19, 20):
        await node.days_later(day)
        found.append(node.streams.conference.survey.phase)
    assert found == ["open", "closed"]
    assert {poll.phase for poll in node.streams.room("s1").polls.values()} == {"closed"}
    assert conference_end(node.streams.conference) == END  # and no term begins anew by it


async def test_another_node_removes_its_own_copy_although_the_day_is_taken(
    database: Database, node: Node, settings: Settings, film: Path
) -> None:
    await node.days_later(11)
    copy(film)
    other = Node(database, node.clock, settings)
    await other.streams.load()
    await other.retention.look()
    assert left(film) == []


async def test_once_a_day_and_by_one_node_only(
    database: Database, node: Node, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = [node, Node(database, node.clock, settings), Node(database, node.clock, settings)]
    for each in nodes:
        await each.streams.load()
    node.clock.now = END + timedelta(days=21)
    done = await asyncio.gather(*(each.retention._delete(frozenset({"answers"}), node.clock.now) for each in nodes))
    assert sorted(done, key=str) == [None, None, {"answers": 10}]
    node.clock.advance(86_000)
    assert await node.retention._delete(frozenset({"answers"}), node.clock.now) is None
    node.clock.advance(401)
    assert await node.retention._delete(frozenset({"answers"}), node.clock.now) == {"answers": 0}


async def test_a_kill_in_the_middle_leaves_the_day_to_be_done_again(
    database: Database, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def killed(*arguments: object, **more: object) -> int:
        raise ArithmeticError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("server.privacy.retention._erase_everybody", killed)
        with pytest.raises(ArithmeticError, match="killed"):
            await node.days_later(61)
    assert await counts(database) == ALL
    await node.retention.look()
    assert set((await counts(database)).values()) == {0}


# --- when ---


def state(*runs: m.SessionRun, ends: datetime = END) -> m.ConferenceState:
    plan = replace(session("s0", "X", 0, 60), ends_at=ends)
    return m.ConferenceState(programme(plan), {f"s{n}": run for n, run in enumerate(runs)})


def test_a_conference_ends_with_what_was_planned_or_happened_last() -> None:
    assert conference_end(m.ConferenceState()) is None
    assert conference_end(state()) == END
    late = END + timedelta(days=300)
    assert conference_end(state(m.SessionRun("live", live_at=late))) == late  # held again under an old programme
    assert conference_end(state(m.SessionRun("ended", live_at=at(0), ended_at=at(65)))) == END


def test_nothing_is_due_before_there_is_a_conference_or_before_it_ended(tmp_path: Path) -> None:
    settings = Settings(directory=tmp_path)
    assert due(m.ConferenceState(), settings, END) == frozenset()
    assert due(state(), settings, END + timedelta(days=89)) == frozenset()
    assert due(state(), settings, END + timedelta(days=90)) == {"attendance", "answers", "notes"}


def test_when_nobody_is_known_any_more_nobodys_minutes_and_answers_are_either(tmp_path: Path) -> None:
    settings = Settings(directory=tmp_path, keep_people_days=5)
    assert due(state(), settings, END + timedelta(days=5)) == {"people", "attendance", "answers"}
