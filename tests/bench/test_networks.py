"""The benchmark of bad networks: how they are made, and how what was seen is summed up. (`tests/live/test_networks.py` has
the networks themselves.)"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench.media.contest import Child
from bench.media.network import network
from bench.networks import film
from bench.networks.__main__ import report
from bench.networks.conditions import GOOD, NETWORKS, Conditions, Maker, commands
from bench.networks.host import through
from bench.networks.viewing import Notes, Viewing, layer_back, picture_back, sound_back, sum_up

UDP = "a=candidate:1 1 udp 2130706431 10.199.0.1 4000 typ host"
TCP = "a=candidate:2 1 tcp 1518280447 10.199.0.1 4000 typ host tcptype passive"


def test_an_answer_names_the_relay_and_no_other_way() -> None:
    answer = "\r\n".join(("v=0", UDP, TCP, "a=mid:4000", ""))
    relayed = UDP.replace(" 4000 ", " 5000 ")
    assert through(answer, 5000, tcp=False) == "\r\n".join(("v=0", relayed, "a=mid:4000", ""))
    assert through(answer, 5000, tcp=True) == "\r\n".join(("v=0", relayed, TCP, "a=mid:4000", ""))


def test_commands_of_the_kernel() -> None:
    assert commands(GOOD, with_netem=True) == []
    (bottleneck,) = commands(Conditions(rate=500e3), with_netem=False)
    assert " ".join(bottleneck) == "tc qdisc add dev s0 root tbf rate 500000bit burst 4000 latency 300ms"
    down, up = commands(Conditions(loss=0.05, delay=0.2), with_netem=True)
    assert " ".join(down) == "tc qdisc add dev s0 root netem delay 200ms 0ms loss 5.0%"
    assert " ".join(up) == "tc qdisc add dev c0 root netem loss 5.0%"
    assert commands(Conditions(loss=0.05, delay=0.2), with_netem=False) == []


def test_the_kernel_takes_the_commands(tmp_path: Path) -> None:
    with network() as wire:
        if wire.is_loopback or not all(map(shutil.which, ("tc", "nft"))):
            pytest.skip(f"network namespaces, tc and nft are needed: {wire.note}")
        host = Child(wire.server, "networks.host", "--address", wire.server_address)
        try:
            host.hear()
            maker = Maker(wire, host)
            for at in NETWORKS:
                for _, conditions in at.phases:
                    maker.make(conditions)
            maker.make(GOOD)
            assert host.ask(do="look", label="nobody") == {"peers": []}
        finally:
            host.close()


def entry(at: float, **counted: float) -> dict[str, float]:
    names = (
        "heard",
        "concealed",
        "waited",
        "emitted",
        "decoded",
        "keys",
        "freezes",
        "frozen",
        "waitedPicture",
        "emittedPicture",
    )
    return {"at": at, **dict.fromkeys((*names, "repaired", "lost"), 0.0), **counted}


def test_the_sum_of_a_viewing() -> None:
    shown = [(1500.0 + 40 * number, 360) for number in range(100)]
    diary = [entry(1000), entry(5500, decoded=100, heard=48000, concealed=480, waited=4800, emitted=48000)]
    layers = [(1000.0, "", 300_000), (2000.0, "l", 300_000), (3000.0, "h", 2_000_000), (4000.0, "h", 2_000_000)]
    found = sum_up(Notes(1000.0, shown, diary, layers, encoded=25.0), None)
    assert (found.first_picture, found.pictures, found.longest_gap) == (0.5, 1.0, 0.04)
    assert (found.concealed, found.sound_wait) == (0.01, 0.1)
    assert (found.layers, found.estimate) == ({"": 0.25, "h": 0.5, "l": 0.25}, 2_000_000)
    assert found.picture_back is None and "picture_back" in found.as_json()


def test_a_viewer_who_saw_nothing_is_summed_up_too() -> None:
    found = sum_up(Notes(1000.0, [], [entry(1000)], [], encoded=25.0), 1000.0)
    assert found.first_picture is None and found.picture_back is None
    assert report({"nothing": found}).row_count == 1


def test_the_picture_is_back_when_others_follow() -> None:
    alone, flowing = [10_300.0], [12_000.0 + 40 * number for number in range(30)]
    assert picture_back([9000.0, *alone, *flowing], 10_000.0) == 2.0
    assert picture_back(alone, 10_000.0) is None


def test_the_sound_is_back_when_hardly_any_is_made_up() -> None:
    bad = [entry(10_000 + 200 * n, heard=9600 * n, concealed=9600 * n) for n in range(6)]
    good = [entry(11_200 + 200 * n, heard=57_600 + 9600 * n, concealed=48_000) for n in range(6)]
    assert sound_back([*bad, *good], 10_000.0) == pytest.approx(1.0)
    assert sound_back(bad, 10_000.0) is None


def test_the_layer_is_back_when_it_is_as_good_as_before() -> None:
    layers = [(5000.0, "m", 0), (8000.0, "", 0), (10_100.0, "l", 0), (11_000.0, "h", 0)]
    assert layer_back(layers, 10_000.0) == 1.0


def test_the_film_is_one(tmp_path: Path) -> None:
    film.write(tmp_path / "film.y4m", frames=2)
    written = (tmp_path / "film.y4m").read_bytes()
    head, _, _ = written.partition(b"\n")
    assert written.count(b"FRAME\n") == 2
    assert len(written) == len(head) + 1 + 2 * (len(b"FRAME\n") + film.WIDTH * film.HEIGHT * 3 // 2)


def test_a_table_of_everything() -> None:
    got = Viewing(0.2, 1.0, 0, 0.0, 0.1, 0.0, 0.02, 0.05, 2, 0, 0, {"h": 1.0}, 2_000_000, "udp", 0.1, 0.2, None)
    assert report(dict.fromkeys((at.name for at in NETWORKS), got)).row_count == len(NETWORKS)
