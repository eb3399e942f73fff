"""The bandwidth table: the same every time, and the documentation's rows are its networks."""

from __future__ import annotations

from pathlib import Path as File

from bench.bandwidth import NETWORKS, estimation, layers, recovered_after
from bench.path import Flow, Path, ReceiverFlow, Sample, simulate

DOCUMENT = File(__file__).parents[2] / "docs" / "media-bandwidth.md"


def test_a_simulation_is_the_same_every_time_and_another_seed_is_another_network() -> None:
    path = Path([(0, 500e3)], jitter=0.01)
    first, again, other = (simulate(path, 5, Flow, seed).samples for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_documentation_has_a_row_in_both_tables_for_each_network() -> None:
    rows = [line.split("|")[1].strip() for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    for network in NETWORKS:
        assert rows.count(network.name) == 2, network.name


def test_a_row_says_what_came_of_a_network() -> None:
    network = NETWORKS[0]
    ours, peer = estimation(network, Flow, [1]), estimation(network, ReceiverFlow, [1])
    assert 0.8 < (ours["mean"] or 0) < 1.1
    assert 0.3 < (peer["mean"] or 0) < 1.5
    got = layers(network, [1])
    assert got["time"] == {"f": 0.0, "h": 0.0, "q": 1.0, "": 0.0}


def test_recovery_is_counted_from_the_capacitys_return() -> None:
    network = next(network for network in NETWORKS if network.recovery == 40)
    samples = [Sample(second / 10, 300_000 if second < 450 else 1_900_000, 0.0, 0.0) for second in range(600)]
    assert recovered_after(network, samples) == 5.0
    assert recovered_after(network, samples[:440]) == float("inf")
    assert recovered_after(NETWORKS[0], samples) is None
