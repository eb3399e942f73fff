"""Admission, addresses and ends, without a network: datagrams are handed to an endpoint."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aioice import stun
from hypothesis import given, settings
from hypothesis import strategies as st

from live.control import Admission, MediaRefused, Notification, PeerDown, PeerUp
from live.forwarder import Forwarder
from live.limits import Limits
from live.peer import HEARD, Peer
from live.port import Endpoint
from tests.live.test_ice import request
from tests.live.test_sdp import GSTREAMER

HOME, AWAY, STRANGER = ("192.0.2.1", 1000), ("198.51.100.2", 2000), ("203.0.113.3", 3000)


class Stage:
    """A forwarder, an endpoint that keeps what is sent, and what was told."""

    def __init__(self, limits: Limits) -> None:
        self.told: list[Notification] = []
        self._changed = asyncio.Event()
        self.forwarder = Forwarder(self._tell, limits)
        self.sent: list[tuple[bytes, Any]] = []
        checked = self.forwarder.entrance.on_check
        self.endpoint = Endpoint("udp", lambda data, address: self.sent.append((data, address)), checked)

    def _tell(self, notification: Notification) -> None:
        self.told.append(notification)
        self._changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self._changed.wait()
                self._changed.clear()

    def admit(self, label: str = "anna", room: str = "r") -> Admission:
        return self.forwarder.admit(room, label, GSTREAMER, None, may_send=True, may_receive=False)

    def at(self, address: Any) -> Peer:
        """The peer whose media comes from `address`."""
        peer = self.endpoint.nominated[address]
        assert isinstance(peer, Peer)
        return peer

    def check(self, admission: Admission, address: Any, *, nominate: bool = True, password: str = "") -> None:
        ufrag, secret = (re.findall(rf"a=ice-{name}:(\S+)", admission.answer)[0] for name in ("ufrag", "pwd"))
        remote = re.findall(r"a=ice-ufrag:(\S+)", GSTREAMER)[0]
        self.endpoint.receive(request(f"{ufrag}:{remote}", password or secret, nominate=nominate), address)

    @property
    def downs(self) -> list[tuple[str, str]]:
        return [(told.label, told.reason) for told in self.told if isinstance(told, PeerDown)]


@contextlib.asynccontextmanager
async def stage(**limits: Any) -> AsyncIterator[Stage]:
    made = Stage(Limits(**limits))
    made.forwarder.start()
    try:
        yield made
    finally:
        await made.forwarder.stop()


async def test_a_check_is_answered_and_nominates() -> None:
    async with stage() as s:
        s.check(s.admit(), HOME)
        ((data, address),) = s.sent
        assert address == HOME
        assert stun.parse_message(data).attributes["XOR-MAPPED-ADDRESS"] == HOME
        assert list(s.endpoint.nominated) == [HOME]


async def test_a_wrong_password_gets_silence() -> None:
    async with stage() as s:
        s.check(s.admit(), STRANGER, password="wrong-password-of-length")
        assert not s.sent and not s.endpoint.checked and s.endpoint.strangers == 1


async def test_a_client_that_moves_is_followed() -> None:
    async with stage() as s:
        admission = s.admit()
        s.check(admission, HOME)
        s.check(admission, AWAY, nominate=False)
        assert list(s.endpoint.nominated) == [HOME]
        s.check(admission, AWAY)
        assert list(s.endpoint.nominated) == [AWAY]


async def test_when_a_path_breaks_the_one_nominated_before_counts_again() -> None:
    async with stage() as s:
        admission = s.admit()
        for address in (HOME, AWAY):
            s.check(admission, address)
        s.check(admission, STRANGER, nominate=False)
        peer = s.at(AWAY)
        peer.drop_path(s.endpoint, AWAY)
        assert list(s.endpoint.nominated) == [HOME] and peer.address == HOME
        peer.drop_path(s.endpoint, HOME)
        assert not s.endpoint.nominated and peer.endpoint is None


async def test_an_address_that_somebody_else_gets_is_theirs() -> None:
    async with stage() as s:
        first, second = s.admit("anna"), s.admit("bo")
        s.check(first, HOME)
        s.check(second, HOME)
        assert s.at(HOME).label == "bo"
        assert list(s.endpoint.checked.values()) == [s.at(HOME)]


async def test_an_address_at_which_somebody_is_heard_stays_theirs() -> None:
    """Whoever can forge an address could otherwise cut off anybody, by a check with credentials of their own."""
    async with stage() as s:
        first, second = s.admit("anna"), s.admit("mallory")
        s.check(first, HOME)
        s.at(HOME).is_up = True
        s.sent.clear()
        s.check(second, HOME)
        assert s.at(HOME).label == "anna" and not s.sent
        s.at(HOME).seen_at -= HEARD
        s.check(second, HOME)
        assert s.at(HOME).label == "mallory" and s.sent


async def test_checks_are_read_so_many_a_second_and_those_of_strangers_apart() -> None:
    async with stage(checks=10.0) as s:
        admission = s.admit()
        s.check(admission, HOME)
        for _ in range(50):
            s.check(admission, STRANGER, password="wrong-password-of-length")
        s.sent.clear()
        s.check(admission, AWAY)
        assert not s.sent  # for a moment nobody comes from elsewhere
        for _ in range(50):
            s.check(admission, HOME)
        assert 9 <= len(s.sent) <= 11


async def test_no_more_than_so_many_addresses_are_kept() -> None:
    async with stage(addresses=3) as s:
        admission = s.admit()
        s.check(admission, HOME)
        for port in range(50):
            s.check(admission, ("192.0.2.9", 5000 + port), nominate=False)
        assert len(s.endpoint.checked) == 3
        assert list(s.endpoint.nominated) == [HOME]


async def test_media_and_dtls_of_strangers_are_dropped() -> None:
    async with stage() as s:
        s.check(s.admit(), HOME)
        s.sent.clear()
        for data in (b"", b"\x80", b"\x80" * 1200, b"\x16\xfe\xff" + bytes(50), b"\xff" * 65_000, b"\x05", b"\x00"):
            s.endpoint.receive(data, STRANGER)
        assert not s.sent and s.endpoint.strangers == 6


async def test_media_before_the_handshake_is_dropped() -> None:
    async with stage() as s:
        admission = s.admit()
        s.check(admission, HOME)
        s.endpoint.receive(b"\x80\x60" + bytes(100), HOME)
        s.endpoint.receive(b"\x80\xc8" + bytes(100), HOME)
        assert s.at(HOME).tracks == []


@settings(max_examples=25, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=8))
async def test_no_datagram_whatever_does_harm(datagrams: list[bytes]) -> None:
    async with stage() as s:
        admission = s.admit()
        s.check(admission, HOME)
        for data in datagrams:
            for first in (b"", b"\x16\xfe\xfd", b"\x80\x60", b"\x00\x01"):
                s.endpoint.receive(first + data, HOME)
                s.endpoint.receive(first + data, STRANGER)
        await asyncio.sleep(0)
        s.sent.clear()
        s.check(admission, HOME)
        assert len(s.sent) == 1  # still there


async def test_a_flood_of_client_hellos_is_bounded() -> None:
    async with stage() as s:
        admission = s.admit()
        s.check(admission, HOME)
        s.sent.clear()
        for n in range(5000):
            s.endpoint.receive(b"\x16\xfe\xff\x00\x00" + n.to_bytes(6, "big") + b"\x00\x01\x00", HOME)
        for _ in range(10):
            await asyncio.sleep(0)
        assert sum(len(data) for data, _ in s.sent) < 5000
        s.check(admission, HOME)
        assert s.sent


async def test_an_offer_never_completed_ends() -> None:
    async with stage(setup=0.1) as s:
        s.admit()
        await s.until(lambda: s.downs == [("anna", "never_came")])
        assert s.forwarder.statistics().peers == 0
        assert s.forwarder.statistics().rooms == {}


async def test_a_handshake_never_completed_ends() -> None:
    async with stage(setup=0.1) as s:
        s.check(s.admit(), HOME)
        await s.until(lambda: bool(s.downs))
        assert not s.endpoint.checked and not s.endpoint.nominated
        assert not any(isinstance(told, PeerUp) for told in s.told)


async def test_too_many_peers_are_refused() -> None:
    async with stage(peers_per_room=2, peers=3) as s:
        s.admit("anna")
        s.admit("bo")
        with pytest.raises(MediaRefused, match="too many"):
            s.admit("cia")
        s.admit("cia", room="other")
        with pytest.raises(MediaRefused, match="too many"):
            s.admit("dan", room="third")
        assert set(s.forwarder.statistics().rooms) == {"r", "other"}


@pytest.mark.parametrize("limit", ["peers", "peers_per_room"])
async def test_who_has_most_offers_never_completed_makes_room(limit: str) -> None:
    async with stage(**{limit: 4}) as s:
        up = s.admit("anna")
        s.check(up, HOME)
        s.at(HOME).is_up = True
        for _ in range(50):
            s.admit("mallory")
        s.admit("bo")
        s.admit("cia")
        assert s.forwarder.statistics().peers == 4
        assert s.downs == [("mallory", "never_came")] * 49
        with pytest.raises(MediaRefused, match="too many"):
            s.admit("dan")  # everybody has but one


async def test_a_room_lasts_from_its_first_peer_to_its_last() -> None:
    async with stage() as s:
        first, second = s.admit("anna"), s.admit("bo")
        s.forwarder.remove("r", first.peer_id)
        s.forwarder.remove("r", first.peer_id)
        s.forwarder.remove("nowhere", second.peer_id)
        assert s.downs == [("anna", "removed")]
        s.forwarder.remove_label("r", "bo", senders_only=True)
        assert s.forwarder.statistics().rooms == {}


async def test_receivers_can_be_ended_and_senders_kept() -> None:
    async with stage() as s:
        s.admit("anna")
        whep = GSTREAMER.replace("a=sendonly", "a=recvonly")
        for label in ("bo", "anna"):
            s.forwarder.admit("r", label, whep, None, may_send=False, may_receive=True)
        s.forwarder.remove_receivers("r")
        assert sorted(s.downs) == [("anna", "removed"), ("bo", "removed")]
        assert s.forwarder.statistics().peers == 1


async def test_a_circle_cannot_be_tapped_and_is_no_stage_while_somebody_is_in_it() -> None:
    async with stage() as s:
        s.forwarder.admit("r", "anna", GSTREAMER, None, may_send=True, may_receive=False, kind="circle")
        with pytest.raises(MediaRefused, match="circle"):
            s.forwarder.tap("r", "t", "127.0.0.1", 5000, 5002)
        with pytest.raises(MediaRefused, match="circle"):
            s.admit("mallory")
        s.forwarder.remove_label("r", "anna", senders_only=False)
        assert s.admit("anna").peer_id  # the room was over with its last peer


async def test_a_tap_goes_to_the_loopback_only() -> None:
    async with stage() as s:
        for host, port in (("192.0.2.1", 5000), ("localhost", 5000), ("127.0.0.1", 0), ("127.0.0.1", 70_000)):
            with pytest.raises(MediaRefused) as refusal:
                s.forwarder.tap("r", "t", host, port, 5002)
            assert refusal.value.code == "bad_offer"
        assert s.forwarder.statistics().rooms == {}
