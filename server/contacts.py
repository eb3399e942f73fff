"""Contact cards: in a breakout room that has closed, those who agreed to stay in touch get one another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rooms import messages as m
from rooms.access import check_page
from rooms.errors import Refused
from server.person import Person
from server.services import Services

_ESCAPES: Final = str.maketrans({"\\": "\\\\", ",": "\\,", ";": "\\;", "\n": "\\n", "\r": ""})  # RFC 2426, 4


class Card(Struct, frozen=True):
    name: str
    title: str
    municipality: str
    email: str


class Group(Struct, frozen=True):
    """Those of a room who agreed, but for the one who asks."""

    session_id: str
    room_id: str
    title: str  # the room's
    topic: str
    cards: tuple[Card, ...]


def groups_of(services: Services, person_id: str, session_id: str = "") -> list[Group]:
    """The groups with which somebody is in touch, of one session or of all."""
    programme = services.streams.conference.programme
    sessions = [session_id] if session_id else [plan.id for plan in (programme.sessions if programme else ())]
    return [
        Group(key, room.id, room.title, room.topic, tuple(map(_card, others)))
        for key in sessions
        for room in services.streams.breakouts(key).rooms.values()
        if person_id in room.in_touch
        and room.closed_at is not None
        and (others := [person for other in room.in_touch if other != person_id and (person := services.people.get(other))])
    ]


async def cards(request: Request) -> Response:
    """GET /api/breakouts/{session_id}/cards: the cards that the visitor has."""
    services, actor, session_id = _asked(request)
    body = msgspec.json.encode({"groups": groups_of(services, actor.person_id, session_id)})
    return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})


async def file(request: Request) -> Response:
    """GET /api/breakouts/{session_id}/cards/{room_id}.vcf: a room's cards for an address book."""
    services, actor, session_id = _asked(request)
    for group in groups_of(services, actor.person_id, session_id):
        if group.room_id == request.path_params["room_id"]:
            headers = {"Content-Disposition": 'attachment; filename="contacts.vcf"', "Cache-Control": "no-store"}
            return Response(vcards(group.cards), media_type="text/vcard; charset=utf-8", headers=headers)
    raise Refused("not_found")


def vcards(found: Sequence[Card]) -> str:
    """vCard 3.0 (RFC 2426), which every address book reads."""
    return "".join(
        "\r\n".join(
            [
                "BEGIN:VCARD",
                "VERSION:3.0",
                f"FN:{_escaped(card.name)}",
                f"N:{_escaped(_family(card.name))};{_escaped(_given(card.name))};;;",
                f"ORG:{_escaped(card.municipality)}",
                f"TITLE:{_escaped(card.title)}",
                f"EMAIL;TYPE=INTERNET:{_escaped(card.email)}",
                "END:VCARD",
                "",
            ]
        )
        for card in found
    )


def _asked(request: Request) -> tuple[Services, m.Actor, str]:
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    session_id: str = request.path_params["session_id"]
    services.streams.context(session_id)
    return services, actor, session_id


def _card(person: Person) -> Card:
    return Card(person.name, person.title, person.municipality, person.email)


def _escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def _family(name: str) -> str:
    return name.rpartition(" ")[2]


def _given(name: str) -> str:
    return name.rpartition(" ")[0]


routes: Final = [
    Route("/api/breakouts/{session_id}/cards", cards),
    Route("/api/breakouts/{session_id}/cards/{room_id}.vcf", file),
]
