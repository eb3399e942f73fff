"""`python -m bench.media.clients`: the publisher, or the viewers, of one server, on their side of the network. Obeys lines
of JSON on standard input, and ends with it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from aiortc import RTCCertificate

from bench.media import janus, plenum
from bench.media.network import FIRST_VIEWER, PUBLISHER, client_address
from bench.media.publisher import Publisher, Stamps
from bench.media.viewers import Signalling, Viewers

KEEP_ALIVE: Final = 5.0  # seconds


def signalling(server: str, at: str) -> Signalling:
    return plenum.Signalling(Path(at)) if server == "plenum" else janus.Signalling(at)


async def publish(options: argparse.Namespace, calls: AsyncIterator[dict[str, Any]]) -> None:
    asking = signalling(options.server, options.at)
    await asking.open()
    address = client_address(options.network, PUBLISHER)
    publisher = Publisher(address, RTCCertificate.generateCertificate(), Stamps(options.stamps))
    await publisher.connect(await asking.publish(publisher.client))
    alive = asyncio.create_task(_keep_alive(publisher))
    try:
        tell(up=True)
        async for call in calls:
            if call["do"] == "start":
                publisher.start(in_pictures=call["in_pictures"])
            else:
                publisher.stop()
            tell(done=call["do"])
    finally:
        alive.cancel()
        publisher.close()
        await asking.close()


async def _keep_alive(publisher: Publisher) -> None:
    while True:
        await asyncio.sleep(KEEP_ALIVE)
        publisher.client.keep_alive()


async def watch(options: argparse.Namespace, calls: AsyncIterator[dict[str, Any]]) -> None:
    asking = signalling(options.server, options.at)
    await asking.open()
    viewers = Viewers(
        options.library,
        Stamps(options.stamps),
        lambda number: client_address(options.network, FIRST_VIEWER + number),
        FIRST_VIEWER,
        RTCCertificate.generateCertificate(),
    )
    try:
        tell(port=viewers.port)
        async for call in calls:
            match call["do"]:
                case "join":
                    await viewers.join(call["total"], asking.watch)
                    tell(profile=viewers.profile)
                case "learn":
                    tell(moved=await viewers.learn())
                case "measure":
                    tell(**asdict(await viewers.measure(call["seconds"], call["pids"])))
    finally:
        await viewers.close()
        await asking.close()


def tell(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def _each(queue: asyncio.Queue[dict[str, Any]]) -> AsyncIterator[dict[str, Any]]:
    while True:
        yield await queue.get()


async def _read(queue: asyncio.Queue[dict[str, Any]], work: asyncio.Task[None]) -> None:
    """Reads calls; when they end, for whatever reason, so does the work, whatever it is about."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        queue.put_nowait(json.loads(line))
    work.cancel()


async def run(options: argparse.Namespace) -> None:
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()  # never longer than one: every call waits for its answer
    work = asyncio.create_task((publish if options.role == "publisher" else watch)(options, _each(queue)))
    reading = asyncio.create_task(_read(queue, work))
    try:
        with contextlib.suppress(asyncio.CancelledError):
            await work
    except* (ConnectionError, TimeoutError) as errors:
        tell(failed="; ".join(f"{type(error).__name__}: {error}" for error in errors.exceptions))
    finally:
        reading.cancel()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=("publisher", "viewers"))
    parser.add_argument("server", choices=("plenum", "janus"))
    parser.add_argument("--at", required=True, help="path of the door, or Janus's address")
    parser.add_argument("--network", type=IPv4Address, required=True)
    parser.add_argument("--stamps", type=Path, required=True)
    parser.add_argument("--library", type=Path, required=True)
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
