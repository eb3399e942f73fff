"""Single-choice polls: draft → open → closed → shown. Answers are rows, not events (`server/ballots.py`).

What an anonymous poll tells must not tell what one person answered: not how many have answered, nor what, before
`LEAST_ANSWERS` have. A counted poll that never got so far has `counts` `()`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused
from rooms.numbering import next_id
from rooms.text import check_text

Polls = dict[str, m.Poll]
Command = m.PollDraft | m.PollDiscard | m.PollOpen | m.PollClose | m.PollCount | m.PollShow
Event = m.PollDrafted | m.PollDiscarded | m.PollOpened | m.PollClosed | m.PollCounted | m.PollShown

MOST_POLLS: Final = 100
MOST_OPTIONS: Final = 10
TITLE_LENGTH: Final = 300
OPTION_LENGTH: Final = 120

# The count of one answer is that answer, and of two, either voter can tell the other's. From three on, nobody learns a
# single answer by subtracting their own (unless all are the same, which only a secret count would hide).
LEAST_ANSWERS: Final = 3


def decide(polls: Polls, session_id: str, phase: m.Phase, command: Command, now: datetime) -> list[Event]:
    """What a moderator's (or the counting server's) command makes happen."""
    match command:
        case m.PollDraft(title, options, anonymous):
            return [_draft(polls, session_id, title, options, anonymous=anonymous)]
        case m.PollDiscard(poll_id):
            _in_phase(polls, poll_id, "draft", otherwise="poll_locked")
            return [m.PollDiscarded(poll_id)]
        case m.PollOpen(poll_id):
            if phase != "live":
                raise Refused("not_live")
            poll = _in_phase(polls, poll_id, "draft")
            return [m.PollOpened(replace(poll, phase="open", opened_at=now))]
        case m.PollClose(poll_id):
            _in_phase(polls, poll_id, "open")
            return [m.PollClosed(poll_id, now)]
        case m.PollCount(poll_id, counts):
            poll = _in_phase(polls, poll_id, "closed")
            return [m.PollCounted(poll_id, tellable(poll, counts))] if poll.counts is None else []
        case m.PollShow(poll_id):
            poll = _in_phase(polls, poll_id, "closed")
            if poll.counts is None:
                raise Refused("try_again")  # the count follows the closing within milliseconds
            return [m.PollShown(poll_id, poll.counts)]


def apply(polls: Polls, event: Event) -> Polls:
    """The polls after `event`."""
    match event:
        case m.PollDrafted(poll) | m.PollOpened(poll):
            return {**polls, poll.id: poll}
        case m.PollDiscarded(poll_id):
            return {key: poll for key, poll in polls.items() if key != poll_id}
        case m.PollClosed(poll_id, at):
            return {**polls, poll_id: replace(polls[poll_id], phase="closed", closed_at=at)}
        case m.PollCounted(poll_id, counts):
            return {**polls, poll_id: replace(polls[poll_id], counts=counts)}
        case m.PollShown(poll_id, counts):
            return {**polls, poll_id: replace(polls[poll_id], phase="shown", counts=counts)}


def redact(polls: Polls) -> Polls:
    """What the hall may see: no drafts, and no counts before they are shown."""
    return {
        key: poll if poll.phase == "shown" else replace(poll, counts=None)
        for key, poll in polls.items()
        if poll.phase != "draft"
    }


def tells(poll: m.Poll, answered: int) -> bool:
    """True if it may be told that `answered` people have answered, and when the poll is closed, what."""
    return not poll.anonymous or answered >= LEAST_ANSWERS


def tellable(poll: m.Poll, counts: tuple[int, ...]) -> tuple[int, ...]:
    """The counts of a poll as far as anybody may know them: `()` where they would tell what one person answered."""
    return counts if tells(poll, sum(counts)) else ()


def check_answer(polls: Polls, poll_id: str, option: int) -> m.Poll:
    """Returns the poll if it takes answers now and has the option."""
    poll = polls.get(poll_id)
    if poll is None:
        raise Refused("not_found")
    if poll.phase != "open":
        raise Refused("poll_not_open" if poll.phase == "draft" else "poll_closed")
    if option >= len(poll.options):
        raise Refused("unknown_option")
    return poll


def _draft(polls: Polls, session_id: str, title: str, options: tuple[str, ...], *, anonymous: bool) -> m.PollDrafted:
    if len(polls) >= MOST_POLLS:
        raise Refused("too_many", most=MOST_POLLS)
    choices = tuple(check_text(option, most=OPTION_LENGTH) for option in options)
    if not 2 <= len(choices) <= MOST_OPTIONS or len(set(choices)) != len(choices):
        raise Refused("bad_options")
    return m.PollDrafted(m.Poll(next_id(session_id, "p", polls), check_text(title, most=TITLE_LENGTH), choices, anonymous))


def _in_phase(polls: Polls, poll_id: str, phase: m.PollPhase, *, otherwise: str = "illegal_step") -> m.Poll:
    poll = polls.get(poll_id)
    if poll is None:
        raise Refused("not_found")
    if poll.phase != phase:
        raise Refused(otherwise, phase=poll.phase)
    return poll
