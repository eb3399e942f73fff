"""A tap: the programme of a room as plain RTP and RTCP to two loopback ports, for a recorder. One socket sends all;
what comes back to it is read as RTCP, and a PLI in it asks for a key frame.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from array import array
from collections.abc import Callable, Collection, Iterable
from typing import Any, Final

from live import rtcp
from live.agreement import VIDEO_CODECS, Receiving
from live.answer import PROGRAMME, SOUND
from live.codecs import CLOCK, Codec
from live.control import MediaRefused, TapFormat, TapStatistics
from live.outlet import Outlet
from live.switchboard import Reports, Switchboard

VIDEO_PAYLOAD_TYPE: Final = 96
AUDIO_PAYLOAD_TYPE: Final = 111
BUFFER: Final = 4 << 20  # a recorder that is slower for longer loses packets, nobody else does
MAX_ANSWERS: Final = 16  # packets read back per wake-up


def choose_codec(taken: Collection[str], wanted: Iterable[Codec]) -> Codec:
    """The first of the `wanted` codecs that is `taken`, else the best. Raises `MediaRefused` if none is of pictures."""
    known = [codec for codec in VIDEO_CODECS if codec in taken]
    if not known:
        raise MediaRefused("bad_offer", "no codec that a tap can have")
    return next((codec for codec in wanted if codec in known), known[0])


class _Wire:
    """A `Viewer` in plain RTP: one slot to one port."""

    def __init__(self, sock: socket.socket, address: Any) -> None:
        self.owner: object = self
        self.label = ""
        self.next_number = self.octets = 0
        self.sizes, self.times = array("h"), array("d")  # there is no transport-wide numbering
        self.sendto: Callable[[bytes, Any], object] = sock.sendto
        self.protect: Callable[[bytes], bytes] = bytes  # returns what it gets
        self.address = address
        self.dropped = 0


class Tap:
    """Raises `MediaRefused` if `host` is no loopback address: plain media must not leave the machine."""

    def __init__(self, room: Switchboard, host: str, video_port: int, audio_port: int, codec: Codec = "H264") -> None:
        try:
            loopback = ipaddress.ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not (loopback and 0 < video_port < 65536 and 0 < audio_port < 65536):
            raise MediaRefused("bad_offer", "a tap goes to two ports of a loopback address")
        self._room = room
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER)
        self._socket.bind((host, 0))
        self._codec = codec
        self._picture = _Wire(self._socket, (host, video_port))
        self._sound = _Wire(self._socket, (host, audio_port))
        self._outlets = {
            PROGRAMME: self._outlet(PROGRAMME, self._picture, {self._codec: VIDEO_PAYLOAD_TYPE}),
            SOUND: self._outlet(SOUND, self._sound, {"opus": AUDIO_PAYLOAD_TYPE}),
        }

    @property
    def format(self) -> TapFormat:
        """Of the tap's whole life: a publisher with another codec is left out of the picture."""
        return TapFormat(
            video=self._codec,
            video_payload_type=VIDEO_PAYLOAD_TYPE,
            video_clock=CLOCK[self._codec],
            audio="opus",
            audio_payload_type=AUDIO_PAYLOAD_TYPE,
            audio_clock=CLOCK["opus"],
            audio_channels=2,
        )

    def start(self, now: float) -> None:
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        for slot_name, outlet in self._outlets.items():
            self._room.join(slot_name, outlet, now)

    def _outlet(self, slot_name: str, wire: _Wire, payload_types: dict[Codec, int]) -> Outlet:
        return Outlet(wire, Receiving(slot_name, slot_name, payload_types), self._room.slots[slot_name].ssrc)

    def close(self) -> None:
        self._room.leave(self._picture)
        self._room.leave(self._sound)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def report(self, reports: Reports) -> None:
        """Sends the slots' sender reports."""
        for slot_name, wire in ((PROGRAMME, self._picture), (SOUND, self._sound)):
            if compound := reports.of(slot_name, self._outlets[slot_name]):
                try:
                    self._socket.sendto(compound, wire.address)
                except OSError:
                    wire.dropped += 1

    def _read(self) -> None:
        for _ in range(MAX_ANSWERS):
            try:
                data, address = self._socket.recvfrom(2048)
            except BlockingIOError:
                return
            except OSError:  # nobody listens on the recorder's port (yet)
                continue
            if address[:2] not in (self._picture.address, self._sound.address):
                continue
            try:
                packets = rtcp.parse(data)
            except ValueError:
                continue
            if any(isinstance(packet, (rtcp.PictureLoss, rtcp.FullIntra)) for packet in packets):
                self._room.slots[PROGRAMME].request_key_frame(self._picture, time.monotonic())

    def statistics(self) -> TapStatistics:
        return TapStatistics(self._codec, self._picture.dropped + self._sound.dropped)
