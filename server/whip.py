"""Media endpoints: `/media` for our pages, `/whip` (RFC 9725) and `/whep` (draft-ietf-wish-whep) for other software.

All three are one offer, one answer, and a resource to delete, or to restart ICE in by `PATCH` (`ice_patch`). Nothing need
trickle: the engine is ICE-lite and finds the peer by its binding requests. A page also says by `PATCH` what it shows. WHIP
and WHEP clients that are web pages may be of any origin (`SecurityHeaders` says so with every answer): the token lets them
in, never a cookie.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from live.control import Admission, MediaRefused, Use
from rooms import messages as m
from rooms.access import check_page, check_session
from rooms.errors import Refused
from server.circles import CHECK
from server.ice_patch import entity_tag, is_fragment, patch_ice
from server.identity import MediaPass, MediaPurpose
from server.sdp_fragment import MEDIA_TYPE
from server.seats import SENDING
from server.services import Services
from server.turn import ice_servers, link_values

SDP: Final = "application/sdp"
PREFLIGHT_SECONDS: Final = 3600


SlotName = Annotated[str, msgspec.Meta(max_length=16)]
Pixels = Annotated[int, msgspec.Meta(ge=0, le=8640)]


class PageOffer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page posts: an SDP offer and what each of its m-lines (by mid) is for."""

    sdp: str
    uses: dict[str, Use]


class PageView(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a page sends by PATCH: each picture slot's height in device pixels, 0 where it is not shown; and, of a breakout
    room, whether one's microphone is off."""

    heights: Annotated[dict[SlotName, Pixels], msgspec.Meta(max_length=16)]
    muted: bool | None = None


_decoder: Final = msgspec.json.Decoder(PageOffer)
_view_decoder: Final = msgspec.json.Decoder(PageView)


async def media(request: Request) -> Response:
    """POST /media/{session_id}, or /media/{session_id}/breakouts/{room_id}: one offer for everything a page sends and
    receives."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    session_id = request.path_params["session_id"]
    offer = _page_offer(await request.body())
    sends = any(use in SENDING for use in offer.uses.values())
    room_id = request.path_params.get("room_id", "")
    admission = await services.seats.admit(actor, session_id, offer.sdp, offer.uses, sends=sends, room_id=room_id)
    location = f"/media/{session_id}/breakouts/{room_id}" if room_id else f"/media/{session_id}"
    location = f"{location}/{admission.peer_id}"
    return JSONResponse({"sdp": admission.answer, "decodes": admission.decodes}, 201, {"Location": location})


async def show_media(request: Request) -> Response:
    """PATCH on the Location that `media` gave: how large the page shows what it receives, and whether it is muted; or, as
    software, an ICE restart."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    session_id, peer_id = request.path_params["session_id"], request.path_params["peer_id"]
    body = await request.body()
    if is_fragment(request):
        return await patch_ice(request, body, services.seats, actor, session_id, peer_id)
    try:
        view = _view_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise Refused("bad_offer") from None
    if view.muted is not None:
        services.seats.mute(actor, session_id, peer_id, is_muted=view.muted)
    await services.seats.show(actor, session_id, peer_id, view.heights)
    return Response(status_code=204)


async def leave_media(request: Request) -> Response:
    """DELETE likewise."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "session")
    await services.seats.leave(actor, request.path_params["session_id"], request.path_params["peer_id"])
    return Response(status_code=200)


async def check(request: Request) -> Response:
    """POST /api/check: the device check's own room, where nobody else is."""
    services: Services = request.state.services
    actor = check_page(services.identity.actor(request), "lobby")
    offer = _page_offer(await request.body())
    services.seats.check_pace(actor.person_id)
    room = f"{CHECK}{actor.person_id}"
    try:
        await services.media.remove_label(room, actor.person_id, senders_only=False)
        admission = await services.media.admit(room, actor.person_id, offer.sdp, offer.uses, may_send=True, may_receive=True)
    except MediaRefused as refusal:
        raise Refused(refusal.code) from refusal
    return JSONResponse({"sdp": admission.answer}, 201)


async def whip(request: Request) -> Response:
    """POST /whip/{room}: software publishes into the session that is live, or being prepared, in a room."""
    services: Services = request.state.services
    media_pass, offer = await _software_offer(request, "whip")
    session_id = _session_in(services, media_pass.room)
    stream, actor = m.session_stream(session_id), media_pass.actor
    await services.streams.handle(stream, actor, m.StageEnter())
    try:
        admission = await services.seats.admit(actor, session_id, offer, None, sends=True)
    except Refused:
        services.seats.on_change(session_id)  # on stage without a seat: unless their page is there, not for long
        raise
    await services.streams.handle(stream, actor, m.StageSetMedia(camera=True, microphone=True, screen=False))
    return _created(services, actor, session_id, admission, f"/whip/{media_pass.room}")


async def whep(request: Request) -> Response:
    """POST /whep/{room}: software receives the programme of the session that is live in a room."""
    services: Services = request.state.services
    media_pass, offer = await _software_offer(request, "whep")
    session_id = _session_in(services, media_pass.room)
    admission = await services.seats.admit(media_pass.actor, session_id, offer, None, sends=False)
    return _created(services, media_pass.actor, session_id, admission, f"/whep/{media_pass.room}")


async def leave_software(request: Request) -> Response:
    """DELETE on the Location that `whip` or `whep` gave."""
    services: Services = request.state.services
    media_pass = _software(request)
    session_id = request.path_params["session_id"]
    await services.seats.leave(media_pass.actor, session_id, request.path_params["peer_id"])
    if _purpose(request) == "whip":
        await services.streams.handle(m.session_stream(session_id), media_pass.actor, m.StageLeave())
    return Response(status_code=200)


async def patch_software(request: Request) -> Response:
    """PATCH likewise: an ICE restart, or candidates."""
    services: Services = request.state.services
    actor = _software(request).actor
    session_id, peer_id = request.path_params["session_id"], request.path_params["peer_id"]
    return await patch_ice(request, await request.body(), services.seats, actor, session_id, peer_id)


async def preflight(request: Request) -> Response:
    """OPTIONS on a WHIP or WHEP resource (RFC 9725, 4.1): what other sites' pages may ask for (Fetch, 3.2.2)."""
    headers = {
        "Accept-Post": SDP,
        "Accept-Patch": MEDIA_TYPE,
        "Access-Control-Allow-Methods": "POST, PATCH, DELETE, OPTIONS",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
        "Access-Control-Max-Age": str(PREFLIGHT_SECONDS),
    }
    return Response(status_code=200, headers=headers)


def _session_in(services: Services, room: str) -> str:
    """The session that software means by a room: the one that is live there, else the one being prepared."""
    conference = services.streams.conference
    found: dict[m.Phase, str] = {}
    for plan in conference.programme.sessions if conference.programme else ():
        _, run = check_session(conference, plan.id)
        if plan.room == room:
            found.setdefault(run.phase, plan.id)
    session_id = found.get("live") or found.get("backstage")
    if session_id is None:
        raise Refused("session_not_open")
    return session_id


async def _software_offer(request: Request, purpose: MediaPurpose) -> tuple[MediaPass, str]:
    services: Services = request.state.services
    media_pass = _check_room(services.identity.media_pass(request, purpose), request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != SDP:
        raise HTTPException(415, headers={"Accept": SDP})  # RFC 9110, 15.5.16; offers are SDP: RFC 9725, 4.2
    try:
        return media_pass, (await request.body()).decode()
    except UnicodeDecodeError:
        raise Refused("bad_offer") from None


def _purpose(request: Request) -> MediaPurpose:
    return "whip" if request.url.path.startswith("/whip/") else "whep"


def _software(request: Request) -> MediaPass:
    services: Services = request.state.services
    return _check_room(services.identity.media_pass(request, _purpose(request)), request)


def _check_room(media_pass: MediaPass, request: Request) -> MediaPass:
    if media_pass.room != request.path_params["room"]:
        raise Refused("forbidden")
    return media_pass


def _created(services: Services, actor: m.Actor, session_id: str, admission: Admission, prefix: str) -> Response:
    tag = entity_tag(services.seats.ice_session(actor, session_id, admission.peer_id))
    headers = {"Location": f"{prefix}/{session_id}/{admission.peer_id}", "ETag": tag, "Cache-Control": "no-store"}
    response = Response(admission.answer, 201, headers, media_type=SDP)
    for link in link_values(ice_servers(services.settings, actor.person_id, services.now())):
        response.headers.append("Link", link)
    return response


def _page_offer(body: bytes) -> PageOffer:
    try:
        return _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        raise Refused("bad_offer") from None


routes: Final[list[Any]] = [
    Route("/media/{session_id}", media, methods=["POST"]),
    Route("/media/{session_id}/{peer_id}", leave_media, methods=["DELETE"]),
    Route("/media/{session_id}/{peer_id}", show_media, methods=["PATCH"]),
    Route("/media/{session_id}/breakouts/{room_id}", media, methods=["POST"]),
    Route("/media/{session_id}/breakouts/{room_id}/{peer_id}", leave_media, methods=["DELETE"]),
    Route("/media/{session_id}/breakouts/{room_id}/{peer_id}", show_media, methods=["PATCH"]),
    Route("/api/check", check, methods=["POST"]),
    Route("/whip/{room}", whip, methods=["POST"]),
    Route("/whep/{room}", whep, methods=["POST"]),
    *[Route(f"/{kind}/{{rest:path}}", preflight, methods=["OPTIONS"]) for kind in ("whip", "whep")],
    Route("/whip/{room}/{session_id}/{peer_id}", leave_software, methods=["DELETE"]),
    Route("/whep/{room}/{session_id}/{peer_id}", leave_software, methods=["DELETE"]),
    Route("/whip/{room}/{session_id}/{peer_id}", patch_software, methods=["PATCH"]),
    Route("/whep/{room}/{session_id}/{peer_id}", patch_software, methods=["PATCH"]),
]
