"""`make bench-bandwidth`: the estimator and the choice of layers on simulated networks, and what they cost. Nothing is timed
but the cost: the networks run under a virtual clock and a seed, so the table is the same everywhere.

First the estimate itself: a sender that uses all of it, ours and aiortc's (at the receiver, by REMB) in turn. Then what a
viewer of one publisher with three layers (150, 500 and 1,500 kbit/s) gets.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.measures import median, percentile
from bench.path import Bottleneck, Download, Flow, LayeredFlow, Path, ReceiverFlow, Sample, simulate
from live.allocation import SPEAKER, Allocator, Demand, Layer
from live.bandwidth import Estimator
from live.transport_cc import TransportFeedback

WARM_UP: Final = 3.0  # seconds

_console: Final = Console(stderr=True, width=150)


@dataclass(frozen=True)
class Network:
    """A path for `seconds`; `recovery`: from when on the estimate is to come back to `RECOVERED` of the capacity."""

    name: str
    path: Path
    seconds: float = 40.0
    recovery: float | None = None
    beside: Callable[[Bottleneck], object] | None = None


def download(link: Bottleneck) -> object:
    return Download(link, 15, 60)


STEP: Final = [(0.0, 2e6), (20.0, 300e3), (40.0, 2e6)]
NETWORKS: Final = (
    Network("500 kbit/s", Path([(0, 500e3)])),
    Network("2 Mbit/s", Path([(0, 2e6)])),
    Network("2 Mbit/s → 300 kbit/s → 2 Mbit/s", Path(STEP), 80, 40),
    Network("the same, queue of 2 s", Path(STEP, queue=2.0), 80, 40),
    Network("2 Mbit/s, 5 % loss", Path([(0, 2e6)], loss=0.05)),
    Network("2 Mbit/s, 30 ms jitter", Path([(0, 2e6)], jitter=0.03)),
    Network("2 Mbit/s, 200 ms round trip", Path([(0, 2e6)], delay=0.1)),
    Network("2 Mbit/s, outage of 2 s", Path([(0, 2e6)], outages=[(20, 22)]), 40, 22),
    Network("500 kbit/s, policed (20 ms queue)", Path([(0, 500e3)], queue=0.02)),
    Network("2 Mbit/s beside a TCP download", Path([(0, 2e6)]), 60, beside=download),
)
RECOVERED: Final = 0.7


def shares(network: Network, samples: Sequence[Sample], begin: float = WARM_UP) -> list[float]:
    """The estimate over the capacity, in every sample after `begin`."""
    rate = network.path.rate
    return [sample.estimate / rate(sample.second) for sample in samples if sample.second >= begin]


def recovered_after(network: Network, samples: Sequence[Sample]) -> float | None:
    """Seconds from `recovery` until the estimate is `RECOVERED` of the capacity."""
    if network.recovery is None:
        return None
    for sample in samples:
        if sample.second >= network.recovery and sample.estimate >= RECOVERED * network.path.rate(sample.second):
            return round(sample.second - network.recovery, 1)
    return float("inf")


def estimation(network: Network, kind: type[Flow], seeds: Sequence[int]) -> dict[str, float | None]:
    """Runs a sender that uses all of the estimate. Shares of the capacity, seconds."""
    flows = [simulate(network.path, network.seconds, kind, seed, network.beside) for seed in seeds]
    of_capacity = [share for flow in flows for share in shares(network, flow.samples)]
    queues = [sample.queue for flow in flows for sample in flow.samples if sample.second >= WARM_UP]
    recoveries = [recovered_after(network, flow.samples) for flow in flows]
    return {
        "mean": round(sum(of_capacity) / len(of_capacity), 2),
        "p5": round(percentile(of_capacity, 0.05), 2),
        "p95": round(percentile(of_capacity, 0.95), 2),
        "queue_p95_ms": round(percentile(queues, 0.95) * 1000),
        "recovery_s": median([seconds for seconds in recoveries if seconds is not None]) if network.recovery else None,
        "padding": round(sum(flow.padding for flow in flows) / sum(flow.sent for flow in flows), 3),
    }


def layers(network: Network, seeds: Sequence[int]) -> dict[str, object]:
    """Runs a viewer of three layers: how much of the time each was chosen, how often it changed, how late sound came."""
    flows = [simulate(network.path, network.seconds, LayeredFlow, seed, network.beside) for seed in seeds]
    samples = [sample for flow in flows for sample in flow.samples]
    delays = [delay for flow in flows for delay in flow.audio_delays]
    gaps = [
        later - earlier
        for flow in flows
        for (earlier, before), (later, after) in zip(flow.switches, flow.switches[2:], strict=False)
        if before == after
    ]
    return {
        "time": {name: round(sum(s.choice == name for s in samples) / len(samples), 2) for name in ("f", "h", "q", "")},
        "switches_per_minute": round(sum(len(f.switches) for f in flows) * 60 / network.seconds / len(flows), 1),
        "shortest_there_and_back_s": round(min(gaps), 1) if gaps else None,
        "sound_p99_ms": round(percentile(delays, 0.99) * 1000),
        "padding": round(sum(flow.padding for flow in flows) / sum(flow.sent for flow in flows), 3),
    }


def cost() -> dict[str, int]:
    """CPU nanoseconds: of `sent` per packet, of `acknowledge` per packet told of, of `choose` per call. A loop's own share
    is taken off."""
    estimator = Estimator()
    now, told, count = 1.0, 0, 30
    spent_sending = spent_hearing = spent_looping = 0
    clock = time.process_time_ns
    for turn in range(4000):
        numbers = [turn * count + index & 0xFFFF for index in range(count)]
        began = clock()
        for _ in numbers:
            pass
        between = clock()
        for number in numbers:
            estimator.sent(number, 1100, now)
        after = clock()
        spent_looping += between - began
        spent_sending += after - between
        now += 0.1
        arrivals = tuple(index * 13 for index in range(count))
        feedback = TransportFeedback(1, 2, numbers[0], int(now / 0.064) & 0xFFFFFF, turn & 255, arrivals)
        began = clock()
        estimator.acknowledge(feedback, now)
        spent_hearing += clock() - began
        told += count
    return {
        "sent_ns": (spent_sending - spent_looping) // told,
        "acknowledge_ns": spent_hearing // told,
        "choose_ns": _cost_of_choosing(3e5, 5e6),
        "choose_enough_ns": _cost_of_choosing(8e6, 9e6),
    }


def _cost_of_choosing(least: float, most: float) -> int:
    """With estimates between the two."""
    allocator, chance, turns = Allocator(), random.Random(1), 3000
    three = (Layer("q", 150e3, 180), Layer("h", 500e3, 360), Layer("f", 1.5e6, 720))
    demands = {f"video{index}": Demand(360, three) for index in range(4)} | {"screen0": Demand(1080, three[2:], SPEAKER)}
    estimates = [chance.uniform(least, most) for _ in range(turns)]
    began = time.process_time_ns()
    for turn, estimate in enumerate(estimates):
        allocator.choose(estimate, 1e5, demands, turn / 10)
    return (time.process_time_ns() - began) // turns


def _print(results: dict[str, dict[str, dict[str, object]]]) -> None:
    table = Table(title="A sender that uses all of the estimate: estimate over capacity")
    for heading in ("network", "mean", "p5..p95", "queue p95", "back after", "padding", "aiortc mean", "aiortc queue p95"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for name, result in results.items():
        ours, peer = result["ours"], result["aiortc"]
        back = "" if ours["recovery_s"] is None else f"{ours['recovery_s']} s"
        table.add_row(
            name,
            f"{ours['mean']:.0%}",
            f"{ours['p5']:.0%}..{ours['p95']:.0%}",
            f"{ours['queue_p95_ms']} ms",
            back,
            f"{ours['padding']:.1%}",
            f"{peer['mean']:.0%}",
            f"{peer['queue_p95_ms']} ms",
        )
    _console.print(table)
    table = Table(title="A viewer of three layers: share of the time")
    for heading in ("network", "1500", "500", "150", "none", "switches a minute", "there and back", "sound p99", "padding"):
        table.add_column(heading, justify="left" if heading == "network" else "right")
    for name, result in results.items():
        got = result["layers"]
        spent, gap = got["time"], got["shortest_there_and_back_s"]
        assert isinstance(spent, dict)
        table.add_row(
            name,
            *(f"{spent[layer]:.0%}" for layer in ("f", "h", "q", "")),
            str(got["switches_per_minute"]),
            "" if gap is None else f"{gap} s",
            f"{got['sound_p99_ms']} ms",
            f"{got['padding']:.1%}",
        )
    _console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="how many runs of each network")
    seeds = range(1, parser.parse_args().seeds + 1)
    results: dict[str, dict[str, dict[str, object]]] = {}
    for network in NETWORKS:
        results[network.name] = {
            "ours": {**estimation(network, Flow, seeds)},
            "aiortc": {**estimation(network, ReceiverFlow, seeds)},
            "layers": layers(network, seeds),
        }
    _print(results)
    spent = cost()
    _console.print(", ".join(f"{name.removesuffix('_ns')} {nanoseconds} ns" for name, nanoseconds in spent.items()))
    print(json.dumps({"networks": results, **spent}))


if __name__ == "__main__":
    main()
