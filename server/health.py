"""How the server is, for whoever runs it. `/healthz`: is anything wrong? `/readyz`: shall people be sent here?"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from live.control import MediaRefused
from server.database import Database
from server.services import Services

PATIENCE_SECONDS: Final = 3.0  # for each answer: whoever asks has given up by the time the database or the engine would

_FRESH: Final = {"Cache-Control": "no-store"}


async def health(request: Request) -> Response:
    """GET /healthz: what is alive. 200 while people can take part, 503 when nothing can be read. What cannot be saved is
    refused, while sound and picture go on: degraded."""
    services: Services = request.state.services
    database, media = await _database_works(services.database), await _media_state(services)
    cluster = services.cluster
    nodes = {} if cluster is None else {"nodes": len(cluster.nodes.living), "redis": cluster.nodes.is_well}
    good = database and services.database.saves and media["up"] and nodes.get("redis", True)
    body = {
        "status": "ok" if good else "degraded" if database else "down",
        "database": database,
        "saves": services.database.saves,
        "media": media,
        "connections": services.hub.count,
        "seats": services.seats.count,
        **nodes,
    }
    return JSONResponse(body, 200 if database else 503, _FRESH)


async def readiness(request: Request) -> Response:
    """GET /readyz: 200 if newcomers can be sent here, else 503 with what is missing. Nobody answers before everything is
    loaded: only then the port is opened."""
    services: Services = request.state.services
    found = {
        "database": await _database_works(services.database),
        "media": bool((await _media_state(services))["up"]),
        "redis": not services.is_cut_off,  # where it is away for all, others are no better off
        "not_draining": not services.draining.is_set(),
    }
    missing = [name for name, good in found.items() if not good]
    return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200, _FRESH)


async def _database_works(database: Database) -> bool:
    async def work(connection: AsyncConnection) -> bool:
        return bool((await connection.execute(text("SELECT 1"))).scalar_one())

    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await database.read(work)
    except Exception:  # whatever is wrong with it, it does not work
        return False


async def _media_state(services: Services) -> dict[str, Any]:
    """Whether it is up, and how much it carries; nothing about who is there."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            statistics = await services.media.statistics()
    except (MediaRefused, TimeoutError):
        return {"up": False}
    return {
        "up": services.seats.engine_is_up,
        "workers": len(statistics),
        "peers": sum(worker.peers for worker in statistics),
        "rooms": len({room for worker in statistics for room in worker.rooms}),
    }


routes: Final = [Route("/healthz", health), Route("/readyz", readiness)]
