"""The one mapping from what went wrong to what is answered: a status, a sentence in the visitor's language, a page or JSON.

Refusals say why. Anything unexpected is a bug: it is logged with a reference and answered with that reference, and nothing
else leaks. Neighbour: `rooms/errors.py`, the codes and their sentences.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rooms.errors import Refused, _
from server.templates import render

STATUSES: Final[Mapping[str, int]] = {
    "forbidden": 403,
    "foreign_origin": 403,
    "not_signed_in": 401,
    "not_found": 404,
    "illegal_step": 409,
    "room_busy": 409,
    "session_not_open": 409,
    "session_ended": 409,
    "not_live": 409,
    "poll_not_open": 409,
    "poll_closed": 409,
    "poll_locked": 409,
    "unknown_option": 400,
    "bad_text": 400,
    "bad_options": 400,
    "too_many": 409,
    "too_fast": 429,
    "too_large": 413,
    "crowded": 429,
    "full_house": 503,
    "too_many_guesses": 429,
    "not_on_stage": 409,
    "already_recording": 409,
    "not_recording": 409,
    "not_recordable": 409,
    "survey_closed": 409,
    "survey_not_open": 409,
    "media_unavailable": 503,
    "not_in_room": 403,
    "in_a_room": 409,
    "room_full": 409,
    "room_closed": 409,
    "room_not_open": 409,
    "barred": 403,
    "rooms_running": 409,
    "rooms_not_running": 409,
    "bad_rooms": 400,
    "bad_list": 400,
    "nobody_here": 409,
    "hall_full": 503,
    "bad_offer": 400,
    "link_unknown": 404,
    "link_revoked": 410,
    "try_again": 503,
    "read_only": 503,
}

# What there is no code for because no rule of ours says it.
_UNEXPECTED: Final = _("Something went wrong here, and it is not your fault. We have noted it.")
_METHOD: Final = _("That is not possible here.")
_CODES: Final[Mapping[int, str]] = {
    401: "unauthorized",
    405: "method_not_allowed",
    412: "precondition_failed",
    413: "too_large",
    415: "unsupported_media_type",
    428: "precondition_required",
}

_SCRIPTS: Final = ("/api/", "/media/", "/whip/", "/whep/", "/locale/", "/static/", "/vendor/")  # never answered with a page

_CLOSING: Final = frozenset({"crowded", "full_house"})  # of whose connections there are too many

_SOFTWARE: Final = ("/whip/", "/whep/")  # lets itself in with a bearer token

Handler = Callable[[Request, Exception], Awaitable[Response]]


async def on_refused(request: Request, refused: Exception) -> Response:
    """A refusal as the visitor shall read it."""
    assert isinstance(refused, Refused)
    status = STATUSES[refused.code]
    headers = {"Retry-After": str(refused.data.get("retry_after", 2))} if status in (429, 503) else {}
    if refused.code in _CLOSING:
        headers["Connection"] = "close"
    if status == 401 and request.url.path.startswith(_SOFTWARE):
        headers["WWW-Authenticate"] = _challenge(request)
    return _answer(request, status, refused.code, refused.message, headers=headers)


async def on_http_exception(request: Request, exception: Exception) -> Response:
    """What the routing refuses: an unknown address, a method that is not for it, a form that cannot be read."""
    assert isinstance(exception, HTTPException)
    if exception.status_code == 404:
        return await on_refused(request, Refused("not_found"))
    code = _CODES.get(exception.status_code, "bad_request")
    return _answer(request, exception.status_code, code, _METHOD, headers=exception.headers or {})


exception_handlers: Final[Mapping[Any, Handler]] = {Refused: on_refused, HTTPException: on_http_exception}


class Errors:
    """Middleware between the security headers and everything else: answers what nobody else has answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return (self._serve if scope["type"] == "http" else self._app)(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Refused as refused:
            response = await on_refused(Request(scope), refused)
        except ClientDisconnect:  # in the middle of a body: nobody is left to be answered
            return
        except Exception:
            if started:  # too late for a page: the connection breaks off, the server logs it
                raise
            response = _on_bug(Request(scope))
        else:
            return
        await response(scope, receive, send)


def _challenge(request: Request) -> str:
    """What a token is asked for with (RFC 6750, 3); an error is named only to who brought one (3.1)."""
    brought = request.headers.get("authorization", "").lower().startswith("bearer ")
    return 'Bearer error="invalid_token"' if brought else "Bearer"


def _on_bug(request: Request) -> Response:
    reference = request.state.services.report_bug("http", f"{request.method} {_without_token(request.url.path)}")
    return _answer(request, 500, "unexpected", _UNEXPECTED, reference=reference)


def _answer(
    request: Request, status: int, code: str, text: str, *, reference: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    response: Response
    if _wants_page(request):
        response = render(request, "error.html", status, code=code, text=text, reference=reference)
    else:
        translations = request.state.services.translations
        message = translations.gettext(translations.language(request), text)
        body = {"code": code, "message": message} | ({"reference": reference} if reference else {})
        response = JSONResponse(body, status)
    response.headers["Cache-Control"] = "no-store"
    response.headers.update(headers or {})
    return response


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(_SCRIPTS)


def _without_token(path: str) -> str:
    """Personal links are secrets, and logs are read by others."""
    return "/join/…" if path.startswith("/join/") else path
