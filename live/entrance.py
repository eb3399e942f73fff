"""Who may come in: peers by the user name fragments that they were given, checked by ICE, restarts (RFC 8445, 2.4) among
them; and TCP connections that are meant for another worker. Neighbours: `forwarder` admits peers, `port` and `tcp` bring
what comes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from live import ice
from live.peer import Peer
from live.port import Endpoint


class Entrance:
    """One worker's. `give(worker, fd, beginning)` takes a TCP connection to another worker, False: there are no others."""

    def __init__(self, index: int, give: Callable[[int, int, bytes], bool]) -> None:
        self._index, self._give = index, give
        self.peers: dict[str, Peer] = {}  # oldest first
        self._restarting: dict[str, Peer] = {}  # likewise, by what replaces it: one each at most

    def add(self, peer: Peer) -> None:
        self.peers[peer.credentials.ufrag] = peer

    def remove(self, peer: Peer) -> None:
        del self.peers[peer.credentials.ufrag]
        self._forget_restart(peer)

    def restart(self, peer: Peer, ufrag: str) -> ice.Credentials:
        """New credentials for a peer that has a new user name fragment. Those before are good until it uses the new ones."""
        self._forget_restart(peer)
        renewed = peer.restart_ice(ufrag)
        self._restarting[renewed.ufrag] = peer
        return renewed

    def on_check(self, endpoint: Endpoint, data: bytes, address: Any) -> None:
        """A datagram that looks like STUN."""
        now = time.monotonic()
        found = ice.check(data, address, partial(self._credentials_of, endpoint, address, now))
        if found is None:
            endpoint.strangers += 1
            return
        restarting = self._restarting.get(found.ufrag)
        peer = restarting or self.peers[found.ufrag]
        try:
            endpoint.sendto(found.response, address)
        except OSError:
            peer.dropped += 1
        if found.succeeded:
            peer.pass_check(endpoint, address, found.ufrag, now, nominates=found.nominates)
            if restarting and found.nominates:
                self._settle(peer)

    def pass_on(self, frame: bytes, fd: int, beginning: bytes) -> bool:
        """The first frame of a TCP connection: if it is meant for another worker, the connection goes there, with all that
        came."""
        worker = ice.worker_of(ice.username(frame))
        return worker not in (-1, self._index) and self._give(worker, fd, beginning)

    def _credentials_of(self, endpoint: Endpoint, address: Any, now: float, ufrag: str) -> ice.Credentials | None:
        restarting = self._restarting.get(ufrag)
        peer = restarting or self.peers.get(ufrag)
        if peer is None or not peer.may_check(endpoint, address, now):
            return None
        return peer.renewed if restarting else peer.credentials

    def _settle(self, peer: Peer) -> None:
        """The client nominated an address by the credentials of its ICE restart: those before are good for nothing now."""
        self.remove(peer)
        peer.settle_ice()
        self.add(peer)

    def _forget_restart(self, peer: Peer) -> None:
        if peer.renewed:
            self._restarting.pop(peer.renewed.ufrag, None)
