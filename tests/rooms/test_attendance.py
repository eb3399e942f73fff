"""Attendance: merging tabs, devices and reconnects, and what is derived from it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.attendance import (
    RECONNECT_GRACE,
    CurvePoint,
    Period,
    Presence,
    Span,
    Stretch,
    merge,
    stretches_of,
    summarise,
)

LIVE = Period(1000.0, 4600.0)  # an hour


def stretch(from_at: float, seen_at: float, *, visible: bool = True, person: str = "anna") -> Stretch:
    return Stretch(person, "s1", from_at, seen_at, visible)


def merged(*stretches: Stretch, period: Period = LIVE) -> Presence:
    (presence,) = merge(stretches, period)
    return presence


def test_two_tabs_at_once_count_once() -> None:
    presence = merged(stretch(1000, 1600), stretch(1300, 1900))
    assert presence.spans == (Span(1000, 1900, True),)
    assert presence.seconds == 900


def test_time_outside_the_live_period_is_clipped() -> None:
    assert merged(stretch(0, 9000)).seconds == LIVE.seconds


def test_somebody_who_only_waited_before_the_session_was_not_there() -> None:
    assert merge([stretch(0, 990), stretch(4700, 4800)], LIVE) == []


def test_a_tab_left_open_until_the_session_began_is_no_presence() -> None:
    assert merge([stretch(0, LIVE.live_at)], LIVE) == []


def test_a_reconnect_within_the_grace_loses_no_time() -> None:
    assert merged(stretch(1000, 2000), stretch(2000 + RECONNECT_GRACE, 3000)).seconds == 2000


def test_a_longer_absence_is_not_filled() -> None:
    presence = merged(stretch(1000, 2000), stretch(2001 + RECONNECT_GRACE, 3000))
    assert presence.seconds == 2000 - RECONNECT_GRACE - 1
    assert len(presence.spans) == 2


def test_nothing_is_added_after_the_last_heartbeat() -> None:
    assert merged(stretch(1000, 2000)).to_at == 2000


def test_a_background_tab_counts_as_present_and_is_told_apart() -> None:
    presence = merged(stretch(1000, 1100), stretch(1100, 1700, visible=False), stretch(1700, 1900))
    assert (presence.seconds, presence.background_seconds, presence.visible_seconds) == (900, 600, 300)


def test_a_visible_tab_wins_over_a_background_one_on_another_device() -> None:
    presence = merged(stretch(1000, 2000, visible=False), stretch(1200, 1500))
    assert presence.spans == (Span(1000, 1200, False), Span(1200, 1500, True), Span(1500, 2000, False))


def test_a_bridged_absence_goes_on_as_it_was_before() -> None:
    presence = merged(stretch(1000, 1100, visible=False), stretch(1130, 1200))
    assert presence.spans == (Span(1000, 1130, False), Span(1130, 1200, True))


def test_somebody_seen_for_a_moment_was_there_for_no_time() -> None:
    presence = merged(stretch(1500, 1500))
    assert presence.seconds == 0
    assert summarise([presence], LIVE).people == 1


def test_people_are_kept_apart() -> None:
    presences = merge([stretch(1000, 1600), stretch(1000, 4600, person="bo")], LIVE)
    assert [(p.person_id, p.seconds) for p in presences] == [("anna", 600), ("bo", 3600)]


def test_summary_of_three_people() -> None:
    presences = merge(
        [
            stretch(1000, 1000 + 600),
            stretch(1000, 4600, person="bo"),
            stretch(1000, 1000 + 1800, person="cy", visible=False),
            stretch(2800, 4600, person="cy"),
        ],
        LIVE,
    )
    summary = summarise(presences, LIVE)
    assert (summary.people, summary.median_seconds, summary.peak) == (3, 3600, 3)
    assert (summary.total_seconds, summary.background_seconds) == (600 + 3600 + 3600, 1800)
    assert len(summary.curve) == 60
    assert summary.curve[0] == CurvePoint(0, 3, 1)
    assert summary.curve[29] == CurvePoint(29, 2, 1)
    assert summary.curve[59] == CurvePoint(59, 2, 0)


def test_whoever_leaves_as_another_comes_is_not_counted_at_once() -> None:
    presences = merge([stretch(1000, 2000), stretch(2000, 3000, person="bo")], LIVE)
    assert summarise(presences, LIVE).peak == 1


def test_the_unfinished_minute_of_a_running_session_is_not_drawn() -> None:
    period = Period(1000.0, 1150.0)
    presences = merge([stretch(1000, 1150)], period)
    assert [point.present for point in summarise(presences, period, running=True).curve] == [1, 1]
    assert [point.present for point in summarise(presences, period).curve] == [1, 1, 1]


def test_a_session_nobody_came_to() -> None:
    summary = summarise([], LIVE)
    assert (summary.people, summary.median_seconds, summary.peak) == (0, 0, 0)
    assert all(point.present == 0 for point in summary.curve)


# Whole seconds keep sums of floats exact; a narrow range makes overlaps, touches and near misses common.
moments = st.integers(700, 5000).map(float)
stretches = st.builds(
    lambda person, from_at, length, visible: Stretch(person, "s1", from_at, from_at + length, visible),
    st.sampled_from(["anna", "bo", "cy"]),
    moments,
    st.sampled_from([0.0, 1.0, 15.0, 59.0, 60.0, 61.0, 300.0, 1500.0]),
    st.booleans(),
)
many = st.lists(stretches, max_size=12)


def totals(presences: list[Presence]) -> dict[str, float]:
    return {p.person_id: p.seconds for p in presences}


@given(many)
def test_merging_again_changes_nothing(given_stretches: list[Stretch]) -> None:
    once = merge(given_stretches, LIVE)
    assert merge([s for p in once for s in stretches_of(p)], LIVE) == once


@given(many, st.randoms())
def test_order_does_not_matter(given_stretches: list[Stretch], random: object) -> None:
    shuffled = list(given_stretches)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled, LIVE) == merge(given_stretches, LIVE)


@given(many, stretches)
def test_another_tab_never_takes_time_away(given_stretches: list[Stretch], tab: Stretch) -> None:
    before, after = totals(merge(given_stretches, LIVE)), totals(merge([*given_stretches, tab], LIVE))
    assert all(after[person] >= seconds for person, seconds in before.items())


@given(many)
def test_nobody_is_there_for_longer_than_the_session(given_stretches: list[Stretch]) -> None:
    for presence in merge(given_stretches, LIVE):
        assert 0 <= presence.seconds <= LIVE.seconds
        assert presence.from_at >= LIVE.live_at
        assert presence.to_at <= LIVE.ended_at


@given(many)
def test_spans_are_in_order_and_apart_and_alike_neighbours_are_joined(given_stretches: list[Stretch]) -> None:
    for presence in merge(given_stretches, LIVE):
        for one, next_one in zip(presence.spans, presence.spans[1:], strict=False):
            assert one.to_at <= next_one.from_at
            assert one.to_at < next_one.from_at or one.visible != next_one.visible


@given(many)
def test_every_observed_moment_is_there_and_nothing_beyond_the_grace_is_invented(given_stretches: list[Stretch]) -> None:
    """Compared second by second with a plain reading of the rule."""
    presences = {p.person_id: p for p in merge(given_stretches, LIVE)}
    for person in ("anna", "bo", "cy"):
        own = [s for s in given_stretches if s.person_id == person]
        spans = presences[person].spans if person in presences else ()
        ends = sorted(s.seen_at for s in own)
        starts = sorted(s.from_at for s in own)
        for second in range(1000, 4600, 7):
            middle = second + 0.5
            observed = any(s.from_at <= middle < s.seen_at for s in own)
            last = max((end for end in ends if end <= middle), default=None)
            following = min((start for start in starts if start > middle), default=None)
            bridged = last is not None and following is not None and following - last <= RECONNECT_GRACE
            assert any(s.from_at <= middle < s.to_at for s in spans) == (observed or bridged)


@given(many)
def test_a_moment_is_background_only_if_no_tab_was_visible(given_stretches: list[Stretch]) -> None:
    for presence in merge(given_stretches, LIVE):
        seen = [s for s in given_stretches if s.person_id == presence.person_id and s.visible]
        for span in presence.spans:
            middle = (span.from_at + span.to_at) / 2
            if not span.visible and span.seconds:
                assert not any(s.from_at <= middle < s.seen_at for s in seen)


@given(many)
def test_the_curve_agrees_with_the_people_and_the_peak(given_stretches: list[Stretch]) -> None:
    summary = summarise(merge(given_stretches, LIVE), LIVE)
    assert summary.peak == max(point.present for point in summary.curve)
    assert summary.peak <= summary.people
    assert all(0 <= point.background <= point.present for point in summary.curve)


def test_a_stretch_that_ends_before_it_begins_is_taken_as_a_moment() -> None:
    assert merged(stretch(2000, 1500)).seconds == 0


@pytest.mark.parametrize("grace", [0.0, 30.0])
def test_the_grace_can_be_chosen(grace: float) -> None:
    (presence,) = merge([stretch(1000, 1100), stretch(1130, 1200)], LIVE, grace)
    assert presence.seconds == (200 if grace else 170)


def test_whoever_leaves_as_a_minute_ends_is_not_in_the_next() -> None:
    curve = summarise(merge([stretch(1000, 1600)], LIVE), LIVE).curve
    assert [point.present for point in curve[8:12]] == [1, 1, 0, 0]
