"""What each client was told, against what is in the database. Pure.

Neighbours: `views` (what they saw of the streams), `tallies` (answers and votes), `minutes` (attendance).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bench.chaos import minutes, tallies, views
from bench.chaos.history import History, Record, Sent
from rooms import messages as m
from rooms.attendance import Stretch
from server.journal import Entry

ROWS = ("poll.answer", "question.vote")  # commands that make rows, and no events


@dataclass(frozen=True)
class Found:
    """What is in the database. `answers`: poll, voter, option; `votes`: question and person of those who are for it."""

    streams: Mapping[str, Sequence[Entry]]
    answers: Sequence[tuple[str, str, int]] = ()
    votes: Sequence[tuple[str, str]] = ()
    attendance: Sequence[Stretch] = ()


@dataclass
class Verdict:
    """`notes`: each of what is counted in a line, and what else is wrong."""

    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    out_of_order: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.notes

    def add(self, other: Verdict) -> None:
        self.acknowledged += other.acknowledged
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.out_of_order += other.out_of_order
        self.notes += other.notes


def judge(history: History, found: Found) -> Verdict:
    """All of it."""
    verdict = Verdict(acknowledged=sum(sent.is_done for record in history.records for sent in record.sent))
    check_commands(verdict, history.records, found)
    lost, extra = tallies.check_rows(history.records, found.answers, found.votes, found.streams)
    verdict.lost += len(lost)
    verdict.duplicated += len(extra)
    astray = views.check_order(found.streams)
    for record in history.records:
        astray += views.check(record, found.streams)
    verdict.out_of_order += len(astray)
    wrong = tallies.check_counts(found.answers, found.streams)
    wrong += minutes.check(history, found.attendance)
    verdict.notes += [*lost, *extra, *astray, *wrong, *history.wrong]
    return verdict


def check_commands(verdict: Verdict, records: Sequence[Record], found: Found) -> None:
    """Every acknowledged command is in the journal once, what was refused is not there, and nothing is that nobody sent."""
    causes = Counter(entry.cause for entries in found.streams.values() for entry in entries if entry.cause)
    texts = Counter(
        entry.event.question.text
        for entries in found.streams.values()
        for entry in entries
        if isinstance(entry.event, m.QuestionAsked)
    )
    sent = [one for record in records for one in record.sent if one.command["type"] not in ROWS]
    for one in sent:
        times = causes[one.cause]
        if one.command["type"] == "question.ask":
            times = max(times, texts[one.command["text"]])
        if one.is_done and not times:
            verdict.lost += 1
            verdict.notes.append(f"lost: {named(one)}")
        elif times > 1 or (times and one.answer and not one.is_done):
            verdict.duplicated += 1
            verdict.notes.append(f"there {times} times, told {one.answer!r}: {named(one)}")
        if one.answer == "try_again" and "(" in one.message:
            verdict.notes.append(f"an unexpected error: {named(one)}: {one.message}")
    for cause in causes.keys() - {one.cause for one in sent}:
        verdict.duplicated += 1
        verdict.notes.append(f"nobody sent {cause}")


def named(sent: Sent) -> str:
    moments = ", ".join(f"{at % 1000:.3f} to node {node}" for at, node in sent.sends)
    return f"{sent.cause} {sent.command}, sent {moments}, {sent.answer or 'no answer'} {sent.answered_at % 1000:.3f}"
