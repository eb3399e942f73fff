"""What workers say to each other: read as it was written, and harmless when cut off."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.media import Media
from live.relay_wire import (
    BoardState,
    Follow,
    KeyFrame,
    Lacking,
    LayerState,
    Message,
    Packet,
    SourceState,
    Subscribe,
    Unfollow,
    Unsubscribe,
    frames,
    media_frame,
    message_frame,
)

MESSAGES: tuple[Message, ...] = (
    Follow("plenum"),
    Unfollow("plenum"),
    Subscribe(7),
    Unsubscribe(7),
    KeyFrame(7),
    Lacking("plenum", ("H264",), hold=True),
    BoardState(
        "plenum",
        1.5,
        "anna",
        (SourceState(1, "anna", "camera", "VP8", (LayerState(2, "q", 180, 150e3, (1.7e9, 4_000_000_000)),)),),
        {"programme": 1},
    ),
)
MEDIA = st.builds(
    Media,
    sequence=st.integers(0, 2**48),
    timestamp=st.integers(0, 2**32 - 1),
    marker=st.sampled_from([0, 0x80]),
    payload=st.binary(max_size=1500),
    is_red=st.booleans(),
    ids=st.none(),
    level=st.integers(-1, 255),
    dependency=st.binary(max_size=255),
)
FRAMES = st.one_of(
    st.sampled_from(MESSAGES).map(lambda message: (message, message_frame(message))),
    st.builds(
        lambda stream, media, late: (Packet(stream, media, late), media_frame(stream, media, late=late)),
        st.integers(0, 2**32 - 1),
        MEDIA,
        st.booleans(),
    ),
)


@given(st.lists(FRAMES, max_size=6))
def test_a_datagram_is_read_as_it_was_written(written: list[tuple[Message | Packet, bytes]]) -> None:
    assert list(frames(b"".join(frame for _, frame in written))) == [meant for meant, _ in written]


@given(st.lists(FRAMES, min_size=1, max_size=4), st.data())
def test_a_datagram_that_is_cut_off_yields_what_is_whole(
    written: list[tuple[Message | Packet, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(frame for _, frame in written)
    read = []
    with contextlib.suppress(ValueError):
        for each in frames(whole[: data.draw(st.integers(0, len(whole) - 1))]):
            read.append(each)
    assert read == [meant for meant, _ in written][: len(read)] and len(read) < len(written)


@given(st.binary(max_size=200))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    for prefix in (b"", b"\0\0" + bytes([len(data)]), b"\1\0" + bytes([len(data)])):
        with contextlib.suppress(ValueError):
            list(frames(prefix + data))


def test_what_is_too_long_is_not_written() -> None:
    with pytest.raises(ValueError, match="too long"):
        message_frame(Follow("r" * 70_000))
