"""The ring of what was sent: each packet is told of once, in windows of 40 ms, whatever the feedback says."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from live.sent import RING, WINDOW, SentPackets
from live.transport_cc import TransportFeedback


def feedback(base: int, *arrivals: int | None, reference: int = 100) -> TransportFeedback:
    return TransportFeedback(1, 2, base & 0xFFFF, reference, 0, arrivals)


def a_ring(count: int = 20, first: int = 0, every: float = 0.01, size: int = 1000) -> SentPackets:
    packets = SentPackets()
    for index in range(count):
        packets.sent(first + index & 0xFFFF, size, 5.0 + index * every)
    return packets


def test_each_packet_is_told_of_once() -> None:
    packets = a_ring()
    first = packets.take(feedback(0, 0, 40, 80))
    assert (first.came, first.lost, first.octets) == (3, 0, 3000)
    again = packets.take(feedback(0, 0, 40, 80, 120))
    assert (again.came, again.octets) == (1, 1000)


def test_a_lost_packet_that_comes_late_is_lost_no_more() -> None:
    packets = a_ring()
    assert packets.take(feedback(0, 0, None, 80)).lost == 1
    assert packets.take(feedback(1, None)).lost == 0
    late = packets.take(feedback(1, 200))
    assert (late.came, late.lost, late.octets) == (1, -1, 1000)


def test_losses_before_a_moment_are_not_counted_if_so_wished() -> None:
    packets = a_ring()
    packets.losses_from = 5.015
    assert packets.take(feedback(0, None, None, None, 0)).lost == 1


def test_the_numbers_wrap() -> None:
    packets = a_ring(20, 0xFFF8)
    told = packets.take(feedback(0xFFF8, *range(0, 800, 40)))
    assert told.came == 20
    assert packets.told == 0xFFF8 + 19 & 0xFFFF


def test_a_window_is_forty_milliseconds_of_sending_and_knows_its_least_delay() -> None:
    packets = a_ring(13)
    told = packets.take(feedback(0, 40, 60, 100, 160, 200, 240, 280, 320, 360, 400, 440, 480, 520))
    assert len(told.windows) == 3
    window = told.windows[0]
    assert window.last_sent - window.first_sent < WINDOW
    assert window.octets == 4000
    assert round(window.delay - (100 * 0.064 - 5.0), 5) == 0.005  # the second packet's: 60 ticks, sent 10 ms after the first


def test_a_packet_that_was_overtaken_does_not_disturb_the_windows() -> None:
    packets = a_ring(20)
    before = packets.take(feedback(0, None, *range(40, 520, 40)))
    late = packets.take(feedback(0, 2000))
    after = packets.take(feedback(13, *range(520, 720, 40)))
    assert (late.came, late.octets, late.windows) == (1, 1000, ())
    assert [round(window.first_sent, 2) for window in before.windows + after.windows] == [5.01, 5.05, 5.09, 5.13]
    assert {window.octets for window in before.windows + after.windows} == {4000}


def test_the_reference_time_wraps() -> None:
    packets = a_ring(20)
    first = packets.take(feedback(0, 0, reference=0xFFFFFF))
    second = packets.take(feedback(1, 0, reference=0))
    assert round(second.arrived - first.arrived, 6) == 0.064


def test_forgotten_packets_are_left_out_and_those_after_them_told_of() -> None:
    packets = a_ring(RING + 5)
    assert packets.take(feedback(0, *[0] * 10)).came == 5


def test_packets_never_sent_are_left_out() -> None:
    packets = a_ring(20)
    assert packets.take(feedback(18, 0, 0, 0, 0)).came == 2
    assert packets.take(feedback(20, 0, 0)).came == 0


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("sent"), st.integers(1, 50)),
            st.tuples(
                st.integers(0, 0xFFFF), st.lists(st.one_of(st.none(), st.integers(-999, 999)), min_size=1, max_size=60)
            ),
        ),
        max_size=40,
    )
)
def test_whatever_is_told_no_packet_comes_twice_and_no_octet_from_nowhere(
    steps: list[tuple[str | int, int | list[int | None]]],
) -> None:
    packets, sent, now, octets, came, lost = SentPackets(), 0, 1.0, 0, 0, 0
    for what, value in steps:
        if isinstance(value, int):
            for _ in range(value):
                now += 0.01
                packets.sent(sent & 0xFFFF, 100, now)
                sent += 1
        else:
            told = packets.take(feedback(int(what), *value))
            octets, came, lost = octets + told.octets, came + told.came, lost + told.lost
    assert came + lost <= sent
    assert octets == 100 * came
    assert lost >= 0
