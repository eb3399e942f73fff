"""A browser tab without a page: one WebSocket that follows streams, keeps their states, gives commands and comes back by
itself. What `web/static/protocol.js` is for people. Neighbour: `visitor`, which signs in."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Callable, Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self

import msgspec
from msgspec import Struct
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from rooms import messages as m
from rooms.conference import current_session
from rooms.errors import Refused
from server.demo.visitor import Visitor
from server.stream import apply, empty_state

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds before a reconnect, jittered, doubled for each that fails
PATIENCE_SECONDS: Final = 10.0  # for an acknowledgement


class _Event(Struct, frozen=True, tag_field="type", tag="event"):
    """`messages.EventFrame`, with the event read."""

    stream: str
    seq: int
    at: datetime
    event: m.Event


_Frame = (
    _Event
    | m.Welcome
    | m.Snapshot
    | m.Caught
    | m.Mine
    | m.Ack
    | m.RefusedFrame
    | m.Resync
    | m.PresenceSignal
    | m.TallySignal
    | m.SlotsSignal
    | m.SpeakingSignal
    | m.MediaSignal
    | m.RoomsSignal
    | m.RoomsLifeSignal
)
_decoder: Final[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(_Frame)


class Tab:
    """`async with Tab(...)` is connected, as far as the server lets it. `on_media` is called when a session's media came up
    anew and everybody has to offer again."""

    def __init__(self, visitor: Visitor, follow: Iterable[str] = (m.CONFERENCE,), *, visible: bool = True) -> None:
        self.visible = visible
        self.person_id = ""
        self.conference = m.ConferenceState()
        self.rooms: dict[str, m.RoomState] = {}  # by stream
        self.breakouts: dict[str, m.BreakoutsState] = {}  # by stream
        self.votes: dict[str, int] = {}  # by question
        self.mine_votes: set[str] = set()
        self.mine_answers: dict[str, int] = {}
        self.on_media: Callable[[], None] = lambda: None
        self._visitor = visitor
        self._client = secrets.token_hex(8)
        self._follows = dict.fromkeys(follow, 0)  # the last sequence number by stream
        self._socket: ClientConnection | None = None
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[None]] = {}  # bounded by the commands that are being awaited
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._stay_connected())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def current(self, now: datetime) -> m.SessionPlan | None:
        """The session to be in."""
        return current_session(self.conference, now)

    def phase(self, session_id: str) -> m.Phase:
        return self.conference.runs.get(session_id, m.SessionRun()).phase

    def room(self, session_id: str) -> m.RoomState:
        return self.rooms.get(m.session_stream(session_id), m.RoomState())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what a frame can bring about."""
        while not condition():
            await self._news.wait()

    async def do(self, stream: str, command: m.Command) -> None:
        """Gives a command and waits for its acknowledgement. Raises `Refused`, or `ConnectionError` if it is not known what
        became of it."""
        self._last_id += 1
        number = self._last_id
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            await self._send(m.Do(number, stream, command))
            async with asyncio.timeout(PATIENCE_SECONDS):
                await answer
        except TimeoutError:
            raise ConnectionError("not acknowledged") from None
        finally:
            self._waiting.pop(number, None)

    async def set_visible(self, *, visible: bool) -> None:
        self.visible = visible
        await self._send(m.Visibility(visible))

    async def be_in(self, session_id: str | None) -> None:
        """Follows this session and no other. Raises `ConnectionError`."""
        wanted = {m.session_stream(session_id)} if session_id else set()
        for stream in self._follows.keys() - wanted - {m.CONFERENCE}:
            del self._follows[stream]
            self.rooms.pop(stream, None)
            await self._send(m.Unfollow(stream))
        for stream in wanted - self._follows.keys():
            self._follows[stream] = 0
            await self._send(m.Follow(stream))

    async def _send(self, frame: m.ClientFrame) -> None:
        if self._socket is None:
            raise ConnectionError("not connected")
        try:
            await self._socket.send(msgspec.json.encode(frame).decode())
        except ConnectionClosed as error:
            raise ConnectionError("closed") from error

    async def _stay_connected(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                if not self._visitor.cookie:
                    await self._visitor.sign_in()
                await self._connect_once()
                pause = FIRST_PAUSE
            except (OSError, WebSocketException, TimeoutError):
                pause = min(2 * pause, LONGEST_PAUSE)
            await asyncio.sleep(random.uniform(0, pause))

    async def _connect_once(self) -> None:
        url = "ws" + self._visitor.base.removeprefix("http") + "/socket"
        headers = {"Cookie": self._visitor.cookie, "Origin": self._visitor.base}
        # No pings of our own: the server sends them, and answers are given by the library.
        async with connect(url, additional_headers=headers, compression=None, ping_interval=None, proxy=None) as socket:
            try:
                await socket.send(msgspec.json.encode(m.Hello(self._client, self._follows, self.visible)).decode())
                self._socket = socket
                async for text in socket:
                    self._hear(_decoder.decode(text))
            finally:
                self._lose()

    def _lose(self) -> None:
        self._socket = None
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError("lost"))
        self._tell()

    def _hear(self, frame: Any) -> None:
        match frame:
            case m.Welcome(person_id):
                self.person_id = person_id
            case m.Ack(number):
                self._settle(number, None)
            case m.RefusedFrame(int(number), code):
                self._settle(number, Refused(code))
            case m.Snapshot(stream, seq, state):
                self._keep(stream, seq, state)
            case _Event(stream, seq, _, event) if seq > self._follows.get(stream, seq):
                self._keep(stream, seq, apply(self._state(stream), event))
            case m.Caught(stream, seq) if stream in self._follows:
                self._follows[stream] = max(seq, self._follows[stream])
            case m.Mine(_, answers, votes):
                self.mine_answers |= answers
                self.mine_votes |= set(votes)
            case m.TallySignal(votes=votes):
                self.votes |= votes
                return  # nobody waits for that
            case m.MediaSignal(status="reset"):
                self.on_media()
            case _:
                return
        self._tell()

    def _state(self, stream: str) -> m.State:
        kept = self.conference if stream == m.CONFERENCE else self.rooms.get(stream) or self.breakouts.get(stream)
        return kept or empty_state(stream)

    def _keep(self, stream: str, seq: int, state: m.State) -> None:
        if stream not in self._follows:  # it was on its way when we left
            return
        self._follows[stream] = seq
        if isinstance(state, m.ConferenceState):
            self.conference = state
        elif isinstance(state, m.BreakoutsState):
            self.breakouts[stream] = state
        else:
            self.rooms[stream] = state

    def _settle(self, number: int, error: Refused | None) -> None:
        answer = self._waiting.get(number)
        if answer is None or answer.done():
            return
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
