"""Everybody: each with a page, the plenary's connection, and that of their room beside it."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench import plenum
from bench.breakouts.crowd import Crowd
from bench.breakouts.member import Member
from bench.breakouts.native import KINDS
from bench.breakouts.page import FIRST_PAUSE, LONGEST_OFFER_PAUSE, PATIENCE, STREAM, Page, again
from bench.breakouts.server import Server
from bench.breakouts.stream import RATES
from bench.measures import median
from bench.media.native import percentile

AFTERMATH: Final = 1.0  # seconds after which what has not come is lost
LATELY: Final = 500_000_000  # nanoseconds: who heard something then, hears
GRAIN: Final = 0.02  # seconds
CONNECT: Final = 10.0  # seconds for a handshake, as web/static/media.js has it


@dataclass
class Seat:
    """A person's connection to one place, which is made again when it is lost. `spare`: prepared for that."""

    page: Page
    sends: bool  # to a breakout room; else it is the plenary's
    member: Member | None = None
    spare: Member | None = None
    coming: asyncio.Task[None] | None = None
    was: str = ""  # the room before the last loss
    lost: list[str] = field(default_factory=list)


class Conference:
    def __init__(self, server: Server, people: int, size: int, directory: Path) -> None:
        self.server, self.size = server, size
        self._crowd = Crowd(people, directory)
        self._pages = [Page(server.port, server.cookies[n], n, self._lose) for n in range(1, people + 1)]
        self._moderator = Page(server.port, server.cookies[plenum.MODERATOR], plenum.MODERATOR, lambda *_: None)
        self._plenary = [Seat(page, sends=False) for page in self._pages]
        self._seats = [Seat(page, sends=True) for page in self._pages]

    async def gather(self, stack: AsyncExitStack) -> None:
        """All sit in the plenary."""
        stack.push_async_callback(self._crowd.close)
        stack.push_async_callback(self._stop)
        for page in (self._moderator, *self._pages):
            await page.open(stack)
        for stream, command in plenum.go_live():
            await self._moderator.do(stream, command)
        for seat in self._plenary:
            self._enter(seat)
            await self._settled([seat])
        self._prepare(self._seats)

    async def open(self) -> float:
        """The rooms open; returns the seconds until the last one heard their group."""
        people = [plenum.person_id(page.number) for page in self._pages]
        rooms = [{"people": people[first : first + self.size]} for first in range(0, len(people), self.size)]
        await self._moderator.do(STREAM, {"type": "breakouts.plan", "plan": {"minutes": 30}, "rooms": rooms})
        began = time.time_ns()
        opening = asyncio.create_task(self._moderator.do(STREAM, {"type": "breakouts.open"}))
        for seat in self._seats:
            self._enter(seat)
        await opening
        await self._settled(self._seats)
        return max(await self._all_hear(began))

    def _prepare(self, seats: list[Seat]) -> None:
        for seat in seats:
            seat.spare = seat.spare or self._crowd.add(seat.page.number, sends=seat.sends)

    # --- coming and coming back

    def _enter(self, seat: Seat) -> None:
        seat.coming = asyncio.create_task(again(lambda: self._try(seat), FIRST_PAUSE, LONGEST_OFFER_PAUSE))

    async def _try(self, seat: Seat) -> None:
        """Raises `OSError` (so are `TimeoutError` and `ConnectionError`), or `Refusal`."""
        room = await seat.page.room() if seat.sends else ""
        member = seat.spare or self._crowd.add(seat.page.number, sends=seat.sends)
        seat.spare = member
        answer, member.peer_id = await seat.page.offer(room, member.offer)
        seat.spare = None
        if any(member.peer_id.startswith(prefix) for prefix in seat.lost):
            raise ConnectionError("lost before the answer came")
        seat.member, member.room = member, room
        try:
            async with asyncio.timeout(CONNECT):
                await member.connect(answer)
        except OSError:
            seat.member = None
            raise

    def _lose(self, number: int, prefix: str) -> None:
        """The engine has lost connections whose ids begin so; "": the server is another one, and those are lost whose
        worker did not outlive the one before."""
        kept = () if prefix else tuple(f"{index}." for index in self.server.kept())
        for seat in (self._seats[number - 1], self._plenary[number - 1]):
            seat.lost += [prefix] if prefix else []
            if (
                seat.member is not None
                and seat.member.peer_id.startswith(prefix)
                and not seat.member.peer_id.startswith(kept)
            ):
                if seat.coming is not None:
                    seat.coming.cancel()
                seat.member.retire()
                seat.was, seat.member = seat.member.room, None
                self._enter(seat)

    async def _settled(self, seats: list[Seat]) -> None:
        """Raises what kept somebody from coming."""
        async with asyncio.timeout(PATIENCE):
            while not all(seat.member is not None and seat.member.raw.is_up for seat in seats):
                coming = [seat.coming for seat in seats if seat.coming]
                await asyncio.wait(coming, return_when=asyncio.FIRST_EXCEPTION)
                self._check()

    def _check(self) -> None:
        """Raises what went wrong."""
        self._crowd.check()
        for seat in (*self._seats, *self._plenary):
            if seat.coming is not None and seat.coming.done():
                seat.coming.result()

    async def _stop(self) -> None:
        coming = [seat.coming for seat in (*self._seats, *self._plenary) if seat.coming]
        for task in coming:
            task.cancel()
        await asyncio.gather(*coming, return_exceptions=True)

    async def _all_hear(self, since: int) -> list[float]:
        """Waits until everybody knows where they sit, and hears; returns for each after how many seconds both was so
        (again)."""
        async with asyncio.timeout(PATIENCE):
            for page in self._pages:
                await page.room()
            while not all(self._hears(seat, since) for seat in self._seats):
                self._check()
                await asyncio.sleep(GRAIN)
        heard = [
            max(seat.member.raw.first_heard, seat.member.raw.heard_again, seat.page.known_at)
            for seat in self._seats
            if seat.member is not None
        ]
        return [max(0, at - since) / 1e9 for at in heard]

    def _hears(self, seat: Seat, since: int) -> bool:
        member = seat.member
        return member is not None and member.raw.last_heard > max(since, time.time_ns() - LATELY)

    @property
    def _members(self) -> list[Member]:
        return [seat.member for seat in self._seats if seat.member is not None]

    # --- measuring

    async def kill(self, what: str) -> dict[str, float]:
        """`what`: "worker", the one with most people in rooms, or "server" with all its workers."""
        self._prepare([*self._seats, *self._plenary])
        before = {page.number: await page.room() for page in self._pages}
        killed = time.time_ns()
        if what == "worker":
            self.server.kill_worker(self._fullest())
        else:
            await self.server.kill()
        await asyncio.sleep(2 * LATELY / 1e9)  # what was under way is not taken for sound that goes on
        after = await self._all_hear(killed)
        return {
            "back_s": round(max(after), 3),
            "back_median_s": round(median(after), 3),
            "came_back": sum(bool(seat.was) or seat.page.known_at > killed for seat in self._seats),
            "elsewhere": sum([await seat.page.room() != before[seat.page.number] for seat in self._seats]),
            "offered_again": sum(bool(seat.was) for seat in self._seats),
        }

    def _fullest(self) -> int:
        """The index of a worker: their connections' ids begin with it."""
        ((index, _),) = Counter(member.peer_id.partition(".")[0] for member in self._members).most_common(1)
        return int(index)

    async def measure(self, seconds: float) -> dict[str, Any]:
        window = self._crowd.window
        begins = time.time_ns() + 100_000_000
        window.ends, window.begins = begins + int(seconds * 1e9), begins
        await asyncio.sleep(0.1)
        before, own = self.server.cpu(), time.process_time()
        await asyncio.sleep(seconds)
        used = {pid: now - before[pid] for pid, now in self.server.cpu().items()}
        own, memory = time.process_time() - own, self.server.mebibytes()
        await asyncio.sleep(AFTERMATH)
        self._check()
        delays = list(window.delays)
        return {
            "cpu_cores": round(sum(used.values()) / seconds, 3),
            "participants_cores": round(own / seconds, 3),
            "loss": round(self._loss(), 6),
            "p50_ms": round(1000 * percentile(delays, 0.5), 3),
            "p99_ms": round(1000 * percentile(delays, 0.99), 3),
            "rss_mib": round(memory, 1),
            "packets_per_s": round(sum(delays) / seconds),
            "moved": window.moved,
            "bad": sum(member.raw.bad for member in self._members),
        }

    def _loss(self) -> float:
        """Of every other's picture, and of the sounds that each is sent (three at most; one's own is not)."""
        expected = counted = 0
        members = self._members
        for member in members:
            others = sum(other.room == member.room and other is not member for other in members)
            for which, (kind, most) in enumerate(zip(KINDS, (others, min(others, 2)), strict=True)):
                known = [slot for slot in member.slots if slot.kind == which and slot.counted]
                spans = [self._crowd.streams[slot.source][which].counted for slot in known]
                expected += sum(spans) + max(0, most - len(known)) * (max(spans, default=0) or RATES[kind])
                counted += sum(slot.counted for slot in known)
        return max(0.0, 1 - counted / expected) if expected else 1.0
