"""Pages from templates: what every template is given, and nothing that a template could change."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from babel.dates import get_timezone_location
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from rooms import conference
from rooms import messages as m
from rooms.access import Page, may
from server.i18n import Translator

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES: Final = Path(__file__).resolve().parent.parent / "web" / "templates"


class Templates:
    """The compiled templates; one for the whole server."""

    def __init__(self, directory: Path = TEMPLATES) -> None:
        self._directory = directory

    @cached_property
    def _environment(self) -> Environment:
        """Made for the first page: after a crash everybody's connection is there before that, and Jinja takes a while."""
        from jinja2 import Environment, FileSystemLoader, StrictUndefined

        return Environment(
            loader=FileSystemLoader(self._directory),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, context: dict[str, Any]) -> str:
        return self._environment.get_template(name).render(context)


def render(request: Request, name: str, status: int = 200, /, **context: Any) -> HTMLResponse:
    """The page `name` with `context` added to what all templates have (see `_common`). `page_data` is merged into the
    data that the page's scripts read. Never kept by a browser: pages differ by person and minute."""
    common = _common(request)
    page_data = common["page_data"] | context.pop("page_data", {})
    body = request.state.services.templates.render(name, common | context | {"page_data": script_json(page_data)})
    return HTMLResponse(body, status, headers={"Cache-Control": "no-store", "Content-Language": common["lang"]})


def translator(request: Request) -> Translator:
    """Texts in the visitor's language."""
    translations = request.state.services.translations
    chosen = translations.of(translations.language(request))
    assert isinstance(chosen, Translator)
    return chosen


def zone_of(programme: m.Programme | None) -> ZoneInfo:
    """The conference's time zone; UTC before there is a programme."""
    return ZoneInfo(programme.time_zone if programme else "UTC")


def script_json(data: object) -> Markup:
    """JSON that may stand inside `<script>`: no character that could end it (HTML, 4.12.1.3)."""
    text = json.dumps(data, ensure_ascii=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _common(request: Request) -> dict[str, Any]:
    """What every template can use: `_` and `ngettext` (escaping), `tr` (dates, times, numbers), who asks and what they
    may open, the conference, and the request's nonce."""
    services = request.state.services
    actor: m.Actor | None = services.identity.actor(request)
    state: m.ConferenceState = services.streams.conference
    now: datetime = services.now()
    tr = translator(request)
    programme = state.programme
    zone = zone_of(programme)

    def may_open(page: Page) -> bool:
        return actor is not None and may(actor, page)

    return {
        "_": tr.markup,
        "ngettext": tr.nmarkup,
        "tr": tr,
        "lang": tr.lang,
        "languages": services.translations.choices,
        "actor": actor,
        "may": may_open,
        "programme": programme,
        "zone": zone,
        "zone_city": get_timezone_location(zone, locale=tr.lang, return_city=True),
        "conference": state,
        "current": _led_to(state, now),
        "survey": state.survey,
        "now": now,
        "nonce": request.state.nonce,
        "path": request.url.path,
        "url": services.settings.url,
        "page_data": {
            "person_id": actor.person_id if actor else "",
            "name": actor.name if actor else "",
            "session_id": "",
            "lang": tr.lang,
            "time_zone": zone.key,
            "server_time": now.isoformat(),
            "turn": bool(services.settings.turn_servers),
        },
    }


def _led_to(state: m.ConferenceState, now: datetime) -> m.SessionPlan | None:
    """The session that "Session" in the menu means: the current one, or the next while there is a break or none."""
    current = conference.current_session(state, now)
    return current if current is not None and current.kind != "break" else conference.next_session(state, now)
