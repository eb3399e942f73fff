"""The audience's process: `python -m server.demo.audience`. Every attendee signs in with a personal link and has a
WebSocket of their own; the first few also receive sound and picture. Neighbours: `attendee`, `viewer`."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from datetime import UTC, datetime

from server.demo.attendee import Attendee, Hall
from server.demo.orders import AudienceOrders, play, tell_ready
from server.demo.viewer import Viewer
from server.demo.visitor import Visitor


def utc_now() -> datetime:
    return datetime.now(UTC)


async def fill(orders: AudienceOrders) -> None:
    """Everybody attends, until cancelled."""
    chance = random.Random()
    hall = Hall(chance, time.monotonic)
    async with asyncio.TaskGroup() as tasks:
        for index, token in enumerate(orders.tokens):
            attendee = Attendee(Visitor(orders.base, token), hall, chance, utc_now)
            if index < orders.viewers:
                viewer = Viewer(attendee.visitor, utc_now)
                attendee.on_tab = viewer.show
                tasks.create_task(viewer.run())
            tasks.create_task(attendee.attend())
        tell_ready()


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)  # aiortc complains of connections that we end while they begin
    play(AudienceOrders, fill)


if __name__ == "__main__":
    main()
