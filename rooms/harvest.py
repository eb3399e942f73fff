"""The harvest of breakout rooms in the plenary: points are gathered, grouped, shown, and voted on as questions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused
from rooms.numbering import next_id
from rooms.questions import MOST_QUESTIONS, TEXT_LENGTH
from rooms.text import check_text

MOST_POINTS: Final = 400
POINT_LENGTH: Final = 200
TITLE_LENGTH: Final = 120
AUTHOR: Final = ""  # of questions that are no person's

Questions = dict[str, m.Question]


def decide(
    harvest: m.Harvest | None,
    questions: Questions,
    session_id: str,
    phase: m.Phase,
    command: m.HarvestCommand,
    now: datetime,
) -> list[m.HarvestEvent | m.QuestionPublished]:
    """What a moderator's command makes happen."""
    held = harvest or m.Harvest({})
    match command:
        case m.HarvestGather(points):
            return [*_gather(held, session_id, points)]
        case m.HarvestArrange(sheaves):
            groups = _arranged(held, session_id, sheaves)
            return [m.HarvestArranged(held.shown, groups)] if groups != held.groups else []
        case m.HarvestShow():
            return [] if held.shown else [m.HarvestShown(replace(held, shown=True))]
        case m.HarvestVote():
            if phase != "live":
                raise Refused("session_ended" if phase == "ended" else "not_live")
            return _put_to_vote(held, questions, session_id, now)


def apply(harvest: m.Harvest | None, event: m.HarvestEvent) -> m.Harvest:
    """The harvest after `event`."""
    held = harvest or m.Harvest({})
    match event:
        case m.HarvestGathered(_, points, groups):
            return replace(
                held, points={**held.points, **{point.id: point for point in points}}, groups=(*held.groups, *groups)
            )
        case m.HarvestArranged(_, groups):
            return replace(held, groups=groups)
        case m.HarvestShown(shown):
            return shown


def redact(harvest: m.Harvest | None) -> m.Harvest | None:
    """What the hall may see."""
    return harvest if harvest is not None and harvest.shown else None


def words_of(harvest: m.Harvest, group: m.HarvestGroup) -> str:
    """What a group says in one line: its title, or its points."""
    return group.title or "; ".join(harvest.points[key].text for key in group.points)


def _gather(held: m.Harvest, session_id: str, points: Sequence[m.HarvestPoint]) -> list[m.HarvestGathered]:
    checked = {point.id: replace(point, text=check_text(point.text, most=POINT_LENGTH)) for point in points}
    changed = tuple(point for point in checked.values() if held.points.get(point.id) != point)
    if len({*held.points, *checked}) > MOST_POINTS:
        raise Refused("too_many", most=MOST_POINTS)
    groups: list[m.HarvestGroup] = []
    for point in changed:
        if point.id not in held.points:
            groups.append(m.HarvestGroup(_next_group(session_id, (*held.groups, *groups)), "", (point.id,)))
    return [m.HarvestGathered(held.shown, changed, tuple(groups))] if changed else []


def _arranged(held: m.Harvest, session_id: str, sheaves: Sequence[m.HarvestSheaf]) -> tuple[m.HarvestGroup, ...]:
    """The groups that are asked for; those without points are none, but for one that is voted on: it keeps its question."""
    before = {group.id: group for group in held.groups}
    seen: set[str] = set()
    groups: list[m.HarvestGroup] = []
    for sheaf in sheaves:
        known = before.pop(sheaf.id, None) if sheaf.id else None
        if (sheaf.id and known is None) or seen & {*sheaf.points} or not {*sheaf.points} <= held.points.keys():
            raise Refused("not_found")
        if len({*sheaf.points}) < len(sheaf.points):
            raise Refused("illegal_step")
        seen |= {*sheaf.points}
        title = check_text(sheaf.title, most=TITLE_LENGTH) if sheaf.title.strip() else ""
        if not sheaf.points and not (known and known.question_id):
            continue
        group_id = known.id if known else _next_group(session_id, (*held.groups, *groups))
        groups.append(m.HarvestGroup(group_id, title, sheaf.points, known.question_id if known else ""))
    return (*groups, *(replace(group, points=()) for group in before.values() if group.question_id))


def _put_to_vote(
    held: m.Harvest, questions: Questions, session_id: str, now: datetime
) -> list[m.HarvestEvent | m.QuestionPublished]:
    """A question for each group, and then the harvest, which everybody sees now and which knows them."""
    if len(questions) + len(held.groups) > MOST_QUESTIONS:
        raise Refused("too_many", most=MOST_QUESTIONS)
    asked = dict(questions)
    groups: list[m.HarvestGroup] = []
    events: list[m.HarvestEvent | m.QuestionPublished] = []
    for group in held.groups:
        if not group.question_id and group.points:
            question_id = next_id(session_id, "q", asked)
            text = words_of(held, group)[:TEXT_LENGTH].strip()
            asked[question_id] = m.Question(question_id, AUTHOR, text, now, "published", now)
            events.append(m.QuestionPublished(asked[question_id]))
            group = replace(group, question_id=question_id)
        groups.append(group)
    if not events:
        return []
    return [*events, m.HarvestShown(replace(held, groups=tuple(groups), shown=True))]


def _next_group(session_id: str, groups: Sequence[m.HarvestGroup]) -> str:
    return next_id(session_id, "g", {group.id: group for group in groups})
