"""Everybody's turn comes every 100 ms, and a report's once a second, however many there are."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from live.limits import Limits
from live.rounds import FEW, SHARES, TICKS_PER_REPORT, Rounds
from live.switchboard import Switchboard


class Peer:
    """One that counts its turns."""

    is_up, is_closed = True, False
    seen_at = float("inf")

    def __init__(self, phase: int) -> None:
        self.phase = phase
        self.ticks = self.reports = 0

    def tick(self, now: float) -> None:
        self.ticks += 1

    def report(self, reports: Any, now: float) -> None:
        self.reports += 1


@pytest.mark.parametrize(("count", "wake_ups"), [(FEW, 1), (FEW + 1, SHARES)])
async def test_each_peer_has_its_turn(count: int, wake_ups: int) -> None:
    peers = [Peer(phase) for phase in range(count)]
    room: Any = SimpleNamespace(
        peers=dict(enumerate(peers)), taps={}, phase=0, board=Switchboard("room", lambda notification: None)
    )
    ticks: list[int] = []
    rounds = Rounds({"room": room}, Limits(), lambda: ticks.append(1), lambda peer, reason: None)
    for _ in range(TICKS_PER_REPORT):
        for _ in range(wake_ups):
            rounds._tick()
            rounds.stop()
        assert {peer.ticks for peer in peers} == {len(ticks)}
    assert {peer.reports for peer in peers} == {1}
    assert len(ticks) == TICKS_PER_REPORT


async def test_a_bug_with_one_peer_costs_the_others_no_turn() -> None:
    peers = [Peer(0), Peer(0), Peer(0)]
    peers[1].report = None  # type: ignore[assignment]
    room: Any = SimpleNamespace(
        peers=dict(enumerate(peers)), taps={}, phase=0, board=Switchboard("room", lambda notification: None)
    )
    rounds = Rounds({"room": room}, Limits(), lambda: None, lambda peer, reason: None)
    with pytest.raises(TypeError):
        rounds._tick()
    rounds.stop()
    assert [(peer.ticks, peer.reports) for peer in peers] == [(1, 1), (1, 0), (1, 1)]


async def test_a_bug_in_one_room_costs_the_others_no_tick() -> None:
    peers = [Peer(0), Peer(0)]
    ticked: list[str] = []
    rooms: dict[str, Any] = {}
    for name, peer in zip("ab", peers, strict=True):
        board = Switchboard(name, lambda notification: None)
        board.tick = lambda now, name=name: ticked.append(name)  # type: ignore[method-assign,misc]
        rooms[name] = SimpleNamespace(peers={0: peer}, taps={}, phase=0, board=board)
    rooms["a"].board.tick = None
    rounds = Rounds(rooms, Limits(), lambda: ticked.append("worker"), lambda peer, reason: None)
    with pytest.raises(TypeError):
        rounds._tick()
    rounds.stop()
    assert ticked == ["worker", "b"]
    assert [peer.ticks for peer in peers] == [1, 1]


async def test_who_has_gone_since_the_tick_began_has_no_turn_any_more() -> None:
    peers = [Peer(phase) for phase in range(FEW + 1)]
    room: Any = SimpleNamespace(
        peers=dict(enumerate(peers)), taps={}, phase=0, board=Switchboard("room", lambda notification: None)
    )
    rounds = Rounds({"room": room}, Limits(), lambda: None, lambda peer, reason: None)
    rounds._tick()
    peers[1].is_closed = True
    for _ in range(SHARES - 1):
        rounds._tick()
    rounds.stop()
    assert [peer.ticks for peer in peers] == [1, 0, *[1] * (FEW - 1)]
