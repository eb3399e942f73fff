"""What the compiled helper and Python both see of a client, as `native.h` has it, field by field. Neighbours: `native` has
the functions, `compiled_estimate` reads the estimate.
"""

from __future__ import annotations

import ctypes
from typing import Any, Final

FLOWS: Final = 16  # sources of one client that the helper knows
REPORTERS: Final = 4  # and SSRCs that its RTCP comes from
ADDRESS: Final = 28  # octets of a sockaddr_in6


class Flow(ctypes.Structure):
    used: int
    _fields_ = (
        ("ssrc", ctypes.c_uint32),
        ("used", ctypes.c_uint8),
        ("payload_type", ctypes.c_uint8),
        ("red_payload_type", ctypes.c_uint8),
        ("transport_id", ctypes.c_uint8),
        ("level_id", ctypes.c_uint8),
        ("dependency_id", ctypes.c_uint8),
        ("unused", ctypes.c_uint8 * 2),
    )


class Window(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_double) for name in ("first_sent", "last_sent", "arrived", "delay")),
        ("octets", ctypes.c_int64),
    )


class Trend(ctypes.Structure):
    queue: float
    _fields_ = (
        *(
            (name, ctypes.c_double)
            for name in ("queue", "trend", "threshold", "queue_limit", "at", "standing_since", "base", "base_before")
        ),
        *((name, ctypes.c_double) for name in ("base_at", "n", "x", "y", "xx", "xy")),
        ("above", ctypes.c_int32),
        ("signal", ctypes.c_int32),
    )


class Losses(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_double)
        for name in ("came", "lost", "fraction", "at", "cut_at", "least", "least_before", "least_since")
    )


class Acknowledged(ctypes.Structure):
    _fields_ = (*((name, ctypes.c_double) for name in ("long", "short", "before", "since")), ("octets", ctypes.c_int64))


class Probing(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_double) for name in ("next_at", "ended_at", "target", "media", "started_at", "asked_at")),
        *((name, ctypes.c_double) for name in ("sent", "arrived", "sent_from", "from")),
        *((name, ctypes.c_int64) for name in ("padding", "octets", "came", "lost")),
        ("failures", ctypes.c_int32),
        ("is_running", ctypes.c_int32),
    )


class Estimator(ctypes.Structure):
    rate: float
    silenced: float
    rtt: float
    wanted: float
    told_at: float
    spent: float
    spent_at: float
    delay: Trend
    _fields_ = (
        ("delay", Trend),
        ("losses", Losses),
        ("acknowledged", Acknowledged),
        ("probing", Probing),
        *((name, ctypes.c_double) for name in ("rate", "media", "capacity", "resume", "silenced", "cut_at", "updated_at")),
        *(
            (name, ctypes.c_double)
            for name in ("heard_at", "waiting_since", "rtt", "wanted", "told_at", "spent", "spent_at")
        ),
    )


class Budget(ctypes.Structure):
    rate: float
    left: float
    at: float
    _fields_ = tuple((name, ctypes.c_double) for name in ("rate", "left", "at"))


class RawLine(ctypes.Structure):
    protect: int
    session: int
    incoming: int
    sizes: int | None
    times: int | None
    packets: int
    octets: int
    dropped: int
    bad: int
    losses_from: float
    heard_at: float
    told: int
    number: int
    fd: int
    mask: int
    address_length: int
    next: int
    is_listed: int
    address: Any
    reporters: Any
    reporters_known: int
    flows: Any
    feedback: Budget
    estimator: Estimator
    _fields_ = (
        ("protect", ctypes.c_void_p),
        ("session", ctypes.c_void_p),
        ("incoming", ctypes.c_void_p),
        ("sizes", ctypes.c_void_p),
        ("times", ctypes.c_void_p),
        ("packets", ctypes.c_uint64),
        ("octets", ctypes.c_uint64),
        ("dropped", ctypes.c_uint64),
        ("bad", ctypes.c_uint64),
        ("after", ctypes.c_void_p),
        ("open", Window),
        ("end", ctypes.c_double),
        ("losses_from", ctypes.c_double),
        ("heard_at", ctypes.c_double),
        ("epoch", ctypes.c_int64),
        ("told", ctypes.c_int32),
        ("number", ctypes.c_int32),
        ("fd", ctypes.c_int32),
        ("mask", ctypes.c_int32),
        ("address_length", ctypes.c_uint32),
        ("next", ctypes.c_uint16),
        ("is_listed", ctypes.c_uint16),
        ("address", ctypes.c_uint8 * ADDRESS),
        ("reporters", ctypes.c_uint32 * REPORTERS),
        ("reporters_known", ctypes.c_uint32),
        ("flows", Flow * FLOWS),
        ("feedback", Budget),
        ("estimator", Estimator),
    )
