"""Our engine as a contender: behind a Unix socket, which is the same in every network namespace, as the web process has it
behind its own endpoints."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Final

from bench.media import sdp
from bench.media.client import Client
from bench.media.sdp import Remote
from live.control import MediaRefused, Use
from live.engine import EmbeddedEngine

ROOM: Final = "plenary"
SEEN: Final[dict[str, Use]] = {"0": "video", "1": "audio"}
SENT: Final[dict[str, Use]] = {"0": "camera", "1": "microphone"}
LONGEST: Final = 1 << 20


class Door:
    """Admits whoever comes to the Unix socket: one line of JSON in, one out."""

    def __init__(self, engine: EmbeddedEngine) -> None:
        self._engine = engine

    async def open(self, path: Path) -> asyncio.Server:
        return await asyncio.start_unix_server(self._greet, path, limit=LONGEST, backlog=1000)

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wish = json.loads(await reader.readline())
        sends = wish["sends"]
        try:
            uses = SENT if sends else SEEN
            admission = await self._engine.admit(
                ROOM, wish["label"], wish["offer"], uses, may_send=sends, may_receive=not sends
            )
            reply = {"answer": admission.answer}
        except MediaRefused as refusal:
            reply = {"refused": str(refusal)}
        writer.write(json.dumps(reply).encode() + b"\n")
        writer.close()


class Signalling:
    """The clients' side of the door."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self) -> None:
        """Nothing to do: a connection for each admission."""

    async def close(self) -> None: ...

    async def publish(self, client: Client) -> Remote:
        return await self._admit(client, sends=True)

    async def watch(self, client: Client) -> Remote:
        return await self._admit(client, sends=False)

    async def _admit(self, client: Client, *, sends: bool) -> Remote:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=LONGEST)
        wish = {"sends": sends, "label": client.local.address, "offer": sdp.offer(client.local, sends=sends)}
        writer.write(json.dumps(wish).encode() + b"\n")
        reply = json.loads(await reader.readline())
        writer.close()
        if "refused" in reply:
            raise ConnectionError(f"refused: {reply['refused']}")
        return sdp.read(reply["answer"])
