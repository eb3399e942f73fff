"""A simulated attendee's sound and picture: what the session's page does with `POST /media/{session_id}`, by aiortc.

Neighbour: `attendee`, whose tab tells which session, and when to offer anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Final

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from live.control import Use
from server.demo.speaker import is_over, until_connected
from server.demo.tab import Tab
from server.demo.visitor import NotTaken, Visitor, request

SLOTS: Final[tuple[Use, ...]] = ("video", "audio")
AGAIN_SECONDS: Final = 3.0


class Viewer:
    """Receives while there is a tab (`show`), in whatever session is live. `frames` counts what was received and decoded."""

    def __init__(self, visitor: Visitor, now: Callable[[], datetime]) -> None:
        self.frames = Counter[str]()  # by kind
        self._visitor = visitor
        self._now = now
        self._tab: Tab | None = None
        self._tab_is_there = asyncio.Event()
        self._is_over = asyncio.Event()  # this connection is: the tab was closed, the engine is anew, or the path broke

    def show(self, tab: Tab | None) -> None:
        """The attendee's tab was opened; None: closed."""
        self._tab = tab
        self._is_over.set()
        if tab is None:
            self._tab_is_there.clear()
        else:
            tab.on_media = self._is_over.set
            self._tab_is_there.set()

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            await self._tab_is_there.wait()
            tab, session_id = self._tab, self._live_session()
            if tab is None or session_id is None:
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            with contextlib.suppress(NotTaken, OSError):  # the engine is away, or the session has just ended
                await self._watch(tab, session_id)
            await asyncio.sleep(AGAIN_SECONDS / 3)

    def _live_session(self) -> str | None:
        plan = self._tab.current(self._now()) if self._tab else None
        return plan.id if plan and self._tab and self._tab.phase(plan.id) == "live" else None

    async def _watch(self, tab: Tab, session_id: str) -> None:
        self._is_over.clear()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        readers: list[asyncio.Task[None]] = []
        connection.on("track", lambda track: readers.append(asyncio.create_task(self._read(track))))
        connection.on("connectionstatechange", lambda: self._is_over.set() if is_over(connection) else None)
        location = ""
        waits: list[asyncio.Task[object]] = []
        try:
            location = await self._admitted(connection, session_id)
            await until_connected(connection)
            waits = [
                asyncio.create_task(self._is_over.wait()),
                asyncio.create_task(tab.until(lambda: self._live_session() != session_id)),
            ]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*waits, *readers):
                task.cancel()
            await connection.close()
            if location:
                await self._leave(location)

    async def _admitted(self, connection: RTCPeerConnection, session_id: str) -> str:
        """Offers; returns where to say goodbye."""
        for use in SLOTS:
            connection.addTransceiver("audio" if use == "audio" else "video", direction="recvonly")
        await connection.setLocalDescription(await connection.createOffer())
        uses = {str(index): use for index, use in enumerate(SLOTS)}
        body = json.dumps({"sdp": connection.localDescription.sdp, "uses": uses}).encode()
        answer = await self._visitor.post(f"/media/{session_id}", body, "application/json")
        await connection.setRemoteDescription(RTCSessionDescription(json.loads(answer.body)["sdp"], "answer"))
        return answer.headers["location"]

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):  # the track ended
            while True:
                await track.recv()
                self.frames[track.kind] += 1

    async def _leave(self, location: str) -> None:
        headers = {"Cookie": self._visitor.cookie, "Origin": self._visitor.base}
        with contextlib.suppress(OSError):  # nobody is there to take leave of
            await request(self._visitor.base, "DELETE", location, None, headers)
