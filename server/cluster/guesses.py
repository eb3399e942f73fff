"""Wrong links on any node count on all: whoever tries them does not get as many more as there are nodes. Told and forgotten;
without Redis each node counts for itself."""

from __future__ import annotations

import secrets
from typing import Final

import msgspec

from server.cluster.redis import RedisLink
from server.guesses import Guesses

CHANNEL: Final = "wrong-links"


class Wrong(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Somebody at `address` was wrong, on the node that calls itself `of`."""

    of: str
    address: str


_decoder: Final = msgspec.json.Decoder(Wrong)


def share_guesses(link: RedisLink, guesses: Guesses) -> None:
    """Before `link.run()`."""
    own = secrets.token_hex(8)

    def tell(address: str) -> None:
        link.tell(CHANNEL, msgspec.json.encode(Wrong(own, address)))

    def heed(message: bytes) -> None:
        wrong = _decoder.decode(message)
        if wrong.of != own:
            guesses.note_elsewhere(wrong.address)

    guesses.on_wrong = tell
    link.on(CHANNEL, heed)
