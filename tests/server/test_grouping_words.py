"""What the composer tells, in words: no code without a sentence, in every language."""

from __future__ import annotations

from typing import get_args

import pytest

from rooms.grouping import Fact, Notice, Participant, Request, Round, Wish, compose, explain
from rooms.grouping.model import RULES, FactCode, NoticeCode
from server import grouping_words
from server.grouping_words import facts_sentence, notice_sentence
from server.i18n import LANGUAGES, Translations

NAMES = {"p1": "Åsa Öberg", "p2": "Jon Lie"}


def name(person: str) -> str:
    return NAMES.get(person, person)


def test_every_rule_and_every_notice_has_its_words() -> None:
    assert set(grouping_words.RULES) == set(RULES)
    assert set(grouping_words.NOTICES) == set(get_args(NoticeCode))


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("code", get_args(FactCode))
@pytest.mark.parametrize("count", [1, 2, 12, 13])
def test_every_fact_has_its_words_with_one_and_with_many(lang: str, code: FactCode, count: int) -> None:
    fact = Fact(code, count=count, least=2_000, most=count if code == "experience" else 5_000, label="skola", person="p1")
    sentence = facts_sentence(Translations().of(lang), [fact], name)
    assert sentence.endswith(".") and "{" not in sentence and "}" not in sentence


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Round 2, room 3: have been in a group together before: Åsa Öberg, Jon Lie."),
        ("sv", "Omgång 2, rum 3: har suttit i samma grupp förut: Åsa Öberg, Jon Lie."),
        ("nb", "Runde 2, rom 3: har vært i samme gruppe før: Åsa Öberg, Jon Lie."),
        ("da", "Runde 2, rum 3: har været i samme gruppe før: Åsa Öberg, Jon Lie."),
    ],
)
def test_a_notice_says_where_and_names_whom(lang: str, sentence: str) -> None:
    notice = Notice("met_again", 1, 2, ("p1", "p2"), count=1)
    assert notice_sentence(Translations().of(lang), notice, name) == sentence


def test_a_notice_about_a_round_or_about_none() -> None:
    words = Translations().of("en")
    assert (
        notice_sentence(words, Notice("uneven", 0, count=3, most=5), name)
        == "Round 1: the rooms have between 3 and 5 people."
    )
    assert (
        notice_sentence(words, Notice("not_taking_part", people=("p2",)), name)
        == "Before opening: not taking part: Jon Lie."
    )


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "Three municipalities under 10,000 inhabitants, two counties, nobody you have been in a group with before."),
        ("sv", "Tre kommuner under 10\N{NO-BREAK SPACE}000 invånare, två län, ingen som du har suttit i grupp med förut."),
        ("nb", "Tre kommuner under 10\N{NO-BREAK SPACE}000 innbyggere, to fylker, ingen du har vært i gruppe med før."),
        ("da", "Tre kommuner under 10.000 indbyggere, to regioner, ingen du har været i gruppe med før."),
    ],
)
def test_the_sentence_about_a_group(lang: str, sentence: str) -> None:
    people = tuple(
        Participant(f"p{n}", municipality=f"m{n}", population=7_000 + 900 * n, county="AB"[n % 2]) for n in range(3)
    )
    wishes = (Wish("size_same"), Wish("county"))
    request = Request(people, (Round(rooms=1, wishes=wishes),), met=(("p9", "p8"), ("p1", "stranger")))
    facts = explain(request, compose(request), 0, "p1")
    assert facts_sentence(Translations().of(lang), facts, name) == sentence
