"""Builds and loads `native.c`, and mirrors its structures."""

from __future__ import annotations

import ctypes
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any, Final

from pylibsrtp import Session

from live.native import pack_address
from live.srtp import address_of

SOURCE: Final = Path(__file__).with_name("native.c")
STREAMS: Final = 2  # video and audio
STEP: Final = 1e-5  # seconds
STEPS: Final = 100_000
ARRIVALS: Final = 256
LONGEST_FEEDBACK: Final = 1000

_U16, _U32, _U64 = ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


class Stream(ctypes.Structure):
    """One stream of a viewer; see the source."""

    ssrc: int
    shift: int
    highest: int
    seen: int
    counted: int
    repeated: int
    received: int
    last: int
    cycles: int
    _fields_ = (
        ("ssrc", _U32),
        ("shift", _U16),
        ("highest", _U16),
        ("seen", _U64),
        ("counted", _U32),
        ("repeated", _U32),
        ("received", _U32),
        ("last", _U16),
        ("cycles", _U16),
    )


class Transport(ctypes.Structure):
    """What feedback tells of; see feedback.h."""

    id: int
    _fields_ = (
        ("id", _U32),
        ("next", _U16),
        ("last", _U16),
        ("begun", _U32),
        ("feedbacks", _U32),
        ("arrivals", _U64 * ARRIVALS),
    )


class Viewer(ctypes.Structure):
    streams: Any
    learning: int
    others: int
    transport: Any
    session: int
    server: Any
    address: Any
    _fields_ = (
        ("streams", Stream * STREAMS),
        ("learning", _U32),
        ("others", _U32),
        ("transport", Transport),
        ("session", ctypes.c_void_p),
        ("server", ctypes.c_uint8 * 16),
        ("address", ctypes.c_uint8 * 4),
    )

    def give_feedback(self, session: Session, address: str, server: tuple[str, int]) -> None:
        """From now on, from `address` to `server`, protected by `session`."""
        self.server[:] = pack_address(server)
        self.address[:] = socket.inet_aton(address)
        self.session = address_of(session)


class Window(ctypes.Structure):
    """What is counted now: `span` packets of each stream from number `from_` on."""

    from_: Any
    span: Any
    strange: int
    delays: Any
    _fields_ = (("from_", _U16 * STREAMS), ("span", _U16 * STREAMS), ("strange", _U64), ("delays", _U32 * (STEPS + 1)))


def build(directory: Path, source: Path = SOURCE) -> Path:
    """Compiles into `directory`. Exits with one line if there is no compiler or no libcrypto."""
    if shutil.which("cc") is None:
        raise SystemExit("this benchmark needs a C compiler for its receivers: no `cc` on the PATH")
    library = directory / "native.so"
    command = ["cc", "-O2", "-shared", "-fPIC", "-o", str(library), str(source), "-l:libcrypto.so.3"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the benchmark's receivers cannot be compiled: {done.stderr.strip().splitlines()[-1]}")
    return library


def load(library: Path) -> ctypes.CDLL:
    """What `build` has made."""
    loaded = ctypes.CDLL(str(library))
    for give in (loaded.give_feedback, loaded.give_reports):
        give.argtypes, give.restype = [ctypes.c_int, ctypes.c_void_p, _U32, _U32, _U32, ctypes.c_void_p], None
    return loaded


def percentile(delays: list[int], share: float) -> float:
    """Seconds that `share` of the packets did not exceed, to the upper end of a step, from a histogram of steps of 10 µs.
    At its end, a second, stand all that took longer."""
    wanted, passed = sum(delays) * share, 0
    for step, packets in enumerate(delays):
        passed += packets
        if packets and passed >= wanted:
            return min(step + 1, STEPS) * STEP
    return 0.0
