"""The nemesis: what it finds wrong when something is, and a short run against the real servers on both back ends."""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from bench.chaos.history import ACK, Death, Happened, Heard, History, Record, Sent, Stay
from bench.chaos.judge import Found, Verdict, judge
from bench.chaos.minutes import join, subtract
from bench.chaos.place import Setting
from bench.chaos.run import options, settings_of
from bench.postgres import find_programs
from rooms import messages as m
from rooms.attendance import Stretch
from server.journal import Entry

NOON = datetime(2026, 3, 25, 12, tzinfo=UTC)
SESSION = "session/s1"
ANNA = m.Actor("anna", "Anna Ek", frozenset({"attendee"}))
BO = m.Actor("bo", "Bo Lind", frozenset({"attendee"}))
MONA = m.Actor("mona", "Mona Dahl", frozenset({"moderator"}))
T = NOON.timestamp()

POLL = m.Poll("s1-p1", "Ska vi?", ("Ja", "Nej"), anonymous=False)
HIDDEN = m.Poll("s1-p2", "Vågar vi?", ("Ja", "Nej"), anonymous=True)
QUESTION = m.Question("s1-q1", "anna", "Varför?", NOON)


def entries(*events: m.Event, causes: Sequence[str | None] = ()) -> list[Entry]:
    encode = msgspec.json.encode
    padded = [*causes, *[None] * len(events)]
    return [Entry(SESSION, n + 1, NOON, "x", event, encode(event), padded[n]) for n, event in enumerate(events)]


def said(actor: m.Actor, number: int, answer: str, kind: str, *, sends: int = 1, **fields: Any) -> Sent:
    moments = [(T + n, 0) for n in range(sends)]
    return Sent(actor.person_id, f"tab-{actor.person_id}", number, SESSION, {"type": kind, **fields}, moments, answer)


def heard(journal: Sequence[Entry], *numbers: int) -> list[Heard]:
    """A snapshot of nothing, then these events."""
    nothing = Heard(SESSION, "snapshot", 0, msgspec.json.decode(msgspec.json.encode(m.RoomState())))
    return [nothing, *(Heard(SESSION, "event", n, msgspec.json.decode(journal[n - 1].body)) for n in numbers)]


def a_day() -> tuple[History, Found]:
    """All as it should be: Anna asked, both answered and voted, the poll was counted."""
    journal = entries(
        m.PollDrafted(POLL),
        m.PollOpened(replace_phase(POLL, "open")),
        m.QuestionAsked(QUESTION),
        m.QuestionPublished(msgspec.structs.replace(QUESTION, status="published", published_at=NOON)),
        m.PollClosed(POLL.id, NOON),
        m.PollCounted(POLL.id, (1, 1)),
        causes=["mona/tab-mona/1", "mona/tab-mona/2", "anna/tab-anna/1", "mona/tab-mona/3", "mona/tab-mona/4"],
    )
    mona = Record(MONA, "tab-mona", [said(MONA, n, ACK, kind) for n, kind in enumerate(MODERATED, 1)])
    anna = Record(
        ANNA,
        "tab-anna",
        [
            said(ANNA, 1, ACK, "question.ask", text="Varför?"),
            said(ANNA, 2, ACK, "poll.answer", poll_id=POLL.id, option=1),
            said(ANNA, 3, ACK, "poll.answer", poll_id=POLL.id, option=0),
            said(ANNA, 4, ACK, "question.vote", question_id=QUESTION.id, up=True),
        ],
        heard(journal, 2, 3, 4, 5),
        [Stay(0, T, T + 0.1, T + 60, T + 60)],
    )
    bo = Record(BO, "tab-bo", [said(BO, 1, ACK, "poll.answer", poll_id=POLL.id, option=1)], heard(journal, 2, 4, 5))
    mona.heard = heard(journal, 1, 2, 3, 4, 5, 6)
    answers = [(POLL.id, "anna", 0), (POLL.id, "bo", 1)]
    there = [Stretch("anna", "s1", T + 0.05, T + 60.01, visible=True)]
    return History([mona, anna, bo]), Found({SESSION: journal}, answers, [(QUESTION.id, "anna")], there)


MODERATED = ("poll.draft", "poll.open", "question.publish", "poll.close")


def replace_phase(poll: m.Poll, phase: m.PollPhase) -> m.Poll:
    return msgspec.structs.replace(poll, phase=phase)


def figures(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.lost, verdict.duplicated, verdict.out_of_order


def test_a_day_without_faults_is_clean() -> None:
    verdict = judge(*a_day())
    assert verdict.notes == []
    assert (verdict.acknowledged, *figures(verdict)) == (9, 0, 0, 0)


# --- what is lost, and what is there twice


def test_an_acknowledged_command_that_is_not_in_the_journal_is_lost() -> None:
    history, found = a_day()
    history.records[1].sent.append(said(ANNA, 9, ACK, "question.ask", text="Hur?"))
    assert figures(judge(history, found)) == (1, 0, 0)


def test_what_was_refused_and_is_there_all_the_same_is_one_too_many() -> None:
    history, found = a_day()
    history.records[1].sent[0].answer = "try_again"
    assert figures(judge(history, found)) == (0, 1, 0)


def test_a_command_without_an_answer_may_be_there_or_not() -> None:
    history, found = a_day()
    history.records[1].sent[0].answer = ""
    history.records[1].sent.append(said(ANNA, 9, "", "question.ask", text="Hur?"))
    assert judge(history, found).is_clean


def test_a_question_that_is_there_twice_is_one_too_many() -> None:
    history, found = a_day()
    again = msgspec.structs.replace(QUESTION, id="s1-q2")
    journal = [*found.streams[SESSION], Entry(SESSION, 7, NOON, "anna", e := m.QuestionAsked(again), msgspec.json.encode(e))]
    for record in history.records[:2]:
        record.heard.append(Heard(SESSION, "event", 7, msgspec.json.decode(journal[6].body)))
    assert figures(judge(history, replace(found, streams={SESSION: journal}))) == (0, 1, 0)


def test_an_event_that_nobody_asked_for_is_one_too_many() -> None:
    history, found = a_day()
    del history.records[0].sent[3]
    assert figures(judge(history, found)) == (0, 1, 0)


def test_answers_and_counts_of_a_poll_that_is_gone_are_found() -> None:
    history, found = a_day()
    journal = entries(*(entry.event for entry in found.streams[SESSION][2:]), causes=CAUSES[2:])
    for record in history.records:
        record.heard.clear()
    verdict = judge(history, replace(found, streams={SESSION: journal}))
    assert verdict.lost >= 2  # drafting and opening it
    assert "s1-p1 was counted, and is no poll" in verdict.notes


@pytest.mark.parametrize("rows", [[(POLL.id, "bo", 1)], [(POLL.id, "anna", 1), (POLL.id, "bo", 1)]])
def test_an_acknowledged_answer_that_is_gone_or_older_is_lost(rows: list[tuple[str, str, int]]) -> None:
    history, found = a_day()
    assert figures(judge(history, replace(found, answers=rows))) == (1, 0, 0)


def test_after_an_answer_of_which_nobody_knows_either_may_be_there() -> None:
    history, found = a_day()
    history.records[1].sent.append(said(ANNA, 9, "poll_closed", "poll.answer", sends=2, poll_id=POLL.id, option=1))
    assert judge(history, found).is_clean
    swapped = [(POLL.id, "anna", 1), (POLL.id, "bo", 1)]
    assert figures(judge(history, replace(found, answers=swapped))) == (0, 0, 0)  # but the count is another
    history.records[1].sent[-1] = said(ANNA, 9, "poll_closed", "poll.answer", poll_id=POLL.id, option=1)
    assert figures(judge(history, replace(found, answers=swapped))) == (1, 0, 0)


def test_a_row_of_somebody_who_was_refused_is_one_too_many() -> None:
    history, found = a_day()
    history.records[2].sent[0].answer = "poll_closed"
    assert figures(judge(history, found)) == (0, 1, 0)


def test_a_vote_that_is_gone_is_lost_and_one_that_was_taken_back_is_one_too_many() -> None:
    history, found = a_day()
    assert figures(judge(history, replace(found, votes=[]))) == (1, 0, 0)
    history.records[1].sent.append(said(ANNA, 9, ACK, "question.vote", question_id=QUESTION.id, up=False))
    assert figures(judge(history, found)) == (0, 1, 0)


# --- tallies


def test_a_count_that_is_not_the_rows_is_wrong() -> None:
    history, found = a_day()
    journal = entries(*(e.event for e in found.streams[SESSION][:5]), m.PollCounted(POLL.id, (2, 0)), causes=CAUSES)
    history.records[0].heard[-1] = Heard(SESSION, "event", 6, msgspec.json.decode(journal[5].body))
    assert judge(history, replace(found, streams={SESSION: journal})).notes == ["s1-p1 was counted as (2, 0), and is (1, 1)"]


def test_a_closed_poll_that_was_never_counted_is_wrong() -> None:
    history, found = a_day()
    journal = found.streams[SESSION][:5]
    history.records[0].heard.pop()
    assert judge(history, replace(found, streams={SESSION: journal})).notes == ["s1-p1 was counted 0 times"]


CAUSES = ["mona/tab-mona/1", "mona/tab-mona/2", "anna/tab-anna/1", "mona/tab-mona/3", "mona/tab-mona/4"]


def secretly(*options: int) -> tuple[History, list[tuple[str, str, int]]]:
    """Somebody for each option in an anonymous poll, and the rows with nobody's name."""
    people = [m.Actor(f"p{n}", "", frozenset({"attendee"})) for n in range(len(options))]
    answers = [said(who, 1, ACK, "poll.answer", poll_id=HIDDEN.id, option=o) for who, o in zip(people, options, strict=True)]
    records = [Record(who, f"tab-{who.person_id}", [one]) for who, one in zip(people, answers, strict=True)]
    return History(records), [(HIDDEN.id, f"{n:06}", o) for n, o in enumerate(sorted(options))]


@pytest.mark.parametrize(("rows", "expected"), [((0, 0, 1, 1), (0, 0)), ((0, 0, 1), (1, 0)), ((0, 0, 0, 1), (1, 1))])
def test_anonymous_answers_are_compared_option_by_option(rows: tuple[int, ...], expected: tuple[int, int]) -> None:
    history, _ = secretly(0, 0, 1, 1)
    _, there = secretly(*rows)
    history.records.append(Record(MONA, "tab-mona", [said(MONA, 1, ACK, "poll.draft")]))
    found = Found({SESSION: entries(m.PollDrafted(HIDDEN), causes=["mona/tab-mona/1"])}, there)
    assert figures(judge(history, found))[:2] == expected


# --- what they saw


Break = Callable[[list[Heard]], object]


@pytest.mark.parametrize(
    "plant",
    [
        pytest.param(lambda heard: heard.pop(), id="never came"),
        pytest.param(lambda heard: heard.pop(2), id="left out"),
        pytest.param(lambda heard: heard.append(heard[-1]), id="twice"),
        pytest.param(lambda heard: heard.__setitem__(slice(2, 4), heard[3:1:-1]), id="in another order"),
        pytest.param(lambda heard: heard.insert(2, Heard(SESSION, "snapshot", 1, heard[0].body)), id="back in time"),
        pytest.param(lambda heard: heard.__setitem__(0, replace(heard[0], body={"type": "room"})), id="another state"),
        pytest.param(lambda heard: heard.__setitem__(1, replace(heard[1], body={})), id="another event"),
        pytest.param(lambda heard: heard.__setitem__(1, Heard(SESSION, "caught_up", 3)), id="caught up with too much"),
        pytest.param(lambda heard: heard.pop(0), id="events before a state"),
    ],
)
def test_what_is_wrong_with_what_somebody_saw_is_found(plant: Break) -> None:
    history, found = a_day()
    plant(history.records[1].heard)
    verdict = judge(history, found)
    assert verdict.out_of_order > 0
    assert (verdict.lost, verdict.duplicated) == (0, 0)


def test_what_was_on_its_way_when_somebody_asked_for_it_again_may_come_again_but_no_more() -> None:
    history, found = a_day()
    before, events = heard(found.streams[SESSION])[:1], heard(found.streams[SESSION], 2, 3, 4, 5)[1:]
    asked, answered = Heard(SESSION, "follow", 2), Heard(SESSION, "caught_up", 5)
    history.records[1].heard = [*before, events[0], asked, *events[1:], *events[1:], answered]
    assert judge(history, found).is_clean
    history.records[1].heard += events[-1:]
    assert judge(history, found).out_of_order == 1
    history.records[1].heard = [*before, events[0], asked, *events[1:], *events, answered]
    assert judge(history, found).out_of_order == 1


def test_what_is_not_for_somebody_must_not_be_heard() -> None:
    history, found = a_day()
    history.records[2].heard = heard(found.streams[SESSION], 2, 3, 4, 5)
    assert judge(history, found).out_of_order > 0


def test_a_gap_in_the_journal_is_found() -> None:
    history, found = a_day()
    journal = [msgspec.structs.replace(e, seq=e.seq + (e.seq > 5)) for e in found.streams[SESSION]]
    assert judge(history, replace(found, streams={SESSION: journal})).out_of_order > 0


# --- when they were there


@pytest.mark.parametrize(
    ("begin", "end", "words"),
    [
        (0.05, 55.0, "not written down"),
        (5.0, 60.0, "not written down"),
        (0.05, 65.0, "was not there"),
        (-3.0, 60, "not there"),
    ],
)
def test_minutes_that_are_missing_or_too_many_are_found(begin: float, end: float, words: str) -> None:
    history, found = a_day()
    there = [Stretch("anna", "s1", T + begin, T + end, visible=True)]
    (note,) = judge(history, replace(found, attendance=there)).notes
    assert words in note


def test_a_node_that_was_killed_may_take_a_heartbeat_with_it_and_no_more() -> None:
    history, found = a_day()
    history.deaths.append(Death(T + 60, 0, said_goodbye=False))
    until_57, until_50 = ([Stretch("anna", "s1", T + 0.05, T + end, visible=True)] for end in (57, 50))
    assert judge(history, replace(found, attendance=until_57)).is_clean
    assert not judge(history, replace(found, attendance=until_50)).is_clean
    history.faults.append(Happened("stop postgres", -1, T + 53, T + 59))
    assert judge(history, replace(found, attendance=until_50)).is_clean  # nothing could be written


def test_a_frozen_node_notices_late_that_somebody_left() -> None:
    history, found = a_day()
    there = [Stretch("anna", "s1", T + 0.05, T + 64, visible=True)]
    assert not judge(history, replace(found, attendance=there)).is_clean
    history.faults.append(Happened("stop node", 0, T + 59, T + 64))
    assert judge(history, replace(found, attendance=there)).is_clean


def test_spans_are_joined_and_subtracted() -> None:
    assert join([(5, 6), (1, 3), (2, 4)]) == [(1, 4), (5, 6)]
    assert subtract([(0, 10)], [(-1, 1), (3, 4), (9, 12)]) == [(1, 3), (4, 9)]
    assert subtract([(0, 1), (2, 3)], [(0, 1)]) == [(2, 3)]


# --- what is asked for


def asked_for(monkeypatch: pytest.MonkeyPatch, words: str) -> list[Setting]:
    monkeypatch.setattr(sys, "argv", ["chaos", *words.split()])
    return settings_of(options(), may_mount=False)


def test_redis_is_cut_off_for_as_long_as_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    (setting,) = asked_for(monkeypatch, "--database postgres --seconds 40 --redis-cut 30")
    assert (setting.redis_cut, setting.nodes) == (30.0, 2)


@pytest.mark.parametrize("words", ["--database both", "--nodes 1", "--seconds 31", "--redis-cut 5"])
def test_redis_is_cut_off_only_where_that_says_something(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit, match=r"[Rr]edis"):
        asked_for(monkeypatch, f"--database postgres --seconds 40 --redis-cut 30 {words}")


# --- the real thing


@pytest.mark.timeout(600)  # a start takes seconds on a busy machine, and there are many
@pytest.mark.parametrize("database", ["sqlite", "postgres"])
async def test_whatever_dies_nothing_that_was_acknowledged_is_lost(database: str) -> None:
    """One node on SQLite; two on PostgreSQL and Redis."""
    if database == "postgres" and find_programs() is None:
        pytest.skip("PostgreSQL is not installed (on Debian: apt install postgresql)")
    if database == "postgres" and not (shutil.which("redis-server") or shutil.which("valkey-server")):
        pytest.skip("Redis is not installed (on Debian: apt install redis-server)")
    for seconds in ("18", "60"):  # little comes of it on a machine that is busy with other things: it is given longer
        text = await nemesis("--database", database, "--seconds", seconds, "--seed", "20260325")
        last = re.fullmatch(
            r"acknowledged (\d+), lost 0, duplicated 0, out of order 0, seed 20260325", text.splitlines()[-1]
        )
        assert last, text
        if int(last[1]) > 50:
            return
    raise AssertionError(text)


async def nemesis(*words: str) -> str:
    """What it says; it must have found nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.chaos", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    assert process.returncode == 0, output.decode()
    return output.decode()
