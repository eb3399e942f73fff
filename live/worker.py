"""A media worker: `python -m live.worker --control FD`. One process, one UDP port, any number of rooms.

It obeys the process at the other end of the control connection, and ends when told to, or when that connection does. If it
is to be kept, another server has some seconds to adopt it then (`adoption`). No orphans.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Final, get_args

import msgspec

from live import leftovers, logs, native, wire
from live.adoption import Cradle
from live.control import EngineUp, MediaRefused, Notification, Transport
from live.forwarder import Forwarder
from live.ice import candidates
from live.limits import Limits
from live.native import Helper
from live.port import MediaPort, announced, local_addresses
from live.tcp import TcpPort

MAX_UNREAD: Final = 8 << 20  # octets: a control process that reads no more has hung; the worker ends

logger = logging.getLogger("plenum.live")


class Control:
    """The worker's end of the control connection. `held`: what is told to a server that adopts this worker."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, held: Callable[[], wire.Held] = wire.Held
    ) -> None:
        self._reader, self._writer, self._held = reader, writer, held
        self._has_hung = False

    def tell(self, notification: Notification) -> None:
        self._write(wire.Notice(notification))

    async def serve(self, forwarder: Forwarder, cradle: Cradle | None = None) -> None:
        """Carries out requests until told to end, or the connection has ended and nobody adopts us."""
        while not await self._obey(forwarder):
            self._writer.close()
            if cradle is None or self._has_hung:
                return
            forwarder.untap_all()
            logger.warning("the server is gone; waiting for another one")
            if (connection := await cradle.wait()) is None:
                return
            self._reader, self._writer = connection

    async def _obey(self, forwarder: Forwarder) -> bool:
        """Carries out requests in order until the connection ends. Of many offers that have come at once each takes some
        milliseconds: what has come to the media port goes before the next. True: told to end."""
        decoder = msgspec.json.Decoder(wire.Request)
        while body := await wire.read_frame(self._reader):
            request = decoder.decode(body)
            match request.call:
                case wire.End():
                    return True
                case wire.Adopt():
                    self._write(wire.Result(request.id, msgspec.Raw(msgspec.json.encode(self._held()))))
                case _:
                    self._write(_carry_out(forwarder, request))
            await asyncio.sleep(0)
        return False

    def close(self) -> None:
        self._writer.close()

    def _write(self, reply: wire.Reply) -> None:
        transport = self._writer.transport
        if transport.is_closing():  # the other process is gone, and we are about to be
            return
        if transport.get_write_buffer_size() > MAX_UNREAD:
            self._has_hung = True
            transport.abort()
        else:
            self._writer.write(wire.frame(reply))


def _carry_out(forwarder: Forwarder, request: wire.Request) -> wire.Reply:
    try:
        value = _call(forwarder, request.call)
    except MediaRefused as refusal:
        return wire.Failure(request.id, refusal.code, str(refusal))
    except Exception:  # a bug: one request fails, the media of everybody else goes on
        logger.exception("a control request failed")
        return wire.Failure(request.id, "media_unavailable", "internal error")
    return wire.Result(request.id, msgspec.Raw(msgspec.json.encode(value)))


def _call(forwarder: Forwarder, call: wire.Call) -> object:
    match call:
        case wire.Admit(room, label, offer, uses, sends, receives, home, kind):
            return forwarder.admit(room, label, offer, uses, may_send=sends, may_receive=receives, kind=kind, home=home)
        case wire.RestartIce(room, peer_id, ufrag):
            return forwarder.restart_ice(room, peer_id, ufrag)
        case wire.TapRoom(room, tap_id, host, video_port, audio_port, codecs):
            return forwarder.tap(room, tap_id, host, video_port, audio_port, codecs)
        case wire.Statistics():
            return forwarder.statistics()
        case wire.Remove(room, peer_id):
            forwarder.remove(room, peer_id)
        case wire.RemoveLabel(room, label, senders_only):
            forwarder.remove_label(room, label, senders_only=senders_only)
        case wire.RemoveReceivers(room):
            forwarder.remove_receivers(room)
        case wire.Rehome(room, home):
            forwarder.rehome(room, home)
        case wire.View(room, peer_id, heights):
            forwarder.view(room, peer_id, heights)
        case wire.Untap(room, tap_id):
            forwarder.untap(room, tap_id)
        case wire.Beat() | wire.Adopt() | wire.End():
            pass  # the answer is what is asked for; the others are `Control`'s
    return None


async def run(
    control_fd: int,
    place: wire.Place,
    hosts: tuple[str, ...],
    ports: tuple[int, int],
    transports: frozenset[Transport],
    limits: Limits,
    helper: Helper | None,
    public_tcp_port: int = 0,
    proxies: tuple[str, ...] = (),
    kept: wire.Kept = wire.Kept(),  # noqa: B008 (frozen)
) -> None:
    """Serves until told to end, or the control connection has ended. `ports`: UDP, and TCP if all workers share another's,
    else 0. `transports`: which candidates are announced. `public_tcp_port` and `proxies`: see `engine.EmbeddedEngine`."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=control_fd))
    control = Control(reader, writer, lambda: wire.Held(place, kept.terms, (udp.port, tcp_port), forwarder.held()))
    forwarder = Forwarder(control.tell, limits, helper, place)
    hosts = announced(hosts)
    udp, tcp = await _open_ports(hosts, ports, forwarder, proxies, limits, shared=bool(place.links))
    tcp_port = ports[1] or udp.port
    announced_ports = udp.port if "udp" in transports else 0, public_tcp_port or tcp_port if "tcp" in transports else 0
    forwarder.candidates = candidates(hosts, *announced_ports)
    forwarder.start()
    cradle = _cradle(kept, place.index)
    control.tell(EngineUp(udp.port, tcp_port))
    try:
        await control.serve(forwarder, cradle)
    finally:
        await forwarder.stop()
        udp.close()
        await tcp.close()
        control.close()
        if cradle:
            cradle.close()


def _cradle(kept: wire.Kept, index: int) -> Cradle | None:
    """None: we are not kept, or another server's worker has the place."""
    if not kept.seconds:
        return None
    try:
        return Cradle(kept.name, index, kept.seconds)
    except OSError as error:
        logger.warning("media ends with this server, if it is killed: %s", error.strerror or error)
        return None


async def _open_ports(
    hosts: tuple[str, ...],
    ports: tuple[int, int],
    forwarder: Forwarder,
    proxies: tuple[str, ...],
    limits: Limits,
    *,
    shared: bool,
) -> tuple[MediaPort, TcpPort]:
    """UDP and TCP on one number, unless another is given for TCP; with port 0 one that is free for both is looked for."""
    for attempt in range(20):
        udp = MediaPort(hosts, ports[0], forwarder.entrance.on_check, forwarder.helped)
        tcp = TcpPort(forwarder.entrance.on_check, forwarder.entrance.pass_on, proxies, limits)
        udp.start()
        try:
            await tcp.start(local_addresses(hosts), ports[1] or udp.port, shared=shared)
        except OSError:
            udp.close()
            if any(ports) or attempt == 19:
                raise
        else:
            forwarder.ports = udp, tcp
            return udp, tcp
    raise AssertionError("unreachable")


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(
        prog="python -m live.worker", description="Plenum's media worker; started by the server."
    )
    parser.add_argument("--control", type=int, required=True, metavar="FD", help="file descriptor of the control connection")
    parser.add_argument("--index", type=int, default=0, help="which worker this is")
    parser.add_argument("--life", type=int, default=1, help="which of its processes")
    parser.add_argument("--links", default="", help="the name by which workers find each other")
    parser.add_argument("--hosts", default="", help="addresses to announce, comma-separated")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tcp-port", type=int, default=0, help="that all workers share; 0: as for UDP, it is the first")
    parser.add_argument("--transports", default="udp,tcp", help="whose candidates are announced")
    parser.add_argument("--node", default="", help="this node's name, for a proxy in front of several")
    parser.add_argument("--public-tcp-port", type=int, default=0, help="that is announced; 0: the real one")
    parser.add_argument("--proxies", default="", help="networks that say whom they speak for, comma-separated")
    parser.add_argument("--limits", default="{}", help="JSON: those of `limits.Limits` that are not as they are there")
    parser.add_argument("--kept", default="{}", help="JSON: how it is kept for another server, `wire.Kept`")
    parser.add_argument("--pure", action="store_true", help="without the compiled helper, even if it has been built")
    options = parser.parse_args()
    logs.configure(worker=options.index)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group; the server decides
    hosts, proxies = (tuple(filter(None, map(str.strip, text.split(",")))) for text in (options.hosts, options.proxies))
    transports = frozenset(name for name in get_args(Transport) if name in options.transports.split(","))
    limits = Limits(**json.loads(options.limits))
    helper = None if options.pure else native.load()
    place = wire.Place(options.index, options.life, options.links, options.node)
    kept = msgspec.json.decode(options.kept, type=wire.Kept)
    ports, outside = (options.port, options.tcp_port), (options.public_tcp_port, proxies, kept)
    work = run(options.control, place, hosts, ports, transports, limits, helper, *outside)
    leftovers.freeze()
    try:
        _run(work)
    except OSError as error:
        logger.error("the media worker cannot listen on port %s: %s", options.port, error.strerror or error)
        sys.exit(1)


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
