"""Probes: what they send, what they believe, and how long they wait after a failure."""

from __future__ import annotations

import pytest

from live.probing import DURATION, LARGEST_BURST, LONGEST, PAUSE, SHORTEST, Probing


def probe(probing: Probing, now: float, target: float, media: float, arriving: float = 1.0, lost: int = 0) -> int:
    """Runs one probe, called every 50 ms; what arrives comes at `arriving` of the pace of sending. Returns the padding."""
    padding = probing.begin(target, media, now)
    octets = int(target * 0.05 / 8)
    for tick in range(6):
        at = now + tick * 0.05
        padding += probing.padding(at) if tick else 0
        probing.came(at, at + 0.01, 1000 + tick * 0.05 / arriving, octets)
        probing.told(10, lost)
    return padding


def test_padding_fills_up_what_flows_to_the_target() -> None:
    padding = probe(Probing(), 10.0, 1e6, 400e3)
    assert padding == pytest.approx(600e3 / 8 * DURATION, rel=0.15)


def test_media_that_flow_as_fast_as_the_target_need_no_padding() -> None:
    assert probe(Probing(), 10.0, 1e6, 1.2e6) == 0


def test_one_burst_is_bounded_however_late_it_is_asked_for() -> None:
    probing = Probing()
    probing.begin(1e6, 0, 10.0)
    assert probing.padding(10.2) <= 1e6 / 8 * LARGEST_BURST


def test_after_its_duration_a_probe_sends_nothing() -> None:
    probing = Probing()
    probing.begin(1e6, 0, 10.0)
    assert probing.padding(10.01 + DURATION) == 0
    assert probing.is_over(10.0 + DURATION + 1, 0.1)


def test_what_came_as_fast_as_it_was_sent_has_passed() -> None:
    probing = Probing()
    probe(probing, 10.0, 1e6, 400e3)
    assert probing.rate() == pytest.approx(1e6, rel=0.01)
    assert probing.has_passed(500e3)


@pytest.mark.parametrize(("arriving", "lost"), [(0.7, 0), (1.0, 3)])
def test_what_came_slower_or_with_losses_has_not(arriving: float, lost: int) -> None:
    probing = Probing()
    probe(probing, 10.0, 1e6, 400e3, arriving, lost)
    assert not probing.has_passed(500e3)


def test_what_won_nothing_has_not_passed() -> None:
    probing = Probing()
    probe(probing, 10.0, 1e6, 400e3)
    assert not probing.has_passed(1e6)


def test_too_little_to_say_is_no_rate() -> None:
    probing = Probing()
    probing.begin(1e6, 0, 10.0)
    probing.came(10.0, 10.01, 50.0, 1000)
    probing.came(10.05, 10.06, 50.0, 1000)
    assert probing.rate() == 0
    assert not probing.has_passed(100e3)


def test_each_failure_doubles_the_wait_up_to_a_bound_and_a_success_shortens_it() -> None:
    probing, waits = Probing(), []
    for turn in range(6):
        now = turn * 100.0
        probe(probing, now, 1e6, 400e3)
        probing.end(now, 500e3, failed=True)
        waits.append(probing.next_at - now)
    assert waits == [SHORTEST, 2 * SHORTEST, LONGEST, LONGEST, LONGEST, LONGEST]
    for _ in range(4):
        probe(probing, 1000.0, 1e6, 400e3)
        probing.end(1000.0, 1e6, failed=False)
    assert probing.next_at == 1000.0 + PAUSE


def test_after_a_failure_padding_is_a_small_share_of_the_estimate() -> None:
    probing = Probing()
    for _ in range(2):
        probing.begin(1e6, 0, 0.0)
        probing.end(0.0, 500e3, failed=True)
    padding = probe(probing, 100.0, 1e6, 400e3)
    probing.end(100.0, 1e6, failed=False)
    assert padding * 8 / 1e6 / (probing.next_at - 100.0) <= 0.051


def test_overuse_soon_after_a_probe_counts_as_its_failure_and_later_does_not() -> None:
    probing = Probing()
    probe(probing, 10.0, 1e6, 400e3)
    probing.end(10.3, 1e6, failed=False)
    probing.wait(11.0)
    assert probing.failures == 1
    probing.wait(20.0)
    assert probing.failures == 1
    assert probing.next_at == 20.0 + SHORTEST
