"""The estimate on simulated networks (virtual clock, seeded), and what it does with feedback that nobody should send."""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.path import Bottleneck, Clock, Download, Flow, LayeredFlow, Path, Sample, simulate
from live.bandwidth import AcknowledgedRate, Estimator
from live.estimate import CEILING, FLOOR, START, FixedEstimate
from live.sent import RING
from live.transport_cc import TransportFeedback

SEEDS = (1, 2)
STEP = [(0.0, 2e6), (20.0, 300e3), (40.0, 2e6)]


def between(samples: Sequence[Sample], begin: float, end: float) -> list[Sample]:
    return [sample for sample in samples if begin <= sample.second < end]


def mean_estimate(samples: Sequence[Sample]) -> float:
    return mean(sample.estimate for sample in samples)


# --- networks ---


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("path", "capacity"),
    [
        pytest.param(Path([(0, 500e3)]), 500e3, id="500 kbit/s"),
        pytest.param(Path([(0, 2e6)]), 2e6, id="2 Mbit/s"),
        pytest.param(Path([(0, 2e6)], jitter=0.03), 2e6, id="30 ms jitter"),
        pytest.param(Path([(0, 2e6)], delay=0.1), 2e6, id="200 ms round trip"),
        pytest.param(Path([(0, 2e6)], loss=0.05), 2e6, id="5 % loss"),
        pytest.param(Path([(0, 500e3)], queue=0.02), 500e3, id="policed"),
    ],
)
def test_the_estimate_finds_the_bottleneck_within_three_seconds_and_stays_there(
    path: Path, capacity: float, seed: int
) -> None:
    samples = between(simulate(path, 30, Flow, seed).samples, 3, 30)
    assert 0.8 * capacity < mean_estimate(samples) < 1.05 * capacity
    assert all(0.55 * capacity < sample.estimate < 1.2 * capacity for sample in samples)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("capacity", [500e3, 2e6])
def test_the_queue_stays_short(capacity: float, seed: int) -> None:
    samples = simulate(Path([(0, capacity)], queue=2.0), 30, Flow, seed).samples
    queues = sorted(sample.queue for sample in between(samples, 4, 30))  # the last probe of the beginning is over
    assert queues[len(queues) // 2] < 0.08
    assert queues[-1] < 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_a_capacity_that_falls_is_followed_within_a_second_and_found_again_when_it_is_back(seed: int) -> None:
    samples = simulate(Path(STEP), 60, Flow, seed).samples
    assert all(sample.estimate < 1.2 * 300e3 for sample in between(samples, 21, 40))
    assert 0.7 * 300e3 < mean_estimate(between(samples, 23, 40)) < 1.1 * 300e3
    assert 0.7 * 2e6 < mean_estimate(between(samples, 50, 60)) < 1.1 * 2e6


@pytest.mark.parametrize("seed", SEEDS)
def test_a_deep_queue_is_drained_and_not_kept(seed: int) -> None:
    samples = simulate(Path(STEP, queue=2.0), 40, Flow, seed).samples
    assert mean(sample.queue for sample in between(samples, 27, 40)) < 0.12


@pytest.mark.parametrize("seed", SEEDS)
def test_an_outage_halves_the_estimate_again_and_again_and_is_over_soon_after(seed: int) -> None:
    samples = simulate(Path([(0, 2e6)], outages=[(20, 22)]), 40, Flow, seed).samples
    assert between(samples, 21.8, 22)[-1].estimate < 0.3 * 2e6
    assert between(samples, 23, 23.1)[0].estimate > 0.4 * 2e6
    assert mean_estimate(between(samples, 25, 40)) > 0.8 * 2e6


@pytest.mark.parametrize("seed", SEEDS)
def test_much_loss_without_a_queue_is_not_a_bottleneck_and_loss_by_a_policer_is_one(seed: int) -> None:
    lossy = simulate(Path([(0, 20e6)], loss=0.05), 20, Flow, seed)
    assert lossy.estimator.estimate > 0.8 * CEILING
    policed = simulate(Path([(0, 300e3)], queue=0.005), 20, Flow, seed)
    assert policed.lost < 0.1 * policed.estimator.estimate  # it stays within what passes
    assert policed.estimator.estimate < 1.15 * 300e3


def two_flows(seed: int) -> tuple[Flow, Flow]:
    clock, chance = Clock(), random.Random(seed)
    link = Bottleneck(clock, Path([(0, 2e6)]), chance)
    flows = Flow(link, chance), Flow(link, chance, starts=10)
    clock.run(clock.now + 60)
    return flows


@pytest.mark.parametrize("seed", SEEDS)
def test_two_viewers_behind_one_line_share_it(seed: int) -> None:
    first, second = (mean_estimate(between(flow.samples, 30, 60)) for flow in two_flows(seed))
    assert 0.75 * 2e6 < first + second < 1.1 * 2e6
    assert min(first, second) > 0.15 * 2e6


@pytest.mark.parametrize("seed", SEEDS)
def test_beside_a_download_sound_goes_on_and_everything_is_back_after_it(seed: int) -> None:
    flow = simulate(Path([(0, 2e6)]), 60, Flow, seed, lambda link: Download(link, 10, 45))
    assert min(sample.estimate for sample in flow.samples) >= FLOOR
    assert mean_estimate(between(flow.samples, 54, 60)) > 0.7 * 2e6


# --- little to send ---


class Quiet(Flow):
    """A source that has little: 150 kbit/s, however much may be sent; and no more is wanted."""

    wanted = 0.0

    def video_rate(self) -> float:
        self.estimator.wanted = self.wanted
        return 100e3


def test_where_little_is_sent_and_wanted_the_estimate_neither_grows_without_bound_nor_falls() -> None:
    flow = simulate(Path([(0, 20e6)]), 120, Quiet)
    assert {sample.estimate for sample in flow.samples} == {START}
    assert flow.padding == 0


class Curious(Quiet):
    wanted = 1.6e6


def test_where_little_is_sent_and_more_is_wanted_padding_finds_out_once_and_then_stops() -> None:
    flow = simulate(Path([(0, 20e6)]), 120, Curious)
    assert between(flow.samples, 3, 4)[0].estimate > 1.5e6
    assert all(sample.estimate < 1.2 * 1.6e6 for sample in flow.samples)
    assert flow.padding < 200_000  # octets in two minutes


class Paused(Flow):
    """Nothing flows, for want of bandwidth: not even sound."""

    def video_rate(self) -> float:
        self.estimator.wanted = 1e6
        return 300e3 if self.link.second < 5 else 0.0

    def _audio(self) -> None:
        pass


def test_where_everything_is_paused_padding_finds_out_that_it_may_go_on() -> None:
    flow = simulate(Path([(0, 300e3), (10, 5e6)]), 40, Paused)
    assert between(flow.samples, 9, 10)[-1].estimate < 400e3
    assert flow.samples[-1].estimate > 900e3


def test_padding_in_vain_is_a_small_share_and_no_queue_to_speak_of() -> None:
    flow = simulate(Path([(0, 300e3)]), 120, Curious)
    assert between(flow.samples, 100, 120)[-1].estimate < 1.2 * 300e3
    assert flow.padding < 0.1 * flow.sent
    delays = sorted(flow.audio_delays)
    assert delays[int(0.95 * len(delays))] < 0.15


def test_more_than_the_estimate_that_arrives_without_a_queue_is_believed() -> None:
    class Heedless(Flow):
        def video_rate(self) -> float:
            return 2.5e6

    flow = simulate(Path([(0, 10e6)]), 3, Heedless)
    assert flow.estimator.estimate > 2.3e6


def test_without_any_feedback_the_estimate_is_where_it_began() -> None:
    estimator = Estimator()
    for index in range(1000):
        estimator.sent(index, 1000, index / 100)
        assert estimator.probe(index / 100) == 0
    assert estimator.estimate == START


def test_a_viewer_to_whom_nothing_is_sent_is_not_in_an_outage() -> None:
    estimator = Estimator()
    estimator.sent(1, 1000, 10.0)
    estimator.acknowledge(TransportFeedback(1, 2, 1, 5, 0, (0,)), 10.05)
    for tick in range(100):
        estimator.probe(10.1 + tick / 10)
    estimator.sent(2, 1000, 20.1)
    estimator.probe(20.2)
    assert estimator.estimate == START


# --- layers ---


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("path", "layer"),
    [
        pytest.param(Path([(0, 100e3)]), "", id="100 kbit/s"),
        pytest.param(Path([(0, 500e3)]), "q", id="500 kbit/s"),
        pytest.param(Path([(0, 800e3)]), "h", id="800 kbit/s"),
        pytest.param(Path([(0, 2e6)]), "f", id="2 Mbit/s"),
        pytest.param(Path([(0, 2e6)], loss=0.05), "f", id="5 % loss"),
        pytest.param(Path([(0, 2e6)], delay=0.1), "f", id="200 ms round trip"),
    ],
)
def test_a_viewer_gets_the_layer_that_the_path_takes_and_keeps_it(path: Path, layer: str, seed: int) -> None:
    flow = simulate(path, 40, LayeredFlow, seed)
    assert {sample.choice for sample in between(flow.samples, 20, 40)} == {layer}
    delays = sorted(flow.audio_delays)
    assert delays[int(0.95 * len(delays))] < path.delay + 0.12


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "path",
    [
        pytest.param(Path(STEP), id="step"),
        pytest.param(Path([(0, 2e6)], jitter=0.03), id="jitter"),
        pytest.param(Path([(0, 2e6)], outages=[(20, 22)]), id="outage"),
        pytest.param(Path([(0, 1.7e6)]), id="just about enough"),
        pytest.param(
            Path([(second, rate) for second in range(0, 60, 6) for rate in [2e6 - second % 4 * 5e5]]), id="restless"
        ),
    ],
)
def test_no_layer_is_left_and_taken_again_within_seconds(path: Path, seed: int) -> None:
    switches = simulate(path, 60, LayeredFlow, seed).switches
    returns = [
        later - earlier
        for (earlier, before), (_, between_), (later, after) in zip(switches, switches[1:], switches[2:], strict=False)
        if before == after and "qhf".find(between_) < "qhf".find(before)
    ]
    assert all(seconds > 4 for seconds in returns)
    assert len(switches) < 20


# --- parts ---


def test_the_acknowledged_rate_is_what_arrives_by_the_viewers_clock() -> None:
    rate = AcknowledgedRate()
    for index in range(100):
        rate.add(1000, 5e5 + index * 0.02)
    assert rate.long == pytest.approx(400_000, rel=0.01)
    assert rate.short == pytest.approx(400_000, rel=0.01)


def test_a_pause_is_no_rate() -> None:
    rate = AcknowledgedRate()
    for arrived in (1.0, 1.1, 1.2, 9.0, 9.1, 9.2):
        rate.add(1000, arrived)
    assert rate.long == pytest.approx(80_000)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 0xFFFF),
            st.integers(0, 0xFFFFFF),
            st.lists(st.one_of(st.none(), st.integers(-(10**6), 10**6)), min_size=1, max_size=40),
            st.floats(0, 5),
        ),
        max_size=30,
    )
)
def test_feedback_from_a_liar_keeps_the_estimate_between_floor_and_ceiling(
    told: list[tuple[int, int, list[int | None], float]],
) -> None:
    estimator, now = Estimator(), 1000.0
    for turn, (base, reference, arrivals, later) in enumerate(told):
        for index in range(10):
            estimator.sent(turn * 10 + index, 1200, now)
        now += later
        estimator.acknowledge(TransportFeedback(1, 2, base, reference, 0, tuple(arrivals)), now)
        assert 0 <= estimator.probe(now) < CEILING / 8
        estimator.loss(0.5, now)
        assert FLOOR <= estimator.estimate <= CEILING


def test_feedback_about_packets_that_were_never_sent_or_are_forgotten_changes_nothing() -> None:
    estimator = Estimator()
    for number in range(RING + 10):
        estimator.sent(number, 1000, 1.0 + number / 100)
    for base in (RING + 10, 0xFFFF - 50):
        estimator.acknowledge(TransportFeedback(1, 2, base, 1, 0, (0, 1, 2)), 20.0)
    assert estimator.rtt == 0
    assert estimator.estimate == START


def test_the_round_trip_is_known_from_feedback_and_from_reports() -> None:
    estimator = Estimator()
    estimator.sent(7, 1000, 10.0)
    estimator.acknowledge(TransportFeedback(1, 2, 7, 99, 0, (0,)), 10.08)
    assert estimator.rtt == pytest.approx(0.08)
    for _ in range(60):
        estimator.round_trip(0.2)
    assert estimator.rtt == pytest.approx(0.2, abs=0.001)
    estimator.round_trip(-1.0)
    assert estimator.rtt == pytest.approx(0.2, abs=0.001)


# --- REMB ---


@pytest.mark.parametrize("trouble", ["loss", "waiting"])
def test_a_viewer_with_remb_is_taken_at_its_word_while_there_is_trouble(trouble: str) -> None:
    estimate = FixedEstimate()
    assert estimate.estimate == CEILING
    estimate.round_trip(0.02)
    if trouble == "loss":
        estimate.loss(0.05, 0.0)
    else:
        for _ in range(20):
            estimate.round_trip(0.3)
    for said, believed in ((700_000, 700_000), (10**9, CEILING), (0, FLOOR)):
        estimate.remb(said, 1.0)
        assert estimate.estimate == believed


def test_a_viewer_whose_own_estimate_stays_low_for_want_of_anything_to_receive_gets_a_picture_again() -> None:
    estimate = FixedEstimate()
    estimate.loss(0.05, 0.0)
    estimate.remb(60_000, 0.0)  # the network was bad: sound alone
    assert estimate.estimate == 60_000
    for second in range(1, 61):
        estimate.loss(0.0, float(second))
        estimate.round_trip(0.02)
        estimate.remb(60_000, float(second))
    assert estimate.estimate > 2_000_000


def test_a_slow_viewer_on_a_good_network_is_not_believed() -> None:
    estimate = FixedEstimate()
    for second in range(10):
        estimate.loss(0.0, float(second))
        estimate.round_trip(0.002)
        estimate.remb(180_000, float(second))
    assert estimate.estimate == CEILING


def test_a_viewer_with_remb_that_loses_much_gets_less_and_more_again_afterwards() -> None:
    estimate = FixedEstimate()
    for second in range(10):
        estimate.loss(0.3, float(second))
        estimate.remb(2_000_000, float(second))
    assert estimate.estimate < 700_000
    for second in range(10, 100):
        estimate.loss(0.0, float(second))
        estimate.remb(2_000_000, float(second))
    assert estimate.estimate > 2_000_000
