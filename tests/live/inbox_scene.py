"""A socket that the compiled helper reads, and peers that note what reaches them and how."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Any

from live.agreement import Sending
from live.compiled import SharedBudget
from live.compiled_estimate import CompiledEstimator
from live.inbox import Inbox, Told
from live.media import Arrived
from live.native import Helper
from live.port import Endpoint
from live.rtp import AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, TRANSPORT_CC, RtpPacket
from live.srtp import transforms
from live.track import Track
from tests.live.keys import sessions

SSRC, REPORTER = 4711, 99
IDS = {AUDIO_LEVEL: 1, DEPENDENCY_DESCRIPTOR: 2, TRANSPORT_CC: 3}
SENDING = Sending("0", "camera", "AV1", 45, (), IDS, red_payload_type=46)


class Reader(Track):
    """A track that notes what it reads."""

    def __init__(self) -> None:
        super().__init__(SENDING, SSRC, lambda packet: None, lambda track: None)
        self.read: list[tuple[Any, ...]] = []

    def accept(self, arrived: Arrived, now: float) -> None:
        self.read.append((*arrived, now))


class Client:
    """A peer: what reaches it, and how."""

    def __init__(self, inbox: Inbox, seed: int) -> None:
        self.track = Reader()
        self.ways: list[str] = []
        self.datagrams: list[bytes] = []
        self.compounds: list[bytes] = []
        self.told: list[Told] = []
        ours, theirs = sessions(seed=2 * seed), sessions(seed=2 * seed + 1)
        self.theirs = transforms(ours[1], theirs[0])
        self.line = inbox.enter(self)
        self.estimator = CompiledEstimator(inbox.calls, self.line)
        self.budget = SharedBudget(self.line, 200.0)
        self.line.secure(ours[0], theirs[1])
        self.line.know(0, SSRC, *self.track.reading())
        self.line.know_reporter(REPORTER)

    def receive_media(self, data: bytes, now: float) -> None:
        self.ways.append("whole")
        self.datagrams.append(data)

    def take_media(self, place: int, arrived: Arrived, now: float) -> None:
        self.ways.append("read")
        self.track.accept(arrived, now)

    def take_packet(self, packet: bytes, now: float) -> None:
        self.ways.append("decrypted")
        self.track.receive(packet, now)

    def take_rtcp(self, compound: bytes, now: float) -> None:
        self.ways.append("rtcp")
        self.compounds.append(compound)

    def take_told(self, told: Told, now: float) -> None:
        self.ways.append("told")
        self.told.append(told)


class Hall:
    """A socket that is read, and clients with a socket each."""

    def __init__(self, helper: Helper, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._stack = ExitStack()
        self._family = family
        self.inbox = Inbox(helper)
        self.server = self.udp()
        self.server.setblocking(False)
        self.checked: list[tuple[bytes, Any]] = []
        self.endpoint = Endpoint("udp", self.server.sendto, self._check, self.server.fileno())
        self._sockets: dict[Client, socket.socket] = {}

    def _check(self, endpoint: Endpoint, data: bytes, address: Any) -> None:
        self.checked.append((data, address))

    def udp(self) -> socket.socket:
        sock = self._stack.enter_context(socket.socket(self._family, socket.SOCK_DGRAM))
        sock.bind(("127.0.0.1" if self._family == socket.AF_INET else "::1", 0))
        return sock

    def client(self) -> Client:
        client = Client(self.inbox, len(self._sockets))
        self._sockets[client] = sock = self.udp()
        client.line.aim(self.server.fileno(), sock.getsockname())
        return client

    def socket_of(self, client: Client) -> socket.socket:
        return self._sockets[client]

    def send(self, client: Client, *datagrams: bytes, now: float = 5.0) -> int:
        for data in datagrams:
            self._sockets[client].sendto(data, self.server.getsockname())
        return self.inbox.read(self.endpoint, now)

    def close(self) -> None:
        self._stack.close()


def packet(sequence: int = 1, payload: bytes = b"payload", **fields: Any) -> bytes:
    return bytes(RtpPacket(fields.pop("payload_type", 45), sequence, 1000, fields.pop("ssrc", SSRC), payload, **fields))
