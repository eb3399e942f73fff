"""Real clients for the media tests: aiortc's own peer connection as publisher and viewer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from fractions import Fraction

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from av import AudioFrame, VideoFrame

from live.control import Admission, MediaEngine, Use

WIDTH, HEIGHT = 320, 240


class Picture(MediaStreamTrack):
    """A grey that says which publisher it is (`shade`), with a bar that moves; 15 pictures a second."""

    kind = "video"

    def __init__(self, shade: int) -> None:
        super().__init__()
        self._shade, self._count = shade, 0

    async def recv(self) -> VideoFrame:
        await asyncio.sleep(1 / 15)
        array = np.full((HEIGHT, WIDTH, 3), self._shade, dtype=np.uint8)
        array[:, self._count * 4 % WIDTH] = 255 - self._shade
        frame = VideoFrame.from_ndarray(array, format="rgb24")
        frame.pts, frame.time_base = self._count * 6000, Fraction(1, 90_000)
        self._count += 1
        return frame


class Tone(MediaStreamTrack):
    """A tone in 20 ms frames."""

    kind = "audio"

    def __init__(self, pitch: float = 440.0) -> None:
        super().__init__()
        self._pitch, self._count = pitch, 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.02)
        times = (np.arange(960) + 960 * self._count) / 48_000
        samples = (8000 * np.sin(2 * np.pi * self._pitch * times)).astype(np.int16)
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, 960 * self._count, Fraction(1, 48_000)
        self._count += 1
        return frame


class Client:
    """A peer connection and what it received: per mid the number of frames and the newest one."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.frames: dict[str, int] = {}
        self.newest: dict[str, object] = {}
        self._changed = asyncio.Condition()
        self._readers: list[asyncio.Task[None]] = []
        self.connection.on("track", self._on_track)
        self.admission: Admission | None = None

    def _on_track(self, track: MediaStreamTrack) -> None:
        mid = next(t.mid for t in self.connection.getTransceivers() if t.receiver.track is track)
        self._readers.append(asyncio.ensure_future(self._read(str(mid), track)))

    async def _read(self, mid: str, track: MediaStreamTrack) -> None:
        with contextlib.suppress(Exception):  # the track ended
            while True:
                frame = await track.recv()
                async with self._changed:
                    self.frames[mid] = self.frames.get(mid, 0) + 1
                    self.newest[mid] = frame
                    self._changed.notify_all()

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Waits until `condition`, looked at whenever a frame came, holds."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(condition)

    async def until_frames(self, mid: str, count: int, seconds: float = 60.0) -> None:
        await self.until(lambda: self.frames.get(mid, 0) >= count, seconds)

    def shade(self, mid: str) -> int:
        """The grey of the newest picture: whose it is."""
        frame = self.newest.get(mid)
        assert isinstance(frame, VideoFrame)
        return int(np.median(frame.to_ndarray(format="gray")))

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def connected(self, seconds: float = 60.0) -> None:
        await self._until_state("connected", seconds)

    async def ended(self, seconds: float = 60.0) -> None:
        """Waits until the other side has ended the connection."""
        await self._until_state("closed", seconds)

    async def _until_state(self, state: str, seconds: float) -> None:
        event = asyncio.Event()
        self.connection.on("connectionstatechange", event.set)
        async with asyncio.timeout(seconds):
            while self.connection.connectionState != state:
                await event.wait()
                event.clear()

    async def close(self) -> None:
        await self.connection.close()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)


def prefer(connection: RTCPeerConnection, name: str) -> None:
    """Offers only one video codec."""
    codecs = [c for c in RTCRtpSender.getCapabilities("video").codecs if c.name == name]
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(codecs)


async def publish(
    engine: MediaEngine, room: str, label: str, *, shade: int = 60, codec: str = "H264", sound: bool = True
) -> Client:
    """Publishes as WHIP does, and returns when connected."""
    client = Client()
    client.connection.addTransceiver(Picture(shade), direction="sendonly")
    if sound:
        client.connection.addTransceiver(Tone(), direction="sendonly")
    prefer(client.connection, codec)
    return await _admit(client, engine, room, label, None, may_send=True, may_receive=False)


async def watch(
    engine: MediaEngine, room: str, label: str = "viewer", uses: tuple[Use, ...] | None = None, *, codec: str | None = None
) -> Client:
    """Watches: as WHEP does (video is mid 0, audio mid 1), or with one receive slot per use."""
    client = Client()
    for use in uses or ("programme", "audio"):
        client.connection.addTransceiver("audio" if use == "audio" else "video", direction="recvonly")
    if codec:
        prefer(client.connection, codec)
    named = {str(index): use for index, use in enumerate(uses)} if uses else None
    return await _admit(client, engine, room, label, named, may_send=False, may_receive=True)


async def _admit(
    client: Client,
    engine: MediaEngine,
    room: str,
    label: str,
    uses: dict[str, Use] | None,
    *,
    may_send: bool,
    may_receive: bool,
) -> Client:
    try:
        client.admission = await engine.admit(
            room, label, await client.offer(), uses, may_send=may_send, may_receive=may_receive
        )
        await client.accept(client.admission.answer)
        await client.connected()
    except BaseException:
        await client.close()
        raise
    return client


@contextlib.asynccontextmanager
async def all_closed(*clients: Client) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await asyncio.gather(*(client.close() for client in clients))
