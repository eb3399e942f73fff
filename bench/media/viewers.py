"""The viewers: each shakes hands like a browser and then only counts, in C, on one socket for all of them.

What number the publisher gave to a packet follows from its RTP sequence number less a shift that every server keeps
constant while nothing changes over. Each viewer learns its shift by decrypting one packet of each stream before a window,
and checks it after.
"""

from __future__ import annotations

import asyncio
import ctypes
import socket
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from aiortc import RTCCertificate

from bench.measures import cpu_seconds
from bench.media import native
from bench.media.client import PATIENCE, Client, Wire
from bench.media.publisher import RATES, Stamps
from bench.media.sdp import TRANSPORT_CC, VIDEO, Remote
from live.srtp import function_address

CAPACITY: Final = 4000
AT_ONCE: Final = 10  # viewers that shake hands at a time
LEAD: Final = 0.2  # seconds from the decision to the first packet of a window
AFTERMATH: Final = 1.0  # seconds after which packets of a window that still have not come are lost
GRAIN: Final = 0.005  # seconds
SPREAD: Final = 10  # groups of viewers that give feedback one after the other
TURNS: Final = 10 * SPREAD  # until everybody has sent a report: a second
CONSENT: Final = 5  # seconds between checks of a viewer (RFC 7675, 5.1)
WARM_UP: Final = 60.0  # seconds in which the first packet has to come


class Signalling(Protocol):
    """How a server is asked."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def publish(self, client: Client) -> Remote: ...
    async def watch(self, client: Client) -> Remote: ...


@dataclass
class Result:
    """One window, as the receivers saw it. `cpu`: seconds of the server's processes, for `forwarded` packets of any kind."""

    expected: int
    counted: int
    repeated: int
    strange: int
    forwarded: int
    cpu: float
    p50: float
    p99: float
    moved: int = 0  # streams that were renumbered


class Viewers:
    """Those of one server. `address_of(n)` is the address of viewer n, whose last 16 bits are `base` + n."""

    def __init__(
        self, library: Path, stamps: Stamps, address_of: Callable[[int], str], base: int, certificate: RTCCertificate
    ) -> None:
        self._stamps, self._address_of, self._certificate = stamps, address_of, certificate
        self._wire = Wire()
        self._clients: list[Client] = []
        self._by_index: dict[int, Client] = {}
        self._table = (native.Viewer * CAPACITY)()
        self._window = native.Window()
        self._up, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._up.setblocking(False)
        self._theirs = theirs
        self._stop = ctypes.c_int(0)
        self._sent = (ctypes.c_uint64 * (Stamps.TABLE + (native.STREAMS << 16))).from_buffer(stamps.map)
        self._library = native.load(library)
        self._thread = threading.Thread(target=self._receive, args=(self._library, base))
        self._thread.start()
        self._learnt: set[tuple[int, int]] = set()
        self._moved = 0
        self._changed = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._up, self._read)
        self._feedback = asyncio.create_task(self._give_feedback())

    def _receive(self, library: ctypes.CDLL, base: int) -> None:
        sent = ctypes.byref(self._sent, 8 * Stamps.TABLE)
        fds = self._wire.socket.fileno(), self._theirs.fileno()
        table, window, stop = ctypes.byref(self._table), ctypes.byref(self._window), ctypes.byref(self._stop)
        library.receive(*fds, table, CAPACITY, base, window, sent, stop)

    async def close(self) -> None:
        self._feedback.cancel()
        await asyncio.gather(self._feedback, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self._up)
        self._stop.value = 1
        await asyncio.to_thread(self._thread.join)

    # --- joining ---

    @property
    def port(self) -> int:
        return self._wire.port

    @property
    def profile(self) -> str:
        return self._clients[0].profile if self._clients else ""

    async def join(self, total: int, watch: Callable[[Client], Awaitable[Remote]]) -> None:
        """Lets viewers come until there are `total`."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def admit(index: int) -> None:
            async with gate:
                client = self._by_index[index] = Client(self._wire, self._address_of(index), self._certificate)
                remote = await watch(client)
                for which, ssrc in remote.ssrcs.items():
                    self._table[index].streams[which].ssrc = ssrc
                agreed = remote.extensions[VIDEO].get(TRANSPORT_CC, 0)
                self._table[index].transport.id = agreed
                await client.connect(remote)
                self._table[index].give_feedback(client.tx, self._address_of(index), client.address)

        async with asyncio.TaskGroup() as group:
            for index in range(len(self._by_index), total):
                group.create_task(admit(index))
        self._clients = [self._by_index[index] for index in range(total)]

    def _read(self) -> None:
        while True:
            try:
                data = self._up.recv(4096)
            except BlockingIOError:
                return
            index = int.from_bytes(data[:4], "little")
            client = self._by_index.get(index)
            if client is None:
                continue
            if data[4] < 64:
                client.receive(data[4:])
            elif client.rx is not None:
                self._learn(index, client, data[4:])

    # --- numbers ---

    async def learn(self) -> int:
        """Every viewer decrypts a packet of each stream; returns how many of the shifts were not what was known."""
        self._learnt.clear()
        self._moved = 0
        for viewer in self._table[: len(self._clients)]:
            viewer.learning = (1 << native.STREAMS) - 1
        wanted = len(self._clients) * native.STREAMS
        try:
            async with asyncio.timeout(WARM_UP):
                while len(self._learnt) < wanted:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise ConnectionError(f"only {len(self._learnt)} of {wanted} streams arrived") from None
        return self._moved

    def _learn(self, index: int, client: Client, data: bytes) -> None:
        packet = client.rx.unprotect(data)
        viewer = self._table[index]
        which = next(n for n in range(native.STREAMS) if viewer.streams[n].ssrc == int.from_bytes(packet[8:12], "big"))
        shift = (int.from_bytes(packet[2:4], "big") - int.from_bytes(packet[-4:], "big")) & 0xFFFF
        self._moved += viewer.streams[which].shift != shift
        viewer.streams[which].shift = shift
        self._learnt.add((index, which))
        self._changed.set()

    # --- feedback ---

    async def _give_feedback(self) -> None:
        """What browsers tell: transport-wide feedback ten times a second where it is agreed on, receiver reports once a
        second, consent every five; spread over the viewers."""
        turn = 0
        table, protect = ctypes.addressof(self._table), function_address("srtp_protect_rtcp")
        while True:
            await asyncio.sleep(0.1 / SPREAD)
            fd, count, second = self._wire.socket.fileno(), len(self._clients), turn // TURNS
            self._library.give_feedback(fd, table, count, turn % SPREAD, SPREAD, protect)
            self._library.give_reports(fd, table, count, turn % TURNS, TURNS, protect)
            for index in range(turn % TURNS, count, TURNS):
                if (
                    index // TURNS + second
                ) % CONSENT == 0:  # never all in one second: browsers take 4 to 6 s (RFC 7675, 5.1)
                    self._clients[index].keep_alive()
            turn += 1

    # --- windows ---

    async def measure(self, seconds: float, pids: list[int]) -> Result:
        """Counts `seconds` of what the publisher sends."""
        firsts = [self._stamps.next(which) + int(LEAD * RATES[which]) for which in range(native.STREAMS)]
        spans = [int(seconds * rate) for rate in RATES]
        self._open(firsts, spans)
        await self._until(0, firsts[0])
        before, forwarded = _cpu(pids), self._received()
        await self._until(0, firsts[0] + spans[0])
        cpu, forwarded = _cpu(pids) - before, self._received() - forwarded
        expected = len(self._clients) * sum(spans)
        await self._settle(expected)
        for which in range(native.STREAMS):
            self._window.span[which] = 0
        streams = [stream for viewer in self._table[: len(self._clients)] for stream in viewer.streams]
        delays = list(self._window.delays)
        return Result(
            expected=expected,
            counted=self._counted(),
            repeated=sum(stream.repeated for stream in streams),
            strange=self._window.strange,
            forwarded=forwarded,
            cpu=cpu,
            p50=native.percentile(delays, 0.5),
            p99=native.percentile(delays, 0.99),
        )

    def _open(self, firsts: list[int], spans: list[int]) -> None:
        for viewer in self._table[: len(self._clients)]:
            for stream in viewer.streams:
                stream.counted = stream.repeated = stream.seen = 0
        self._window.strange = 0
        ctypes.memset(self._window.delays, 0, ctypes.sizeof(self._window.delays))
        for which in range(native.STREAMS):
            self._window.from_[which] = firsts[which] & 0xFFFF
            self._window.span[which] = spans[which]

    async def _until(self, which: int, number: int) -> None:
        async with asyncio.timeout(PATIENCE):
            while self._stamps.next(which) < number:  # noqa: ASYNC110  (a number in shared memory)
                await asyncio.sleep(GRAIN)

    async def _settle(self, expected: int) -> None:
        """Until all that is expected has come, or nothing comes that was sent before the window's end: a server that is
        seconds behind is late, and has not lost anything yet."""
        ends = [self._stamps.next(which) for which in range(native.STREAMS)]
        until = time.monotonic() + AFTERMATH
        newest: list[int] = []
        while self._counted() < expected and time.monotonic() < until:
            await asyncio.sleep(GRAIN)
            before, newest = newest, self._newest()
            behind = any(0 < (end - number) & 0xFFFF < 0x8000 for end, number in zip(ends, newest, strict=True))
            if newest != before and behind:
                until = time.monotonic() + AFTERMATH

    def _newest(self) -> list[int]:
        """The newest number of each stream, by the first viewer."""
        return [(stream.last - stream.shift) & 0xFFFF for stream in self._table[0].streams]

    def _counted(self) -> int:
        return sum(stream.counted for viewer in self._table[: len(self._clients)] for stream in viewer.streams)

    def _received(self) -> int:
        viewers = self._table[: len(self._clients)]
        return sum(viewer.others + sum(stream.received for stream in viewer.streams) for viewer in viewers)


def _cpu(pids: list[int]) -> float:
    return sum(cpu_seconds(pid) for pid in pids)
