"""Answers and votes: the rows that are there are those that were acknowledged, and what was counted is the rows.

For one voter and one subject commands come one after another, so the last acknowledged one holds, unless something came
after it of which nobody knows whether it was done.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from bench.chaos.history import Record, Sent
from rooms import messages as m
from rooms.polls import tellable
from server.journal import Entry

Value = int | None
Key = tuple[str, str]  # what it is about, and who said it
Possible = dict[Key, set[Value]]


def possible(sent: Iterable[tuple[Key, Value, Sent]]) -> Possible:
    """What may be there, by key; None: nothing."""
    values: Possible = defaultdict(lambda: {None})
    for key, value, one in sent:
        if one.is_done:
            values[key] = {value}
        elif one.may_be_done:
            values[key] = values[key] | {value}
        else:
            values[key] = set(values[key])
    return values


def check_rows(
    records: Sequence[Record],
    answers: Sequence[tuple[str, str, int]],
    votes: Sequence[tuple[str, str]],
    streams: Mapping[str, Sequence[Entry]],
) -> tuple[list[str], list[str]]:
    """What is lost, and what is there without anybody's having said it."""
    polls = {poll.id: poll for poll in _polls(streams)}
    said = possible(_answers(records))
    named = {(poll, voter): option for poll, voter, option in answers if not _is_anonymous(polls, poll)}
    lost, extra = _compare({key: values for key, values in said.items() if not _is_anonymous(polls, key[0])}, named)
    cast: dict[Key, Value] = dict.fromkeys(votes, 1)
    for found in (
        _compare(possible(_votes(records)), cast),
        *(_compare_unnamed(poll, said, answers) for poll in polls.values() if poll.anonymous),
    ):
        lost += found[0]
        extra += found[1]
    return lost, extra


def check_counts(answers: Sequence[tuple[str, str, int]], streams: Mapping[str, Sequence[Entry]]) -> list[str]:
    """Every poll that was counted has the counts that counting its rows again gives, and is counted once."""
    polls = {poll.id: poll for poll in _polls(streams)}
    counted = Counter[str]()
    wrong = []
    for event in _events(streams):
        if isinstance(event, m.PollCounted):
            if (poll := polls.get(event.poll_id)) is None:
                wrong.append(f"{event.poll_id} was counted, and is no poll")
                continue
            counted[poll.id] += 1
            options = Counter(option for poll_id, _, option in answers if poll_id == poll.id)
            recount = tellable(poll, tuple(options[n] for n in range(len(poll.options))))
            if event.counts != recount:
                wrong.append(f"{poll.id} was counted as {event.counts}, and is {recount}")
    closed = {event.poll_id for event in _events(streams) if isinstance(event, m.PollClosed)}
    wrong += [f"{poll_id} was counted {counted[poll_id]} times" for poll_id in sorted(closed) if counted[poll_id] != 1]
    return wrong


def _compare(expected: Possible, found: Mapping[Key, Value]) -> tuple[list[str], list[str]]:
    lost = [
        f"{key[1]} on {key[0]}: {found.get(key)} is there, and not {sorted(values, key=str)}"
        for key, values in expected.items()
        if found.get(key) not in values and values != {None}
    ]
    extra = [
        f"{key[1]} on {key[0]}: {value} is there, which nobody acknowledged"
        for key, value in found.items()
        if expected.get(key, {None}) == {None}
    ]
    return lost, extra


def _compare_unnamed(poll: m.Poll, said: Possible, answers: Sequence[tuple[str, str, int]]) -> tuple[list[str], list[str]]:
    """An anonymous poll's rows are nobody's: of each option there are as many as must be, and no more than can be. Too few
    to be told are destroyed when it has been counted."""
    found = Counter(option for poll_id, _, option in answers if poll_id == poll.id)
    voters = [values for (poll_id, _), values in said.items() if poll_id == poll.id]
    lost, extra = [], []
    least_voters = sum(None not in values for values in voters)
    if not found and tellable(poll, (least_voters,)) == ():
        return [], []
    for option in range(len(poll.options)):
        least = sum(values == {option} for values in voters)
        most = sum(option in values for values in voters)
        if found[option] < least:
            lost += [f"{poll.id}: {found[option]} for {option}, and {least} were acknowledged"] * (least - found[option])
        if found[option] > most:
            extra += [f"{poll.id}: {found[option]} for {option}, and at most {most} said so"] * (found[option] - most)
    if found.total() < least_voters and not lost:
        lost.append(f"{poll.id}: {found.total()} answers, and {least_voters} were acknowledged")
    return lost, extra


def _answers(records: Sequence[Record]) -> Iterable[tuple[Key, Value, Sent]]:
    for record in records:
        for sent in record.sent:
            if sent.command["type"] == "poll.answer":
                yield (sent.command["poll_id"], sent.person_id), sent.command["option"], sent


def _votes(records: Sequence[Record]) -> Iterable[tuple[Key, Value, Sent]]:
    for record in records:
        for sent in record.sent:
            if sent.command["type"] == "question.vote":
                yield (sent.command["question_id"], sent.person_id), 1 if sent.command["up"] else None, sent


def _is_anonymous(polls: Mapping[str, m.Poll], poll_id: str) -> bool:
    return poll_id in polls and polls[poll_id].anonymous


def _events(streams: Mapping[str, Sequence[Entry]]) -> Iterable[m.Event]:
    return (entry.event for entries in streams.values() for entry in entries)


def _polls(streams: Mapping[str, Sequence[Entry]]) -> list[m.Poll]:
    return [event.poll for event in _events(streams) if isinstance(event, m.PollDrafted)]
