"""The demonstration's `conference.toml`: a spring conference of two days, of which the first is today and has just begun.

Pure: what is written depends on the moment alone. Neighbours: `people`, who takes part; `sayings`, what they say.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from msgspec import Struct

from rooms.messages import Kind
from server.demo.people import GUEST, SPEAKER, Cast

TIME_ZONE: Final = "Europe/Stockholm"
MARK: Final = "# Written by `plenum demo`."  # the first line; a directory with another conference is left alone
HALL: Final = "plenum"  # the room of the stage
FIRST_SESSION: Final = "inledning"

_STEP: Final = timedelta(minutes=5)  # sessions begin at full five minutes
_LATEST: Final = time(22, 0)  # what would end later today is held tomorrow
_MORNING: Final = time(8, 30)


class _Block(Struct, frozen=True):
    """A session before it has a time. Breaks need no room."""

    id: str
    title: str
    kind: Kind
    minutes: int
    theme: str = ""
    speakers: tuple[Cast, ...] = ()
    host: str = ""


_WELCOME: Final = _Block("incheckning", "Incheckning och digitalt mingel", "break", 30)
_FIRST_DAY: Final = (
    _Block(
        FIRST_SESSION,
        "Leda när mycket ändras på en gång: välfärden fram till 2035",
        "plenary",
        60,
        theme="Ledarskap i en ny tid",
        speakers=(SPEAKER,),
    ),
    _Block("kaffe-1", "Kaffe", "break", 15),
    _Block(
        "kompetens",
        "Kompetensförsörjning i kommuner som krymper",
        "plenary",
        45,
        theme="Kunskapspass",
        speakers=(GUEST,),
    ),
    _Block("lunch-1", "Lunch", "break", 60),
    _Block("utbyte", "Kollegialt erfarenhetsutbyte: nya och erfarna i rollen", "breakouts", 60),
    _Block("kaffe-2", "Kaffe", "break", 15),
    _Block(
        "gemensamt",
        "Gemensam eftermiddag: staten, regionerna och kommunerna",
        "plenary",
        90,
        theme="Beredskap och samhällskontrakt",
        speakers=(GUEST, SPEAKER),
        host="SKR",
    ),
)
_SECOND_DAY: Final = (
    _Block("lansnatverk", "Mentorprogrammet och länsnätverket: så går vi vidare", "plenary", 45, theme="Så arbetar vi"),
    _Block("kaffe-3", "Kaffe", "break", 15),
    _Block("arsmote", "Årsmöte", "assembly", 60),
    _Block("lunch-2", "Lunch", "break", 45),
    _Block("storlek", "Mindre och större kommuner: vad kan vi dela på?", "breakouts", 60),
    _Block("utblick", "Utblick: kommunalt chefskap i andra länder", "plenary", 30, speakers=(GUEST,)),
    _Block("avslutning", "Avslutning och utvärdering", "plenary", 30, speakers=(SPEAKER,)),
)


def conference(now: datetime) -> str:
    """The file for a conference whose first session begins at about `now` (aware)."""
    zone = ZoneInfo(TIME_ZONE)
    year = now.astimezone(zone).year
    head = f"""{MARK}

name = "Vårkonferensen {year}"
organiser = "Kommundirektörsföreningen (demonstration)"
time_zone = "{TIME_ZONE}"
languages = ["sv", "en", "nb", "da"]

[goals]
participants = 120
satisfied_share = 0.9
mean = 4.0

[[rooms]]
id = "{HALL}"
title = "Plenum"

[[rooms]]
id = "grupprum"
title = "Grupprum"
"""
    return head + "".join(_session(block, begin.astimezone(zone)) for block, begin in _placed(now, zone))


def _placed(now: datetime, zone: ZoneInfo) -> Iterable[tuple[_Block, datetime]]:
    """Every block with its beginning. What does not fit into today is held tomorrow morning, before the rest."""
    today = now.astimezone(zone).date()
    tomorrow = today + timedelta(days=1)
    begin = _anchor(now, zone)
    latest = datetime.combine(today, _LATEST, zone)
    welcome_at = begin - timedelta(minutes=_WELCOME.minutes)
    if welcome_at.astimezone(zone).date() == today and _is_plain(welcome_at, _WELCOME.minutes, zone):
        yield _WELCOME, welcome_at
    today_is_full = False
    for block in (*_FIRST_DAY, *_SECOND_DAY):
        end = begin + timedelta(minutes=block.minutes)
        if not today_is_full and (block == _SECOND_DAY[0] or (end > latest and block != _FIRST_DAY[0])):
            today_is_full = True
            begin = max(begin, datetime.combine(tomorrow, _MORNING, zone).astimezone(UTC))
        while not _is_plain(begin, block.minutes, zone):
            begin += _STEP
        yield block, begin
        begin += timedelta(minutes=block.minutes)


def _anchor(now: datetime, zone: ZoneInfo) -> datetime:
    """The last full five minutes, in UTC: there hours come neither twice nor not at all."""
    local = now.astimezone(zone)
    past = timedelta(minutes=local.minute % 5, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(UTC) - past


def _is_plain(begin: datetime, minutes: int, zone: ZoneInfo) -> bool:
    """False if a local time would be meant that a clock shows for the second time, which the file cannot say."""
    ends = (begin, begin + timedelta(minutes=minutes))
    return not any(end.astimezone(zone).fold for end in ends)


def _session(block: _Block, begin: datetime) -> str:
    end = (begin.astimezone(UTC) + timedelta(minutes=block.minutes)).astimezone(begin.tzinfo)
    lines = [
        "\n[[sessions]]",
        f'id = "{block.id}"',
        f'title = "{block.title}"',
        f'kind = "{block.kind}"',
        f'start = "{begin:%Y-%m-%d %H:%M}"',
        f'end = "{end:%Y-%m-%d %H:%M}"',
    ]
    if block.kind != "break":
        lines.append(f'room = "{"grupprum" if block.kind == "breakouts" else HALL}"')
    if block.theme:
        lines.append(f'theme = "{block.theme}"')
    if block.speakers:
        lines.append("speakers = [" + ", ".join(f'"{one.name} <{one.email}>"' for one in block.speakers) + "]")
    if block.host:
        lines.append(f'host = "{block.host}"')
    return "\n".join(lines) + "\n"
