"""`python -m bench.media.floor`: the floor in C, AES-128-GCM and `sendto` to every viewer's address, nothing else."""

from __future__ import annotations

import argparse
import ctypes
import json
import socket
import struct
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

from bench.media.network import FIRST_VIEWER, client_address
from bench.media.publisher import LENGTH, RATES

RATE: Final = RATES[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--library", type=Path, required=True)
    parser.add_argument("--network", type=IPv4Address, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--viewers", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    options = parser.parse_args()
    library = ctypes.CDLL(str(options.library))
    library.floor_send.restype = ctypes.c_long
    addresses = b"".join(
        struct.pack("=H", socket.AF_INET)
        + struct.pack("!H4s8x", options.port, socket.inet_aton(client_address(options.network, FIRST_VIEWER + number)))
        for number in range(options.viewers)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        ticks = int(options.seconds * RATE)
        before = time.process_time()
        sent = library.floor_send(
            sock.fileno(), addresses, options.viewers, ticks, LENGTH, ctypes.c_long(1_000_000_000 // RATE)
        )
        print(json.dumps({"sent": sent, "cpu": time.process_time() - before}))


if __name__ == "__main__":
    main()
