"""The networks between server and viewer, and how they are made: `tc tbf` for bottlenecks and nftables for what is blocked,
between namespaces; `tc netem` where the kernel has it, else the relay, for loss, delay and jitter. Without namespaces the
relay does all of it.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from typing import Final

from bench.media.contest import Child
from bench.media.network import Network as Wire

QUEUE: Final = 0.3  # seconds that a bottleneck holds
BURST: Final = 4000  # octets that `tbf` lets through at once


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """`loss` is a share, both ways; `delay` and `jitter` (up to so much more, each packet by itself) are seconds, `rate` is
    bit/s (0: unlimited), all three towards the viewer. `is_out`: nothing passes. `is_udp_blocked`: TCP alone does."""

    loss: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    rate: float = 0.0
    is_out: bool = False
    is_udp_blocked: bool = False

    @property
    def up(self) -> dict[str, float]:
        """Of the way to the server, as `Impairment` takes it."""
        return {"loss": self.loss}

    def down(self, *, with_rate: bool) -> dict[str, float]:
        rate = {"rate": self.rate, "queue": QUEUE} if with_rate else {}
        return {"loss": self.loss, "delay": self.delay, "jitter": self.jitter, **rate}


GOOD: Final = Conditions()


@dataclass(frozen=True)
class Network:
    """`phases`: from which second on what holds. `event`: the second from which recovery is counted; None: there is none."""

    name: str
    phases: tuple[tuple[float, Conditions], ...]
    event: float | None = None

    @property
    def is_udp_blocked(self) -> bool:
        return any(conditions.is_udp_blocked for _, conditions in self.phases)


def steady(name: str, **conditions: float) -> Network:
    return Network(name, ((0.0, Conditions(**conditions)),))  # type: ignore[arg-type]  # the flags are not steady


NETWORKS: Final = (
    steady("unimpaired"),
    steady("5 % loss", loss=0.05),
    steady("30 ms jitter", delay=0.01, jitter=0.03),
    steady("200 ms delay", delay=0.2),
    steady("5 % loss, 200 ms delay", loss=0.05, delay=0.2),
    steady("500 kbit/s", rate=500e3),
    Network("500 kbit/s all at once", ((0.0, GOOD), (8.0, Conditions(rate=500e3))), event=8.0),
    Network("2 s outage", ((0.0, GOOD), (8.0, Conditions(is_out=True)), (10.0, GOOD)), event=10.0),
    Network("UDP blocked", ((0.0, Conditions(is_udp_blocked=True)),)),
)


class Maker:
    """Makes conditions on a wire. `host` has the relay."""

    def __init__(self, wire: Wire, host: Child) -> None:
        self._wire, self._host = wire, host
        self._has_kernel = not wire.is_loopback and all(map(shutil.which, ("tc", "nft")))
        self._has_netem = self._has_kernel and self._try("tc", "qdisc", "add", "dev", "s0", "root", "netem", "delay", "1ms")
        self._clear()

    @property
    def note(self) -> str:
        """What makes the conditions."""
        if not self._has_kernel:
            return "a relay makes all conditions"
        return (
            "tc netem, tc tbf, nftables" if self._has_netem else "tc tbf, nftables, and a relay: this kernel has no tc netem"
        )

    @property
    def is_relayed(self) -> bool:
        """Whether viewers have to go through the relay."""
        return not self._has_netem

    def make(self, conditions: Conditions) -> None:
        """From now on."""
        if not self._has_kernel:
            self._host.ask(do="impair", up=conditions.up, down=conditions.down(with_rate=True))
            self._host.ask(do="open", is_open=not (conditions.is_out or conditions.is_udp_blocked))
            return
        self._clear()
        if not self._has_netem:
            self._host.ask(do="impair", up=conditions.up, down=conditions.down(with_rate=False))
        for command in commands(conditions, with_netem=self._has_netem):
            where = self._wire.clients if "c0" in command else self._wire.server
            subprocess.run((*where, *command), check=True)

    def _clear(self) -> None:
        if self._has_kernel:
            for where, link in ((self._wire.server, "s0"), (self._wire.clients, "c0")):
                subprocess.run((*where, "tc", "qdisc", "del", "dev", link, "root"), stderr=subprocess.DEVNULL)
            subprocess.run((*self._wire.server, "nft", "flush", "ruleset"), check=True)

    def _try(self, *command: str) -> bool:
        return subprocess.run((*self._wire.server, *command), stderr=subprocess.DEVNULL).returncode == 0


def commands(conditions: Conditions, *, with_netem: bool) -> list[tuple[str, ...]]:
    """What has to be run on the server's side of the wire, `s0`, or on the viewer's, `c0`. A network has a bottleneck or the
    other impairments, not both."""
    made: list[tuple[str, ...]] = []
    if conditions.rate:
        words = ("rate", f"{conditions.rate:.0f}bit", "burst", str(BURST), "latency", f"{QUEUE * 1000:.0f}ms")
        made.append(("tc", "qdisc", "add", "dev", "s0", "root", "tbf", *words))
    elif with_netem and (conditions.loss or conditions.delay or conditions.jitter):
        middle, spread = conditions.delay + conditions.jitter / 2, conditions.jitter / 2
        late = ("delay", f"{middle * 1000:.0f}ms", f"{spread * 1000:.0f}ms") if middle else ()
        lost = ("loss", f"{conditions.loss:.1%}") if conditions.loss else ()
        made.append(("tc", "qdisc", "add", "dev", "s0", "root", "netem", *late, *lost))
        if lost:
            made.append(("tc", "qdisc", "add", "dev", "c0", "root", "netem", *lost))
    if conditions.is_out or conditions.is_udp_blocked:
        what = "meta l4proto udp drop" if conditions.is_udp_blocked else "drop"
        rules = [
            f'add rule inet bench {hook} {key} "s0" {what}' for hook, key in (("input", "iifname"), ("output", "oifname"))
        ]
        chains = [f"add chain inet bench {hook} {{ type filter hook {hook} priority 0; }}" for hook in ("input", "output")]
        made.append(("nft", "; ".join(("add table inet bench", *chains, *rules))))
    return made
