"""Where a client is: the addresses that passed ICE, and the nominated one, where its media goes and comes from.

Neighbours: `port` and `tcp` bring the addresses, `peer` is the client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from live.port import Endpoint, Listener

Path = tuple[Endpoint, Any]  # with the client's address there


class Paths:
    """One client's. `most`: how many are kept. `on_change`: another address is the nominated one, or none is.

    Chromium opens several TCP connections, nominates more than one, and closes all but one: so what was nominated before is
    remembered, and counts again when the present one breaks."""

    def __init__(self, owner: Listener, most: int, on_change: Callable[[], None]) -> None:
        self._owner, self._most, self._on_change = owner, most, on_change
        self._passed: dict[Path, bool] = {}  # newest last; true: by what an ICE restart brought
        self._nominated: list[Path] = []  # those of them that were ever nominated, the present one last

    @property
    def current(self) -> Path | None:
        """The nominated path."""
        return self._nominated[-1] if self._nominated else None

    @property
    def newest(self) -> Path | None:
        """Where to answer while none is nominated."""
        return next(reversed(self._passed), None)

    def add(self, endpoint: Endpoint, address: Any, *, renewed: bool = False) -> None:
        """The address passed a check; `renewed`: by what an ICE restart brought. Whoever had it before has it no more."""
        owner = endpoint.checked.get(address)
        if owner is not self._owner:
            if owner is not None:
                owner.drop_path(endpoint, address)
            endpoint.checked[address] = self._owner
        path = endpoint, address
        self._passed[path] = renewed or self._passed.get(path, False)
        if len(self._passed) > self._most:
            self.drop(*next(old for old in self._passed if old != self.current))

    def nominate(self, endpoint: Endpoint, address: Any) -> None:
        """Media goes to and comes from this address from now on."""
        path = endpoint, address
        if path == self.current:
            return
        if path in self._nominated:
            self._nominated.remove(path)
        if self.current is not None:
            self._stop_using(self.current)
        self._nominated.append(path)
        self._use(path)

    def drop(self, endpoint: Endpoint, address: Any) -> None:
        """The address is somebody else's now, or the connection behind it is gone."""
        path = endpoint, address
        before = self.current
        if endpoint.checked.get(address) is self._owner:
            del endpoint.checked[address]
        self._stop_using(path)
        self._passed.pop(path, None)
        if path in self._nominated:
            self._nominated.remove(path)
        if path == before:
            if self.current is not None:
                self._use(self.current)
            else:
                self._on_change()

    def restart(self) -> None:
        """An ICE restart: no address has passed by its credentials yet."""
        self._passed = dict.fromkeys(self._passed, False)

    def settle(self) -> None:
        """One is nominated by them: what did not pass by them counts no more (RFC 8445, 9)."""
        for path in [path for path, renewed in self._passed.items() if not renewed]:
            self.drop(*path)

    def clear(self) -> None:
        """The client is taken out: nothing that comes from its addresses is for it any more. They are still known here: the
        end of its DTLS session has to be told there."""
        for endpoint, address in self._passed:
            endpoint.checked.pop(address, None)
            endpoint.nominated.pop(address, None)

    def _use(self, path: Path) -> None:
        endpoint, address = path
        endpoint.nominated[address] = self._owner
        self._on_change()

    def _stop_using(self, path: Path) -> None:
        endpoint, address = path
        if endpoint.nominated.get(address) is self._owner:
            del endpoint.nominated[address]
