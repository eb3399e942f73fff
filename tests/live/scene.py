"""A real worker with people who behave: a publisher and two viewers, over UDP and TCP, who get every one of its packets
whatever else is going on. Counted in packets, never in time."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

from live.control import PeerStatistics, Use, WorkerStatistics
from live.engine import EmbeddedEngine
from live.rtp import parse
from tests.live.raw import KEY, Raw

ROOM: Final = "room"
OCTETS_AT_ONCE, DATAGRAMS_AT_ONCE = 128 * 1024, 100  # what any socket's buffer holds: nothing is lost by the kernel
MOST_GROWTH: Final = 32 << 20  # octets of memory, once warm


class Witness:
    """A viewer that notes what it gets: of the publisher, and of whoever else may send a screen or sound."""

    def __init__(self, *, is_tcp: bool) -> None:
        self.raw = Raw(is_tcp=is_tcp)
        self.got: list[tuple[int, bytes]] = []  # sequence number, and the publisher's mark
        self.screen: list[bytes] = []  # payloads
        self.sound: list[bytes] = []
        self.raw.on_rtp = self._take

    def _take(self, data: bytes) -> None:
        packet = parse(data)
        kind = self.raw.ssrcs.index(packet.ssrc)
        if kind == 0:
            self.got.append((packet.sequence, packet.payload[-8:]))
        else:
            (self.screen if kind == 1 else self.sound).append(packet.payload)


class Scene:
    def __init__(self, engine: EmbeddedEngine, log: Path) -> None:
        self.engine, self._log = engine, log
        self.publisher = Raw()
        self.witnesses = (Witness(is_tcp=False), Witness(is_tcp=True))
        self.beats = 0
        self.pid = 0
        self._guests: list[Raw] = []
        self._warm = 0

    async def begin(self) -> None:
        await self.join(self.publisher, ("video", "sendonly"), label="anna")
        for witness in self.witnesses:
            lines = ("video", "recvonly"), ("video", "recvonly"), ("audio", "recvonly")
            uses: dict[str, Use] = {"0": "video", "1": "screen_slot", "2": "audio"}
            await self.join(witness.raw, *lines, label="bo", uses=uses)
        self.pid = (await self.statistics()).pid
        for _ in range(300):
            await self.beat()
        self._warm = memory(self.pid)

    async def end(self) -> None:
        await self.dismiss()
        for raw in (self.publisher, *(witness.raw for witness in self.witnesses)):
            await raw.close()

    # --- those who behave ---

    async def beat(self) -> None:
        """One packet of the publisher's, until both viewers have it. What reached the worker over UDP before has been dealt
        with then: a socket's datagrams come in order."""
        self.beats += 1
        mark = self.beats.to_bytes(8, "big")
        self.publisher.send(self.publisher.rtp(0xA11A, self.beats, KEY + mark))
        await self.seen(lambda witness: witness.got and witness.got[-1][1] == mark)

    async def seen(self, condition: Callable[[Witness], object]) -> None:
        """Waits until `condition` of both viewers holds."""
        for witness in self.witnesses:
            await witness.raw.until(partial(condition, witness))

    @contextlib.asynccontextmanager
    async def undisturbed(self, *, growth: int = MOST_GROWTH) -> AsyncIterator[None]:
        """Around an attack: afterwards the worker is the same, has complained of nothing, is no larger, and everybody got
        everything once and in order."""
        before = self.beats
        for witness in self.witnesses:
            for noted in (witness.got, witness.screen, witness.sound):
                noted.clear()
        await self.beat()
        yield
        await self.beat()
        await self.dismiss()
        expected = [number.to_bytes(8, "big") for number in range(before + 1, self.beats + 1)]
        for witness in self.witnesses:
            assert [mark for _, mark in witness.got] == expected
            first = witness.got[0][0]
            assert [sequence for sequence, _ in witness.got] == [first + n & 0xFFFF for n in range(len(expected))]
        assert (await self.statistics()).pid == self.pid and self.engine.is_up
        assert self._log.read_text() == ""
        assert memory(self.pid) - self._warm < growth

    # --- those who do not ---

    async def stranger(self, *, is_tcp: bool = False, local: str = "127.0.0.1") -> Raw:
        """Somebody who has a socket, and no more."""
        raw = Raw(is_tcp=is_tcp)
        self._guests.append(raw)
        return await raw.connect(self.engine.port, local)

    async def invited(
        self, *lines: tuple[str, str], is_tcp: bool = False, raw: Raw | None = None, numbered: bool = False, **named: Any
    ) -> Raw:
        """Somebody whose offer was answered."""
        raw = raw or Raw(is_tcp=is_tcp)
        self._guests.append(raw)
        await self._invite(raw, lines, numbered=numbered, **named)
        return await raw.connect(self.engine.port)

    async def peer(self, *lines: tuple[str, str], **named: Any) -> Raw:
        """Somebody who is up."""
        raw = await self.invited(*lines, **named)
        await raw.pass_ice()
        await raw.shake_hands()
        return raw

    async def join(self, raw: Raw, *lines: tuple[str, str], **named: Any) -> None:
        await self._invite(raw, lines, numbered=False, **named)
        await raw.connect(self.engine.port)
        await raw.pass_ice()
        await raw.shake_hands()

    async def _invite(
        self,
        raw: Raw,
        lines: tuple[tuple[str, str], ...],
        *,
        numbered: bool,
        label: str = "mallory",
        room: str = ROOM,
        uses: dict[str, Use] | None = None,
    ) -> None:
        offer = raw.offer(*lines, numbered=numbered)
        admission = await self.engine.admit(room, label, offer, uses, may_send=True, may_receive=True)
        raw.peer_id = admission.peer_id
        raw.accept(admission.answer)

    async def assail(self, raw: Raw, datagrams: Iterable[bytes]) -> None:
        """Sends all of it, no faster than the socket of the worker can hold, with the publisher's packets in between."""
        count = octets = 0
        for data in datagrams:
            raw.send(data)
            count += 1
            octets += len(data) + 1024
            if count >= DATAGRAMS_AT_ONCE or octets >= OCTETS_AT_ONCE:
                await self.beat()
                count = octets = 0
        await self.beat()

    async def dismiss(self) -> None:
        """Everybody who does not belong here is gone."""
        guests, self._guests = self._guests, []
        for raw in guests:
            await raw.close()
            if raw.peer_id:
                for room in (ROOM, "other"):
                    await self.engine.remove(room, raw.peer_id)

    # --- how it is ---

    async def statistics(self) -> WorkerStatistics:
        """Of the worker that has the room."""
        return next(found for found in await self.engine.statistics() if ROOM in found.rooms)

    async def of(self, raw: Raw) -> PeerStatistics:
        return (await self.statistics()).rooms[ROOM].peers[raw.peer_id]


def memory(pid: int) -> int:
    """Resident octets of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@contextlib.contextmanager
def complaints_to(log: Path) -> Iterator[None]:
    """What is started meanwhile writes its standard error there."""
    sys.stderr.flush()
    kept = os.dup(2)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextlib.asynccontextmanager
async def scene(**options: Any) -> AsyncIterator[Scene]:
    """A worker of its own, with those who behave."""
    with tempfile.TemporaryDirectory() as directory:
        log = Path(directory) / "worker.log"
        engine = EmbeddedEngine(("127.0.0.1",), **options)
        try:
            with complaints_to(log):
                await engine.start()
            made = Scene(engine, log)
            try:
                await made.begin()
                yield made
            finally:
                await made.end()
        finally:
            await engine.stop()
