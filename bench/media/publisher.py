"""The publisher: 300 H.264-like packets of 1,100 octets and 50 Opus packets a second, evenly or picture by picture, with the
header extensions that were agreed on.

Each payload ends with the packet's number, and the moment at which it was sent stands in a table that the viewers share.
"""

from __future__ import annotations

import asyncio
import mmap
import struct
import threading
import time
from pathlib import Path
from typing import Final

from aiortc import RTCCertificate

from bench.media.client import Client, Wire
from bench.media.sdp import AUDIO, AUDIO_LEVEL, KINDS, MID, TRANSPORT_CC, VIDEO, Remote, ssrc
from live import rtcp
from live.rtp import HEADER, HEADER_LENGTH, pack_extensions

RATES: Final = (300, 50)  # packets a second, by stream
PER_FRAME: Final = 10  # packets
WITHIN: Final = 0.00025  # seconds between the packets of a picture, where they are not sent evenly
LENGTH: Final = 1100  # octets of a video packet before SRTP
AUDIO_PAYLOAD: Final = 120
CLOCKS: Final = (90_000, 48_000)
FIRST: Final = 1000  # the first packet's number, and sequence number
EPOCH: Final = 2_208_988_800  # seconds from 1900 to 1970
_KEY: Final = b"\x78\x00\x08\x67\x42\xe0\x1f\x8c\x68\x05\x00\x00\x04\x68\xce\x3c\x80"  # STAP-A: SPS, PPS
_FU_A: Final = 0x7C


class Stamps:
    """When each packet was sent: a file of 64-bit numbers. The first two are the next packets' numbers, then come the
    moments (nanoseconds since 1970), by stream and the number's last 16 bits."""

    TABLE: Final = 2  # where the moments begin, in numbers

    def __init__(self, path: Path) -> None:
        with path.open("a+b") as file:
            file.truncate(8 * (self.TABLE + (len(RATES) << 16)))
            self.map = mmap.mmap(file.fileno(), 0)
        self._numbers = memoryview(self.map).cast("Q")

    def set_next(self, stream: int, number: int) -> None:
        self._numbers[stream] = number

    def next(self, stream: int) -> int:
        return self._numbers[stream]

    def note(self, stream: int, number: int) -> None:
        self._numbers[self.TABLE + (stream << 16 | number & 0xFFFF)] = time.time_ns()


class Stream:
    """One stream of the publisher's: makes its packets."""

    def __init__(self, which: int, remote: Remote) -> None:
        self.which, self.number = which, FIRST
        self.payload_type = remote.payload_types[which]
        self._agreed = remote.extensions.get(which, {})
        self.wants_key = True
        self.octets = 0

    def timestamp(self) -> int:
        if self.which == AUDIO:
            return self.number * (CLOCKS[AUDIO] // RATES[AUDIO]) & 0xFFFFFFFF
        return self.number // PER_FRAME * (CLOCKS[VIDEO] * PER_FRAME // RATES[VIDEO]) & 0xFFFFFFFF

    def packet(self, transport_sequence: int) -> bytes:
        """The next one, not yet protected."""
        extensions = self._extensions(transport_sequence)
        position = self.number % PER_FRAME
        marker = 0x80 if self.which == VIDEO and position == PER_FRAME - 1 else 0
        sequence = self.number & 0xFFFF
        flags = 0x90 if extensions else 0x80
        head = HEADER.pack(flags, marker | self.payload_type, sequence, self.timestamp(), ssrc(self.which))
        payload = self._payload(position, LENGTH - HEADER_LENGTH - len(extensions))
        self.number += 1
        self.octets += len(payload)
        return head + extensions + payload

    def _extensions(self, transport_sequence: int) -> bytes:
        values = {
            MID: str(self.which).encode(),
            TRANSPORT_CC: struct.pack("!H", transport_sequence & 0xFFFF),
            AUDIO_LEVEL: bytes((0x80 | 30,)),
        }
        return pack_extensions(tuple((number, values[uri]) for uri, number in self._agreed.items() if uri in values))

    def _payload(self, position: int, length: int) -> bytes:
        tail = struct.pack("!I", self.number)
        if self.which == AUDIO:
            return b"\x78" + b"s" * (AUDIO_PAYLOAD - 5) + tail
        if position == 0 and self.wants_key:
            self.wants_key = False
            rest = length - len(_KEY) - 2
            return _KEY + struct.pack("!H", rest) + b"\x65" + b"i" * (rest - 5) + tail
        first, last = position == 0, position == PER_FRAME - 1
        return bytes((_FU_A, first << 7 | last << 6 | 1)) + b"p" * (length - 6) + tail


class Publisher:
    """`connect`, and then `start` and `stop` as often as wanted; each start begins with a key frame."""

    def __init__(self, address: str, certificate: RTCCertificate, stamps: Stamps) -> None:
        self._wire = Wire()
        self.client = Client(self._wire, address, certificate)
        self._stamps = stamps
        self._streams: list[Stream] = []
        self._sent = 0
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        asyncio.get_running_loop().add_reader(self._wire.socket, self._read)

    async def connect(self, remote: Remote) -> None:
        self._streams = [Stream(which, remote) for which in range(len(KINDS))]
        for stream in self._streams:
            self._stamps.set_next(stream.which, stream.number)
        await self.client.connect(remote)

    def start(self, *, in_pictures: bool = False) -> None:
        """`in_pictures`: a picture's packets leave one after the other, as browsers send them, and not evenly."""
        self._stopping.clear()
        video = self._streams[VIDEO]
        video.number += -video.number % PER_FRAME  # a picture is whole
        video.wants_key = True
        self._thread = threading.Thread(target=self._run, args=(in_pictures,))
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        self.stop()
        asyncio.get_running_loop().remove_reader(self._wire.socket)

    def _run(self, in_pictures: bool) -> None:
        """The thread: it alone protects, since an SRTP session has one buffer for everything."""
        due = [time.monotonic()] * len(self._streams)
        while not self._stopping.is_set():
            which = due.index(min(due))
            if (pause := due[which] - time.monotonic()) > 0:
                time.sleep(pause)
            self._send(self._streams[which])
            if in_pictures and which == VIDEO:
                is_last = self._streams[VIDEO].number % PER_FRAME == 0
                due[which] += PER_FRAME / RATES[VIDEO] - (PER_FRAME - 1) * WITHIN if is_last else WITHIN
            else:
                due[which] += 1 / RATES[which]

    def _report(self, stream: Stream) -> None:
        ntp = int((time.time() + EPOCH) * (1 << 32))
        report = rtcp.SenderReport(ssrc(stream.which), ntp, stream.timestamp(), stream.number - FIRST, stream.octets)
        self.client.send_rtcp(report, rtcp.SourceDescription(((ssrc(stream.which), b"bench"),)))

    def _send(self, stream: Stream) -> None:
        number = stream.number
        if number % RATES[stream.which] == 0:
            self._report(stream)
        packet = self.client.tx.protect(stream.packet(self._sent))
        self._sent += 1
        self._stamps.note(stream.which, number)
        self.client.send(packet)
        self._stamps.set_next(stream.which, number + 1)

    def _read(self) -> None:
        while True:
            try:
                data = self._wire.socket.recv(2048)
            except BlockingIOError:
                return
            if data and data[0] < 64:
                self.client.receive(data)
            elif data and self.client.rx is not None:
                self._heed(data)

    def _heed(self, data: bytes) -> None:
        for packet in rtcp.parse(self.client.rx.unprotect_rtcp(data)):
            if isinstance(packet, rtcp.PictureLoss | rtcp.FullIntra):
                self._streams[VIDEO].wants_key = True
