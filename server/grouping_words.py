"""What the composer tells, in words: what could not be met, and why somebody is where they are.

`rooms/grouping` gives codes and ids; `name` turns an id into a name. Rounds and rooms are counted from 1 here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from rooms.errors import _
from rooms.grouping import Fact, Notice, Rule
from rooms.grouping.model import NoticeCode
from server.i18n import Translator

Name = Callable[[str], str]

RULES: Final[Mapping[Rule, str]] = {
    "size_same": _("Municipalities of the same size"),
    "size_neighbouring": _("Municipalities of similar size"),
    "size_mixed": _("Small and large municipalities mixed"),
    "experience": _("New with experienced"),
    "county": _("From different counties"),
    "topic": _("The topic they chose"),
    "field": _("Within the same professional field"),
    "turnout": _("People who may not come, spread out"),
    "never_met": _("Nobody they have met before"),
    "teams_together": _("Teams stay together"),
    "teams_apart": _("Teams go to different rooms"),
    "facilitator": _("A facilitator in every room"),
}
NOTICES: Final[Mapping[NoticeCode, str]] = {
    "too_many_people": _("{count} people for {most} seats: the rooms are fuller than they should be"),
    "fewer_rooms": _("{count} of {most} rooms are opened, so that nobody sits alone"),
    "more_rooms": _(
        "{count} rooms are opened instead of {most}: the others are locked, and some people are in none of them"
    ),
    "alone": _("alone: {names}"),
    "uneven": _("the rooms have between {count} and {most} people"),
    "together_too_many": _("{names} should be together, but a room holds {most}"),
    "not_together": _("{names} should be together, but are in different rooms"),
    "not_apart": _("{names} should be kept apart, but are in the same room"),
    "team_too_large": _("the team {label} should stay together, but a room holds {most}"),
    "team_split": _("the team {label} should stay together, but is in different rooms"),
    "team_not_apart": _("of the same team, {label}: {names}"),
    "met_again": _("have been in a group together before: {names}"),
    "too_few_facilitators": _("there are {most} rooms, and too few who are willing to facilitate: {count}"),
    "no_facilitator": _("nobody there is willing to facilitate"),
    "size_not_same": _("from municipalities of different size: {names}"),
    "size_not_neighbouring": _("from municipalities of very different size: {names}"),
    "county_twice": _("not from different counties: {names}"),
    "field_not_same": _("not within the same professional field: {names}"),
    "not_their_topic": _("did not choose “{label}”: {names}"),
    "no_new": _("nobody there is new"),
    "no_experienced": _("nobody there is experienced"),
    "lock_impossible": _("cannot be locked where it was wished: {names}"),
    "not_taking_part": _("not taking part: {names}"),
}
_NUMBERS: Final = (
    _("two"),
    _("three"),
    _("four"),
    _("five"),
    _("six"),
    _("seven"),
    _("eight"),
    _("nine"),
    _("ten"),
    _("eleven"),
    _("twelve"),
)


def notice_sentence(words: Translator, notice: Notice, name: Name, *, in_rounds: bool = True) -> str:
    """One sentence for the moderator: where, and what. Not `in_rounds`: there is one, which goes without saying."""
    names = ", ".join(name(person) for person in notice.people)
    count, most = words.number(notice.count), words.number(notice.most)
    text = words.gettext(NOTICES[notice.code], names=names, label=notice.label, count=count, most=most)
    if notice.round is None:
        return words.gettext("Before opening: {text}.", text=text)
    if not in_rounds and notice.group is None:
        return words.gettext("In all rooms: {text}.", text=text)
    if not in_rounds and notice.group is not None:
        return words.gettext("Room {room}: {text}.", room=notice.group + 1, text=text)
    if notice.group is None:
        return words.gettext("Round {round}: {text}.", round=notice.round + 1, text=text)
    return words.gettext("Round {round}, room {room}: {text}.", round=notice.round + 1, room=notice.group + 1, text=text)


def facts_sentence(words: Translator, facts: Iterable[Fact], name: Name) -> str:
    """The sentence that tells somebody about their group."""
    text = ", ".join(_fact(words, fact, name) for fact in facts)
    return f"{text[:1].upper()}{text[1:]}."


def _fact(words: Translator, fact: Fact, name: Name) -> str:
    match fact.code:
        case "alone":
            return words.gettext("nobody else is in your room yet")
        case "drawn":
            return words.gettext("drawn at random")
        case "topic_chosen":
            return words.gettext("“{topic}”, as you chose", topic=fact.label)
        case "topic":
            return words.gettext("“{topic}”", topic=fact.label)
        case "field":
            return words.gettext("all within {field}", field=fact.label)
        case "facilitates":
            return words.gettext("you facilitate")
        case "facilitator":
            return words.gettext("{name} facilitates", name=name(fact.person))
        case "nobody_met":
            return words.gettext("nobody you have been in a group with before")
        case "experience":
            new = words.ngettext("one who is new", "{number} who are new", fact.count, number=_number(words, fact.count))
            old = words.ngettext("one experienced", "{number} experienced", fact.most, number=_number(words, fact.most))
            return words.gettext("{new} and {experienced}", new=new, experienced=old)
    return _counted(words, fact)


def _counted(words: Translator, fact: Fact) -> str:
    n = fact.count
    number, least, most = _number(words, n), words.number(fact.least), words.number(fact.most)
    match fact.code:
        case "team":
            return words.ngettext("one colleague of your team", "{number} colleagues of your team", n, number=number)
        case "fields":
            return words.ngettext(
                "one more within {field}", "{number} more within {field}", n, number=number, field=fact.label
            )
        case "size_under":
            return words.ngettext(
                "one municipality under {most} inhabitants",
                "{number} municipalities under {most} inhabitants",
                n,
                number=number,
                most=most,
            )
        case "size_over":
            return words.ngettext(
                "one municipality over {least} inhabitants",
                "{number} municipalities over {least} inhabitants",
                n,
                number=number,
                least=least,
            )
        case "size_between":
            return words.ngettext(
                "one municipality of {least} to {most} inhabitants",
                "{number} municipalities of {least} to {most} inhabitants",
                n,
                number=number,
                least=least,
                most=most,
            )
        case "counties":
            return words.ngettext("one county", "{number} counties", n, number=number)
    return words.ngettext(
        "one whom you have been in a group with before",
        "{number} whom you have been in a group with before",
        n,
        number=number,
    )


def _number(words: Translator, count: int) -> str:
    """In letters up to twelve. (One is spelt out in each text, since its gender is the noun's.)"""
    return words.gettext(_NUMBERS[count - 2]) if 2 <= count <= 12 else words.number(count)
