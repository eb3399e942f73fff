"""ICE restart: a client that lost its network finds a new way, by new credentials, to the connection that it has."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.control import Admission, IceParameters, MediaRefused
from tests.live.test_forwarder import AWAY, HOME, STRANGER, Stage, stage
from tests.live.test_ice import request
from tests.live.test_sdp import GSTREAMER

OFFERED = re.findall(r"a=ice-ufrag:(\S+)", GSTREAMER)[0]


@dataclass(frozen=True)
class Known:
    """A user name and the password that goes with it."""

    username: str
    password: str


def first(admission: Admission) -> Known:
    ufrag, password = (re.findall(rf"a=ice-{name}:(\S+)", admission.answer)[0] for name in ("ufrag", "pwd"))
    return Known(f"{ufrag}:{OFFERED}", password)


def restart(s: Stage, admission: Admission, remote: str = "nEw1") -> Known:
    parameters = s.forwarder.restart_ice("r", admission.peer_id, remote)
    return Known(f"{parameters.ufrag}:{remote}", parameters.password)


def is_answered(s: Stage, known: Known, address: tuple[str, int], *, nominate: bool = True) -> bool:
    s.sent.clear()
    s.endpoint.receive(request(known.username, known.password, nominate=nominate), address)
    return [to for _, to in s.sent] == [address]


async def test_until_an_address_is_nominated_by_the_new_credentials_both_are_good() -> None:
    async with stage() as s:
        admission = s.admit()
        before = first(admission)
        assert is_answered(s, before, HOME)
        after = restart(s, admission)
        assert is_answered(s, before, HOME) and is_answered(s, after, AWAY, nominate=False)
        assert list(s.endpoint.nominated) == [HOME]


async def test_a_nomination_by_the_new_credentials_ends_the_old_ones() -> None:
    async with stage() as s:
        admission = s.admit()
        before = first(admission)
        assert is_answered(s, before, HOME)
        peer = s.at(HOME)
        after = restart(s, admission)
        assert is_answered(s, after, AWAY)
        assert s.at(AWAY) is peer and (peer.id, peer.address) == (admission.peer_id, AWAY)
        assert list(s.endpoint.checked) == list(s.endpoint.nominated) == [AWAY]  # what comes from HOME is a stranger's
        assert not is_answered(s, before, HOME) and not is_answered(s, before, AWAY)
        assert is_answered(s, after, AWAY)
        assert s.forwarder.statistics().peers == 1


async def test_wrong_credentials_get_silence_before_and_after() -> None:
    async with stage() as s:
        admission = s.admit()
        before, after = first(admission), restart(s, admission)
        ufrag = after.username.partition(":")[0]
        wrong = [
            Known(after.username, before.password),
            Known(before.username, after.password),
            Known(f"{ufrag}:{OFFERED}", after.password),
            Known(f"{ufrag}:", after.password),
            Known(ufrag, after.password),
        ]
        for _ in range(2):
            assert not any(is_answered(s, known, STRANGER) for known in wrong)
            assert STRANGER not in s.endpoint.checked
            assert is_answered(s, after, AWAY)


async def test_the_newest_of_several_restarts_counts() -> None:
    async with stage() as s:
        admission = s.admit()
        before, second = first(admission), restart(s, admission, "two2")
        assert is_answered(s, second, STRANGER, nominate=False)
        third = restart(s, admission, "thr3")
        assert not is_answered(s, second, STRANGER) and is_answered(s, before, HOME) and is_answered(s, third, AWAY)
        assert list(s.endpoint.checked) == [AWAY]


async def test_asked_again_after_a_lost_answer_it_is_the_same_restart() -> None:
    async with stage() as s:
        admission = s.admit()
        after = restart(s, admission)
        assert restart(s, admission) == after
        assert is_answered(s, after, AWAY)
        with pytest.raises(MediaRefused, match="another user name fragment"):  # settled: this would be no restart
            restart(s, admission)
        assert restart(s, admission, "thr3") != after


async def test_an_address_of_both_sessions_stays_even_if_an_old_check_comes_late() -> None:
    async with stage() as s:
        admission = s.admit()
        before = first(admission)
        assert is_answered(s, before, HOME)
        after = restart(s, admission)
        assert is_answered(s, after, HOME, nominate=False) and is_answered(s, before, HOME)
        assert is_answered(s, after, AWAY)
        assert set(s.endpoint.checked) == {HOME, AWAY} and list(s.endpoint.nominated) == [AWAY]
        s.at(AWAY).drop_path(s.endpoint, AWAY)
        assert list(s.endpoint.nominated) == [HOME]


async def test_a_peer_that_ended_has_no_credentials_left() -> None:
    async with stage() as s:
        admission = s.admit()
        before, after = first(admission), restart(s, admission)
        s.forwarder.remove("r", admission.peer_id)
        assert not is_answered(s, before, HOME) and not is_answered(s, after, HOME)
        for room, peer_id in (("r", admission.peer_id), ("elsewhere", admission.peer_id)):
            with pytest.raises(MediaRefused) as refusal:
                s.forwarder.restart_ice(room, peer_id, "nEw1")
            assert refusal.value.code == "not_found"


async def test_the_new_parameters_name_the_candidates() -> None:
    async with stage() as s:
        s.forwarder.candidates = ("1 1 udp 1 192.0.2.9 8001 typ host",)
        given_ = s.forwarder.restart_ice("r", s.admit().peer_id, "nEw1")
        assert isinstance(given_, IceParameters) and given_.candidates == s.forwarder.candidates
        assert len(given_.ufrag) >= 4 and len(given_.password) >= 22  # RFC 8839, 5.4


ADDRESSES = [(f"198.51.100.{n}", 4000) for n in range(3)]
STEPS = st.one_of(st.none(), st.tuples(st.integers(0, 5), st.sampled_from(ADDRESSES), st.booleans()))


@settings(max_examples=60)
@given(st.lists(STEPS, max_size=20))
async def test_whatever_is_restarted_and_checked_two_credentials_are_good_at_most(
    steps: list[tuple[int, tuple[str, int], bool] | None],
) -> None:
    """None is a restart; a check says by which of the newest credentials, from where, and whether it nominates."""
    async with stage() as s:
        admission = s.admit()
        known = [first(admission)]
        current, renewed = known[0], None
        for step in steps:
            if step is None:
                renewed = restart(s, admission, f"nEw{len(known)}")
                known.append(renewed)
                continue
            back, address, nominate = step
            tried = known[-1 - back % len(known)]
            assert is_answered(s, tried, address, nominate=nominate) == (tried in (current, renewed))
            if nominate and tried in (current, renewed):
                assert list(s.endpoint.nominated) == [address]
                if tried == renewed:
                    current, renewed = tried, None
        assert s.forwarder.statistics().peers == 1
