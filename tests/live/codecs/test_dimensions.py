"""How high pictures are, read from key frames that real encoders made."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.codecs.dimensions import picture_height

SIZES = [(320, 180), (640, 360), (480, 270), (1280, 720), (176, 144), (322, 242)]


def encoded(encoder: str, width: int, height: int, **options: str) -> bytes:
    """The first picture's bytes."""
    codec: Any = av.CodecContext.create(encoder, "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.options = Fraction(1, 30), options
    frame = av.VideoFrame(width, height, "yuv420p")
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("profile", ["baseline", "main"])
def test_h264_parameter_sets_tell_the_height(width: int, height: int, profile: str) -> None:
    stream = encoded("libx264", width, height, profile=profile, preset="ultrafast")
    units = [unit for unit in stream.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit]
    alone = next(unit for unit in units if unit[0] & 31 == 7)
    together = b"\x78" + b"".join(len(unit).to_bytes(2, "big") + unit for unit in (b"\x09\x10", alone, b"\x68\xce"))
    assert picture_height("H264", alone) == picture_height("H264", together) == height


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_vp8_key_frames_tell_the_height(width: int, height: int) -> None:
    frame = encoded("libvpx", width, height, deadline="realtime")
    assert picture_height("VP8", b"\x90\x80\x85\x01" + frame) == height


def test_of_other_codecs_and_other_packets_nothing_is_known() -> None:
    assert picture_height("AV1", b"\x18\x08\x00") == picture_height("VP8", b"\x90\x80\x05\x11") == 0
    assert picture_height("H264", b"\x61\x9a") == 0


@given(
    st.sampled_from(["H264", "VP8", "VP9", "opus"]),
    st.binary(max_size=80),
    st.sampled_from([b"", b"\x67", b"\x78\0\x20\x67"]),
)
def test_no_bytes_whatever_raise(codec: str, payload: bytes, head: bytes) -> None:
    assert picture_height(codec, head + payload) >= 0
