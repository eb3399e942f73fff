"""What is counted, asked for and reported of a source."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import rtcp
from live.reception import MAX_ASKED
from live.rung import ntp_timestamp
from tests.live.sources import Publisher


def nacks(publisher: Publisher) -> list[tuple[int, ...]]:
    return [packet.lost for packet in publisher.asked if isinstance(packet, rtcp.Nack)]


def test_a_gap_is_asked_for_at_once_and_again_until_it_is_filled() -> None:
    anna = Publisher("anna", sequence=65534)
    anna.send(0.0)
    lost = anna.packet(), anna.packet()
    anna.send(0.1)
    assert nacks(anna) == [(65535, 0)]
    anna.track.receive(lost[1], 0.15)
    anna.track.tick(0.25)
    assert nacks(anna)[1:] == [(65535,)]
    anna.track.receive(lost[0], 0.3)
    anna.track.tick(0.5)
    assert len(nacks(anna)) == 2
    assert anna.track.reception.lost == 0


def test_what_never_comes_is_given_up() -> None:
    anna = Publisher("anna")
    anna.send(0.0)
    anna.packet()
    anna.send(0.1)
    for n in range(20):
        anna.track.tick(0.3 + n)
    assert len(nacks(anna)) == MAX_ASKED
    assert not anna.track._missing


def test_an_outage_is_mended_by_a_key_frame() -> None:
    anna = Publisher("anna")
    anna.send(0.0)
    anna.sequence += 500
    anna.send(0.1)
    assert not nacks(anna) and anna.key_frames_asked == 1


def test_a_key_frame_serves_whoever_asked_before_it() -> None:
    anna = Publisher("anna")
    anna.send(10.0)
    anna.track.request_key_frame(10.0)
    anna.track.request_key_frame(10.1)  # waits for the window's end
    anna.send(10.2, key=True)
    anna.track.tick(10.6)
    assert anna.key_frames_asked == 1


def test_key_frames_are_asked_for_once_a_window_however_many_want_one() -> None:
    anna = Publisher("anna")
    for n in range(50):
        anna.track.request_key_frame(10.0 + n / 1000)
    assert anna.key_frames_asked == 1
    anna.track.tick(10.3)
    assert anna.key_frames_asked == 1
    anna.track.tick(10.5)
    assert anna.key_frames_asked == 2
    anna.track.tick(11.5)
    assert anna.key_frames_asked == 2


def test_lost_packets_are_reported_since_the_last_report_and_in_all() -> None:
    anna = Publisher("anna")
    for n in range(100):
        packet = anna.packet()
        if n % 4:
            anna.track.receive(packet, n / 50)
    block = anna.track.reception.report_block(4711, 2.0)
    assert 0.20 < block.fraction_lost / 256 < 0.26 and block.lost == 24  # the first one is not known to be missing
    for n in range(100):
        anna.send(2 + n / 50)
    block = anna.track.reception.report_block(4711, 4.0)
    assert block.fraction_lost == 0 and block.lost == 24 and block.highest == 199


def test_the_round_trip_can_be_measured() -> None:
    anna = Publisher("anna")
    anna.send(0.0)
    anna.track.reception.take_sender_report(rtcp.SenderReport(4711, ntp_timestamp(1000.5), 0, 1, 1), 10.0)
    block = anna.track.reception.report_block(4711, 10.25)
    assert block.delay == 16384
    assert block.last_sr == ntp_timestamp(1000.5) >> 16 & 0xFFFFFFFF


def test_loudness_follows_the_levels_and_fades_in_silence() -> None:
    anna = Publisher("anna", "microphone", "opus")
    for n in range(50):
        anna.send(n / 50, level=30)
    assert anna.track.loudness == pytest.approx(97, abs=1)
    for n in range(12):
        anna.track.tick(2 + n / 10)
    assert anna.track.loudness < 1


def test_a_packet_of_another_payload_type_is_not_forwarded() -> None:
    anna = Publisher("anna")
    packet = bytearray(anna.packet(key=True))
    packet[1] = 33
    anna.track.receive(bytes(packet), 0.0)
    assert (anna.track.reception.packets, anna.track.bad) == (0, 1)


@given(st.binary(min_size=12, max_size=60))
def test_any_bytes_are_counted_or_bad(data: bytes) -> None:
    anna = Publisher("anna", "microphone", "opus")
    anna.track.receive(data, 0.0)
    anna.track.receive(data[:1] + bytes([111]) + data[2:], 0.0)
    assert anna.track.reception.packets + anna.track.bad >= 2


def test_a_source_is_live_while_it_sends() -> None:
    anna, screen = Publisher("anna"), Publisher("anna", "screen")
    assert not anna.track.is_live(0.0)
    anna.send(1.0)
    screen.send(1.0)
    assert anna.track.is_live(3.0) and not anna.track.is_live(4.0)
    assert screen.track.is_live(4.0)
