"""Who comes and goes, and how: with a goodbye and without, over UDP and TCP, some never complete what they began."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from aiortc import RTCCertificate
from websockets.asyncio.client import connect

from bench.plenum import MODERATOR, SESSION, SPEAKER, go_live, hello
from bench.soak.seat import USES, Seat, tcp_address
from live.control import Transport
from tests.live.clients import Client, Picture, Tone

PATIENCE: Final = 60.0  # seconds for whatever has to happen: the machine may be slow
SDP: Final = "application/sdp"


class House:
    """The way to a running server, for everybody, and the book of who came. `stay`: seconds, at least and at most."""

    def __init__(self, url: str, cookies: list[str], stay: tuple[float, float], seed: int) -> None:
        self.url, self._cookies, self._stay = url, cookies, stay
        self.chance = random.Random(seed)
        self.certificate = RTCCertificate.generateCertificate()
        limits = httpx.Limits(max_keepalive_connections=4, keepalive_expiry=2.0)  # before the server ends them, after five
        self.http = httpx.AsyncClient(base_url=url, timeout=PATIENCE, limits=limits)
        self.visits: Counter[str] = Counter()
        self.served: Counter[str] = Counter()  # of these, who had sound or picture
        self.failures: Counter[str] = Counter()
        self.lectern = asyncio.Lock()  # one second speaker at a time: it is one person
        self.tcp = ("", 0)  # where media is to be had by TCP
        self._next = MODERATOR

    def next_person(self) -> int:
        """In turn; the moderator is there all the time, and the second speaker comes by `speak`."""
        self._next = max(SPEAKER, self._next % (len(self._cookies) - 1)) + 1
        return self._next

    def headers(self, person: int) -> dict[str, str]:
        return {"Cookie": self._cookies[person], "Origin": self.url}

    async def stay(self) -> None:
        await asyncio.sleep(self.chance.uniform(*self._stay))

    @contextlib.asynccontextmanager
    async def page(self, person: int, *, vanishes: bool = False) -> AsyncIterator[Any]:
        """The session's page: the HTML, and its WebSocket that reads along."""
        (await self.http.get(f"/session/{SESSION}", headers=self.headers(person))).raise_for_status()
        address = self.url.replace("http:", "ws:") + "/socket"
        socket = await connect(address, additional_headers=self.headers(person), compression=None, open_timeout=PATIENCE)
        await socket.send(hello(person).decode())
        reading = asyncio.create_task(_read(socket))
        try:
            yield socket
        finally:
            if vanishes:
                socket.transport.abort()
            await socket.close()
            await reading

    async def admit(
        self, person: int, offer: str, uses: Mapping[str, str], path: str = f"/media/{SESSION}"
    ) -> tuple[str, str]:
        """The answer, and where to say goodbye. Raises `httpx.HTTPStatusError`."""
        reply = await self.http.post(path, json={"sdp": offer, "uses": uses}, headers=self.headers(person))
        reply.raise_for_status()
        return str(reply.json()["sdp"]), reply.headers.get("Location", "")

    async def delete(self, person: int, location: str) -> None:
        (await self.http.delete(location, headers=self.headers(person))).raise_for_status()


async def _read(socket: Any) -> None:
    with contextlib.suppress(Exception):  # it ended, in whichever way
        async for _ in socket:
            pass


async def attend(house: House, transport: Transport, kind: str, *, vanishes: bool) -> None:
    """Comes, has sound and picture, and goes."""
    person = house.next_person()
    async with house.page(person, vanishes=vanishes):
        seat = Seat(transport, house.certificate)
        try:
            answer, location = await house.admit(person, seat.offer(), USES)
            await seat.accept(answer)
            await seat.connect()
            await seat.until_media(PATIENCE)
            house.served[kind] += 1
            await house.stay()
            if not vanishes:
                await house.delete(person, location)
                await seat.leave()
        finally:
            await seat.vanish()


async def by_udp(house: House) -> None:
    await attend(house, "udp", "by_udp", vanishes=False)


async def by_tcp(house: House) -> None:
    await attend(house, "tcp", "by_tcp", vanishes=False)


async def vanish_from_udp(house: House) -> None:
    await attend(house, "udp", "vanish_from_udp", vanishes=True)


async def vanish_from_tcp(house: House) -> None:
    await attend(house, "tcp", "vanish_from_tcp", vanishes=True)


async def never_come(house: House) -> None:
    """An offer, and nothing after the answer."""
    person = house.next_person()
    async with house.page(person, vanishes=True):
        seat = Seat("udp", house.certificate)
        await house.admit(person, seat.offer(), USES)
        await seat.vanish()


async def never_shake_hands(house: House) -> None:
    """ICE, and no DTLS."""
    person = house.next_person()
    seat = Seat("tcp", house.certificate)
    try:
        await seat.accept((await house.admit(person, seat.offer(), USES))[0])
        await seat.check()
        await house.stay()
    finally:
        await seat.vanish()


async def knock(house: House) -> None:
    """A TCP connection to the media port that says half a frame, until it is cut off."""
    reader, writer = await asyncio.open_connection(*house.tcp)
    writer.write(b"\0")
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionError):
            await reader.read()
    writer.close()


async def check_devices(house: House) -> None:
    """The device check's room of one's own, left without a word."""
    person = house.next_person()
    seat = Seat("udp", house.certificate)
    try:
        uses = {"0": "camera", "1": "microphone"}
        await seat.accept((await house.admit(person, seat.offer(sends=True), uses, "/api/check"))[0])
        await seat.connect()
    finally:
        await seat.vanish()


async def watch_with_aiortc(house: House) -> None:
    """aiortc's own peer connection, which decodes."""
    person = house.next_person()
    client = Client()
    try:
        for kind in ("video", "audio"):
            client.connection.addTransceiver(kind, direction="recvonly")
        answer, location = await house.admit(person, await client.offer(), USES)
        await client.accept(answer)
        await client.connected(PATIENCE)
        await client.until_frames("1", 1, PATIENCE)
        house.served["watch_with_aiortc"] += 1
        await house.stay()
        await house.delete(person, location)
    finally:
        await client.close()


async def speak(house: House) -> None:
    """A second speaker by WHIP, for a while."""
    async with house.lectern:
        client, location, headers = await publish(house, SPEAKER)
        try:
            await house.stay()
            (await house.http.delete(location, headers=headers)).raise_for_status()
        finally:
            await client.close()


Kind = Callable[[House], Awaitable[None]]
ROTA: Final[tuple[Kind, ...]] = (
    by_udp,
    by_tcp,
    vanish_from_udp,
    never_come,
    knock,
    vanish_from_tcp,
    watch_with_aiortc,
    never_shake_hands,
    by_udp,
    check_devices,
    speak,
)


async def visit(house: House, kind: Kind) -> None:
    """One visit, in the book whatever comes of it."""
    house.visits[kind.__name__] += 1
    try:
        await kind(house)
    except (httpx.HTTPError, ConnectionError, TimeoutError, OSError) as error:
        reply = getattr(error, "response", None)
        house.failures[f"{kind.__name__}: {type(error).__name__} {reply.text if reply is not None else error}"] += 1


async def publish(house: House, person: int) -> tuple[Client, str, dict[str, str]]:
    """A picture and a tone by WHIP, from a person's own software: the client, its resource, and the way to it."""
    found = await house.http.get("/api/whip", params={"session": SESSION}, headers=house.headers(person))
    found.raise_for_status()
    headers = {"Authorization": f"Bearer {found.json()['token']}", "Content-Type": SDP}
    client = Client()
    try:
        client.connection.addTransceiver(Picture(60), direction="sendonly")
        client.connection.addTransceiver(Tone(), direction="sendonly")
        answer = await house.http.post(urlsplit(found.json()["url"]).path, content=await client.offer(), headers=headers)
        answer.raise_for_status()
        house.tcp = tcp_address(answer.text)
        await client.accept(answer.text)
        await client.connected(PATIENCE)
    except BaseException:
        await client.close()
        raise
    return client, answer.headers["Location"], headers


@contextlib.asynccontextmanager
async def session(house: House) -> AsyncIterator[None]:
    """The session, live, with its moderator's page open and her software sending."""
    async with house.page(MODERATOR) as socket:
        for number, (stream, command) in enumerate(go_live(), 1):
            await socket.send(json.dumps({"type": "do", "id": number, "stream": stream, "command": command}))
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(httpx.HTTPStatusError):
                    client, _, _ = await publish(house, MODERATOR)
                    break
                await asyncio.sleep(0.2)
        try:
            yield
        finally:
            await client.close()
