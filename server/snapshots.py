"""Snapshots that are encoded once for everybody who sees the same: after a restart the whole hall asks for them at once.

Overflow: the least used go first, so that what is kept stays below `most` bytes, however many people there are with
questions of their own in the queue, each of whom sees a snapshot that nobody else does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from server.outbox import Frame

MOST_BYTES: Final = 16 << 20  # a long day's room is some 200 KiB, held as text and as a finished frame


class Snapshots:
    """Frames by stream and audience, each of one sequence number."""

    def __init__(self, most: int = MOST_BYTES) -> None:
        self._most = most
        self._frames: OrderedDict[tuple[str, str], tuple[int, Frame]] = OrderedDict()
        self.size = 0  # bytes

    def get(self, stream: str, audience: str, seq: int, encode: Callable[[], Frame]) -> Frame:
        """The snapshot of `stream` at `seq` for `audience`, encoded now if it is not at hand."""
        key = (stream, audience)
        known = self._frames.get(key)
        if known is not None and known[0] == seq:
            self._frames.move_to_end(key)
            return known[1]
        self._drop(key)
        frame = encode()
        if (size := _size(frame)) <= self._most:  # one that is larger than all the room there is is not kept
            while self.size + size > self._most:
                self._drop(next(iter(self._frames)))
            self._frames[key] = (seq, frame)
            self.size += size
        return frame

    def forget(self, stream: str) -> None:
        """What was encoded of a stream is not true any more."""
        for key in [key for key in self._frames if key[0] == stream]:
            self._drop(key)

    def __len__(self) -> int:
        return len(self._frames)

    def _drop(self, key: tuple[str, str]) -> None:
        known = self._frames.pop(key, None)
        if known is not None:
            self.size -= _size(known[1])


def _size(frame: Frame) -> int:
    return len(frame.text) + len(frame.wire)
