"""All members, with the thread in which `native.c` sends and receives for them, on one socket: each has an address of its
own."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import ipaddress
import socket
import threading
from pathlib import Path
from typing import Final

from bench.breakouts import native
from bench.breakouts.member import Member
from bench.media.client import Client, Wire
from live.dtls import Certificate

SO_SNDBUFFORCE: Final = 32
FIRST_ADDRESS: Final = ipaddress.IPv4Address("127.201.1.0")
CONNECTIONS: Final = 12  # each person's, at most: of the plenary and of a room, and the same again after what is killed


class Crowd:
    """`people` are numbered from 1 on. `close` it at last."""

    def __init__(self, people: int, directory: Path) -> None:
        self.window = native.Window(begins=1 << 63, ends=1 << 63)
        self.streams = (native.Stream * len(native.KINDS) * (people + 1))()
        self._clients: list[Client] = []
        self._certificate: Certificate = Certificate.generateCertificate()
        self._table = (native.RawMember * (CONNECTIONS * people))()
        self._wire = Wire()
        self._up, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._up.setblocking(False)
        with contextlib.suppress(
            PermissionError
        ):  # all shake hands at once, and what is lost DTLS sends again a second later
            self._theirs.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
        self._failed = 0
        self._library = native.load(directory)
        self._raw = native.RawCrowd(
            fd=self._wire.socket.fileno(),
            up=self._theirs.fileno(),
            base=int(FIRST_ADDRESS) & 0xFFFF,
            members=ctypes.addressof(self._table),
            streams=ctypes.addressof(self.streams),
            people=people + 1,
            window=ctypes.addressof(self.window),
            **native.transforms(),
        )
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        asyncio.get_running_loop().add_reader(self._up, self._read)

    def _run(self) -> None:
        self._failed = self._library.run(ctypes.addressof(self._raw))

    def add(self, number: int, *, sends: bool) -> Member:
        """A connection that is to come; whatever can be computed beforehand is."""
        index = len(self._clients)
        if index == len(self._table):
            raise SystemExit("bench-breakouts: connections fail again and again")
        client = Client(self._wire, str(FIRST_ADDRESS + index), self._certificate)
        self._clients.append(client)
        member = Member(number, client, self._table[index], self.streams[number], sends=sends)
        self._raw.members_used = index + 1
        return member

    def check(self) -> None:
        """Raises what went wrong."""
        if self._failed:
            raise OSError(self._failed, "the participants' socket failed")

    async def close(self) -> None:
        self._raw.stop = 1
        await asyncio.to_thread(self._thread.join)
        for client in self._clients:
            await client.close()
        asyncio.get_running_loop().remove_reader(self._up)
        for each in (self._up, self._theirs, self._wire.socket):
            each.close()

    def _read(self) -> None:
        while True:
            try:
                data = self._up.recv(4096)
            except BlockingIOError:
                return
            self._clients[int.from_bytes(data[:4], "little")].receive(data[4:])
