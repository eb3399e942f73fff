"""The programme as plain RTP and RTCP on the loopback, as the recorder gets it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from itertools import pairwise
from typing import Any

import pytest

from live import rtcp, rtp
from live.codecs import starts_key_frame
from live.control import MediaRefused
from live.engine import EmbeddedEngine
from live.tap import choose_codec
from tests.live.clients import all_closed, publish


class Port:
    """A loopback port of the recorder's: RTP and RTCP that came, and from where."""

    def __init__(self) -> None:
        self.packets: list[rtp.RtpPacket] = []
        self.reports: list[rtcp.RtcpPacket] = []
        self.source: Any = None
        self._changed = asyncio.Event()
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)
        self.number: int = self.socket.getsockname()[1]
        asyncio.get_running_loop().add_reader(self.socket, self._read)

    def _read(self) -> None:
        data, self.source = self.socket.recvfrom(2048)
        if 192 <= data[1] <= 223:
            self.reports += rtcp.parse(data)
        else:
            self.packets.append(rtp.parse(data))
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self.socket)
        self.socket.close()

    @property
    def sender_reports(self) -> list[rtcp.SenderReport]:
        return [report for report in self.reports if isinstance(report, rtcp.SenderReport)]

    @property
    def key_frames(self) -> int:
        return sum(starts_key_frame("H264", packet.payload) for packet in self.packets)


@pytest.fixture
async def ports() -> AsyncIterator[tuple[Port, Port]]:
    video, audio = Port(), Port()
    yield video, audio
    video.close()
    audio.close()


async def test_a_tap_gets_the_programme_in_the_clear(engine: EmbeddedEngine, ports: tuple[Port, Port]) -> None:
    video, audio = ports
    found = await engine.tap("room", "rec", "127.0.0.1", video.number, audio.number)
    assert (found.video, found.video_clock, found.audio, found.audio_clock) == ("H264", 90_000, "opus", 48_000)
    publisher = await publish(engine, "room", "anna")
    async with all_closed(publisher):
        await video.until(lambda: len(video.packets) >= 20)
        await audio.until(lambda: len(audio.packets) >= 20)
        assert starts_key_frame("H264", video.packets[0].payload)
        for port, payload_type in ((video, found.video_payload_type), (audio, found.audio_payload_type)):
            assert {packet.payload_type for packet in port.packets} == {payload_type}
            assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(port.packets)} == {1}
            assert len({packet.ssrc for packet in port.packets}) == 1


async def test_sender_reports_tie_sound_and_picture_to_one_clock(engine: EmbeddedEngine, ports: tuple[Port, Port]) -> None:
    video, audio = ports
    await engine.tap("room", "rec", "127.0.0.1", video.number, audio.number)
    publisher = await publish(engine, "room", "anna")
    async with all_closed(publisher):
        await video.until(lambda: video.sender_reports)
        await audio.until(lambda: audio.sender_reports)
        reports = video.sender_reports[0], audio.sender_reports[0]
        assert abs(reports[0].ntp - reports[1].ntp) < 5 << 32
        assert reports[0].ssrc == video.packets[0].ssrc and reports[1].ssrc == audio.packets[0].ssrc


async def test_a_pli_from_the_recorder_brings_a_key_frame(engine: EmbeddedEngine, ports: tuple[Port, Port]) -> None:
    video, audio = ports
    publisher = await publish(engine, "room", "anna")
    await engine.tap("room", "rec", "127.0.0.1", video.number, audio.number)
    async with all_closed(publisher):
        await video.until(lambda: video.key_frames)
        before = video.key_frames
        video.socket.sendto(b"nonsense", video.source)
        video.socket.sendto(bytes(rtcp.PictureLoss(1, video.packets[0].ssrc)), video.source)
        await video.until(lambda: video.key_frames > before)


def test_a_taps_codec_is_the_programmes_else_what_everybody_can_decode_else_the_first() -> None:
    both = ("H264", "VP8")
    assert choose_codec(both, ("VP8", "H264")) == "VP8"
    assert choose_codec(both, ("AV1", "H264")) == "H264"  # which a recording cannot be made of
    assert choose_codec(both, ()) == "H264"
    assert choose_codec(("VP8",), ("H264",)) == "VP8"  # a file that is gone on with
    for unknown in ((), ("opus",), ("H265",)):
        with pytest.raises(MediaRefused):
            choose_codec(unknown, ("H264",))


async def test_an_ended_tap_gets_nothing_more(engine: EmbeddedEngine, ports: tuple[Port, Port]) -> None:
    video, audio = ports
    await engine.tap("room", "rec", "127.0.0.1", video.number, audio.number)
    await engine.untap("room", "rec")
    await engine.untap("room", "rec")
    assert (await engine.statistics())[0].rooms == {}


async def test_a_recorder_that_is_not_there_disturbs_nobody(engine: EmbeddedEngine) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        number = unused.getsockname()[1]
    await engine.tap("room", "rec", "127.0.0.1", number, number)
    publisher = await publish(engine, "room", "anna")
    async with all_closed(publisher):
        (found,) = await engine.statistics()
        assert found.peers == 1
