"""The WebSocket: frames in, commands on, answers back. One connection is one tab of one signed-in person."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import Final

import msgspec
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from live.limits import Budget
from rooms import messages as m
from rooms import room
from rooms.access import check_command, is_moderator
from rooms.errors import Refused
from server.door import CLOSE_TOO_MANY
from server.followers import Connection
from server.hand_over import refuse
from server.hub import CLOSE_NOT_SIGNED_IN
from server.outbox import outbox
from server.security import is_same_origin
from server.services import Services
from server.stream import session_of

CLOSE_PROTOCOL: Final = 4400
BURST_SECONDS: Final = 5
PATIENCE_SECONDS: Final = 25  # as many seconds' worth of refused messages at once, then the connection is closed
MOST_COMMANDS: Final = 64  # of one connection under way at once
MOST_STREAMS: Final = 8
BREAKOUT_COMMANDS_PER_SECOND: Final = 1.0  # of a participant: what they change in their room is in the journal for good
BREAKOUT_COMMANDS_AT_ONCE: Final = 60

_decoder: Final = msgspec.json.Decoder(m.ClientFrame)


class ProtocolViolation(Exception):
    """A client that does not speak the protocol; the connection is closed."""


class TooFast(Exception):
    """A client that has been refused over and over and does not slow down; the connection is closed."""


class Allowance:
    """`rate` messages a second, and bursts of five seconds' worth; of what is refused as many again, and bursts of 25."""

    def __init__(self, rate: float) -> None:
        self._messages = Budget(rate, rate * BURST_SECONDS)
        self._refusals = Budget(rate, rate * PATIENCE_SECONDS)

    def take(self) -> bool:
        """False: one too many, to be refused. Raises `TooFast` for who goes on all the same."""
        now = time.monotonic()
        if self._messages.take(1, now):
            return True
        if not self._refusals.take(1, now):
            raise TooFast
        return False


class Endpoint:
    """`/socket`, as an ASGI application: what is put around a function would stay for as long as each connection."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        return _serve(WebSocket(scope, receive, send))


async def _serve(websocket: WebSocket) -> None:
    services: Services = websocket.state.services
    if services.leaving.is_set() or services.is_cut_off:
        await refuse(websocket)
        return
    actor = services.identity.actor(websocket)
    if not is_same_origin(websocket):
        await websocket.close(4403)
        return
    await websocket.accept()
    if actor is None:
        await websocket.close(CLOSE_NOT_SIGNED_IN)
        return
    if services.hub.connections_of(actor.person_id) >= services.settings.connections_per_person:
        services.door.refusals["connections_per_person"] += 1
        await websocket.close(CLOSE_TOO_MANY)
        return
    await Session(
        services, websocket, Connection(actor, outbox(websocket), lambda: services.identity.actor(websocket))
    ).run()


class Session:
    """One connection's life: hello, then frames until it ends."""

    def __init__(self, services: Services, websocket: WebSocket, connection: Connection) -> None:
        self._services = services
        self._websocket = websocket
        self._connection = connection
        self._translator = services.translations.of(services.translations.language(websocket))
        self._allowance = Allowance(services.settings.messages_per_second)
        self._commands: set[asyncio.Task[None]] = set()
        self._fence = services.cluster.fence if services.cluster is not None else None
        self._began = self._fence.clock() if self._fence is not None else 0.0
        self._present_in: set[str] = set()  # sessions; not `connection.follows`, which the hub empties when it closes

    async def run(self) -> None:
        """Reads until the connection ends; whatever it sends, it ends only itself."""
        hub, connection = self._services.hub, self._connection
        hub.add(connection)
        try:
            await self._greet(await asyncio.wait_for(self._receive(), self._services.settings.hello_seconds))
            while not connection.closing:
                await self._dispatch(await self._receive())
        except (ProtocolViolation, TimeoutError):
            connection.outbox.close(CLOSE_PROTOCOL)
        except TooFast:
            self._services.door.refusals["messages_per_second"] += 1
            connection.outbox.close(CLOSE_TOO_MANY)
        except WebSocketDisconnect:
            pass
        finally:
            for session_id in self._present_in:
                self._services.presence.leave(connection.id, session_id)
            hub.remove(connection)
        await connection.outbox.finish()

    async def _receive(self) -> m.ClientFrame:
        message = await self._websocket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code") or 1006)
        text = message.get("text")
        if text is None or len(text) > self._services.settings.message_bytes:
            raise ProtocolViolation
        try:
            frame: m.ClientFrame = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:  # ValidationError is a DecodeError
            raise ProtocolViolation from error
        return frame

    async def _greet(self, frame: m.ClientFrame) -> None:
        if not isinstance(frame, m.Hello):
            raise ProtocolViolation
        services, connection, actor = self._services, self._connection, self._connection.actor
        connection.client = frame.client
        connection.visible = frame.visible
        roles = tuple(sorted(actor.roles))
        services.hub.send(connection, m.Welcome(actor.person_id, actor.name, roles, services.now(), services.epoch))
        for stream, since in frame.follow.items():
            await self._follow(stream, since)

    async def _dispatch(self, frame: m.ClientFrame) -> None:
        if self._connection.closing:  # whatever it was, it is sent again
            return
        if self._fence is not None and isinstance(frame, m.Do) and self._fence.doubts(self._began):
            self._services.hub.send_away(self._connection)
            return
        if not self._allowance.take():
            refused_id = frame.id if isinstance(frame, m.Do) else None
            self._refuse(refused_id, Refused("too_fast"))
            return
        match frame:
            case m.Do():
                self._start(frame)
            case m.Follow(stream, since):
                await self._follow(stream, since)
            case m.Unfollow(stream):
                if _is_session(stream):
                    self._present_in.discard(session_of(stream))
                    self._services.presence.leave(self._connection.id, session_of(stream))
                self._services.hub.unfollow(self._connection, stream)
            case m.Visibility(visible):
                self._set_visible(visible=visible)
            case m.Hello():
                raise ProtocolViolation

    async def _follow(self, name: str, since: int) -> None:
        services, connection = self._services, self._connection
        try:
            if len(connection.follows - {name}) >= MOST_STREAMS:  # following again is asking for a sign of life
                raise Refused("too_many", most=MOST_STREAMS)
            stream = services.streams.stream(name)
            if services.cluster is not None:  # who comes from another node is not sent back in time
                await services.streams.reach(name, since)
        except Refused as refusal:
            self._refuse(None, refusal)
            return
        services.hub.follow(connection, stream, since)
        if _is_session(name):
            await self._tell_mine(name)
            self._present_in.add(session_of(name))
            self._note_presence()

    async def _tell_mine(self, name: str) -> None:
        """Commands that come after it are carried out after it, so it cannot be older than what they have done."""
        person_id, ballots = self._connection.actor.person_id, self._services.ballots
        state = self._services.streams.room(session_of(name))
        try:
            answers = await ballots.answers_of(person_id, [poll for poll in state.polls.values() if poll.phase == "open"])
            voted = await ballots.voted(person_id, tuple(state.questions))
        except Refused:  # the database is away: coming back is better than not knowing what one has answered
            self._services.hub.send_away(self._connection)
            return
        self._services.hub.send(self._connection, m.Mine(name, answers, voted))

    def _set_visible(self, *, visible: bool) -> None:
        self._connection.visible = visible
        self._note_presence()

    def _note_presence(self) -> None:
        connection = self._connection
        for session_id in self._present_in:
            self._services.presence.enter(connection.id, connection.actor.person_id, session_id, visible=connection.visible)

    def _start(self, frame: m.Do) -> None:
        """Commands run side by side, so that an answer does not wait for a question's commit; their number is bounded."""
        if len(self._commands) >= MOST_COMMANDS:
            self._refuse(frame.id, Refused("too_fast"))
            return
        task = asyncio.create_task(self._do(frame))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    async def _do(self, frame: m.Do) -> None:
        if self._connection.closing:
            return
        try:
            await self._carry_out(frame)
        except Refused as refusal:
            self._refuse(frame.id, refusal)
        except Exception:
            reference = self._services.report_bug("command", type(frame.command).__name__)
            self._services.hub.send(
                self._connection,
                m.RefusedFrame(
                    frame.id, "try_again", f"{self._translator.gettext(Refused('try_again').message)} ({reference})"
                ),
            )
        else:
            self._services.hub.send(self._connection, m.Ack(frame.id))

    async def _carry_out(self, frame: m.Do) -> None:
        services, actor = self._services, self._connection.actor
        command = frame.command
        if services.people.get(actor.person_id) is None:  # erased since they came
            raise Refused("not_signed_in")
        # Whose it is belongs to it: a tab names itself, and nobody's command may pass for done because somebody else's tab
        # chose the same name.
        cause = f"{actor.person_id}/{self._connection.client}/{frame.id}"
        if isinstance(command, m.BreakoutsCommand) and not is_moderator(actor):
            services.breakout_commands.check(actor.person_id)
        if isinstance(command, m.BreakoutsOpen):
            check_command(actor, command)
            services.streams.stream(frame.stream)
            command = await services.composer.opened(session_of(frame.stream))
        if not isinstance(command, m.RowCommand):
            await services.streams.handle(frame.stream, actor, command, cause)
            return
        if services.ballots.was_done(cause):
            return
        session_id = session_of(frame.stream)
        try:
            subject, since = await self._check_row(frame.stream, command)
        except Refused as refusal:
            if refusal.code == "poll_closed" and await self._was_answered(session_id, command):
                return
            raise
        if isinstance(command, m.PollAnswer) and isinstance(subject, m.Poll):
            await services.ballots.answer(actor, session_id, subject, command.option, since)
        elif isinstance(command, m.QuestionVote):
            await services.ballots.vote(actor, session_id, command.question_id, up=command.up)
        services.ballots.note_done(cause)

    async def _check_row(self, name: str, command: m.RowCommand) -> tuple[m.Poll | m.Question, int]:
        """What a command is about if it is possible now, and by which number of the stream that was found. Nothing is
        refused for what another node has changed since. Raises `Refused`."""
        streams, actor, session_id = self._services.streams, self._connection.actor, session_of(name)
        streams.stream(name)
        while True:
            since = streams.seq(name)
            try:
                return room.check_row(streams.room(session_id), streams.context(session_id), actor, command), since
            except Refused:
                if not await streams.was_behind(name):
                    raise

    async def _was_answered(self, session_id: str, command: m.RowCommand) -> bool:
        """True if it was carried out on another node before the poll closed, and its acknowledgement was lost with that."""
        services = self._services
        if services.cluster is None or not isinstance(command, m.PollAnswer):
            return False
        poll = services.streams.room(session_id).polls[command.poll_id]
        return await services.ballots.answer_of(self._connection.actor.person_id, poll) == command.option

    def _refuse(self, command_id: int | None, refusal: Refused) -> None:
        message = self._translator.gettext(refusal.message)
        self._services.hub.send(self._connection, m.RefusedFrame(command_id, refusal.code, message))


def _is_session(stream: str) -> bool:
    """True for the stream whose followers are present in a session."""
    return stream.startswith("session/")
