"""What happened, as those saw it to whom it happened: for each client what it sent and was told, what it heard, and when it
was there; and which faults there were. Moments are Unix seconds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bench.chaos.schedule import Kind
from rooms import messages as m

ACK = "ack"


@dataclass
class Sent:
    """A command. `sends`: when, and to which node. `answer`: `ACK`, a refusal's code, or nothing yet."""

    person_id: str
    client: str
    id: int
    stream: str
    command: dict[str, Any]
    sends: list[tuple[float, int]] = field(default_factory=list)
    answer: str = ""
    message: str = ""
    answered_at: float = 0.0

    @property
    def cause(self) -> str:
        return f"{self.person_id}/{self.client}/{self.id}"

    @property
    def is_done(self) -> bool:
        return self.answer == ACK

    @property
    def may_be_done(self) -> bool:
        """Nobody was told. A refusal of what was sent twice may be the second's, and the first have been done."""
        return not self.is_done and (not self.answer or len(self.sends) > 1)


@dataclass(frozen=True)
class Heard:
    """`kind`: snapshot, event or caught_up; `body`: the state, or the event. Between them stands what was asked for, `hello`
    or `follow`, with the number in `seq`."""

    stream: str
    kind: str
    seq: int
    body: dict[str, Any] = field(default_factory=dict)


@dataclass
class Stay:
    """One connection's presence in the session: for certain between `sure_from` (0: never) and `sure_to`, at most from
    `asked_at` to `gone_by` (0: still there)."""

    node: int
    asked_at: float
    sure_from: float = 0.0
    sure_to: float = 0.0
    gone_by: float = 0.0


@dataclass
class Record:
    """Of one client: one tab of a person's."""

    actor: m.Actor
    client: str
    sent: list[Sent] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)  # the codes with which connections ended


@dataclass
class Happened:
    """A fault. `over`: when what was broken worked again."""

    kind: Kind
    target: int
    began: float
    over: float = 0.0


@dataclass(frozen=True)
class Death:
    """The end of a node's process. `said_goodbye`: it had time to write what it knew."""

    at: float
    node: int
    said_goodbye: bool


@dataclass
class History:
    records: list[Record] = field(default_factory=list)
    faults: list[Happened] = field(default_factory=list)
    deaths: list[Death] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # what was seen to be wrong while it ran
    lag: float = 0.0  # the longest that this very process did not come to run
