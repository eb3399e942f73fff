"""What each client saw of the streams: all that is for them, once, in order, and no snapshot that is not the state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from bench.chaos.history import Heard, Record
from rooms import messages as m
from rooms.access import hears
from server.journal import Entry
from server.stream import apply, empty_state, redact

Streams = Mapping[str, Sequence[Entry]]


def check_order(streams: Streams) -> list[str]:
    """Each stream is numbered without gaps."""
    return [
        f"{name}: number {entry.seq} where {n} belongs"
        for name, entries in streams.items()
        for n, entry in enumerate(entries, 1)
        if entry.seq != n
    ]


def check(record: Record, streams: Streams) -> list[str]:
    """What is wrong with what one client heard."""
    return [
        f"{record.actor.person_id}/{record.client} {name}: {what}"
        for name, entries in streams.items()
        for what in View(record.actor, entries).follow([one for one in record.heard if one.stream == name])
    ]


class View:
    """One stream as `actor` may see it, who knows it up to `position`; None before any state. Whoever asks for it again
    while they follow it is told again what was on its way meanwhile, and no more."""

    def __init__(self, actor: m.Actor, entries: Sequence[Entry]) -> None:
        self._actor = actor
        self._entries = entries
        self._audible = [entry for entry in entries if hears(actor, entry.event.audience)]
        self._position: int | None = None
        self._asked: list[int] = []  # from which numbers on, without an answer
        self._next = 0  # in `_audible`: the first after `_position`
        self._states: list[m.State] = []

    def follow(self, heard: Sequence[Heard]) -> list[str]:
        """What is wrong with it. What never came is told once, where it is missed."""
        wrong = [what for one in heard if (what := self._take(one))]
        missed = self._audible[self._next :]
        if heard and missed:
            wrong.append(f"never heard of {[entry.seq for entry in missed]}")
        return wrong

    def _take(self, one: Heard) -> str:
        before = self._position
        if one.kind in ("hello", "follow"):
            self._asked = [*(self._asked if one.kind == "follow" else ()), one.seq]
            return ""
        if one.kind == "snapshot":
            return self._snapshot(one, before)
        if before is None:
            return f"{one.kind} {one.seq} before any state"
        if one.kind == "caught_up":
            self._asked = self._asked[1:]
            expected = self._audible[self._next].seq if self._next < len(self._audible) else None
            self._go_to(max(before, one.seq))
            return f"caught up to {one.seq} without {expected}" if expected is not None and expected <= one.seq else ""
        if one.seq <= before and self._asked and one.seq > self._asked[0]:
            return ""  # again, as was asked
        if one.seq <= before:
            return f"event {one.seq} after {before}"
        expected_entry = self._audible[self._next] if self._next < len(self._audible) else None
        self._go_to(one.seq)
        if expected_entry is None or expected_entry.seq != one.seq:
            return f"event {one.seq} after {before}, where {expected_entry and expected_entry.seq} belongs"
        if msgspec.json.decode(expected_entry.body) != one.body:
            return f"event {one.seq} is not what is in the journal"
        return ""

    def _snapshot(self, one: Heard, before: int | None) -> str:
        self._asked = self._asked[1:]
        self._go_to(one.seq)
        if before is not None and one.seq < before:
            return f"snapshot {one.seq} after {before}"
        if one.seq > len(self._entries):
            return f"snapshot {one.seq} of a future that is not there"
        if self._state(one.seq) != one.body:
            return f"snapshot {one.seq} is not the state"
        return ""

    def _go_to(self, seq: int) -> None:
        self._position = seq
        self._next = sum(entry.seq <= seq for entry in self._audible)

    def _state(self, seq: int) -> Any:
        """As JSON would have it."""
        if not self._states:
            self._states = list(_states(self._entries))
        state = self._states[seq]
        return msgspec.json.decode(msgspec.json.encode(redact(state, self._actor)))


def _states(entries: Sequence[Entry]) -> list[m.State]:
    """The state after each number, 0 first."""
    state = empty_state(entries[0].stream) if entries else m.RoomState()
    states = [state]
    for entry in entries:
        state = apply(state, entry.event)
        states.append(state)
    return states
