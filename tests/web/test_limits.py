"""Limits that the pages know too, so that nobody writes what will be refused: the same as the server's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from rooms import polls, questions
from rooms.breakouts import planning
from rooms.grouping.model import MOST_IN_A_ROOM, RULES
from rooms.messages import breakouts
from server import grouping_words, socket, trouble
from server.limits import Limits

STATIC = Path(__file__).resolve().parents[2] / "web" / "static"


@pytest.mark.parametrize(
    ("script", "name", "limit"),
    [
        ("views/bars.js", "LEAST_ANSWERS", polls.LEAST_ANSWERS),
        ("views/desk-polls.js", "MOST_OPTIONS", polls.MOST_OPTIONS),
        ("views/questions.js", "MOST_CHARACTERS", questions.TEXT_LENGTH),
        ("views/composer-wishes.js", "MOST_IN_A_ROOM", MOST_IN_A_ROOM),
        ("views/composer-wishes.js", "MOST_TOPICS", breakouts.MOST_TOPICS),
        ("views/composer-wishes.js", "MOST_ROUNDS", breakouts.MOST_ROUNDS),
        ("views/composer-wishes.js", "TOPIC_LENGTH", planning.TITLE_LENGTH),
        ("commands.js", "MOST_BYTES", Limits.message_bytes),
        ("commands.js", "MOST_WAITING", socket.MOST_COMMANDS),
    ],
)
def test_a_limit_is_the_servers(script: str, name: str, limit: int) -> None:
    found = re.search(rf"const {name} = ([0-9_]+);", (STATIC / script).read_text(encoding="utf-8"))
    assert found is not None
    assert int(found[1]) == limit


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("POOR_LOSS", trouble.POOR_LOSS),
        ("POOR_ROUND_TRIP", trouble.POOR_ROUND_TRIP_MS / 1000),
        ("NARROW_BPS", trouble.NARROW_BPS),
    ],
)
def test_a_page_and_the_desk_call_the_same_connection_poor(name: str, limit: float) -> None:
    found = re.search(rf"const {name} = ([0-9._]+);", (STATIC / "quality.js").read_text(encoding="utf-8"))
    assert found is not None
    assert float(found[1]) == limit


def test_the_desk_has_words_for_every_reason() -> None:
    script = (STATIC / "views" / "desk-trouble.js").read_text(encoding="utf-8")
    assert set(re.findall(r'case "(\w+)":', script)) == set(get_args(trouble.Reason))


def test_the_page_has_words_for_every_reason_of_its_own() -> None:
    reasons = re.search(r"@typedef \{([^}]+)\} Reason", (STATIC / "quality.js").read_text(encoding="utf-8"))
    assert reasons is not None
    words = (STATIC / "views" / "advice.js").read_text(encoding="utf-8")
    told = set(re.findall(r'case "(\w+)":', words.split("export function reasonForViewer")[1].split("export function")[0]))
    assert told | {"tcp"} == set(re.findall(r'"(\w+)"', reasons[1]))  # the last one is the default


def test_the_composing_page_calls_every_rule_what_the_composer_calls_it() -> None:
    words = (STATIC / "views" / "breakout-words.js").read_text(encoding="utf-8").split("export function ruleWord")[1]
    told = dict(re.findall(r'case "(\w+)":\s+return t\("([^"]+)"\);', words))
    last = re.search(r'default:\s+return t\("([^"]+)"\);', words)
    assert last is not None
    assert {rule: told.get(rule, last[1]) for rule in RULES} == dict(grouping_words.RULES)
