"""People in browsers, without the browsers: they follow the protocol (docs/protocol.md), come back to whichever node there
is, and send again what was not answered. Everything is written down in a `Record`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from bench.chaos.history import ACK, Heard, Record, Sent, Stay
from rooms import messages as m

SILENCE: Final = 2.0  # seconds without a word, while something waits; then a sign of life is asked for
ANSWER: Final = 1.5  # which must come by then
OPEN_SECONDS: Final = 3.0
PAUSE: Final = 0.2  # before coming back
MOST_WAITING: Final = 20  # commands of one client without an answer
FAILURES: Final = (OSError, WebSocketException, TimeoutError, EOFError)

Heed = Callable[[dict[str, Any]], None]  # snapshots and events, as frames


class Client:
    """`start`, then `do`. `doors`: the nodes' ports. `heed` hears every event. `signals` has the latest of each kind."""

    def __init__(self, record: Record, cookie: str, doors: Sequence[int], session: str, heed: Heed | None = None) -> None:
        self.record = record
        self.signals: dict[str, dict[str, Any]] = {}
        self.mine: dict[str, Any] = {}
        self.is_delayed = False  # updates are late, as they are told
        self.was_delayed = False  # at some time
        self.node = 0
        self.arrived = asyncio.Event()  # was in the session once
        self.is_here = asyncio.Event()  # wants to be
        self.is_here.set()
        self._cookie = cookie
        self._doors = doors
        self._session = session
        self._heed = heed
        self._seqs = {m.CONFERENCE: 0, session: 0}
        self._follows_session = True
        self._visible = True
        self._ids = 0
        self._waiting: dict[int, Sent] = {}
        self._busy: set[str] = set()  # subjects of which something waits
        self._settled: dict[int, asyncio.Future[Sent]] = {}
        self._socket: ClientConnection | None = None
        self._stay: Stay | None = None
        self._asked = self._told = (
            0  # on this connection: how often for the session, and how often what is theirs in it came
        )
        self._told_of_stay = 0  # at which of these their stay has begun for certain
        self._heard_at = 0.0
        self._task: asyncio.Task[None] | None = None

    def start(self, node: int = 0) -> None:
        self.node = node % len(self._doors)
        self._task = asyncio.create_task(self._live())

    async def stop(self) -> None:
        self._leave()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @property
    def waiting(self) -> int:
        """Commands without an answer."""
        return len(self._waiting)

    def seq(self, stream: str) -> int:
        return self._seqs[stream]

    # --- what they do

    def do(self, command: dict[str, Any], stream: str = "", subject: str = "") -> Sent | None:
        """Gives a command; None if too much waits, or something about the same `subject` does."""
        if len(self._waiting) >= MOST_WAITING or subject in self._busy:
            return None
        self._ids += 1
        sent = Sent(self.record.actor.person_id, self.record.client, self._ids, stream or self._session, command)
        self.record.sent.append(sent)
        self._waiting[sent.id] = sent
        self._settled[sent.id] = asyncio.get_running_loop().create_future()
        if subject:
            self._busy.add(subject)
            self._settled[sent.id].add_done_callback(lambda _: self._busy.discard(subject))
        if self._socket is not None:
            self._send(self._socket, self._frame(sent))
        return sent

    async def done(self, command: dict[str, Any], stream: str = "") -> Sent:
        """Gives a command and waits for its answer."""
        sent = self.do(command, stream)
        assert sent is not None, "whoever waits for each answer never has too many to wait for"
        return await self._settled[sent.id]

    async def go_away(self, seconds: float) -> None:
        """Closes the tab for a while."""
        self.is_here.clear()
        if self._socket is not None:
            self._leave()
            await self._socket.close()
        await asyncio.sleep(seconds)
        self.is_here.set()

    async def look_elsewhere(self, seconds: float) -> None:
        """Leaves the session for a while, and stays in the conference."""
        self._follows_session = False
        self._leave()
        self._tell({"type": "unfollow", "stream": self._session})
        await asyncio.sleep(seconds)
        self._follows_session = True
        if self._socket is not None:
            self._enter(self.node)
            self.record.heard.append(Heard(self._session, "follow", self._seqs[self._session]))
            self._tell({"type": "follow", "stream": self._session, "since": self._seqs[self._session]})

    async def hide(self, seconds: float) -> None:
        """Puts the tab into the background for a while."""
        self._visible = False
        self._tell({"type": "visibility", "visible": False})
        await asyncio.sleep(seconds)
        self._visible = True
        self._tell({"type": "visibility", "visible": True})

    def ask_for_life(self) -> None:
        """The server says how far it is."""
        for stream, seq in self._seqs.items():
            if self._socket is not None and (stream != self._session or self._follows_session):
                self.record.heard.append(Heard(stream, "follow", seq))
                self._asked += stream == self._session
                self._tell({"type": "follow", "stream": stream, "since": seq})

    async def move(self) -> None:
        """Reloads, and is served by another node, if there is one."""
        if self._socket is not None:
            self._leave()
            await self._socket.close()

    # --- the connection

    async def _live(self) -> None:
        while True:
            await self.is_here.wait()
            headers = {"Cookie": self._cookie, "Origin": f"http://127.0.0.1:{self._doors[self.node]}"}
            address = f"ws://127.0.0.1:{self._doors[self.node]}/socket"
            try:
                async with connect(
                    address,
                    additional_headers=headers,
                    compression=None,
                    open_timeout=OPEN_SECONDS,
                    close_timeout=1,
                    ping_interval=None,
                    max_size=None,
                    proxy=None,
                ) as socket:
                    await self._converse(socket)
            except FAILURES:
                pass
            finally:
                self._socket = None
                self._leave()
            self.node = (self.node + 1) % len(self._doors)
            await asyncio.sleep(PAUSE)

    async def _converse(self, socket: ClientConnection) -> None:
        follow = {name: seq for name, seq in self._seqs.items() if name != self._session or self._follows_session}
        self._heard_at = time.monotonic()
        self._asked = self._told = 0
        if self._follows_session:
            self._enter(self.node)
        self.record.heard += [Heard(name, "hello", seq) for name, seq in follow.items()]
        hello = {"type": "hello", "client": self.record.client, "follow": follow, "visible": self._visible}
        await socket.send(json.dumps(hello))
        self._socket = socket
        for sent in list(self._waiting.values()):
            self._send(socket, self._frame(sent))
        watching = asyncio.create_task(self._watch(socket))
        try:
            async for text in socket:
                self._heard_at = time.monotonic()
                self._receive(json.loads(text))
        finally:
            self._socket = None
            self._leave()  # without having wanted to, noticed now
            self.record.closes.append(int(socket.close_code or 1006))
            watching.cancel()

    async def _watch(self, socket: ClientConnection) -> None:
        """A server can fall silent without a word."""
        while True:
            await asyncio.sleep(SILENCE / 4)
            if not self._waiting or time.monotonic() - self._heard_at < SILENCE:
                continue
            asked_at = time.monotonic()
            self.ask_for_life()
            await asyncio.sleep(ANSWER)
            if self._heard_at < asked_at:
                socket.transport.abort()
                return

    def _frame(self, sent: Sent) -> dict[str, Any]:
        sent.sends.append((time.time(), self.node))
        return {"type": "do", "id": sent.id, "stream": sent.stream, "command": sent.command}

    def _tell(self, frame: dict[str, Any]) -> None:
        if self._socket is not None:
            self._send(self._socket, frame)

    @staticmethod
    def _send(socket: ClientConnection, frame: dict[str, Any]) -> None:
        """Never waits: a few hundred bytes to a server that has stopped reading."""
        with contextlib.suppress(OSError, WebSocketException):
            socket.protocol.send_text(json.dumps(frame).encode())
            socket.send_data()

    # --- what they hear

    def _receive(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self.is_delayed = False  # told again if it is so here, too
            case "updates":
                self.is_delayed = frame["delayed"]
                self.was_delayed |= self.is_delayed
            case "snapshot":
                self._hear(frame, frame["state"])
            case "event":
                self._hear(frame, frame["event"])
            case "caught_up":
                self._hear(frame, {})
            case "ack":
                self._settle(frame["id"], ACK)
            case "refused":
                self._settle(frame["id"], frame["code"], frame["message"])
            case "mine":
                self.mine = frame
                self.arrived.set()
                self._told += 1
                if self._stay is not None and not self._stay.sure_from and self._told >= self._told_of_stay:
                    self._stay.sure_from = time.time()
            case "tally":
                tally = self.signals.setdefault("tally", {"answered": {}, "votes": {}})
                tally["answered"] |= frame["answered"]
                tally["votes"] |= frame["votes"]
            case kind:
                self.signals[kind] = frame

    def _hear(self, frame: dict[str, Any], body: dict[str, Any]) -> None:
        stream, kind, seq = frame["stream"], frame["type"], frame["seq"]
        self.record.heard.append(Heard(stream, kind, seq, body))
        self._seqs[stream] = seq if kind == "snapshot" else max(seq, self._seqs[stream])
        if self._heed is not None and body:
            self._heed(frame)

    def _settle(self, number: int | None, answer: str, message: str = "") -> None:
        if number is None or (sent := self._waiting.pop(number, None)) is None:
            return  # answered before: sent twice, and the first answer was lost
        sent.answer, sent.message, sent.answered_at = answer, message, time.time()
        self._settled.pop(number).set_result(sent)

    # --- when they were there

    def _enter(self, node: int) -> None:
        self._leave()
        self._asked += 1
        self._told_of_stay = self._asked
        self._stay = Stay(node, time.time())
        self.record.stays.append(self._stay)

    def _leave(self) -> None:
        if self._stay is not None:
            self._stay.sure_to = self._stay.gone_by = time.time()
            self._stay = None
