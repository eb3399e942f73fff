"""The compiled helper of forwarding, `native.c`: bursts of packets numbered, encrypted and sent to many viewers in one call,
with the interpreter released. Optional: without a compiler `load` returns None, and the loop in Python does the same.

A `Line` is a viewer as the helper sees it; a `Group` is viewers that get the same packets.
"""

from __future__ import annotations

import ctypes
import math
import socket
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from pylibsrtp import Error, Session

from live.mirrored import FLOWS as FLOWS
from live.mirrored import REPORTERS, Flow, RawLine
from live.srtp import address_of, function_address

LIBRARY: Final = Path(__file__).with_name("libnative.so")
LONGEST_SEALED: Final = 2048  # octets of a packet
LONGEST: Final = LONGEST_SEALED - 148  # before encryption
BURST: Final = 64  # packets a call
_NO_EPOCH: Final = -(1 << 63)


class _Group(ctypes.Structure):
    _fields_ = (
        ("lines", ctypes.c_void_p),
        ("left", ctypes.c_void_p),
        ("count", ctypes.c_int32),
    )


class _Packet(ctypes.Structure):
    _fields_ = (("octets", ctypes.c_char_p), ("length", ctypes.c_int32), ("transport_at", ctypes.c_int32))


class Directory(Protocol):
    """Finds clients by where they are."""

    def list(self, line: Line) -> None: ...
    def unlist(self, line: Line) -> None: ...


class Sealer:
    """What encrypts a client's RTP with AES-GCM instead of libsrtp (`sealing.c`); see `Helper.sealer`."""

    __slots__ = ("_buffer", "_kept", "_length", "_protect", "_view", "at", "function")

    def __init__(self, protect: Any, state: Any) -> None:
        self._protect, self._kept = protect, state
        self.at, self.function = ctypes.addressof(state), ctypes.cast(protect, ctypes.c_void_p).value or 0
        self._buffer = (ctypes.c_char * LONGEST_SEALED)()
        self._view = memoryview(self._buffer).cast("B")
        self._length = ctypes.c_int()

    def protect(self, packet: bytes) -> bytes:
        """One RTP packet. Raises `pylibsrtp.Error`, or `ValueError`: too long."""
        size = len(packet)
        if size > LONGEST:
            raise ValueError("packet is too long")
        self._view[:size] = packet
        self._length.value = size
        if self._protect(self.at, self._buffer, ctypes.byref(self._length)):
            raise Error("the packet is not RTP, or too late")
        return bytes(self._view[: self._length.value])


class Line:
    """A client's end. Until `secure` has said what encrypts for it, and `aim` where it is, it is left to the caller. With a
    `directory` it is found there by its address."""

    __slots__ = ("_directory", "_fd", "_kept", "_sessions", "raw")

    def __init__(self, directory: Directory | None = None) -> None:
        self.raw = RawLine(fd=-1, end=-math.inf, epoch=_NO_EPOCH)
        self._directory = directory
        self._fd = -1
        self._sessions: tuple[Session | Sealer | None, ...] = ()
        self._kept: tuple[object, ...] = ()

    def secure(self, outgoing: Session | Sealer, incoming: Session | None = None) -> None:
        self._sessions = outgoing, incoming
        if isinstance(outgoing, Sealer):
            self.raw.protect, self.raw.session = outgoing.function, outgoing.at
        else:
            self.raw.protect, self.raw.session = function_address("srtp_protect"), address_of(outgoing)
        if incoming is not None:
            self.raw.incoming = address_of(incoming)
        self._list()

    def aim(self, fd: int, address: tuple[Any, ...] | None) -> None:
        """UDP from socket `fd` to `address`, as Python has it; with None, or -1, it is out of reach."""
        if self._directory is not None and self.raw.is_listed:
            self._directory.unlist(self)
        self._fd = -1
        if address is not None and fd >= 0:
            packed = pack_address(address)
            self._fd, self.raw.address_length = fd, len(packed)
            ctypes.memmove(self.raw.address, packed, len(packed))
        self.raw.fd = -1
        self._list()

    def _list(self) -> None:
        if self._sessions and self._fd >= 0:
            self.raw.fd = self._fd
            if self._directory is not None and not self.raw.is_listed:
                self._directory.list(self)

    def know(self, place: int, ssrc: int, payload_types: tuple[int, int], ids: tuple[int, int, int]) -> None:
        """The client's source in that place: its payload type and that of RED, and the ids of transport-wide number, level
        and dependency descriptor; 0: not agreed."""
        self.raw.flows[place] = Flow(ssrc, 1, *payload_types, *ids)

    def forget(self, place: int) -> None:
        self.raw.flows[place].used = 0

    def know_reporter(self, ssrc: int) -> None:
        """The client's RTCP comes from that SSRC."""
        if self.raw.reporters_known < REPORTERS:
            self.raw.reporters[self.raw.reporters_known] = ssrc
            self.raw.reporters_known += 1

    def record(self, sizes: array[int], times: array[float]) -> None:
        """Keeps size and time of each packet under its transport-wide number, in rings ("h" and "d") of 2**n entries; empty
        ones: nowhere. They must not change their length."""
        length = len(sizes)
        if length != len(times) or length & (length - 1) or (sizes.typecode, times.typecode) != ("h", "d"):
            raise ValueError("no rings for the helper")
        self.raw.mask = length - 1 if length else 0
        self.raw.sizes, self.raw.times = (sizes.buffer_info()[0], times.buffer_info()[0]) if length else (None, None)
        self._kept = sizes, times

    @property
    def next(self) -> int:
        """The transport-wide number of the next packet."""
        return self.raw.next

    @next.setter
    def next(self, number: int) -> None:
        self.raw.next = number

    @property
    def packets(self) -> int:
        """How many the helper sent. `octets`: how much it was given, before encryption; `dropped`: how many it could not
        send, for want of room or of a route."""
        return self.raw.packets

    @property
    def octets(self) -> int:
        return self.raw.octets

    @octets.setter
    def octets(self, octets: int) -> None:
        self.raw.octets = octets

    @property
    def dropped(self) -> int:
        return self.raw.dropped

    @dropped.setter
    def dropped(self, dropped: int) -> None:
        self.raw.dropped = dropped


class Group:
    """Viewers of the same packets."""

    __slots__ = ("_at", "_kept", "_left", "_packets", "_send")

    def __init__(self, send: Any, lines: Sequence[Line]) -> None:
        self._send = send
        pointers = (ctypes.c_void_p * len(lines))(*(ctypes.addressof(line.raw) for line in lines))
        self._left = (ctypes.c_int32 * len(lines))()
        self._packets = (_Packet * BURST)()
        raw = _Group(ctypes.addressof(pointers), ctypes.addressof(self._left), len(lines))
        self._kept = raw, pointers, tuple(lines)
        self._at = ctypes.addressof(raw)

    def send(self, packets: Sequence[tuple[bytes, int]], now: float) -> list[int]:
        """Sends a burst of at most `BURST`, in order: each packet with the place at which its transport-wide number stands,
        0 for nowhere. Returns the numbers of those lines that are not reached by UDP. Raises `ValueError` if there are too
        many packets, or one is too long: then nobody got any."""
        if len(packets) > BURST:
            raise ValueError("too many packets")
        for slot, (packet, transport_at) in zip(self._packets, packets):  # noqa: B905
            slot.octets, slot.length, slot.transport_at = packet, len(packet), transport_at
        left = self._send(self._at, self._packets, len(packets), now)
        if left < 0:
            raise ValueError("a packet is too long")
        return self._left[:left] if left else []


class Helper:
    """The loaded library."""

    def __init__(self, library: ctypes.CDLL) -> None:
        if library.plenum_line_size() != ctypes.sizeof(RawLine):
            raise OSError("the helper was built from another version")
        self.library = library
        self._send = library.plenum_send
        self._send.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Packet), ctypes.c_int, ctypes.c_double]
        self._send.restype = ctypes.c_int
        self._sealer_size = library.plenum_sealer_size()
        self._start_sealer, self._protect = library.plenum_sealer_init, library.plenum_seal
        self._start_sealer.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
        self._protect.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.POINTER(ctypes.c_int)]

    def sealer(self, keying: bytes) -> Sealer | None:
        """For an SRTP master key and salt (RFC 5764, 4.2). None where the profile is not AES-GCM, or the processor lacks
        what it takes."""
        state = (ctypes.c_uint8 * self._sealer_size)()
        is_started = self._start_sealer(ctypes.addressof(state), keying, len(keying))
        return Sealer(self._protect, state) if is_started else None

    def group(self, lines: Sequence[Line]) -> Group:
        return Group(self._send, lines)


def load(path: Path = LIBRARY) -> Helper | None:
    """The helper if it has been built (`make native`) from these sources, else None."""
    try:
        return Helper(ctypes.CDLL(str(path)))
    except (OSError, AttributeError):
        return None


def pack_address(address: tuple[Any, ...]) -> bytes:
    """A socket address of Python's as the kernel has it."""
    host, port = address[0].partition("%")[0], address[1]
    if ":" not in host:
        return struct.pack("=H", socket.AF_INET) + struct.pack("!H4s8x", port, socket.inet_aton(host))
    flow, scope = address[2:4] if len(address) == 4 else (0, 0)
    packed = struct.pack("!HI16s", port, flow, socket.inet_pton(socket.AF_INET6, host))
    return struct.pack("=H", socket.AF_INET6) + packed + struct.pack("=I", scope)


def unpack_address(packed: bytes) -> tuple[Any, ...]:
    """The other way round, as `recvfrom` has it."""
    (family,), port = struct.unpack_from("=H", packed), int.from_bytes(packed[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntoa(packed[4:8]), port
    host, (flow,), (scope,) = (
        socket.inet_ntop(socket.AF_INET6, packed[8:24]),
        struct.unpack_from("!I", packed, 4),
        struct.unpack_from("=I", packed, 24),
    )
    if scope:  # a link-local address has its interface's name behind it
        host = socket.getnameinfo((host, port, flow, scope), socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    return host, port, flow, scope
