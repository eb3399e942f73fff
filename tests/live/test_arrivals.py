"""What arrives from a publisher: told of once, in order, as come or lost, and again when it comes late after all."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from live import rtcp
from live.arrivals import KEPT, MAX_GAP, MAX_TOLD, Arrivals
from live.transport_cc import TICK, TransportFeedback


def told(feedbacks: list[TransportFeedback]) -> dict[int, float | None]:
    """Arrival in seconds by sequence number, as a publisher reads it off the wire."""
    result: dict[int, float | None] = {}
    for feedback in feedbacks:
        (read,) = rtcp.parse(bytes(feedback))
        assert read == feedback
        for index, at in enumerate(feedback.arrivals):
            when = None if at is None else feedback.reference * 0.064 + at * TICK
            result[feedback.base + index & 0xFFFF] = when
    return result


def test_packets_are_told_of_with_their_times_and_losses_as_lost() -> None:
    arrivals = Arrivals(1, 2)
    for sequence, now in ((10, 5.0), (11, 5.01), (13, 5.03)):
        arrivals.arrived(sequence, now)
    (feedback,) = arrivals.feedback(5.1)
    assert (feedback.sender, feedback.media, feedback.base) == (1, 2, 10)
    times = told([feedback])
    assert times[12] is None
    assert [round(times[number] or 0, 3) for number in (10, 11, 13)] == [5.0, 5.01, 5.03]


def test_nothing_is_told_twice_nor_without_news() -> None:
    arrivals = Arrivals(1, 2)
    assert arrivals.feedback(1.0) == []
    arrivals.arrived(1, 1.0)
    assert len(arrivals.feedback(1.0)) == 1
    assert arrivals.feedback(9.0) == []


def test_the_numbers_wrap() -> None:
    arrivals = Arrivals(1, 2)
    for index in range(6):
        arrivals.arrived(0xFFFD + index & 0xFFFF, 1.0 + index / 100)
    assert list(told(arrivals.feedback(2.0))) == [0xFFFD, 0xFFFE, 0xFFFF, 0, 1, 2]


def test_the_feedback_packets_are_counted_and_their_count_wraps() -> None:
    arrivals = Arrivals(1, 2)
    counts = []
    for index in range(300):
        arrivals.arrived(index, float(index))
        counts += [feedback.count for feedback in arrivals.feedback(float(index))]
    assert counts == [index + 1 & 0xFF for index in range(300)]


def test_a_late_packet_is_told_of_again_with_those_after_it() -> None:
    arrivals = Arrivals(1, 2)
    for sequence in (1, 2, 4, 5):
        arrivals.arrived(sequence, 1.0)
    assert told(arrivals.feedback(1.1))[3] is None
    arrivals.arrived(3, 1.15)
    times = told(arrivals.feedback(1.3))
    assert list(times) == [3, 4, 5]
    assert None not in times.values()


def test_a_duplicate_is_no_news() -> None:
    arrivals = Arrivals(1, 2)
    arrivals.arrived(1, 1.0)
    arrivals.feedback(1.1)
    arrivals.arrived(1, 1.2)
    assert arrivals.feedback(2.0) == []


def test_feedback_is_due_every_50_ms_while_much_comes_and_every_100_ms_while_little_comes() -> None:
    for rate, interval in ((1000, 0.05), (40, 0.1)):
        arrivals = Arrivals(1, 2)
        at = []
        for index in range(rate):
            now = index / rate
            if arrivals.arrived(index, now):
                at.append(now)
                assert arrivals.feedback(now)
        gaps = [later - earlier for earlier, later in pairwise(at)]
        assert all(interval - 1e-9 <= gap <= interval + 1.1 / rate for gap in gaps)


def test_a_jump_forward_is_a_new_beginning_and_not_so_many_losses() -> None:
    arrivals = Arrivals(1, 2)
    arrivals.arrived(1, 1.0)
    arrivals.arrived(1 + MAX_GAP + 1, 1.1)
    assert list(told(arrivals.feedback(1.2))) == [1 + MAX_GAP + 1]


def test_a_long_gap_is_told_in_several_packets_that_fit_a_datagram() -> None:
    arrivals = Arrivals(1, 2)
    arrivals.arrived(0, 1.0)
    arrivals.arrived(MAX_GAP, 60.0)
    feedbacks = arrivals.feedback(60.0)
    assert all(len(feedback.arrivals) <= MAX_TOLD and len(bytes(feedback)) < 1_000 for feedback in feedbacks)
    assert list(told(feedbacks)) == list(range(MAX_GAP + 1))
    references = [feedback.reference for feedback in feedbacks]
    assert references == sorted(references)  # also where everything is lost: browsers unwrap it


def test_an_hour_of_packets_takes_bounded_memory_even_if_nobody_asks_for_feedback() -> None:
    arrivals = Arrivals(1, 2)
    largest = 0
    for index in range(40_000):
        if arrivals.arrived(index & 0xFFFF, index / 100):
            arrivals.feedback(index / 100)
        largest = max(largest, len(arrivals._when))
    assert largest <= 3 * KEPT


@given(st.lists(st.tuples(st.integers(0, 0xFFFF), st.floats(0, 30)), max_size=60))
def test_whatever_comes_feedback_can_be_written(packets: list[tuple[int, float]]) -> None:
    arrivals, now = Arrivals(1, 2), 0.0
    for sequence, later in packets:
        now += later
        arrivals.arrived(sequence, now)
        told(arrivals.feedback(now))


@given(st.permutations(range(30)), st.sets(st.integers(0, 29)))
def test_in_whatever_order_packets_come_each_is_told_of_and_the_lost_are_lost(order: list[int], lost: set[int]) -> None:
    arrivals, now = Arrivals(1, 2), 100.0
    result: dict[int, float | None] = {}
    came = [sequence for sequence in order if sequence not in lost]
    for index, sequence in enumerate(came):
        now += 0.01
        arrivals.arrived(sequence + 0xFFF0 & 0xFFFF, now)
        if index % 7 == 6:
            result |= told(arrivals.feedback(now))
    result |= told(arrivals.feedback(now + 1))
    assert {sequence for sequence, at in result.items() if at is not None} == {s + 0xFFF0 & 0xFFFF for s in came}
