"""The estimate in the compiled helper is the one in Python: on simulated networks and whatever feedback says, every number
that it is made of is the same, to the last bit."""

from __future__ import annotations

import ctypes
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.path import Download, Flow, LayeredFlow, Path, simulate
from live.bandwidth import Estimator
from live.compiled import SharedBudget
from live.compiled_estimate import Calls, CompiledEstimator
from live.estimate import CEILING, START, Estimate
from live.limits import Budget
from live.native import Line
from live.transport_cc import TransportFeedback
from tests.live.estimates import known_to_python, known_to_the_helper
from tests.live.helper import build, needs_compiler

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Calls:
    return Calls(build(tmp_path_factory.mktemp("native")))


class Both:
    """An estimator of each kind, told the same: after everything they know the same."""

    def __init__(self, calls: Calls) -> None:
        self.line = Line()
        self.python, self.compiled = Estimator(), CompiledEstimator(calls, self.line)
        self.steps = self.outages = 0
        self._compare()

    def _compare(self) -> None:
        self.steps += 1
        assert known_to_the_helper(self.line) == known_to_python(self.python)
        for name in ("estimate", "is_silenced", "queue", "rtt", "wanted", "told_at"):
            assert getattr(self.compiled, name) == getattr(self.python, name)
        self.outages += self.python.is_silenced

    @property
    def estimate(self) -> int:
        return self.compiled.estimate

    @property
    def rtt(self) -> float:
        return self.compiled.rtt

    @property
    def wanted(self) -> float:
        return self.compiled.wanted

    @wanted.setter
    def wanted(self, bitrate: float) -> None:
        self.python.wanted = self.compiled.wanted = bitrate

    def sent(self, sequence: int, size: int, now: float) -> None:
        self.python.sent(sequence, size, now)
        self.compiled.sent(sequence, size, now)

    def acknowledge(self, feedback: TransportFeedback, now: float) -> None:
        self.python.acknowledge(feedback, now)
        self.compiled.acknowledge(feedback, now)
        self._compare()

    def loss(self, fraction: float, now: float) -> None:
        self.python.loss(fraction, now)
        self.compiled.loss(fraction, now)
        self._compare()

    def remb(self, bitrate: int, now: float) -> None: ...

    def round_trip(self, seconds: float) -> None:
        self.python.round_trip(seconds)
        self.compiled.round_trip(seconds)
        self._compare()

    def probe(self, now: float) -> int:
        octets = self.compiled.probe(now)
        assert octets == self.python.probe(now)
        self._compare()
        return octets

    def spend(self, bitrate: float, now: float) -> None:
        self.python.spend(bitrate, now)
        self.compiled.spend(bitrate, now)
        self._compare()

    def is_overspent(self, now: float) -> bool:
        overspent = self.compiled.is_overspent(now)
        assert overspent == self.python.is_overspent(now)
        return overspent


NETWORKS = {
    "2 Mbit/s": Path([(0, 2e6)]),
    "there and back": Path([(0, 2e6), (8, 300e3), (16, 2e6)], queue=2.0),
    "loss": Path([(0, 2e6)], loss=0.05),
    "jitter": Path([(0, 2e6)], jitter=0.03),
    "far": Path([(0, 2e6)], delay=0.1),
    "outage": Path([(0, 2e6)], outages=[(10, 12)]),
    "policed": Path([(0, 500e3)], queue=0.02),
}


@pytest.mark.parametrize(
    ("network", "flow"), [*((network, Flow) for network in NETWORKS), ("there and back", LayeredFlow), ("loss", LayeredFlow)]
)
def test_on_every_network_both_know_the_same_all_the_time(calls: Calls, network: str, flow: type[Flow]) -> None:
    class Watched(flow):  # type: ignore[valid-type,misc]
        def an_estimator(self) -> Estimate:
            return Both(calls)

    ran = simulate(NETWORKS[network], 25, Watched, 3)
    both = ran.estimator
    assert isinstance(both, Both)
    assert both.steps > 500
    assert bool(both.outages) == (network == "outage")
    assert both.estimate != START


ARRIVALS = st.lists(st.one_of(st.none(), st.integers(-300, 4000)), min_size=1, max_size=60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.floats(0, 1.5)),
        st.tuples(st.just("send"), st.integers(1, 60)),
        st.tuples(st.integers(-5, 90), st.tuples(ARRIVALS, st.sampled_from([0, 7, 8, 9, 0xFFFFFF]))),
        st.tuples(st.just("loss"), st.floats(0, 1)),
        st.tuples(st.just("round trip"), st.sampled_from([-1.0, 0.0, 0.01, 0.3, 11.0])),
        st.tuples(st.just("want"), st.sampled_from([0.0, 200e3, 1e6, float(CEILING)])),
        st.tuples(st.just("spend"), st.sampled_from([0.0, 100e3, 1e6])),
    ),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_whatever_feedback_says_both_know_the_same(calls: Calls, steps: list[tuple[object, object]]) -> None:
    both, number, now = Both(calls), 0xFF80, 50.0
    for what, value in steps:
        match what, value:
            case "wait", float(seconds):
                now += seconds
            case "send", int(count):
                for _ in range(count):
                    now += 0.0007 * (number % 5 + 1)
                    both.sent(number & 0xFFFF, 100 + number % 7, now)
                    number += 1
            case int(back), (list(arrivals), int(reference)):
                both.acknowledge(TransportFeedback(1, 2, number - back & 0xFFFF, reference, 0, tuple(arrivals)), now)
                both.probe(now)
            case "loss", float(fraction):
                both.loss(fraction, now)
            case "round trip", float(seconds):
                both.round_trip(seconds)
            case "want", float(bitrate):
                both.wanted = bitrate
            case "spend", float(bitrate):
                both.spend(bitrate, now)
        both.probe(now)
        both.is_overspent(now)


def test_beside_a_download_both_put_up_with_the_queue(calls: Calls) -> None:
    class Watched(Flow):
        def an_estimator(self) -> Estimate:
            return Both(calls)

    both = simulate(Path([(0, 2e6)]), 20, Watched, 3, lambda link: Download(link, 4, 18)).estimator
    assert isinstance(both, Both)
    assert known_to_the_helper(both.line)["delay.queue_limit"] > 0.2


@pytest.mark.parametrize("fraction", [0.0, 0.125, 0.135, 0.296, 1.0])
def test_while_feedback_stays_away_reports_of_loss_count_for_both(calls: Calls, fraction: float) -> None:
    both = Both(calls)
    both.sent(0, 1000, 99.9)
    both.acknowledge(TransportFeedback(1, 2, 0, 9, 0, (0,)), 100.0)
    both.loss(fraction, 101.0)
    assert known_to_the_helper(both.line)["losses.came"] == 1
    both.loss(fraction, 103.0)
    assert known_to_the_helper(both.line)["losses.came"] in (0, round(100 * (1 - fraction)))  # 0: the estimate was cut


def test_after_a_pause_both_try_the_path_anew(calls: Calls) -> None:
    both, now = Both(calls), 100.0
    both.wanted = 8e6
    for number in range(600):
        now += 1 / 300
        both.sent(number, 1100, now)
        if number % 30 == 29:
            arrivals = tuple(range(0, 400, 13))[:30]
            both.acknowledge(TransportFeedback(1, 2, number - 29, int((now - 0.1) / 0.064), 0, arrivals), now)
    assert known_to_the_helper(both.line)["media"] > 1e6
    assert both.probe(now + 5) > 0
    assert known_to_the_helper(both.line)["media"] == 1.0


def test_what_is_no_feedback_changes_nothing(calls: Calls) -> None:
    line = Line()
    CompiledEstimator(calls, line)
    before = known_to_the_helper(line)
    assert calls.acknowledge(_at(line), b"\0\1\0\0\0\0\0\0", 8, 5.0) == 0
    assert calls.acknowledge(_at(line), b"", 0, 5.0) == 0
    assert known_to_the_helper(line) == before


def test_the_budget_that_both_take_from_is_a_budget() -> None:
    line, chance, now = Line(), random.Random(1), 3.0
    shared, plain = SharedBudget(line, 20.0), Budget(20.0)
    for _ in range(400):
        now += chance.choice([0, 0.01, 0.2])
        count = chance.randrange(3)
        assert shared.take(count, now) == plain.take(count, now)


def _at(line: Line) -> int:
    return ctypes.addressof(line.raw)
