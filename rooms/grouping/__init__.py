"""The composer: people and wishes to groups, over several rounds and days.

`compose` a `Request`, `judge` what came out (or what a moderator made of it), `explain` to each why they are where they are,
`settle` on the day. Pure: ids in, ids and codes out. `docs/grouping.md` says how, and what was tried.
"""

from rooms.grouping.compose import compose
from rooms.grouping.explain import explain
from rooms.grouping.judge import judge
from rooms.grouping.model import (
    Composition,
    Fact,
    Group,
    Lock,
    Notice,
    Participant,
    Report,
    Request,
    Round,
    Rule,
    Scores,
    Strength,
    Wish,
)
from rooms.grouping.settle import settle

__all__ = [
    "Composition",
    "Fact",
    "Group",
    "Lock",
    "Notice",
    "Participant",
    "Report",
    "Request",
    "Round",
    "Rule",
    "Scores",
    "Strength",
    "Wish",
    "compose",
    "explain",
    "judge",
    "settle",
]
