"""`EmbeddedEngine`: the media engine in a worker process of its own, as the web process sees it.

Starts the worker, speaks to it (`wire`), and starts it again when it dies, on the same port. Neighbours: `worker`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, TypeVar

import msgspec

from live import wire
from live.control import (
    Admission,
    EngineDown,
    EngineUp,
    IceParameters,
    MediaRefused,
    Notification,
    TapFormat,
    Transport,
    Use,
    WorkerStatistics,
)

START_TIMEOUT: Final = 15.0  # seconds until a worker must say that it is up
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before a restart, doubled for each that fails
STABLE_AFTER: Final = 30.0  # seconds a worker must have lived for the pause to begin small again
MAX_NOTIFICATIONS: Final = 4096  # when full the oldest is dropped: the newest state is what counts
MAX_PENDING: Final = 1024  # requests under way; more are refused at once
ANSWER_TIMEOUT: Final = 10.0

logger = logging.getLogger("plenum.live")
T = TypeVar("T")


class EmbeddedEngine:
    """A `MediaEngine`. `hosts`: addresses announced to clients; empty: the loopback and this machine's own. `port`: UDP
    and TCP, 0: any free one, kept over restarts. `transports`: whose candidates are announced. `idle_timeout`,
    `setup_timeout`: seconds, see `limits`. `is_pure`: the compiled helper is not used, even if it has been built."""

    def __init__(
        self,
        hosts: tuple[str, ...] = (),
        port: int = 0,
        *,
        transports: tuple[Transport, ...] = ("udp", "tcp"),
        idle_timeout: float = 30.0,
        setup_timeout: float = 15.0,
        is_pure: bool = False,
    ) -> None:
        self._hosts, self.port = hosts, port
        self._transports = transports
        self._is_pure = is_pure
        self._idle_timeout, self._setup_timeout = idle_timeout, setup_timeout
        self._notifications: asyncio.Queue[Notification] = asyncio.Queue(MAX_NOTIFICATIONS)
        self._pending: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._next_id = 0
        self._writer: asyncio.StreamWriter | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._first: asyncio.Future[None] | None = None  # resolves when the first worker is up

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process else None

    async def __aenter__(self) -> EmbeddedEngine:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Starts the worker and waits until it is up. Raises `MediaRefused` if it does not come up."""
        self.begin()
        await self.wait_until_up()

    def begin(self) -> None:
        """Starts the worker; `wait_until_up` tells how that went."""
        self._first = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(self._first))

    async def wait_until_up(self) -> None:
        """Waits for the first worker after `begin`. Raises `MediaRefused` if it does not come up."""
        assert self._first is not None, "begin() first"
        try:
            await self._first
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Ends the worker. Requests under way are refused."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        if self._first is not None and self._first.done() and not self._first.cancelled():
            self._first.exception()  # nobody waited for it: what went wrong elsewhere is what is told

    # --- MediaEngine ---

    async def admit(
        self, room: str, label: str, offer: str, uses: dict[str, Use] | None, *, may_send: bool, may_receive: bool
    ) -> Admission:
        return await self._call(wire.Admit(room, label, offer, uses, may_send, may_receive), Admission)

    async def restart_ice(self, room: str, peer_id: str, ufrag: str) -> IceParameters:
        return await self._call(wire.RestartIce(room, peer_id, ufrag), IceParameters)

    async def remove(self, room: str, peer_id: str) -> None:
        await self._call_if_up(wire.Remove(room, peer_id))

    async def remove_label(self, room: str, label: str, *, senders_only: bool) -> None:
        await self._call_if_up(wire.RemoveLabel(room, label, senders_only))

    async def remove_receivers(self, room: str) -> None:
        await self._call_if_up(wire.RemoveReceivers(room))

    async def tap(self, room: str, tap_id: str, host: str, video_port: int, audio_port: int) -> TapFormat:
        return await self._call(wire.TapRoom(room, tap_id, host, video_port, audio_port), TapFormat)

    async def untap(self, room: str, tap_id: str) -> None:
        await self._call_if_up(wire.Untap(room, tap_id))

    async def view(self, room: str, peer_id: str, heights: dict[str, int]) -> None:
        await self._call_if_up(wire.View(room, peer_id, heights))

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        return (await self._call(wire.Statistics(), WorkerStatistics),)

    async def notifications(self) -> AsyncIterator[Notification]:
        """What happens, in order; one reader. Ends never: cancel the reading task."""
        while True:
            yield await self._notifications.get()

    # --- requests ---

    async def _call_if_up(self, call: wire.Call) -> None:
        """Removing is done when the worker is not there: its peers went with it."""
        try:
            await self._call(call, type(None))
        except MediaRefused as refusal:
            if refusal.code != "media_unavailable":
                raise

    async def _call(self, call: wire.Call, kind: type[T]) -> T:
        if self._writer is None or not self._up.is_set() or len(self._pending) >= MAX_PENDING:
            raise MediaRefused("media_unavailable", "the media worker is not up")
        self._next_id += 1
        request = wire.Request(self._next_id, call)
        answer = self._pending[request.id] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(wire.frame(request))
            async with asyncio.timeout(ANSWER_TIMEOUT):
                return msgspec.json.decode(await answer, type=kind)
        except TimeoutError:
            raise MediaRefused("media_unavailable", "the media worker does not answer") from None
        finally:
            self._pending.pop(request.id, None)

    # --- supervision ---

    async def _supervise(self, first: asyncio.Future[None]) -> None:
        """Runs one worker after another until cancelled."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                await self._run_once(first)
            except (OSError, TimeoutError) as error:
                logger.warning("the media worker could not be started: %s", error)
            except Exception:  # a worker that talks nonsense is replaced like one that died
                logger.exception("the media worker's connection failed")
            if not first.done():
                first.set_exception(MediaRefused("media_unavailable", "the media worker did not come up"))
                return
            if loop.time() - began > STABLE_AFTER:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run_once(self, first: asyncio.Future[None]) -> None:
        """Starts a worker and serves it until it dies."""
        ours, theirs = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *self._arguments(theirs.fileno()),
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in our terminal is for us; the worker ends with its control connection
            )
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        try:
            reader, self._writer = await asyncio.open_connection(sock=ours)
            await self._listen(reader, first)
        finally:
            if self._writer is None:
                ours.close()
            burial = asyncio.create_task(self._bury())
            try:
                await asyncio.shield(burial)
            except asyncio.CancelledError:  # stopped while a dead worker was being put away: finish that first
                await burial
                raise

    def _arguments(self, fd: int) -> list[str]:
        options = {
            "--control": fd,
            "--hosts": ",".join(self._hosts),
            "--port": self.port,
            "--transports": ",".join(self._transports),
            "--idle": self._idle_timeout,
            "--setup": self._setup_timeout,
        }
        flags = ["--pure"] if self._is_pure else []
        return [sys.executable, "-m", "live.worker", *(f"{name}={value}" for name, value in options.items()), *flags]

    async def _listen(self, reader: asyncio.StreamReader, first: asyncio.Future[None]) -> None:
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(wire.Reply)
        async with asyncio.timeout(START_TIMEOUT) as deadline:
            while body := await wire.read_frame(reader):
                reply: wire.Reply = decoder.decode(body)
                match reply:
                    case wire.Notice(EngineUp() as up):
                        deadline.reschedule(None)
                        self.port = up.udp_port
                        self._up.set()
                        self._notify(up)
                        if not first.done():
                            first.set_result(None)
                    case wire.Notice(notification):
                        self._notify(notification)
                    case wire.Result(request_id, value):
                        if (future := self._pending.get(request_id)) and not future.done():
                            future.set_result(value)
                    case wire.Failure(request_id, code, detail):
                        if (future := self._pending.get(request_id)) and not future.done():
                            future.set_exception(MediaRefused(code, detail))

    async def _bury(self) -> None:
        """The worker died, or we stop: whoever waits is refused, and nothing of it stays."""
        if self._up.is_set():
            self._up.clear()
            self._notify(EngineDown())
        for future in self._pending.values():
            if not future.done():
                future.set_exception(MediaRefused("media_unavailable", "the media worker died"))
        writer, self._writer = self._writer, None
        if writer:
            writer.close()  # the worker ends when this does
        process, self._process = self._process, None
        if process:
            await _end(process)

    def _notify(self, notification: Notification) -> None:
        if self._notifications.full():
            self._notifications.get_nowait()
        self._notifications.put_nowait(notification)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Waits for a worker whose connection is closed, not for long."""
    try:
        async with asyncio.timeout(3):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
