"""One media worker's process, as the web process sees it: starts it, speaks to it (`wire`), and starts it again when it
dies, on the same port. Neighbours: `engine` has as many of these as there are workers, `worker` is the process itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeVar

import msgspec

from live import wire
from live.adoption import Connection, Foundling, Process, end
from live.control import EngineDown, EngineUp, MediaRefused, Notification, Transport
from live.limits import Limits
from live.wire import Kept

START_TIMEOUT: Final = 60.0  # seconds until a worker must say that it is up, on a machine that starts everything at once
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds before a restart, doubled for each that fails
STABLE_AFTER: Final = 30.0  # seconds a worker must have lived for the pause to begin small again
MAX_PENDING: Final = 1024  # requests under way; more are refused at once
ANSWER_TIMEOUT: Final = 10.0
LIVES: Final = 1 << 24  # the first one's number is below
BEAT: Final = 1.0  # seconds: how often a worker is asked for a sign of life
MISSED_BEATS: Final = 5  # in a row, without a word: it hangs, and is replaced

logger = logging.getLogger("plenum.live")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What all workers are told at their start; see `engine.EmbeddedEngine`."""

    hosts: tuple[str, ...] = ()
    transports: tuple[Transport, ...] = ("udp", "tcp")
    limits: Limits = Limits()  # noqa: RUF009 (frozen)
    is_pure: bool = False
    links: str = ""
    node: str = ""
    public_tcp_port: int = 0
    proxies: tuple[str, ...] = ()
    kept: Kept = Kept()  # noqa: RUF009 (frozen)


class WorkerProcess:
    """`heed` hears what the worker tells: `EngineUp` when it is there, `EngineDown` when it has died. `port`: for UDP,
    0: any free one, kept over restarts. `life` counts its processes. `persists`: it is tried again even if it never
    came up."""

    def __init__(
        self,
        index: int,
        port: int,
        options: Options,
        heed: Callable[[WorkerProcess, Notification], None],
        *,
        persists: bool = False,
    ) -> None:
        self._persists = persists
        self.index, self.port = index, port
        self.life = secrets.randbelow(LIVES)  # pages remember whom they lost: another server's ids must not begin likewise
        self.tcp_port = 0  # that all workers share; 0: `port`, as it is the first
        self._options, self._heed = options, heed
        self._pending: dict[int, asyncio.Future[msgspec.Raw]] = {}
        self._next_id = 0
        self._heard = 0  # messages from the worker
        self._writer: asyncio.StreamWriter | None = None
        self._process: Process | None = None
        self._foundling: Foundling | None = None  # to begin with, instead of a new process
        self._supervisor: asyncio.Task[None] | None = None
        self._up = asyncio.Event()
        self._has_been_up = False

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process else None

    @property
    def prefix(self) -> str:
        """How the ids of all peers of the present process begin."""
        return wire.Place(self.index, self.life).prefix

    def begin(self) -> None:
        """Starts the worker, and again whenever it died."""
        self._supervisor = asyncio.create_task(self._supervise())

    def adopt(self, foundling: Foundling) -> None:
        """As `begin`, with a worker that another server has left. It is up."""
        place = foundling.held.place
        self.life, (self.port, tcp_port) = place.life, foundling.held.ports
        self.tcp_port = tcp_port if self.index else 0
        self._options = replace(self._options, links=place.links)
        self._foundling = foundling
        self._has_been_up = True
        self._process, self._writer = foundling.process, foundling.connection[1]
        self._up.set()
        self.begin()

    async def wait_until_up(self) -> None:
        """Returns when the worker is up, at once if it is. Raises `MediaRefused` if it did not come up the first time."""
        assert self._supervisor is not None, "begin() first"
        up = asyncio.create_task(self._up.wait())
        try:
            await asyncio.wait({up, self._supervisor}, return_when=asyncio.FIRST_COMPLETED)
            if not up.done():
                raise MediaRefused("media_unavailable", "the media worker did not come up")
        finally:
            up.cancel()

    async def stop(self) -> None:
        """Ends the worker. Requests under way are refused."""
        if self._supervisor:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
            self._supervisor = None
        if self._process:  # adopted a moment ago: it was not even begun with
            await self._bury()

    # --- requests ---

    async def call_if_up(self, call: wire.Call) -> None:
        """Removing is done when the worker is not there: its peers went with it."""
        try:
            await self.call(call, type(None))
        except MediaRefused as refusal:
            if refusal.code != "media_unavailable":
                raise

    async def call(self, call: wire.Call, kind: type[T]) -> T:
        """Asks the worker. Raises `MediaRefused`."""
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

    async def _supervise(self) -> None:
        """Runs one worker after another until cancelled, or the very first does not come up."""
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            if not self._foundling:
                self.life += 1
            try:
                await self._run_once()
            except (OSError, TimeoutError) as error:
                logger.warning("the media worker could not be started: %s", error)
            except Exception:  # a worker that talks nonsense is replaced like one that died
                logger.exception("the media worker's connection failed")
            if not self._has_been_up and not self._persists:
                return
            if loop.time() - began > STABLE_AFTER:
                pause = FIRST_PAUSE
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _run_once(self) -> None:
        """Starts a worker, unless one was adopted, and serves it until it dies."""
        foundling, self._foundling = self._foundling, None
        reader, self._writer = foundling.connection if foundling else await self._start()
        try:
            assert self._process is not None
            watch = asyncio.create_task(self._watch(self._process))
            try:
                await self._listen(reader)
            finally:
                watch.cancel()
        finally:
            burial = asyncio.create_task(self._bury())
            try:
                await asyncio.shield(burial)
            except asyncio.CancelledError:  # stopped while a dead worker was being put away: finish that first
                await burial
                raise

    async def _start(self) -> Connection:
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
            return await asyncio.open_connection(sock=ours)
        except BaseException:
            ours.close()
            await asyncio.shield(self._bury())
            raise

    def _arguments(self, fd: int) -> list[str]:
        given = self._options
        options = {
            "--control": fd,
            "--index": self.index,
            "--life": self.life,
            "--links": given.links,
            "--hosts": ",".join(given.hosts),
            "--port": self.port,
            "--tcp-port": self.tcp_port,
            "--transports": ",".join(given.transports),
            "--limits": json.dumps(asdict(given.limits)),
            "--node": given.node,
            "--public-tcp-port": given.public_tcp_port,
            "--proxies": ",".join(given.proxies),
            "--kept": msgspec.json.encode(given.kept).decode(),
        }
        flags = ["--pure"] if given.is_pure else []
        return [sys.executable, "-m", "live.worker", *(f"{name}={value}" for name, value in options.items()), *flags]

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(wire.Reply)
        async with asyncio.timeout(None if self.is_up else START_TIMEOUT) as deadline:
            while body := await wire.read_frame(reader):
                self._heard += 1
                reply: wire.Reply = decoder.decode(body)
                match reply:
                    case wire.Notice(EngineUp() as up):
                        deadline.reschedule(None)
                        self.port = up.udp_port
                        self._has_been_up = True
                        self._up.set()
                        self._heed(self, up)
                    case wire.Notice(notification):
                        self._heed(self, notification)
                    case wire.Result(request_id, value):
                        if (future := self._pending.get(request_id)) and not future.done():
                            future.set_result(value)
                    case wire.Failure(request_id, code, detail):
                        if (future := self._pending.get(request_id)) and not future.done():
                            future.set_exception(MediaRefused(code, detail))

    async def _watch(self, process: Process) -> None:
        """Ends a worker that is there but does nothing any more (a signal stopped it, a lock, a loop without end): then its
        connection ends, and all goes on as if it had died. However long we stand still ourselves, it is one beat."""
        await self._up.wait()
        loop, missed = asyncio.get_running_loop(), 0
        while missed < MISSED_BEATS:
            asked, heard = loop.time(), self._heard
            with contextlib.suppress(TimeoutError, MediaRefused):
                async with asyncio.timeout(BEAT):
                    await self.call(wire.Beat(), type(None))
            missed = 0 if self._heard > heard else missed + 1
            await asyncio.sleep(asked + BEAT - loop.time())
        logger.warning("media worker %d does not answer any more and is replaced", self.index)
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    async def _bury(self) -> None:
        """The worker died, or we stop: whoever waits is refused, and nothing of it stays."""
        if self._up.is_set():
            self._up.clear()
            self._heed(self, EngineDown())
        for future in self._pending.values():
            if not future.done():
                future.set_exception(MediaRefused("media_unavailable", "the media worker died"))
        writer, self._writer = self._writer, None
        if writer:
            if not writer.transport.is_closing():
                writer.write(wire.frame(wire.Request(0, wire.End())))
            writer.close()  # the worker ends when this does
        process, self._process = self._process, None
        if process:
            await end(process)
