"""Real H.264 and Opus, packetised as a browser does, and a simulated tap: what the recordings' tests are fed with."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Literal, NamedTuple

import av
import numpy
from aiortc.codecs.h264 import H264Encoder
from numpy.typing import NDArray

from live import rtcp, rtp
from live.control import TapFormat
from recordings import cmaf
from recordings.reception import Reception, Result

TAP = TapFormat("H264", 102, 90_000, "opus", 111, 48_000, 2)
SOURCE = ("127.0.0.1", 40_000)
FPS = 30
Kind = Literal["video", "audio"]


class Datagram(NamedTuple):
    """`at` is when it is sent, in seconds."""

    at: float
    kind: Kind
    data: bytes


@functools.cache
def pictures(width: int, height: int, count: int, gop: int = 30) -> tuple[bytes, ...]:
    """Access units with start codes; no two pictures are alike. Parameter sets come with every key frame."""
    codec = av.CodecContext.create("libx264", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.options = {"tune": "zerolatency", "preset": "ultrafast", "profile": "baseline", "g": str(gop), "threads": "1"}
    units = []
    for number in range(count):
        picture = numpy.full((height, width, 3), 40, numpy.uint8)
        picture[:, number * 4 % width :][:, :24] = (255, number % 200, 90)
        picture[number * 2 % height :][:8] = (number * 7 % 255, 255, 20)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        units += [bytes(packet) for packet in codec.encode(frame)]
    return (*units, *(bytes(packet) for packet in codec.encode(None)))


@functools.cache
def sounds(count: int) -> tuple[bytes, ...]:
    """Opus packets of 20 ms: a tone."""
    codec = av.CodecContext.create("libopus", "w")
    assert isinstance(codec, av.AudioCodecContext)
    codec.sample_rate, codec.layout, codec.format = 48_000, "stereo", "s16"
    packets = []
    for number in range(count):
        time = numpy.arange(960) + number * 960
        tone = (9000 * numpy.sin(time * 2 * numpy.pi * 440 / 48_000)).astype(numpy.int16)
        frame = av.AudioFrame.from_ndarray(numpy.repeat(tone, 2).reshape(1, -1), format="s16", layout="stereo")
        frame.sample_rate, frame.pts = 48_000, number * 960
        packets += [bytes(packet) for packet in codec.encode(frame)]
    return tuple(packets)


@dataclass
class Stream:
    """One RTP stream's state: numbers go on from call to call."""

    kind: Kind
    ssrc: int
    sequence: int = 100
    timestamp: int = 5000

    def send(self, at: float, payloads: Iterable[bytes], ticks: int) -> list[Datagram]:
        """One frame's packets at `at`; the timestamp then moves on by `ticks`."""
        payload_type = TAP.video_payload_type if self.kind == "video" else TAP.audio_payload_type
        found = list(payloads)
        packets = []
        for number, payload in enumerate(found):
            is_last = number == len(found) - 1
            packet = rtp.RtpPacket(payload_type, self.sequence, self.timestamp, self.ssrc, payload, marker=is_last)
            packets.append(Datagram(at, self.kind, bytes(packet)))
            self.sequence = (self.sequence + 1) & 0xFFFF
        self.timestamp = (self.timestamp + ticks) & 0xFFFFFFFF
        return packets

    def report(self, at: float, ntp: float, timestamp: int) -> Datagram:
        """A sender report."""
        packet = rtcp.SenderReport(self.ssrc, round(ntp * 2**32), timestamp, 1, 1)
        return Datagram(at, self.kind, bytes(packet))


def payloads(unit: bytes) -> list[bytes]:
    """RFC 6184 payloads of an access unit, STAP-A and FU-A where they fit."""
    return H264Encoder._packetize(H264Encoder._split_bitstream(unit))


def video(stream: Stream, units: Iterable[bytes], start: float = 0.0) -> list[Datagram]:
    return [
        datagram
        for number, unit in enumerate(units)
        for datagram in stream.send(start + number / FPS, payloads(unit), 90_000 // FPS)
    ]


def audio(stream: Stream, packets: Iterable[bytes], start: float = 0.0) -> list[Datagram]:
    return [datagram for number, data in enumerate(packets) for datagram in stream.send(start + number * 0.02, [data], 960)]


def programme(seconds: float, width: int = 320, height: int = 180) -> list[Datagram]:
    """Picture and sound from 0 on, in order of sending."""
    picture = video(Stream("video", 11), pictures(width, height, round(seconds * FPS)))
    return in_time(picture, audio(Stream("audio", 22), sounds(round(seconds * 50))))


def in_time(*streams: list[Datagram]) -> list[Datagram]:
    return sorted((datagram for stream in streams for datagram in stream), key=lambda datagram: datagram.at)


def jitter(datagrams: list[Datagram], random_: random.Random, seconds: float) -> list[Datagram]:
    """Delays each packet by up to `seconds`, so that some overtake others."""
    return in_time([d._replace(at=d.at + random_.uniform(0, seconds)) for d in datagrams])


@dataclass
class Tap:
    """A media engine's tap in real time: a programme that never ends, to a recorder's two ports. `stop` ends it."""

    video_port: int
    audio_port: int
    asked: int = 0  # key frames, by RTCP
    sent: float = 0.0  # seconds of it that have been sent

    async def __aenter__(self) -> Tap:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(("127.0.0.1", 0))
        self._task = asyncio.create_task(self._send())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close()

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        streams = Stream("video", 11), Stream("audio", 22)
        for second in itertools.count():
            at = float(second)
            sent = in_time(video(streams[0], pictures(320, 180, 30), at), audio(streams[1], sounds(50), at))
            for datagram in sent:
                await asyncio.sleep(max(0.0, started + datagram.at - loop.time()))
                self._socket.sendto(datagram.data, ("127.0.0.1", self._port(datagram.kind)))
                self.sent = datagram.at
                self._listen()

    def _port(self, kind: Kind) -> int:
        return self.video_port if kind == "video" else self.audio_port

    def _listen(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while data := self._socket.recv(2048):
                self.asked += rtcp.PictureLoss(1, 11) in rtcp.parse(data)


@dataclass
class Simulation:
    """A recorder without a process, sockets or waiting: datagrams come at their own times."""

    path: Path
    tap: TapFormat = TAP
    now: float = 0.0
    asked: list[float] = field(default_factory=list)  # when key frames were asked for

    def __post_init__(self) -> None:
        self.recording = cmaf.Recording(self.path, cmaf.slates())
        self.reception = Reception(self.recording, 0.0)
        self.reception.retap(self.tap)

    def play(self, datagrams: Iterable[Datagram], source: tuple[str, int] = SOURCE) -> None:
        for at, kind, data in datagrams:
            self.wait(at)
            self.reception.receive(kind, data, source, max(at, self.now))

    def wait(self, until: float) -> None:
        """Ticks until then."""
        while self.now + 0.1 <= until:
            self.now += 0.1
            self.reception.tick(self.now)
            if self.reception.key_frame_request(self.now):
                self.asked.append(self.now)

    def finish(self, at: float) -> Result:
        self.wait(at)
        self.reception.end(at)
        self.recording.flush()
        duration = self.recording.finish()
        self.recording.close()
        return self.reception.result(duration)

    def kill(self) -> None:
        """What SIGKILL leaves: the file as it is."""
        self.recording.close()


def pixels(frame: av.VideoFrame) -> NDArray[numpy.uint8]:
    return numpy.asarray(frame.to_ndarray(format="yuv420p"), numpy.uint8)


def decoded(path: Path) -> list[tuple[float, NDArray[numpy.uint8]]]:
    """Every picture of the file with its time. Raises on the first error in the bitstream."""
    with av.open(str(path), options={"err_detect": "explode"}) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = {"err_detect": "explode"}
        return [(float(frame.time or 0), pixels(frame)) for frame in container.decode(stream)]


def heard(path: Path) -> NDArray[numpy.float32]:
    """All sound of the file, one channel, at 48 kHz."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    return numpy.concatenate(frames).astype(numpy.float32) if frames else numpy.zeros(0, numpy.float32)


def reference(units: Iterable[bytes]) -> list[NDArray[numpy.uint8]]:
    """What a decoder makes of the units as they were sent."""
    codec = av.CodecContext.create("h264", "r")
    assert isinstance(codec, av.VideoCodecContext)
    frames = [frame for unit in units for frame in codec.decode(av.Packet(unit))] + codec.decode(None)
    return [pixels(frame) for frame in frames]
