"""SRTP (RFC 3711) by libsrtp, without the detours of pylibsrtp's methods: packets as long as a datagram can be here, and
less time for each. Neighbours: `dtls` makes the sessions, `native` encrypts for many viewers at once.

`tests/live/test_srtp.py` pins down the names of pylibsrtp's that are used here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from pylibsrtp import Error, Session
from pylibsrtp._binding import ffi, lib

LONGEST: Final = 2048  # octets, with the trailer
TRAILER: Final = 148  # SRTP_MAX_SRTCP_TRAILER_LEN: index, tag, key identifier

Transform = Callable[[bytes], bytes]  # raises pylibsrtp.Error, or ValueError: too long


class Srtp(NamedTuple):
    """What can be done with a peer's packets; the sessions: `outgoing` protects, `incoming` unprotects. `keying`: the master
    key and salt of what goes out."""

    protect: Transform
    protect_rtcp: Transform
    unprotect: Transform
    unprotect_rtcp: Transform
    outgoing: Session
    incoming: Session | None = None
    keying: bytes = b""

    @property
    def is_aead(self) -> bool:
        """Whether that is AES-GCM (RFC 7714), whose salts have 12 octets; the others' have 14."""
        return len(self.keying) in (16 + 12, 32 + 12)


def transforms(incoming: Session, outgoing: Session, *, keying: bytes = b"") -> Srtp:
    """Of a peer's two sessions; `keying` is the outgoing one's."""
    buffer = ffi.new("char[]", LONGEST)  # each result is copied out of it before the next call
    return Srtp(
        _bind(lib.srtp_protect, outgoing, buffer, TRAILER),
        _bind(lib.srtp_protect_rtcp, outgoing, buffer, TRAILER),
        _bind(lib.srtp_unprotect, incoming, buffer, 0),
        _bind(lib.srtp_unprotect_rtcp, incoming, buffer, 0),
        outgoing,
        incoming,
        keying,
    )


def address_of(session: Session) -> int:
    """Where libsrtp keeps a session."""
    return int(ffi.cast("uintptr_t", session._srtp[0]))


def function_address(name: str) -> int:
    """Where a function of libsrtp's is (srtp_protect and the like): int (session, packet, int *length), 0 for success."""
    return int(ffi.cast("uintptr_t", ffi.addressof(lib, name)))


def _bind(function: Any, session: Session, buffer: Any, trailer: int) -> Transform:
    view, length = ffi.buffer(buffer), ffi.new("int *")
    handle, most, ok = session._srtp[0], LONGEST - trailer, lib.srtp_err_status_ok

    def transform(packet: bytes, keep: Session = session) -> bytes:  # the session lives as long as its handle is used
        size = len(packet)
        if size > most:
            raise ValueError("packet is too long")
        view[:size] = packet
        length[0] = size
        if (status := function(handle, buffer, length)) != ok:
            raise Error(f"libsrtp: error {status}")
        result: bytes = view[: length[0]]
        return result

    return transform
