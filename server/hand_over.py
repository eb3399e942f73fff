"""A node that ends among others: those who are here are sent to the others a few at a time, and nobody is let in any more,
so that a rolling upgrade is a moment's pause for each and no stampede for anybody. `serve.py` says when.
"""

from __future__ import annotations

import asyncio
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocket

from server.hub import CLOSE_RESTART, Hub
from server.services import Services
from server.settings import Settings

SPREAD_SECONDS: Final = 2.0  # over which everybody is sent away
STEP_SECONDS: Final = 0.05
END_SECONDS: Final = 0.5  # for the last of them to be gone


def seconds_to_leave(settings: Settings) -> float:
    """From SIGTERM to the end."""
    return settings.drain_seconds + (SPREAD_SECONDS + END_SECONDS if settings.redis_url else 0)


async def hand_over(services: Services) -> None:
    """Waits to be asked to end; gives its rooms to others; waits for the load balancer to notice; sends everybody away."""
    await services.draining.wait()
    if services.cluster is not None:
        await services.cluster.give_rooms_away()
    await asyncio.sleep(services.settings.drain_seconds)
    services.leaving.set()
    await send_away(services.hub, SPREAD_SECONDS)
    await asyncio.Event().wait()  # once is enough


async def send_away(hub: Hub, seconds: float) -> None:
    """Evenly over so many seconds."""
    steps = max(1, round(seconds / STEP_SECONDS))
    for left in range(steps, 0, -1):
        hub.close_some(-(-hub.count // left), CLOSE_RESTART)
        await asyncio.sleep(seconds / steps)
    hub.close_all()


async def refuse(websocket: WebSocket) -> None:
    """Where a proxy asks the next node (nginx: `proxy_next_upstream error timeout http_503`)."""
    await websocket.send_denial_response(PlainTextResponse("This node takes nobody now.", 503, {"Retry-After": "1"}))
