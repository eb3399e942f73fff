"""Snapshots: encoded once for all who see the same, and bounded in bytes."""

from __future__ import annotations

from server.outbox import Frame
from server.snapshots import Snapshots


class Encoder:
    """Encodes something of a known size and counts how often."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.times = 0

    def __call__(self) -> Frame:
        self.times += 1
        return Frame(b"x" * self.size)


def bytes_of(size: int) -> int:
    frame = Frame(b"x" * size)
    return len(frame.text) + len(frame.wire)


def test_the_same_is_encoded_once() -> None:
    snapshots, encode = Snapshots(), Encoder(100)
    first = snapshots.get("session/s1", "hall", 7, encode)
    assert snapshots.get("session/s1", "hall", 7, encode) is first
    assert encode.times == 1


def test_another_audience_or_number_is_another_snapshot() -> None:
    snapshots, encode = Snapshots(), Encoder(100)
    for audience, seq in (("hall", 7), ("staff", 7), ("hall", 8), ("hall", 7)):
        snapshots.get("session/s1", audience, seq, encode)
    assert encode.times == 4


def test_only_the_newest_number_is_kept() -> None:
    snapshots, encode = Snapshots(), Encoder(100)
    for seq in range(50):
        snapshots.get("session/s1", "hall", seq, encode)
    assert (len(snapshots), snapshots.size) == (1, bytes_of(100))


def test_many_personal_ones_stay_within_the_bytes() -> None:
    most = 10 * bytes_of(1000)
    snapshots, encode = Snapshots(most), Encoder(1000)
    for number in range(300):
        snapshots.get("session/s1", f"hall:person{number}", 7, encode)
        assert snapshots.size <= most
    assert len(snapshots) == 10


def test_what_everybody_asks_for_stays() -> None:
    snapshots, hall, own = Snapshots(3 * bytes_of(1000)), Encoder(1000), Encoder(1000)
    for number in range(50):
        snapshots.get("session/s1", "hall", 7, hall)
        snapshots.get("session/s1", f"hall:person{number}", 7, own)
    assert hall.times == 1


def test_one_that_is_too_large_is_handed_out_and_not_kept() -> None:
    snapshots, encode = Snapshots(1000), Encoder(5000)
    snapshots.get("session/s1", "hall", 7, Encoder(10))
    assert len(snapshots.get("session/s1", "staff", 7, encode).text) == 5000
    assert (len(snapshots), snapshots.size) == (1, bytes_of(10))
