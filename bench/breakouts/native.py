"""Builds and loads `native.c`, and mirrors its structures."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

from bench.media import native
from bench.media.native import Transport
from live.srtp import function_address

SOURCE: Final = Path(__file__).with_name("native.c")
KINDS: Final = ("video", "audio")
SLOTS: Final = 16
KEPT: Final = 4096  # packets, over a minute's
LONGEST: Final = 2048
CHECK: Final = 256
TEMPLATES: Final = 3

_I32, _U16, _U32, _U64 = ctypes.c_int32, ctypes.c_uint16, ctypes.c_uint32, ctypes.c_uint64


class Stream(ctypes.Structure):
    """What one person sends of a kind; see the source."""

    templates: Any
    length: int
    transport_at: int
    per_picture: int
    step: int
    person: int
    number: int
    wants_key: int
    counted: int
    every: int
    due: int
    sent_at: Any
    _fields_ = (
        ("templates", ctypes.c_uint8 * LONGEST * TEMPLATES),
        ("length", _I32),
        ("transport_at", _I32),
        ("per_picture", _U32),
        ("step", _U32),
        ("person", _U32),
        ("number", _U32),
        ("wants_key", _U32),
        ("counted", _U32),
        ("every", _U64),
        ("due", _U64),
        ("sent_at", _U64 * KEPT),
    )


class Slot(ctypes.Structure):
    ssrc: int
    kind: int
    highest: int
    heard: int
    counted: int
    source: int
    _fields_ = (
        ("ssrc", _U32),
        ("kind", _U16),
        ("highest", _U16),
        ("heard", _U32),
        ("counted", _U32),
        ("source", _I32),
        ("reserved", _U32),
        ("seen", _U64 * (KEPT // 64)),
    )


class RawMember(ctypes.Structure):
    transport: Any
    slots: Any
    slots_used: int
    person: int
    bad: int
    outgoing: int
    incoming: int
    server: Any
    address: Any
    check_length: int
    check: Any
    first_heard: int
    last_heard: int
    heard_again: int
    is_up: int
    _fields_ = (
        ("transport", Transport),
        ("slots", Slot * SLOTS),
        ("slots_used", _U32),
        ("person", _I32),
        ("sent", _U32),
        ("bad", _U32),
        ("outgoing", ctypes.c_void_p),
        ("incoming", ctypes.c_void_p),
        ("server", ctypes.c_uint8 * 16),
        ("address", ctypes.c_uint8 * 4),
        ("check_length", _U32),
        ("check", ctypes.c_uint8 * CHECK),
        ("first_heard", _U64),
        ("last_heard", _U64),
        ("heard_again", _U64),
        ("feedback_due", _U64),
        ("report_due", _U64),
        ("check_due", _U64),
        ("is_up", _U32),
        ("reserved", _U32),
    )


class Window(ctypes.Structure):
    """What counts: packets that left between two moments, in nanoseconds since 1970."""

    begins: int
    ends: int
    strange: int
    moved: int
    delays: Any
    _fields_ = (
        ("begins", _U64),
        ("ends", _U64),
        ("strange", _U64),
        ("moved", _U64),
        ("delays", _U32 * (native.STEPS + 1)),
    )


class RawCrowd(ctypes.Structure):
    members_used: int
    stop: int
    _fields_ = (
        ("fd", _I32),
        ("up", _I32),
        ("base", _U32),
        ("most", _U32),
        ("members_used", _U32),
        ("stop", _U32),
        ("members", ctypes.c_void_p),
        ("streams", ctypes.c_void_p),
        ("people", _U32),
        ("reserved", _U32),
        ("window", ctypes.c_void_p),
        ("protect", ctypes.c_void_p),
        ("protect_rtcp", ctypes.c_void_p),
        ("unprotect", ctypes.c_void_p),
        ("unprotect_rtcp", ctypes.c_void_p),
    )


def transforms() -> dict[str, int]:
    """libsrtp's, by the names that `RawCrowd` has for them."""
    return {name: function_address(f"srtp_{name}") for name in ("protect", "protect_rtcp", "unprotect", "unprotect_rtcp")}


def load(directory: Path) -> ctypes.CDLL:
    """Compiles into `directory`. Exits with one line if that cannot be done."""
    library = ctypes.CDLL(str(native.build(directory, SOURCE)))
    found = (_U32 * 4)()
    library.sizes(found)
    assert [*found] == [ctypes.sizeof(each) for each in (Stream, RawMember, Window, RawCrowd)], "native.c is another version"
    library.run.argtypes = [ctypes.c_void_p]
    library.next_packet.argtypes = [ctypes.c_void_p, _U16, ctypes.c_void_p]
    return library
