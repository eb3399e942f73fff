"""What everybody who watches a room can decode: publishers are held to it. Neighbours: `agreement`, `forwarder`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from typing import Final

from live.agreement import Receiving, common_codecs
from live.codecs import Codec

# Every WebRTC client has one of them (RFC 7742, 5): a room's codec is never chosen for the sake of one that has neither.
COMMON: Final[tuple[Codec, ...]] = ("H264", "VP8")


class Repertoire:
    """A room's. Counted, as a plenary has thousands of viewers."""

    __slots__ = ("_dropped", "_elsewhere", "_lacking")

    def __init__(self) -> None:
        self._lacking: Counter[Codec] = Counter()  # how many viewers cannot decode it
        self._dropped: set[Codec] = set()
        self._elsewhere: dict[object, tuple[Codec, ...]] = {}  # what viewers in other workers cannot decode

    def add(self, receivings: Iterable[Receiving]) -> None:
        """A viewer came, with its receive slots."""
        self._lacking.update(lacking(receivings))

    def remove(self, receivings: Iterable[Receiving]) -> None:
        """A viewer that was added is gone."""
        self._lacking.subtract(lacking(receivings))

    def common(self, taps: Collection[str] = ()) -> tuple[Codec, ...]:
        """Best first; () if there is none. `taps`: the codecs of the taps, of which each has its one: what is recorded goes
        before what one viewer is shown."""
        lacked = {*self.lacked, *self._dropped}
        usable = (codec for codec in COMMON if codec not in lacked)
        return tuple(codec for codec in usable if set(taps) <= {codec})

    def hold(self) -> None:
        """What somebody lacks now stays out while the room lasts: who comes and goes makes publishers offer again once, not
        time after time."""
        self._dropped.update(self.lacked)

    @property
    def lacked(self) -> tuple[Codec, ...]:
        """What some viewer of the room cannot decode."""
        elsewhere = {codec for codecs in self._elsewhere.values() for codec in codecs}
        return tuple(codec for codec in COMMON if self._lacking[codec] > 0 or codec in elsewhere)

    def hear(self, worker: object, codecs: tuple[Codec, ...]) -> None:
        """What viewers in another worker cannot decode."""
        self._elsewhere[worker] = codecs
        if not codecs:
            del self._elsewhere[worker]


def lacking(receivings: Iterable[Receiving]) -> tuple[Codec, ...]:
    """The common codecs that a viewer cannot decode."""
    decoded = common_codecs(receivings)
    return tuple(codec for codec in COMMON if codec not in decoded)
