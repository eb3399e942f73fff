"""What the compiled helper has read of a wake-up's datagrams: decrypted, and for the two kinds that come by the hundred,
media and transport-wide feedback, read as well. Everything else, and everything unusual, takes the way in Python.

Neighbours: `native` is the library, `reading` asks for what has come, `peer` gets what is its own. `receiving.c` and
`feedback.c` are the other side.
"""

from __future__ import annotations

import ctypes
import itertools
from struct import Struct
from typing import Any, Final, NamedTuple, Protocol

from live.compiled_estimate import Calls
from live.endpoint import Endpoint
from live.media import Arrived
from live.native import Helper, Line, unpack_address
from live.srtp import LONGEST, function_address

BATCH: Final = 64  # datagrams a call
BUCKETS: Final = 1 << 12
NAME: Final = 28  # octets of an address
DATAGRAM, MEDIA, PACKET, FEEDBACK, TOLD = range(5)
_EVENT: Final = Struct("=iiI10i")


class Told(NamedTuple):
    """What is left to do of transport-wide feedback that the helper has taken: octets of padding are to be sent; more is
    spent than is estimated, and padding not yet decided on; an outage is over."""

    padding: int
    is_overspent: bool
    is_over: bool


class Client(Protocol):
    """Who is at the other end of a `Line`."""

    def receive_media(self, data: bytes, now: float) -> None: ...
    def take_media(self, place: int, arrived: Arrived, now: float) -> None: ...
    def take_packet(self, packet: bytes, now: float) -> None: ...
    def take_rtcp(self, compound: bytes, now: float) -> None: ...
    def take_told(self, told: Told, now: float) -> None: ...


class _Inbox(ctypes.Structure):
    strangers: int
    _fields_ = (
        ("unprotect", ctypes.c_void_p),
        ("unprotect_rtcp", ctypes.c_void_p),
        ("buckets", ctypes.c_void_p),
        ("octets", ctypes.c_void_p),
        ("names", ctypes.c_void_p),
        ("events", ctypes.c_void_p),
        ("strangers", ctypes.c_uint64),
        ("mask", ctypes.c_int32),
        ("unused", ctypes.c_int32),
    )


class _Space:
    """Where the helper writes."""

    def __init__(self) -> None:
        self._buffers = [
            (ctypes.c_char * size)() for size in (8 * BUCKETS, BATCH * LONGEST, BATCH * NAME, BATCH * _EVENT.size)
        ]
        views: list[memoryview] = [memoryview(buffer) for buffer in self._buffers]
        _, self.octets, self.names, self.events = views
        self.raw = _Inbox(
            function_address("srtp_unprotect"),
            function_address("srtp_unprotect_rtcp"),
            *map(ctypes.addressof, self._buffers),
            mask=BUCKETS - 1,
        )
        self.at = ctypes.addressof(self.raw)


class Inbox:
    """One worker's."""

    def __init__(self, helper: Helper) -> None:
        self.helper, library = helper, helper.library
        self.calls = Calls(helper)
        self._receive = library.plenum_receive
        self._receive.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_double]
        self._list, self._unlist = library.plenum_list, library.plenum_unlist
        for function in (self._list, self._unlist):
            function.argtypes, function.restype = [ctypes.c_void_p, ctypes.c_void_p], None
        self._space = _Space()
        self._clients: dict[int, tuple[Client, Line]] = {}  # by number; who is listed must not be forgotten
        self._numbers = itertools.count()

    # --- who is known ---

    def enter(self, client: Client) -> Line:
        """A client's line. Its media is read here once it is secured and aimed."""
        line = Line(self)
        line.raw.number = next(self._numbers) & 0x7FFFFFFF
        self._clients[line.raw.number] = client, line
        return line

    def leave(self, line: Line) -> None:
        line.aim(-1, None)
        self._clients.pop(line.raw.number, None)

    def list(self, line: Line) -> None:
        self._list(self._space.at, ctypes.addressof(line.raw))

    def unlist(self, line: Line) -> None:
        self._unlist(self._space.at, ctypes.addressof(line.raw))

    # --- what comes ---

    def read(self, endpoint: Endpoint, now: float) -> int:
        """Takes what has come to a socket, and gives it to whom it belongs. Returns how many datagrams: at most `BATCH`."""
        got: int = self._receive(self._space.at, endpoint.fd, now)
        if not got:
            return 0
        datagrams, events = got & 0xFFFF, got >> 16
        endpoint.received += datagrams
        if events < datagrams:
            endpoint.strangers, self._space.raw.strangers = endpoint.strangers + self._space.raw.strangers, 0
        failure: Exception | None = None
        for event in _EVENT.iter_unpack(self._space.events[: events * _EVENT.size]):
            try:
                self._take(endpoint, event, now)
            except Exception as error:  # a bug: it must not cost the others their packets
                failure = error
        if failure is not None:
            raise failure
        return datagrams

    def _take(self, endpoint: Endpoint, event: tuple[Any, ...], now: float) -> None:
        kind, number, timestamp, sequence, second, place, level, transport, at, length, extra, size, whole = event
        known = self._clients.get(number)
        if known is None:
            if number < 0:
                address = bytes(self._space.names[sequence * NAME : sequence * NAME + second])
                endpoint.received -= 1
                endpoint.receive(bytes(self._space.octets[at : at + length]), unpack_address(address))
            return
        client, octets = known[0], self._space.octets
        if kind == TOLD:
            client.take_told(Told(sequence, bool(second), bool(place)), now)
        elif kind == MEDIA:
            dependency = bytes(octets[extra : extra + size]) if size > 0 else b""
            payload = bytes(octets[at : at + length])
            arrived = Arrived(sequence, timestamp, second, payload, level, dependency, transport, whole)
            client.take_media(place, arrived, now)
        elif kind == FEEDBACK:
            client.take_rtcp(bytes(octets[at : at + length]), now)
        elif kind == PACKET:
            client.take_packet(bytes(octets[at : at + length]), now)
        else:
            client.receive_media(bytes(octets[at : at + length]), now)
