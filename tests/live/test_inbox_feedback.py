"""What the compiled helper reads of transport-wide feedback is what Python reads."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live import rtcp
from live.bandwidth import Estimator
from live.inbox import Told
from live.native import Helper
from live.transport_cc import TransportFeedback, parse_feedback
from tests.live.estimates import known_to_python, known_to_the_helper
from tests.live.helper import build, needs_compiler
from tests.live.inbox_scene import REPORTER, Client, Hall

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    return build(tmp_path_factory.mktemp("native"))


@pytest.fixture
def hall(helper: Helper) -> Iterator[Hall]:
    made = Hall(helper)
    yield made
    made.close()


def compound(feedback: bytes) -> bytes:
    return rtcp._packet(205, 15, feedback + bytes(-len(feedback) % 4))


ARRIVALS = st.lists(st.one_of(st.none(), st.integers(-300, 4000)), min_size=1, max_size=80)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("sent"), st.integers(1, 60)),
        st.tuples(st.just("wait"), st.floats(0.05, 1.2)),
        st.tuples(st.just("spend"), st.sampled_from([0.0, 200e3, 1e6])),
        st.tuples(st.integers(-5, 120), st.tuples(ARRIVALS, st.sampled_from([0, 7, 8, 9, 0xFFFFFE, 0xFFFFFF]))),
        st.tuples(st.just("raw"), st.binary(max_size=60)),
    ),
    max_size=30,
)


@given(STEPS)
@settings(max_examples=200, deadline=None)
def test_feedback_means_the_same_to_the_helper_and_to_python(helper: Helper, steps: list[tuple[Any, Any]]) -> None:
    hall, reference = Hall(helper), Estimator()
    try:
        client = hall.client()
        number, now = 0xFF80, 51.0
        for what, value in steps:
            if what == "sent":
                for _ in range(value):
                    now += 0.0007 * (number % 5 + 1)
                    for estimator in (reference, client.estimator):
                        estimator.sent(number & 0xFFFF, 100 + number % 7, now)
                    number += 1
            elif what == "wait":
                now += value
                assert client.estimator.probe(now) == reference.probe(now)
            elif what == "spend":
                for estimator in (reference, client.estimator):
                    estimator.spend(value, now)
            elif what == "raw":
                _compare(hall, client, reference, bytes(8) + value, now)
            else:
                arrivals, reference_time = value
                base = number - what & 0xFFFF
                wire = bytes(TransportFeedback(REPORTER, 2, base, reference_time, 0, tuple(arrivals)))
                _compare(hall, client, reference, wire[4:], now)
            assert known_to_the_helper(client.line) == known_to_python(reference)
        assert (client.estimator.sizes, client.estimator.times) == (reference.sizes, reference.times)
    finally:
        hall.close()


def _compare(hall: Hall, client: Client, reference: Estimator, body: bytes, now: float) -> None:
    """Feedback as `body`, behind its header. What the helper leaves to Python is what `Steering` would do."""
    body = REPORTER.to_bytes(4, "big") + body[4:]
    body += bytes(-len(body) % 4)
    try:
        feedback = parse_feedback(REPORTER, 0, body[8:])
    except (ValueError, IndexError, struct.error):
        feedback = None
    client.told.clear()
    client.compounds.clear()
    hall.send(client, client.theirs.protect_rtcp(compound(body)), now=now)
    if client.compounds:  # it could not be read
        assert feedback is None and not client.told
        return
    assert feedback is not None
    was_silenced = reference.is_silenced
    reference.acknowledge(feedback, now)
    is_overspent, is_over = reference.is_overspent(now), was_silenced and not reference.is_silenced
    expected = Told(0 if is_overspent else reference.probe(now), is_overspent, is_over)
    assert client.told == ([expected] if any(expected) else [])
    assert client.line.raw.heard_at == now


def test_feedback_that_asks_for_nothing_is_not_told(hall: Hall) -> None:
    client = hall.client()
    for number in range(10):
        client.estimator.sent(number, 100, 1.0 + number / 100)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, tuple(range(0, 400, 40))))
    assert hall.send(client, client.theirs.protect_rtcp(wire), now=1.2) == 1
    assert client.ways == []
    assert (client.line.raw.heard_at, client.estimator.told_at) == (1.2, 1.2)
    assert client.estimator.rtt == pytest.approx(0.11)


def test_feedback_that_shows_too_much_is_spent_is_told(hall: Hall) -> None:
    client = hall.client()
    client.estimator.sent(0, 100, 1.0)
    client.estimator.spend(1e6, 1.0)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (0,)))
    hall.send(client, client.theirs.protect_rtcp(wire), now=1.2)
    assert client.told == [Told(0, True, False)]


def test_more_feedback_than_is_allowed_is_not_read(hall: Hall) -> None:
    client = hall.client()
    client.budget.take(200, 7.0)
    client.estimator.sent(0, 100, 6.9)
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (0,)))
    hall.send(client, client.theirs.protect_rtcp(wire), now=7.0)
    assert (client.ways, client.line.raw.heard_at, client.estimator.rtt) == ([], 7.0, 0.0)
    hall.send(client, client.theirs.protect_rtcp(wire), now=7.015)
    assert client.estimator.rtt == pytest.approx(0.115)
    assert client.budget.take(2, 7.015) == 1


def test_feedback_among_other_packets_goes_to_python_and_comes_back(hall: Hall) -> None:
    client = hall.client()
    for number in range(10):
        client.estimator.sent(number, 100, 1.0 + number / 100)
    feedback = TransportFeedback(REPORTER, 2, 0, 7, 0, (0, 40, None, 120))
    both = bytes(rtcp.ReceiverReport(REPORTER)) + bytes(feedback)
    hall.send(client, client.theirs.protect_rtcp(both))
    assert client.compounds == [both]
    client.estimator.acknowledge(feedback, 1.1)
    assert client.estimator.rtt == pytest.approx(0.07)
    losses = client.line.raw.estimator.losses
    assert (losses.came, losses.lost) == (3, 1)


def test_feedback_of_a_reporter_that_is_not_known_is_left_to_python(hall: Hall) -> None:
    client = hall.client()
    secret = client.theirs.protect_rtcp(bytes(rtcp.ReceiverReport(5)))
    hall.send(client, secret)
    assert client.datagrams == [secret]


def test_a_loss_that_was_none_is_taken_back(hall: Hall) -> None:
    client = hall.client()
    for number in range(4):
        client.estimator.sent(number, 100, 4.9)
    lost = []
    for arrivals in ((0, None, None), (0, 40, None)):
        wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, arrivals))
        hall.send(client, client.theirs.protect_rtcp(wire))
        lost.append(client.line.raw.estimator.losses.lost)
    assert lost == [2, 1]


def test_windows_are_as_long_as_in_python(hall: Hall) -> None:
    client, reference = hall.client(), Estimator()
    for number in range(100):
        for estimator in (reference, client.estimator):
            estimator.sent(number, 100, 4.0 + number * 0.0101)  # 40.4 ms is a window later
    feedback = TransportFeedback(REPORTER, 2, 0, 7, 0, tuple(range(0, 4000, 40)))
    hall.send(client, client.theirs.protect_rtcp(bytes(feedback)))
    reference.acknowledge(feedback, 5.0)
    reference.probe(5.0)
    assert known_to_the_helper(client.line) == known_to_python(reference)
    assert client.line.raw.estimator.delay.n > 5


def test_a_viewer_without_transport_wide_numbers_has_feedback_of_no_meaning(hall: Hall) -> None:
    client = hall.client()
    client.line.record(array("h"), array("d"))
    wire = bytes(TransportFeedback(REPORTER, 2, 0, 7, 0, (1, 2)))
    hall.send(client, client.theirs.protect_rtcp(wire))
    assert client.compounds == [wire]
