"""How much of everything one worker takes, in one place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds."""

    peers: int = 4000  # per worker
    peers_per_room: int = 3000
    rooms: int = 500
    tcp_connections: int = 2000
    tcp_strangers: int = 200  # of these, that have not passed ICE
    tcp_strangers_per_host: int = 32  # of these, from one address: a whole office may come through it, but not at once
    taps_per_room: int = 4
    setup: float = 15.0  # from the answer to the end of the DTLS handshake
    idle: float = 30.0  # without an authenticated packet (RFC 7675, 5.1)
    addresses: int = 8  # per peer, that passed ICE
    sources: int = 16  # SSRCs per peer
    reporters: int = 64  # SSRCs that its RTCP comes from
    packets: float = 5000.0  # RTP packets per second and peer that are read: a camera in three sizes and a screen send 2,000
    checks: float = 100.0  # ICE checks per second and peer, from its addresses; as many from others
    dtls_records: float = 100.0  # per second and peer
    resent: float = 400.0  # packets per second and viewer in answer to NACKs
    resent_in_room: float = 4000.0  # likewise, to all viewers of a room together
    key_frames_in_room: float = 5.0  # per second, that viewers may ask for together; each publisher is asked twice at most
    feedback: float = 200.0  # RTCP packets per second and peer that are read


class Budget:
    """So many a second, and so many at once: a token bucket. `burst` None: as many as a second gives."""

    __slots__ = ("_at", "_left", "_most", "_rate")

    def __init__(self, rate: float, burst: float | None = None) -> None:
        self._rate = rate
        self._most = self._left = rate if burst is None else burst
        self._at = 0.0

    def limit(self, rate: float) -> None:
        """So many a second from now on, and as many at once."""
        self._rate = self._most = rate

    def take(self, count: int, now: float) -> int:
        """Returns how many of `count` are granted."""
        self._left = min(self._most, self._left + (now - self._at) * self._rate)
        self._at = now
        granted = min(count, int(self._left))
        self._left -= granted
        return granted
