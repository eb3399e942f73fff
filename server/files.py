"""Files: our scripts and styles, the few browser libraries, catalogues for scripts, and recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from recordings.catalogue import Catalogue
from rooms import messages as m
from rooms.access import check_recording
from rooms.errors import Refused
from server.i18n import LANGUAGES

WEB: Final = Path(__file__).resolve().parent.parent / "web"

# What browsers may load of `node_modules`; everything else in there is tools.
PACKAGES: Final = (
    "lit/",
    "lit-html/",
    "lit-element/",
    "@lit/reactive-element/",
    "chart.js/",
    "@kurkle/color/",
    "yjs/dist/",
    "lib0/",
    "@fontsource-variable/atkinson-hyperlegible-next/files/",
)

# Named here, as `mimetypes` reads the machine's own tables, and scripts of another type are not run ("nosniff").
_TYPES: Final = {
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}

_ALWAYS_ASK: Final = "no-cache"  # kept, but asked for with its ETag: a new version is there at the next page
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


class Sources(StaticFiles):
    """Files of known types only. Bad paths and other types are unknown addresses."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        media_type = _TYPES.get(Path(path).suffix)
        if media_type is None:
            raise Refused("not_found")
        response = await super().get_response(path, scope)
        response.headers["Content-Type"] = media_type
        response.headers["Cache-Control"] = _FOR_GOOD if media_type == "font/woff2" else _ALWAYS_ASK
        return response


class Libraries(Sources):
    """`node_modules`, as far as `PACKAGES` goes."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        if not Path(path).as_posix().startswith(PACKAGES):
            raise Refused("not_found")
        return await super().get_response(path, scope)


async def catalogue(request: Request) -> Response:
    """GET /locale/{lang}.json: the texts of our scripts. The address carries the catalogue's version (`?v=`)."""
    lang = request.path_params["lang"]
    if lang not in LANGUAGES:
        raise Refused("not_found")
    found = request.state.services.translations.of(lang)
    caching = _FOR_GOOD if request.query_params.get("v") == found.script_version else _ALWAYS_ASK
    return Response(found.script_catalogue, media_type="application/json", headers={"Cache-Control": caching})


async def recording(request: Request) -> Response:
    """GET /recordings/{recording_id}.mp4: for those who may see it, with ranges (RFC 9110, 14) so that players can seek."""
    services = request.state.services
    known = _recording(request, request.path_params["recording_id"])
    check_recording(services.identity.actor(request), known)
    path = Catalogue(services.settings.recordings).playable(known.id)
    if not path.is_file():
        raise Refused("not_found")
    media_type = "video/webm" if path.suffix == ".webm" else "video/mp4"  # whatever the address ends with
    name = f'inline; filename="{path.name}"'  # for who saves it
    return FileResponse(
        path, media_type=media_type, headers={"Cache-Control": "private, no-cache", "Content-Disposition": name}
    )


def _recording(request: Request, recording_id: str) -> m.Recording:
    """A recording by its id, which is only ever compared: what a visitor writes never becomes a path."""
    streams = request.state.services.streams
    programme = streams.conference.programme
    for plan in programme.sessions if programme else ():
        if (found := streams.room(plan.id).recordings.get(recording_id)) is not None:
            assert isinstance(found, m.Recording)
            return found
    raise Refused("not_found")


routes: Final[list[BaseRoute]] = [
    Route("/locale/{lang}.json", catalogue),
    Route("/recordings/{recording_id}.mp4", recording),
    Mount("/static", Sources(directory=WEB / "static")),
    Mount("/vendor", Libraries(directory=WEB / "node_modules", check_dir=False)),
]
