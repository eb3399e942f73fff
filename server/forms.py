"""What visitors post without a script: a personal link, the language, the evaluation, signing out.

All of it works in a browser without JavaScript. `security.SameOrigin` has made sure that it comes from our own pages.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from rooms import messages as m
from rooms.access import check_page
from rooms.conference import check_survey
from rooms.errors import Refused
from rooms.text import check_text
from server import i18n
from server.ballots import SurveyAnswer
from server.clients import block_of
from server.errors import STATUSES
from server.links import Link
from server.services import Services
from server.templates import render

LONGEST_COMMENT: Final = 2000
LANGUAGE_SECONDS: Final = 365 * 24 * 3600
NO_OPINION: Final = "none"


async def join(request: Request) -> Response:
    """GET /join/{token}: signs in and leads to the lobby, so that the token leaves the address bar. A browser in which
    somebody else is signed in asks first: a forwarded link must not quietly make one person another."""
    try:
        link, owner = await _find(request)
    except Refused as refused:
        return _refused_link(request, refused)
    actor = request.state.services.identity.actor(request)
    if actor is not None and actor.person_id != owner.person_id:
        return _link_page(request, 200, code="somebody_else", owner=owner)
    return _signed_in(request, link)


async def join_anyway(request: Request) -> Response:
    """POST /join/{token}: the visitor has confirmed that they are the link's owner."""
    try:
        link, _ = await _find(request)
    except Refused as refused:
        return _refused_link(request, refused)
    return _signed_in(request, link)


async def sign_out(request: Request) -> Response:
    """POST /sign-out: forgets the person in this browser; the personal link goes on working."""
    _check_pace(request)
    response = RedirectResponse("/", 303)
    request.state.services.identity.sign_out(response)
    return response


async def language(request: Request) -> Response:
    """POST /language: remembers the visitor's choice and leads back."""
    _check_pace(request)
    form = await request.form(max_fields=10, max_files=0)
    response = RedirectResponse(safe_path(_text(form, "next")), 303)
    chosen = i18n.known(_text(form, "language"))
    if chosen is not None and chosen in request.state.services.translations.choices:
        secure = request.state.services.settings.url.startswith("https:")
        response.set_cookie(i18n.COOKIE, chosen, max_age=LANGUAGE_SECONDS, samesite="lax", secure=secure, httponly=True)
    return response


async def survey(request: Request) -> Response:
    """GET /survey: the closing evaluation; what one has answered already can be changed while it is open."""
    services = request.state.services
    actor = check_page(services.identity.actor(request), "survey")
    answer = await services.ballots.survey_answer_of(actor)
    return render(request, "survey.html", answer=answer, error="", thanks="thanks" in request.query_params)


async def answer_survey(request: Request) -> Response:
    """POST /survey: stores the answer, then thanks. A comment that cannot be taken is given back with the reason."""
    services = request.state.services
    actor = check_page(services.identity.actor(request), "survey")
    _check_pace(request)
    form = await request.form(max_fields=10, max_files=0)
    comment = _text(form, "comment").strip()
    answer = SurveyAnswer(_rating(form, "conference"), _rating(form, "association"), comment)
    # Not before the form is here: it may take its time, and an answer that comes after the keys are destroyed would be a
    # second one of the same person's.
    check_survey(services.streams.conference)
    try:
        if comment:
            check_text(comment, most=LONGEST_COMMENT, lines=True)
        await services.ballots.answer_survey(actor, answer)
    except Refused as refused:
        if refused.code != "bad_text":
            raise
        return render(request, "survey.html", 400, answer=answer, error=refused.message, thanks=False)
    return RedirectResponse("/survey?thanks", 303)


def safe_path(text: str) -> str:
    """A path on this server to lead back to; the start page for anything else. Browsers read `\\` as `/`, and `//host`
    and control characters in front of it as another server (WHATWG URL, 4.4)."""
    parts = urlsplit(text) if text.isprintable() and "\\" not in text else None
    if parts is None or parts.scheme or parts.netloc or not text.startswith("/") or text.startswith("//"):
        return "/"
    return text


def _signed_in(request: Request, link: Link) -> Response:
    response = RedirectResponse("/lobby", 303, {"Cache-Control": "no-store"})
    request.state.services.identity.sign_in(response, link)
    return response


async def _find(request: Request) -> tuple[Link, m.Actor]:
    services: Services = request.state.services
    return await services.guesses.find(services.identity, request.path_params["token"], _address(request))


def _refused_link(request: Request, refused: Refused) -> Response:
    response = _link_page(request, STATUSES[refused.code], code=refused.code)
    if refused.code == "too_many_guesses":
        request.state.services.door.refusals["wrong_links"] += 1
        response.headers["Retry-After"] = str(refused.data["retry_after"])
    return response


def _link_page(request: Request, status: int, *, code: str, owner: object = None) -> Response:
    """The page shows at the link's own address: requests that it causes must not carry the token along."""
    response = render(request, "join_problem.html", status, code=code, owner=owner)
    response.headers["Referrer-Policy"] = "strict-origin"
    return response


def _address(request: Request) -> str:
    return block_of(request.client.host if request.client else "")


def _check_pace(request: Request) -> None:
    """Forms of a person, or of all at an address who are not signed in. Raises `Refused("too_fast")`."""
    services: Services = request.state.services
    actor = services.identity.actor(request)
    if actor is not None:
        services.forms_of_person.check(actor.person_id)
    else:
        services.forms_of_address.check(_address(request))


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""


def _rating(form: FormData, name: str) -> int | None:
    """1..5; None for "no opinion" and for no answer. Raises `Refused("unknown_option")`."""
    value = _text(form, name)
    if value in ("", NO_OPINION):
        return None
    if value not in ("1", "2", "3", "4", "5"):
        raise Refused("unknown_option")
    return int(value)


routes: Final[list[BaseRoute]] = [
    Route("/join/{token}", join, methods=["GET"]),
    Route("/join/{token}", join_anyway, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/language", language, methods=["POST"]),
    Route("/survey", survey, methods=["GET"]),
    Route("/survey", answer_survey, methods=["POST"]),
]
