"""When sockets are read: at once, and at intervals while much comes."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from live import reading as module
from live.inbox import BATCH
from live.port import Endpoint
from live.reading import LITTLE, MUCH, PAUSE, SPAN, Pace, Reading, _drain, until_next
from tests.live.conftest import until


def awake(every: float, count: int) -> Pace:
    """After wake-ups at that distance."""
    pace = Pace()
    for index in range(count):
        pace.woke(1, 10.0 + index * every)
    return pace


def test_a_few_packets_are_read_as_they_come() -> None:
    assert not awake(SPAN / (MUCH - 5), 1000).is_steady


def test_many_are_read_at_intervals() -> None:
    assert awake(SPAN / (2 * MUCH), MUCH).is_steady


def test_many_at_once_are_many() -> None:
    pace = Pace()
    pace.woke(MUCH, 10.0)
    assert pace.is_steady


def test_intervals_go_on_while_something_comes_and_end_when_nothing_does() -> None:
    pace = awake(0.0, MUCH)
    now = 10.0
    for _ in range(1000):
        now += PAUSE
        pace.took(1 if now % 0.1 < 0.06 else 0, now)
        assert pace.is_steady
    for _ in range(round(2 * SPAN / PAUSE) + 2):
        now += PAUSE
        pace.took(0, now)
    assert not pace.is_steady


def test_a_trickle_is_no_reason_for_intervals() -> None:
    pace = awake(0.0, MUCH)
    for index in range(50):
        pace.took(1 if index % 3 == 0 else 0, 10.0 + index * PAUSE)
    assert LITTLE > SPAN / PAUSE / 3 and not pace.is_steady


def test_what_is_done_every_five_and_every_ten_milliseconds_is_done_in_the_same_wake_ups() -> None:
    assert [round(1000 * until_next(0.005, now)) for now in (7.0, 7.001, 7.0041, 7.0048)] == [5, 4, 1, 5]
    for milliseconds in range(1000, 1020):
        now = milliseconds / 1000
        fine, coarse = now + until_next(0.005, now), now + until_next(0.01, now)
        assert now < fine < now + 0.0051 and now < coarse < now + 0.0101
        assert round(1000 * fine) % 5 == round(1000 * coarse) % 10 == 0


class Port:
    """A socket that is read, and one to send from."""

    def __init__(self) -> None:
        self.seen: list[bytes] = []
        self.theirs, self.ours = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self.ours.bind(("127.0.0.1", 0))
        self.ours.setblocking(False)
        self.endpoint = Endpoint("udp", self.ours.sendto, self._check, self.ours.fileno())
        self.reading = Reading([(self.ours, self.endpoint)])
        self.fails = False

    def _check(self, endpoint: Endpoint, data: bytes, address: Any) -> None:
        self.seen.append(data)
        if self.fails:
            raise RuntimeError("a bug")

    async def has_seen(self, count: int) -> None:
        await until(lambda: len(self.seen) == count)

    def send(self, data: bytes) -> None:
        self.theirs.sendto(b"\x01" + data, self.ours.getsockname())

    def close(self) -> None:
        self.reading.stop()
        self.theirs.close()
        self.ours.close()


async def test_nothing_is_missed_while_the_pace_changes() -> None:
    port = Port()
    port.reading.start()
    for index in range(20 * MUCH):
        port.send(str(index).encode())
        await asyncio.sleep(0)
        if index % 50 == 49:
            await port.has_seen(index + 1)
    await until(lambda: not port.reading._pace.is_steady)
    port.send(b"last")
    await port.has_seen(20 * MUCH + 1)
    assert port.seen == [b"\x01%d" % index for index in range(20 * MUCH)] + [b"\x01last"]
    port.close()


def test_a_reading_ends_when_all_is_read_or_when_it_takes_too_long() -> None:
    left = [BATCH, BATCH, 3]
    assert _drain(lambda now: left.pop(0), time.monotonic() + 60) == (2 * BATCH + 3, True)
    assert _drain(lambda now: BATCH, time.monotonic()) == (BATCH, False)


async def test_what_was_left_is_read_without_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    port = Port()
    for index in range(2 * BATCH):
        port.send(str(index).encode())
    loop = asyncio.get_running_loop()
    port.reading._pace.woke(MUCH, time.monotonic())
    monkeypatch.setattr(module, "SPELL", -1.0)  # there is time for nothing but one batch
    port.reading._tick()
    assert len(port.seen) == BATCH
    assert port.reading._timer is not None and port.reading._timer.when() <= loop.time()
    await port.has_seen(2 * BATCH)
    port.close()


async def test_a_bug_in_one_datagram_does_not_end_the_reading() -> None:
    port = Port()
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for _ in range(MUCH):
        port.reading._pace.woke(1, 0.0)
    port.fails = True
    port.reading._pause()
    for index in range(3):
        port.send(b"")
        await port.has_seen(index + 1)
    port.close()


async def test_it_can_be_stopped_at_either_pace() -> None:
    for steady in (False, True):
        port = Port()
        port.reading.start()
        if steady:
            port.reading._ignore()
            port.reading._pause()
        port.close()
        await asyncio.sleep(2 * PAUSE)
        assert port.seen == []
