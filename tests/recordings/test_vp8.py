"""Pictures in VP8: from packets to a file that plays, and the same file as WebM."""

from __future__ import annotations

import functools
import struct
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from recordings import boxes, cmaf
from recordings.catalogue import Catalogue, probe
from recordings.packets import Gap, Packet
from recordings.reception import Reception
from recordings.vp8 import Vp8Pictures, size_of
from tests.recordings.media import (
    FPS,
    TAP,
    Datagram,
    Simulation,
    Stream,
    audio,
    decoded,
    heard,
    in_time,
    pictures,
    sounds,
    video,
)

VP8 = replace(TAP, video="VP8")


@functools.cache
def frames(width: int, height: int, count: int) -> tuple[bytes, ...]:
    """VP8 frames, the first a key frame."""
    codec = av.CodecContext.create("libvpx", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.framerate, codec.time_base = Fraction(FPS), Fraction(1, FPS)
    codec.options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "60"}
    made = []
    for number in range(count):
        picture = numpy.full((height, width, 3), 40, numpy.uint8)
        picture[:, number * 4 % width :][:, :24] = (255, number % 200, 90)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        made += [bytes(packet) for packet in codec.encode(frame)]
    return tuple(made)


def payloads(frame: bytes, picture_id: int = 7) -> list[bytes]:
    """RFC 7741: a descriptor with a picture id before each piece, S = 1 on the first."""
    pieces = [frame[at : at + 100] for at in range(0, len(frame), 100)]
    return [struct.pack("!BBH", 0x80 | 0x10 * (not n), 0x80, 0x8000 | picture_id) + each for n, each in enumerate(pieces)]


def vp8(stream: Stream, units: Iterable[bytes], start: float = 0.0) -> list[Datagram]:
    return [
        datagram
        for number, unit in enumerate(units)
        for datagram in stream.send(start + number / FPS, payloads(unit, number), 90_000 // FPS)
    ]


def packets(units: Iterable[bytes]) -> list[Packet]:
    """Of one stream, numbered from 0."""
    made: list[Packet] = []
    for number, unit in enumerate(units):
        pieces = payloads(unit)
        made += [
            Packet(len(made) + n, number * 3000, 1, 102, n == len(pieces) - 1, piece, 0.0) for n, piece in enumerate(pieces)
        ]
    return made


def test_packets_become_the_frames_that_were_sent() -> None:
    sent = frames(320, 180, 10)
    assert len(payloads(sent[0])) > 1  # the key frame comes in pieces
    depayloader = Vp8Pictures()
    found = [picture for packet in packets(sent) for picture in depayloader.push(packet)]
    assert tuple(picture.nals[0] for picture in found) == sent
    assert [picture.is_key for picture in found] == [True] + [False] * 9
    assert size_of(sent[0]) == (320, 180) and size_of(sent[1]) is None


def test_after_a_loss_nothing_leaves_until_a_whole_key_frame() -> None:
    first, second = frames(320, 180, 5), frames(640, 360, 5)
    depayloader, found = Vp8Pictures(), []
    sent = packets([*first, *second])
    for packet in sent:
        lost = packet.timestamp == 3000 * 2  # the third picture
        for item in [Gap(1)] if lost else [packet]:
            found += list(depayloader.push(item))
    assert tuple(picture.nals[0] for picture in found) == (*first[:2], *second)
    assert depayloader.dropped == 2


@given(st.lists(st.binary(max_size=60), max_size=12))
def test_no_payload_whatever_does_harm(junk: list[bytes]) -> None:
    depayloader = Vp8Pictures()
    for number, payload in enumerate(junk):
        for picture in depayloader.push(Packet(number, number // 3 * 3000, 1, 102, number % 3 == 2, payload, 0.0)):
            assert picture.nals[0]


def test_a_room_that_is_held_to_vp8_is_recorded_with_its_pictures(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "film.mp4", VP8)
    stream = Stream("video", 11)
    sizes = [(320, 180), (640, 360), (180, 320)]
    picture = [d for n, (w, h) in enumerate(sizes) for d in vp8(stream, frames(w, h, 30), 0.2 + n)]
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(150))))
    result = simulation.finish(3.2)
    assert (result.frames, result.dropped, result.lost) == (90, 0, 0)
    shown = [pixels.shape[1] for _, pixels in decoded(simulation.path)]
    assert shown == [320] * 30 + [640] * 30 + [180] * 30
    assert abs(heard(simulation.path)).max() > 0.1
    assert Catalogue(tmp_path).recover("film") == pytest.approx(3.2, abs=0.1)
    webm = Catalogue(tmp_path).playable("film")
    assert webm.suffix == ".webm" and probe(webm) == pytest.approx(3.2, abs=0.1)
    assert len(decoded(webm)) == 90 and abs(heard(webm)).max() > 0.1


def test_who_has_no_room_for_the_webm_keeps_the_recording(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "film.mp4", VP8)
    simulation.play(vp8(Stream("video", 11), frames(320, 180, 30)))
    simulation.finish(1.0)
    (tmp_path / "film.part").mkdir()  # as unwritable as a full disk, for root too
    assert Catalogue(tmp_path).recover("film") == pytest.approx(1.0, abs=0.1)
    assert Catalogue(tmp_path).playable("film").suffix == ".mp4"


def test_a_file_keeps_its_codec_when_it_is_gone_on_with_and_the_other_one_is_left_out(tmp_path: Path) -> None:
    first = Simulation(tmp_path / "film.mp4", VP8)
    first.play(vp8(Stream("video", 11), frames(320, 180, 30)))
    first.finish(1.0)
    later = Simulation(tmp_path / "film.mp4", TAP, now=1.0)  # a tap in H.264
    assert later.recording.codec == "VP8"
    later.reception = Reception(later.recording, 1.0)
    later.reception.retap(TAP)
    later.play(in_time(video(Stream("video", 11), pictures(320, 180, 30), 1.0), audio(Stream("audio", 22), sounds(50), 1.0)))
    result = later.finish(2.0)
    assert result.frames == 0 and result.sounds > 40 and result.foreign > 20


def test_sound_alone_has_a_slate_in_the_codec_of_the_tap(tmp_path: Path) -> None:
    simulation = Simulation(tmp_path / "film.mp4", VP8)
    simulation.play(audio(Stream("audio", 22), sounds(100)))
    simulation.finish(2.0)
    assert len(decoded(simulation.path)) == 1
    with (tmp_path / "film.mp4").open("rb") as file:
        assert boxes.pictures_in(boxes.read_head(file)) == "VP8"


def test_a_head_without_pictures_has_no_codec() -> None:
    head = cmaf.head(cmaf.slate())
    assert boxes.pictures_in(head) == "H264" and boxes.with_pictures(head, b"") != head
    assert boxes.pictures_in(b"") == "" and boxes.pictures_in(head[:40]) == ""
