"""`make bench-networks`: what real Chromium gets as a viewer on one bad network after the other, while another Chromium
publishes in three layers (150, 500 and 1,500 kbit/s) on a good one. `--networks "5 % loss; 2 s outage"` measures those.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright
from rich.console import Console
from rich.table import Table

from bench.media.contest import Child
from bench.media.network import network
from bench.networks import browsers, film
from bench.networks.conditions import GOOD, NETWORKS, Maker, Network
from bench.networks.viewing import Notes, Viewing, sum_up

LOOK_EVERY: Final = 0.25  # seconds
WARM_UP: Final = 60.0  # seconds at most until the publisher sends all layers

_console: Final = Console(stderr=True, width=160)


class Stage:
    """The server, a publisher, and where viewers watch."""

    def __init__(self, host: Child, maker: Maker, publisher: Page, viewer: Page) -> None:
        self._host, self._maker, self._publisher, self._viewer = host, maker, publisher, viewer

    def publish(self, codec: str) -> None:
        """Returns when all layers flow."""
        offer = self._publisher.evaluate("codec => offerToPublish(codec, 360)", codec)
        admitted = self._host.ask(do="admit", label="publisher", offer=offer, sends=True, relayed=False, tcp=True)
        self._publisher.evaluate("answer => takeAnswer(answer)", admitted["answer"])
        until = time.monotonic() + WARM_UP
        while len(self._look("publisher").get("tracks", ())) < 4:
            if time.monotonic() > until:
                raise SystemExit("bench-networks: the publisher does not send three layers and sound")
            self._publisher.wait_for_timeout(200)

    def view(self, at: Network, seconds: float) -> Viewing:
        """A new viewer watches for so long."""
        self._maker.make(at.phases[0][1])
        browsers.prepare(self._viewer)
        offer = self._viewer.evaluate("offerToWatch()")
        way = {"relayed": self._maker.is_relayed, "tcp": at.is_udp_blocked}
        admitted = self._host.ask(do="admit", label="viewer", offer=offer, sends=False, **way)
        self._viewer.evaluate("keepDiary(200)")
        began, made = time.time(), self._encoded()
        self._viewer.evaluate("answer => takeAnswer(answer)", admitted["answer"])
        layers, transport = self._watch(at, began, seconds)
        rate = (self._encoded() - made) / (time.time() - began)
        diary, shown = self._viewer.evaluate("[diary, shown]")
        self._maker.make(GOOD)
        self._viewer.evaluate("pc.close()")
        notes = Notes(began * 1000, [(when, height) for when, height in shown], diary, layers, rate, transport)
        return sum_up(notes, None if at.event is None else 1000 * (began + at.event))

    def _watch(self, at: Network, began: float, seconds: float) -> tuple[list[tuple[float, str, int]], str]:
        coming = list(at.phases[1:])
        layers: list[tuple[float, str, int]] = []
        transport = ""
        while (now := time.time()) < began + seconds:
            if coming and now - began >= coming[0][0]:
                self._maker.make(coming.pop(0)[1])
            told = self._look("viewer")
            if told.get("up"):
                layers.append((now * 1000, told["slots"].get("video0", ""), told["estimate_bps"]))
                transport = told["transport"] or transport
            pause = min([LOOK_EVERY, *(max(0.0, began + second - time.time()) for second, _ in coming[:1])])
            self._viewer.wait_for_timeout(1000 * pause)
        return layers, transport

    def _look(self, label: str) -> dict[str, Any]:
        peers = self._host.ask(do="look", label=label)["peers"]
        return peers[-1] if peers else {}

    def _encoded(self) -> int:
        return int(max(layer["framesEncoded"] for layer in self._publisher.evaluate("encoded()")))


def measure(chosen: list[Network], options: argparse.Namespace) -> dict[str, Viewing]:
    found: dict[str, Viewing] = {}
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="plenum-bench-")))
        film.write(directory / "film.y4m")
        wire = stack.enter_context(network(use_loopback=options.loopback))
        host = Child(wire.server, "networks.host", "--address", wire.server_address)
        stack.callback(host.close)
        host.hear()
        maker = Maker(wire, host)
        _console.print(f"network: {wire.note}; {maker.note}")
        playwright = stack.enter_context(sync_playwright())
        shot = directory / "film.y4m"
        publisher = stack.enter_context(browsers.page(playwright, wire.server, directory, "publisher", shot))
        viewer = stack.enter_context(browsers.page(playwright, wire.clients, directory, "viewer"))
        stage = Stage(host, maker, publisher, viewer)
        stage.publish(options.codec)
        for at in chosen:
            found[at.name] = stage.view(at, options.seconds)
            _console.print(f"  {at.name}: {brief(found[at.name])}")
    return found


def brief(viewing: Viewing) -> str:
    layers = ", ".join(f"{name or 'none'} {share:.0%}" for name, share in viewing.layers.items())
    return f"{viewing.pictures:.0%} of the pictures, {viewing.freezes} freezes, {viewing.concealed:.1%} concealed; {layers}"


def report(found: dict[str, Viewing]) -> Table:
    table = Table("network", "first picture", "pictures", "freezes", "longest gap", "sound concealed")
    for heading in (
        "waits: picture, sound",
        "repaired, lost",
        "layers: low, middle, high, none",
        "back: picture, sound, layer",
    ):
        table.add_column(heading)
    for name, got in found.items():
        backs = (got.picture_back, got.sound_back, got.layer_back)
        table.add_row(
            name + (" (TCP)" if got.transport == "tcp" else ""),
            _seconds(got.first_picture),
            f"{got.pictures:.0%}",
            f"{got.freezes}, {got.frozen:.1f} s",
            _seconds(got.longest_gap),
            f"{got.concealed:.1%}",
            f"{got.picture_wait * 1000:.0f}, {got.sound_wait * 1000:.0f} ms",
            f"{got.repaired}, {got.lost}",
            ", ".join(f"{got.layers.get(layer, 0):.0%}" for layer in ("l", "m", "h", "")),
            ", ".join(map(_seconds, backs)) if any(back is not None for back in backs) else "",
        )
    return table


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f} s"


def main() -> None:
    options = _options()
    names = [name.strip() for name in options.networks.split(";") if name.strip()]
    if unknown := [name for name in names if name not in {each.name for each in NETWORKS}]:
        raise SystemExit(f"no such network: {unknown[0]}. There are: " + "; ".join(each.name for each in NETWORKS))
    found = measure([each for each in NETWORKS if not names or each.name in names], options)
    _console.print(report(found))
    print(json.dumps({name: got.as_json() for name, got in found.items()}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="", help="names, separated by semicolons; all if none is given")
    parser.add_argument("--seconds", type=float, default=20.0, help="that each viewer watches")
    parser.add_argument("--codec", default="H264", choices=("H264", "VP8"))
    parser.add_argument("--loopback", action="store_true", help="no namespaces: the relay makes every network")
    return parser.parse_args()


if __name__ == "__main__":
    main()
