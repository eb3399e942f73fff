"""The synthetic speaker's process: `python -m server.demo.speaker`. H.264 and Opus over WebRTC, by WHIP (RFC 9725), into
whichever session is open in its room; a tab beside it tells when to come and when to offer anew."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from aiortc import RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

from server.demo.orders import SpeakerOrders, play, tell_ready
from server.demo.picture import Picture
from server.demo.tab import Tab
from server.demo.tracks import PictureTrack, Samples, SoundTrack, chords
from server.demo.visitor import NotTaken, Visitor, request, taken

AGAIN_SECONDS: Final = 2.0
REMOVED_SECONDS: Final = 30.0  # a moderator took the speaker off the stage: that is to be seen for a while
CONNECT_SECONDS: Final = 10.0
SDP: Final = "application/sdp"


class Speaker:
    """Speaks whenever a session is open in the room."""

    def __init__(self, orders: SpeakerOrders) -> None:
        self._orders = orders
        self._visitor = Visitor(orders.base, orders.token)
        self._tab = Tab(self._visitor)
        self._picture = Picture(orders.name)
        self._sound: Samples = chords()
        self._zone = ZoneInfo(orders.time_zone)
        self._must_offer = asyncio.Event()
        self._tab.on_media = self._must_offer.set

    async def run(self) -> None:
        """Speaks until cancelled."""
        async with self._tab:
            while True:
                await self._tab.until(lambda: self._session() is not None)
                try:
                    await self._speak()
                except (NotTaken, OSError):  # the engine is away, or the session has just ended
                    await asyncio.sleep(AGAIN_SECONDS)

    def _session(self) -> str | None:
        """The session to speak in now."""
        plan = self._tab.current(datetime.now(UTC))
        if plan is None or plan.room != self._orders.room or self._tab.phase(plan.id) not in ("backstage", "live"):
            return None
        return plan.id

    async def _speak(self) -> None:
        """Publishes until the session ends, the connection breaks, or it is time to offer anew."""
        session_id = self._session()
        assert session_id is not None
        await self._tab.be_in(session_id)
        self._must_offer.clear()
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        location = ""
        try:
            location = await self._publish(connection)
            await until_connected(connection)
            tell_ready()
            was_removed = await self._until_over(connection, session_id)
        finally:
            await connection.close()
            if location:
                await self._leave(location)
        if was_removed:
            await asyncio.sleep(REMOVED_SECONDS)

    async def _publish(self, connection: RTCPeerConnection) -> str:
        """Offers; returns where to say goodbye. Raises `NotTaken` or `OSError`."""
        picture = connection.addTransceiver(PictureTrack(self._picture, self._zone), direction="sendonly")
        connection.addTransceiver(SoundTrack(self._sound), direction="sendonly")
        picture.setCodecPreferences([c for c in RTCRtpSender.getCapabilities("video").codecs if c.name == "H264"])
        await connection.setLocalDescription(await connection.createOffer())
        offer = connection.localDescription.sdp.encode()
        headers = {**self._bearer(), "Content-Type": SDP}
        answer = taken(await request(self._orders.base, "POST", f"/whip/{self._orders.room}", offer, headers))
        await connection.setRemoteDescription(RTCSessionDescription(answer.body.decode(), "answer"))
        return answer.headers["location"]

    async def _until_over(self, connection: RTCPeerConnection, session_id: str) -> bool:
        """Waits for an end; true if a moderator made it."""
        ended = asyncio.Event()
        connection.on("connectionstatechange", lambda: ended.set() if is_over(connection) else None)
        waits = [
            asyncio.create_task(ended.wait()),
            asyncio.create_task(self._must_offer.wait()),
            asyncio.create_task(self._tab.until(lambda: self._session() != session_id)),
            asyncio.create_task(self._off_stage(session_id)),
        ]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        return waits[3] in done and self._session() == session_id

    async def _off_stage(self, session_id: str) -> None:
        await self._tab.until(lambda: self._tab.person_id in self._tab.room(session_id).stage)
        await self._tab.until(lambda: self._tab.person_id not in self._tab.room(session_id).stage)

    async def _leave(self, location: str) -> None:
        try:
            await request(self._orders.base, "DELETE", location, None, self._bearer())
        except OSError:  # nobody is there to take leave of
            return

    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._orders.whip_token}"}


async def until_connected(connection: RTCPeerConnection) -> None:
    """Waits until media can flow. Raises `TimeoutError`, which is an `OSError`."""
    changed = asyncio.Event()
    connection.on("connectionstatechange", changed.set)
    async with asyncio.timeout(CONNECT_SECONDS):
        while connection.connectionState != "connected":
            await changed.wait()
            changed.clear()


def is_over(connection: RTCPeerConnection) -> bool:
    return connection.connectionState in ("failed", "closed")


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)  # aiortc complains of connections that we end while they begin
    play(SpeakerOrders, lambda orders: Speaker(orders).run())


if __name__ == "__main__":
    main()
