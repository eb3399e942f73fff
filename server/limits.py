"""How much of everything the server takes: what an operator may want to change. `docs/operations.md` has the table of all
limits, these and the constants that stand beside what they bound. Neighbour: `settings`, which these are part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# The least and the most that work, ends included. Outbox: less than a snapshot of a long day, and nobody would ever get
# one. Bodies and messages: less, and an offer or a question would not fit.
LIMIT_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    "connections": (16, 1_000_000),
    "connections_per_address": (1, 1_000_000),
    "connections_per_person": (1, 1000),
    "request_seconds": (1, 300),
    "stall_seconds": (1, 3600),
    "head_bytes": (4096, 1 << 20),
    "head_fields": (16, 10_000),
    "body_bytes": (1 << 16, 1 << 24),
    "message_bytes": (1 << 14, 1 << 20),
    "hello_seconds": (1, 300),
    "messages_per_second": (1, 100_000),
    "outbox_bytes": (1 << 16, 1 << 30),
    "forms_per_second": (0.1, 1000),
    "readings_per_second": (0.01, 1000),
    "wrong_links": (1, 1_000_000),
    "wrong_links_wait_seconds": (1, 86_400),
    "wrong_links_per_second": (1, 100_000),
    "seats_per_person": (1, 100),
    "offers_per_second": (0.1, 100),
    "media_peers": (1, 100_000),
    "media_room_peers": (1, 100_000),
    "media_rooms": (1, 100_000),
    "media_tcp_connections": (1, 100_000),
    "media_tcp_strangers": (1, 100_000),
    "media_setup_seconds": (1, 300),
    "media_idle_seconds": (1, 3600),
}


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Times in seconds, sizes in bytes."""

    connections: int = 20_000  # of all, HTTP and WebSocket together
    connections_per_address: int = 2_000  # a town hall of 300 behind one address, each loading a page, takes 2,000
    connections_per_person: int = 8  # WebSockets: tabs and devices
    request_seconds: float = 15.0  # for the head of a request, and as long again for its body
    stall_seconds: float = 60.0  # for a reader to take what is buffered for it, at most some 128 KiB
    head_bytes: int = 32_768  # of a request: first line and headers
    head_fields: int = 100  # headers of a request, its trailers included
    body_bytes: int = 65_536  # of a request; an offer of media is some 20 KiB
    message_bytes: int = 16_384  # of a WebSocket message
    hello_seconds: float = 10.0  # from the end of a WebSocket's handshake to the page's first message
    messages_per_second: float = 20.0  # per connection, sustained; bursts of five seconds' worth
    outbox_bytes: int = 1 << 20  # a connection that lets more pile up is closed with "resync"
    forms_per_second: float = 1.0  # per person, sustained; twenty at once
    readings_per_second: float = 0.2  # of everything about somebody, or of all figures: per person; twenty at once
    wrong_links: int = 30  # from one address, before it has to wait
    wrong_links_wait_seconds: float = 300.0  # the longest that such an address waits
    wrong_links_per_second: float = 20.0  # from everywhere together; ten seconds' worth at once
    seats_per_person: int = 4  # a laptop, a phone, and one of each that is just being replaced
    offers_per_second: float = 1.0  # of a person; twenty at once
    media_peers: int = 4000  # per media worker
    media_room_peers: int = 3000  # of one room on a worker
    media_rooms: int = 500  # per media worker
    media_tcp_connections: int = 2000  # per media worker
    media_tcp_strangers: int = 32  # of these from one address, that have not proven themselves (ICE)
    media_setup_seconds: float = 15.0  # for a peer to complete what it offered
    media_idle_seconds: float = 30.0  # a peer that is silent
