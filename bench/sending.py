"""`make bench-sending`: what it costs to encrypt a packet and send it to 150 viewers, by every way that was considered.

Server and viewers are in two network namespaces (`bench.media.network`); at the viewers' end is one socket that keeps
nothing. All ways take turns in each round, with bursts of 30 packets of 1,100 octets, as a key frame has; AES-256-GCM as
browsers negotiate it. CPU time is that of the sending process.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import socket
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any, Final

from pylibsrtp import Policy, Session
from rich.console import Console
from rich.table import Table

from bench.measures import median
from bench.media.network import FIRST_VIEWER, client_address, network
from live import native
from live.rtp import RtpPacket
from live.sent import RING
from live.srtp import transforms

PORT: Final = 7777
BURST: Final = 30
PAYLOAD: Final = 1080  # octets; with header and transport-wide sequence number 1,100
NUMBER_AT: Final = 17
SEGMENT: Final = 103  # UDP_SEGMENT
SINK: Final = (
    "import socket, sys; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
    f"s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096); s.bind(('0.0.0.0', {PORT}));"
    "print(flush=True); sys.stdin.read()"
)

Burst = list[bytes]
Way = Callable[[Burst], None]


class Ways:
    """All of them towards the same addresses, each with SRTP sessions of its own kind of use."""

    def __init__(self, addresses: Sequence[tuple[str, int]]) -> None:
        self._addresses = addresses
        self._sessions = [_session() for _ in addresses]
        self._protects = [transforms(session, session).protect for session in self._sessions]
        self._sockets: list[socket.socket] = []
        self._socket = self._udp()

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()

    def _udp(self) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        self._sockets.append(sock)
        return sock

    def all(self) -> dict[str, Way]:
        ways = {
            "pylibsrtp's method, sendto": self._each([session.protect for session in self._sessions]),
            "libsrtp, sendto (without a compiler)": self._each(self._protects),
            "libsrtp, a connected socket a viewer": self._connected(),
            "libsrtp, sendmmsg by ctypes": self._sendmmsg(),
            "libsrtp, GSO by sendmsg": self._segmented,
            "(libsrtp alone)": self._protect_only,
            "(sendto alone)": self._send_only,
        }
        if helper := native.load():
            for size in (1, 2, 10, 30):
                name = f"compiled helper, bursts of {size}" if size > 1 else "compiled helper, single packets"
                ways[name] = self._helped(helper, size)
        return ways

    def _each(self, protects: Sequence[Callable[[bytes], bytes]]) -> Way:
        targets, sendto = list(zip(protects, self._addresses, strict=True)), self._socket.sendto

        def send(burst: Burst) -> None:
            for packet in burst:
                for protect, address in targets:
                    sendto(protect(packet), address)

        return send

    def _connected(self) -> Way:
        sockets = [self._udp() for _ in self._addresses]
        for sock, address in zip(sockets, self._addresses, strict=True):
            sock.connect(address)
        targets = [(protect, sock.send) for protect, sock in zip(self._protects, sockets, strict=True)]

        def send(burst: Burst) -> None:
            for packet in burst:
                for protect, out in targets:
                    out(protect(packet))

        return send

    def _sendmmsg(self) -> Way:
        targets, size = list(zip(self._protects, self._addresses, strict=True)), len(self._addresses)
        vectors, messages = (_Vector * size)(), (_Message * size)()
        names = [ctypes.create_string_buffer(native.pack_address(address)) for address in self._addresses]
        for number, message in enumerate(messages):
            message.name, message.name_length = ctypes.addressof(names[number]), 16
            message.vectors, message.vectors_length = ctypes.addressof(vectors[number]), 1
        sendmmsg, fd = ctypes.CDLL(None).sendmmsg, self._socket.fileno()

        def send(burst: Burst, keep: object = names) -> None:
            for packet in burst:
                for number, (protect, _) in enumerate(targets):
                    data = protect(packet)
                    vectors[number].octets, vectors[number].length = data, len(data)
                sendmmsg(fd, messages, size, 0)

        return send

    def _segmented(self, burst: Burst) -> None:
        for protect, address in zip(self._protects, self._addresses, strict=True):
            data = [protect(packet) for packet in burst]
            control = [(socket.IPPROTO_UDP, SEGMENT, struct.pack("=H", len(data[0])))]
            self._socket.sendmsg(data, control, 0, address)

    def _helped(self, helper: native.Helper, size: int) -> Way:
        lines = [native.Line() for _ in self._addresses]
        for line, session, address in zip(lines, self._sessions, self._addresses, strict=True):
            line.secure(session)
            line.aim(self._socket.fileno(), address)
            line.record(array("h", bytes(2 * RING)), array("d", bytes(8 * RING)))
        group = helper.group(lines)

        def send(burst: Burst) -> None:
            for begin in range(0, len(burst), size):
                group.send([(packet, NUMBER_AT) for packet in burst[begin : begin + size]], time.monotonic())

        return send

    def _protect_only(self, burst: Burst) -> None:
        for packet in burst:
            for protect in self._protects:
                protect(packet)

    def _send_only(self, burst: Burst) -> None:
        sendto = self._socket.sendto
        for packet in burst:
            data = packet + bytes(16)
            for address in self._addresses:
                sendto(data, address)


class _Vector(ctypes.Structure):
    octets: Any
    length: int
    _fields_ = (("octets", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct mmsghdr."""

    name: Any
    name_length: int
    vectors: Any
    vectors_length: int
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vectors", ctypes.c_void_p),
        ("vectors_length", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int64),  # and padding
        ("sent", ctypes.c_uint64),  # and padding
    )


def _session() -> Session:
    policy = Policy(os.urandom(44), Policy.SSRC_ANY_OUTBOUND, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_256_GCM)
    policy.allow_repeat_tx = True
    policy.window_size = 1024  # as aiortc has it
    return Session(policy)


def burst_of(first: int) -> Burst:
    """`BURST` packets with numbers from `first` on."""
    extensions = ((3, b"\0\0"),)  # transport-wide sequence number
    return [
        bytes(RtpPacket(102, number & 0xFFFF, number * 300, 4711, bytes(PAYLOAD), extensions=extensions))
        for number in range(first, first + BURST)
    ]


def measure(ways: dict[str, Way], viewers: int, rounds: int) -> dict[str, list[float]]:
    """µs of CPU for each packet and viewer, by way and round; a first round warms up and does not count."""
    costs: dict[str, list[float]] = {name: [] for name in ways}
    number = 1
    for turn in range(rounds + 1):
        for name, way in ways.items():
            burst, number = burst_of(number), number + BURST
            before = time.process_time()
            way(burst)
            if turn:
                costs[name].append((time.process_time() - before) / (BURST * viewers) * 1e6)
    return costs


def report(costs: dict[str, list[float]], console: Console) -> None:
    reference = costs["libsrtp, sendto (without a compiler)"]
    table = Table("way", "µs a packet", "least", "× without a compiler")
    for name, values in costs.items():
        ratio = median([value / other for value, other in zip(values, reference, strict=True)])
        table.add_row(name, f"{median(values):.2f}", f"{min(values):.2f}", f"{ratio:.2f}")
    console.print(table)


def main() -> None:
    options = _options()
    if options.towards:  # inside the server's namespace
        addresses = [(client_address(options.towards, FIRST_VIEWER + n), PORT) for n in range(options.viewers)]
        print(json.dumps(measure(Ways(addresses).all(), options.viewers, options.rounds)))
        return
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 100)
    with network() as net:
        console.print(f"network: {net.note}; {options.viewers} viewers")
        sink = subprocess.Popen((*net.clients, sys.executable, "-c", SINK), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            assert sink.stdout is not None
            sink.stdout.readline()
            sizes = ("--viewers", str(options.viewers), "--rounds", str(options.rounds))
            command = (*net.server, sys.executable, "-m", "bench.sending", "--towards", str(net.clients_network), *sizes)
            costs = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        finally:
            sink.communicate()
    report(costs, console)
    print(json.dumps({name: round(median(values), 2) for name, values in costs.items()}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.sending", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--towards", type=IPv4Address, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
