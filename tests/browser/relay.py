"""The one way from a browser to a served conference, and the test can cut it.

Pages, WebSocket and media all pass it, TCP and UDP, as they would pass a router. While a direction is cut, what goes that
way is not answered and not refused: datagrams are lost, streams stand still (and go on afterwards, as TCP does). The page
learns of the relay's media port by a script that runs before its own, as it would from a router that translates addresses.
By the same script it gives a connection that finds a new way more time than a busy machine needs.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Final, Literal

from tests.live.impairment import UdpRelay

LONGEST: Final = 65536
HOST: Final = "127.0.0.1"

Direction = Literal["up", "down"]

TRANSLATE: Final = """
const set = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function ({ type, sdp }) {
  const far = " 127.0.0.1 %(theirs)d ";
  const near = " 127.0.0.1 %(ours)d ";
  const lines = sdp.split("\\r\\n").filter((line) => !line.startsWith("a=candidate:") || line.includes(far));
  return set.call(this, { type, sdp: lines.join("\\r\\n").replaceAll(far, near) });
};
const later = window.setTimeout;  // the COME_UP_MS of mending.js: a busy machine takes longer, and the page would offer anew
window.setTimeout = (work, ms, ...more) => later.call(window, work, ms === 6_000 ? 120_000 : ms, ...more);
"""


class Relay:
    """Between a browser and a server on this machine. `cut` and `mend` are immediate, and may be repeated."""

    def __init__(self, pages_port: int, media_port: int) -> None:
        self._pages_port, self._media_port = pages_port, media_port
        self._is_open = {"up": asyncio.Event(), "down": asyncio.Event()}
        self._streams: set[asyncio.Task[None]] = set()
        self._media = UdpRelay((HOST, media_port), HOST, near=_port_for_both())
        self._is_udp_blocked = False
        self.url = ""
        self.mend()

    @property
    def script(self) -> str:
        """What has to run in a page before its own scripts."""
        return TRANSLATE % {"theirs": self._media_port, "ours": self._media.port}

    def block_udp(self) -> None:
        """From now on, as many an office does."""
        self._is_udp_blocked = True
        self._tell_media()

    def move(self) -> None:
        """The server sees the browser's datagrams come from other ports (`UdpRelay.move`)."""
        self._media.move()

    def strand(self) -> None:
        """The browser has changed networks (`UdpRelay.strand`)."""
        self._media.strand()

    @property
    def handshakes(self) -> int:
        """How many datagrams of DTLS the browser has sent."""
        return self._media.handshakes

    def cut(self, *directions: Direction) -> None:
        """Nothing passes any more; both ways if none is named."""
        for direction in directions or ("up", "down"):
            self._is_open[direction].clear()
        self._tell_media()

    def mend(self) -> None:
        for event in self._is_open.values():
            event.set()
        self._tell_media()

    def _tell_media(self) -> None:
        self._media.up.is_open = self._is_open["up"].is_set() and not self._is_udp_blocked
        self._media.down.is_open = self._is_open["down"].is_set()

    def sever(self) -> None:
        """Ends every stream there is, and what was still on its way in them is lost."""
        for task in self._streams:
            task.cancel()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        pages = await asyncio.start_server(lambda r, w: self._serve(r, w, self._pages_port), HOST, 0)
        media = await asyncio.start_server(lambda r, w: self._serve(r, w, self._media_port), HOST, self._media.port)
        self.url = f"http://localhost:{pages.sockets[0].getsockname()[1]}"
        self._media.start()
        try:
            yield self
        finally:
            self._media.close()
            for server in (pages, media):
                server.close()
            self.sever()
            await asyncio.gather(*self._streams, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        try:
            await self._is_open["up"].wait()
            with contextlib.suppress(OSError):
                far_reader, far_writer = await asyncio.open_connection(HOST, port)
                try:
                    await self._pass_on(reader, writer, far_reader, far_writer)
                finally:
                    far_writer.close()
        except asyncio.CancelledError:
            pass  # severed
        finally:
            writer.close()
            self._streams.discard(task)

    async def _pass_on(
        self,
        near: asyncio.StreamReader,
        to_near: asyncio.StreamWriter,
        far: asyncio.StreamReader,
        to_far: asyncio.StreamWriter,
    ) -> None:
        """Both ways until one end has had enough."""
        ways = [
            asyncio.create_task(self._pump(near, to_far, self._is_open["up"])),
            asyncio.create_task(self._pump(far, to_near, self._is_open["down"])),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event) -> None:
        while data := await reader.read(LONGEST):
            await is_open.wait()
            writer.write(data)
            await writer.drain()
        await is_open.wait()  # that the other end has gone is news too


def _port_for_both() -> socket.socket:
    """A UDP socket on a port whose TCP twin is free as well."""
    while True:
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((HOST, 0))
        port = int(sock.getsockname()[1])
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return sock
        sock.close()
