"""`PATCH` with an SDP fragment on a media connection (RFC 9725, 4.3): an ICE restart, or a client's candidates.

The same for WHIP and WHEP software and for our own pages: whoever lost their network finds a new way to the connection they
have. Neighbours: `whip` has the addresses, `sdp_fragment` reads and writes the bodies.
"""

from __future__ import annotations

from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from rooms import messages as m
from rooms.errors import Refused
from server import sdp_fragment
from server.sdp_fragment import MEDIA_TYPE, Fragment
from server.seats import Seats

_ANY: Final = ("*", '"*"')  # the second stands in the RFC's examples


def is_fragment(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == MEDIA_TYPE


def entity_tag(ice_session: str) -> str:
    """A strong one (RFC 9110, 8.8.3)."""
    return f'"{ice_session}"'


async def patch_ice(request: Request, body: bytes, seats: Seats, actor: m.Actor, session_id: str, peer_id: str) -> Response:
    """`If-Match: *` restarts: 200 with our new credentials and a new entity tag. The ICE session's tag: candidates, of which
    nothing is needed; 204. Another is 412, none 428. Raises `Refused`; the connection stays as it was."""
    fragment = _fragment(request, body)
    session = seats.ice_session(actor, session_id, peer_id)
    condition = request.headers.get("if-match")
    if condition is None:
        raise HTTPException(428)  # RFC 6585, 3
    if condition.strip() not in _ANY:
        if entity_tag(session) not in [tag.strip() for tag in condition.split(",")]:
            raise HTTPException(412)  # RFC 9110, 13.1.1
        return Response(status_code=204)
    parameters = await seats.restart(actor, session_id, peer_id, fragment.ufrag)
    headers = {"ETag": entity_tag(seats.ice_session(actor, session_id, peer_id)), "Cache-Control": "no-store"}
    return Response(sdp_fragment.write(parameters, fragment), headers=headers, media_type=MEDIA_TYPE)


def _fragment(request: Request, body: bytes) -> Fragment:
    if not is_fragment(request):
        raise HTTPException(415, headers={"Accept-Patch": MEDIA_TYPE})  # RFC 5789, 2.2
    try:
        return sdp_fragment.read(body.decode("ascii"))
    except ValueError:
        raise Refused("bad_offer") from None
