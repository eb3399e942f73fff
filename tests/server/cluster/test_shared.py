"""What nodes know of each other: right after whatever was lost, and gone with the node that told it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from server.cluster.node import LIFE_SECONDS, Nodes
from server.cluster.shared import Shared


class Air:
    """One node's link: what it tells goes to all, this node included, unless it is lost."""

    def __init__(self, everybody: list[Air]) -> None:
        self.listeners: dict[str, list[Callable[[bytes], None]]] = {}
        self.on_subscribed: list[Callable[[], None]] = []
        self.waiting: list[tuple[str, bytes]] = []
        self._everybody = everybody
        everybody.append(self)

    def on(self, channel: str, listener: Callable[[bytes], None]) -> None:
        self.listeners.setdefault(channel, []).append(listener)

    def tell(self, channel: str, message: bytes) -> None:
        self.waiting.append((channel, message))

    def deliver(self, *, lose: bool = False) -> None:
        waiting, self.waiting = self.waiting, []
        for channel, message in () if lose else waiting:
            for air in self._everybody:
                for listener in air.listeners.get(channel, ()):
                    listener(message)


class Node:
    def __init__(self, name: str, everybody: list[Air], clock: Callable[[], float]) -> None:
        self.air = cast(Any, Air(everybody))
        self.nodes = Nodes(self.air, clock, name)
        self.shared = Shared(self.air, self.nodes)
        self.shared._telling = object()  # type: ignore[assignment]  # the test says when
        self.changes: list[str] = []
        self.shared.on_change["present"] = self.changes.append

    def tell(self) -> None:
        self.shared._tell()
        self.shared._telling = object()  # type: ignore[assignment]

    def is_complete(self) -> bool:
        return self.shared.is_complete

    def beat(self) -> None:
        self.air.tell("beats", self.nodes._encoded())


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        everybody: list[Air] = []
        self.a, self.b = (Node(name, everybody, lambda: self.now) for name in "ab")

    def settle(self, seconds: float = 1) -> None:
        """Nothing is lost for so long."""
        for _ in range(round(seconds) + 4):
            self.now += 0.5
            for node in (self.a, self.b):
                node.beat()
            for _ in range(3):  # beats, what they ask for, what is answered
                for node in (self.a, self.b):
                    node.air.deliver()
            for node in (self.a, self.b):
                node.nodes.look()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(["anna", "bo", "siri"]), st.sampled_from([None, 0, 1])),
        st.tuples(st.sampled_from(["tell", "beat", "deliver", "lose", "heard"]), st.just(""), st.none()),
    ),
    max_size=30,
)


@given(STEPS, st.booleans())
def test_whatever_is_lost_two_beats_later_everything_is_known(
    steps: list[tuple[str, str, int | None]], are_strangers: bool
) -> None:
    world = World()
    if not are_strangers:
        world.settle()
    for what, person, value in steps:
        match what:
            case "put":
                world.a.shared.put("present", "s1", person, value)
            case "tell":
                world.a.tell()
            case "beat":
                world.a.beat()
            case "heard":
                world.b.air.deliver()
            case _:
                world.a.air.deliver(lose=what == "lose")
    world.a.tell()
    world.settle()
    assert next(iter(world.b.shared.others("present", "s1")), {}) == world.a.shared.own("present", "s1")


def test_it_is_complete_when_all_who_live_are_known_and_not_before() -> None:
    world = World()
    world.a.shared.put("present", "s1", "anna", 1)
    world.a.tell()
    world.a.air.deliver(lose=True)
    world.settle()
    assert world.b.shared.elsewhere("present", "s1", "anna") == [1]
    assert not world.b.is_complete()  # there may be somebody who has not been heard yet
    world.settle(2 * LIFE_SECONDS)
    assert world.b.is_complete()
    world.a.shared.put("present", "s1", "bo", 1)
    world.a.tell()
    world.a.air.deliver(lose=True)
    world.a.beat()
    world.a.air.deliver()
    assert not world.b.is_complete()


def test_beats_that_overtake_what_was_told_before_them_cost_nothing() -> None:
    """A busy node tells something between any two of its beats: nothing is missing, and nobody asks for everything."""
    world = World()
    world.settle(2 * LIFE_SECONDS)
    for person in ("anna", "bo", "siri"):
        world.a.shared.put("present", "s1", person, 1)
        world.a.tell()
        world.a.beat()
        world.a.air.waiting.reverse()
        world.a.air.deliver()
        assert world.b.air.waiting == []
        assert world.b.is_complete()


def test_what_a_node_told_is_gone_with_it_and_there_again_when_it_lives() -> None:
    world = World()
    world.a.shared.put("present", "s1", "anna", 1)
    world.a.tell()
    world.settle()
    world.b.changes.clear()
    world.b.nodes._bury("a")
    assert (world.b.shared.elsewhere("present", "s1", "anna"), world.b.changes) == ([], ["s1"])
    world.settle()
    assert (world.b.shared.elsewhere("present", "s1", "anna"), world.b.changes) == ([1], ["s1", "s1"])
