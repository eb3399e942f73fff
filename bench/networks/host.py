"""`python -m bench.networks.host`: the media engine on its side of the network, with a relay before its UDP port. Obeys
lines of JSON, and ends when its standard input does."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from live.control import MediaRefused, Use
from live.engine import EmbeddedEngine
from tests.live.impairment import Impairment, UdpRelay

ROOM: Final = "room"
SENT: Final[dict[str, Use]] = {"0": "microphone", "1": "camera"}
SEEN: Final[dict[str, Use]] = {"0": "audio", "1": "video"}


def through(answer: str, relay: int, *, tcp: bool) -> str:
    """The answer for a viewer whose only way for UDP is the relay's port; without `tcp` its only way at all."""
    lines = [line.split(" ") for line in answer.split("\r\n")]
    kept = [words for words in lines if tcp or not (words[0].startswith("a=candidate:") and words[2] == "tcp")]
    for words in kept:
        if words[0].startswith("a=candidate:") and words[2] == "udp":
            words[5] = str(relay)
    return "\r\n".join(map(" ".join, kept))


class Host:
    """Everything that can be asked of it is a method, called with the fields of the line."""

    def __init__(self, engine: EmbeddedEngine, relay: UdpRelay) -> None:
        self._engine, self._relay = engine, relay

    async def admit(self, label: str, offer: str, *, sends: bool, relayed: bool, tcp: bool) -> dict[str, Any]:
        """`relayed`: by UDP only through the relay; `tcp`: may go by TCP."""
        uses = SENT if sends else SEEN
        try:
            admission = await self._engine.admit(ROOM, label, offer, uses, may_send=sends, may_receive=not sends)
        except MediaRefused as refusal:
            return {"failed": str(refusal)}
        answer = admission.answer
        return {"answer": through(answer, self._relay.port, tcp=tcp) if relayed else answer}

    async def impair(self, up: dict[str, float], down: dict[str, float]) -> dict[str, Any]:
        self._relay.impair(Impairment(**up), Impairment(**down))
        return {}

    async def open(self, *, is_open: bool) -> dict[str, Any]:
        self._relay.open(is_open=is_open)
        return {}

    async def look(self, label: str) -> dict[str, Any]:
        """What the engine knows of a peer."""
        (worker,) = await self._engine.statistics()
        peers = worker.rooms[ROOM].peers.values() if ROOM in worker.rooms else ()
        return {"peers": [msgspec.to_builtins(peer) for peer in peers if peer.label == label]}


async def obey(host: Host) -> None:
    """Carries out one line after the other."""
    while line := await asyncio.to_thread(sys.stdin.readline):
        wish = json.loads(line)
        call: Callable[..., Awaitable[dict[str, Any]]] = getattr(host, wish.pop("do"))
        print(json.dumps(await call(**wish)), flush=True)


async def run(address: str) -> None:
    async with EmbeddedEngine((address,)) as engine:
        relay = UdpRelay((address, engine.port), address)
        relay.start()
        print(json.dumps({"port": engine.port}), flush=True)
        await obey(Host(engine, relay))
        relay.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--address", required=True)
    asyncio.run(run(parser.parse_args().address))


if __name__ == "__main__":
    main()
