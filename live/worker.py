"""A media worker: `python -m live.worker --control FD`. One process, one UDP and one TCP port, any number of rooms.

It obeys the process at the other end of the control connection, and ends when that connection does: no orphans.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import socket
from typing import Final

import msgspec

from live import wire
from live.control import EngineUp, MediaRefused, Notification
from live.forwarder import Forwarder
from live.ice import candidates
from live.limits import Limits
from live.port import MediaPort, announced

MAX_UNREAD: Final = 8 << 20  # octets: a control process that reads no more has hung; the worker ends

logger = logging.getLogger("plenum.live")


class Control:
    """The worker's end of the control connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def tell(self, notification: Notification) -> None:
        self._write(wire.Notice(notification))

    async def serve(self, forwarder: Forwarder) -> None:
        """Carries out requests in order until the connection ends."""
        decoder = msgspec.json.Decoder(wire.Request)
        while body := await wire.read_frame(self._reader):
            request = decoder.decode(body)
            self._write(_carry_out(forwarder, request))

    def _write(self, reply: wire.Reply) -> None:
        if self._writer.transport.get_write_buffer_size() > MAX_UNREAD:
            self._writer.transport.abort()
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
        case wire.Admit(room, label, offer, uses, may_send, may_receive):
            return forwarder.admit(room, label, offer, uses, may_send=may_send, may_receive=may_receive)
        case wire.TapRoom(room, tap_id, host, video_port, audio_port):
            return forwarder.tap(room, tap_id, host, video_port, audio_port)
        case wire.Statistics():
            return forwarder.statistics()
        case wire.Remove(room, peer_id):
            forwarder.remove(room, peer_id)
        case wire.RemoveLabel(room, label, senders_only):
            forwarder.remove_label(room, label, senders_only=senders_only)
        case wire.RemoveReceivers(room):
            forwarder.remove_receivers(room)
        case wire.Untap(room, tap_id):
            forwarder.untap(room, tap_id)
    return None


async def run(control_fd: int, hosts: tuple[str, ...], port: int, limits: Limits) -> None:
    """Serves until the control connection ends."""
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=control_fd))
    control = Control(reader, writer)
    forwarder = Forwarder(control.tell, limits)
    hosts = announced(hosts)
    media = MediaPort(hosts, port, forwarder.on_check)
    forwarder.candidates = candidates(hosts, media.port, 0)
    media.start()
    forwarder.start()
    control.tell(EngineUp(media.port, 0))
    try:
        await control.serve(forwarder)
    finally:
        await forwarder.stop()
        media.close()
        writer.close()


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(
        prog="python -m live.worker", description="Plenum's media worker; started by the server."
    )
    parser.add_argument("--control", type=int, required=True, metavar="FD", help="file descriptor of the control connection")
    parser.add_argument("--hosts", default="", help="addresses to announce, comma-separated")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--idle", type=float, default=Limits().idle)
    parser.add_argument("--setup", type=float, default=Limits().setup)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal reaches the whole group; the server decides
    hosts = tuple(host.strip() for host in options.hosts.split(",") if host.strip())
    work = run(options.control, hosts, options.port, Limits(idle=options.idle, setup=options.setup))
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
