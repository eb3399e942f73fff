"""One system call for a whole hall: a `Ring` sends the same bytes through many sockets by io_uring (Linux 5.12 and later).

A broadcast otherwise costs a system call for each connection, and a call of its transport. Here the kernel is handed a list
of sends and works through it at once, on our own thread; nothing is left in the background when `send` returns, and the
caller knows what each socket took. The two queues are memory shared with the kernel, as io_uring_setup(2) and
io_uring_enter(2) describe them: arrays laid over it are all that is needed, neither a compiler nor a library.

Where io_uring is missing or forbidden (other systems, many containers), `open_ring` gives None, and everything goes through
the transports (`server/followers.py`).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import sys
from array import array
from collections.abc import Iterator, Sequence
from typing import Any, Final

ENTRIES: Final = 1024  # sends in one system call, a power of two

_SETUP, _ENTER = 425, 426  # system calls; the numbers are the same everywhere but on Alpha
_GETEVENTS: Final = 1  # IORING_ENTER_GETEVENTS
_SEND: Final = 26  # IORING_OP_SEND
_SENDS_AT: Final = 0x10000000  # IORING_OFF_SQES
# IORING_FEAT_SINGLE_MMAP, and IORING_FEAT_NATIVE_WORKERS: Linux 5.12, which no longer counts the queues as locked memory.
_FEATURES: Final = 1 << 0 | 1 << 7

# struct io_uring_params, in 32-bit words: the sizes of the queues, what the kernel can do, and where it put what
_PARAMS: Final = 30
_SQ_ENTRIES, _CQ_ENTRIES, _CAN = 0, 1, 5
_SQ_HEAD, _SQ_TAIL, _SQ_ARRAY = 10, 11, 16
_CQ_HEAD, _CQ_TAIL, _CQES = 20, 21, 25
_SQE, _CQE = 64, 16  # bytes of struct io_uring_sqe and io_uring_cqe
_WORD: Final = 1 << 32


def open_ring() -> Ring | None:
    """None where the system has no io_uring for us."""
    try:
        return Ring()
    except OSError:
        return None


class Ring:
    """For one thread. Raises `OSError` where there is no io_uring, or an old one."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError(errno.ENOSYS, "io_uring is Linux's")
        self._syscall: Any = ctypes.CDLL(None, use_errno=True).syscall  # lets other threads run meanwhile
        params = array("I", bytes(4 * _PARAMS))
        self._fd = self._call(_SETUP, ENTRIES, params.buffer_info()[0])
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "io_uring_setup")
        try:
            if params[_CAN] & _FEATURES != _FEATURES:
                raise OSError(errno.ENOSYS, "an old io_uring")
            self._map(params)
        except BaseException:
            self.close()
            raise

    def _map(self, params: array[int]) -> None:
        """Lays arrays over the queues. The kernel takes sends from their queue's head, we add them at its tail; with results
        it is the other way round. Heads and tails only grow, modulo 2^32."""
        slots, results_end = params[_SQ_ENTRIES], params[_CQES] + _CQE * params[_CQ_ENTRIES]
        length = max(results_end, params[_SQ_ARRAY] + 4 * slots)
        queues = memoryview(mmap.mmap(self._fd, length))
        words, results = queues[: length & ~3].cast("I"), queues[params[_CQES] : results_end]
        self._sq_head, self._sq_tail, self._cq_head, self._cq_tail = (
            words[params[at] // 4 :] for at in (_SQ_HEAD, _SQ_TAIL, _CQ_HEAD, _CQ_TAIL)
        )
        self._numbers, self._taken = results.cast("Q")[0::2], results.cast("i")[2::4]
        sends = memoryview(mmap.mmap(self._fd, _SQE * slots, offset=_SENDS_AT))
        self._sockets, self._lengths = sends.cast("i")[1::16], sends.cast("I")[6::16]
        self._addresses = sends.cast("Q")[2::8]
        # what is the same in each: slot by slot, its operation, its flags, and the slot as the name of the result
        words[params[_SQ_ARRAY] // 4 :][:slots] = array("I", range(slots))
        sends[0::_SQE] = bytes([_SEND]) * slots
        sends.cast("I")[7::16] = array("I", [socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL]) * slots
        sends.cast("Q")[4::8] = array("Q", range(slots))

    def send(self, fds: Sequence[int], data: bytes) -> list[tuple[int, int]]:
        """Sends `data` once through each socket, without waiting for any. Returns those that did not take all of it: the
        index in `fds`, and how many bytes were taken (none if the connection is broken)."""
        slots = len(self._sockets)
        self._addresses[:] = array("Q", [ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0]) * slots
        self._lengths[:] = array("I", [len(data)]) * slots
        rest, done, short = array("i", fds), 0, []
        while done < len(rest):
            slot = self._sq_tail[0] % slots
            chunk = rest[done : done + slots - slot]  # to the end of the queue, so that nothing wraps around
            short += [(done + at - slot, taken) for at, taken in self._submit(slot, chunk, len(data))]
            done += len(chunk)
        return short

    def _submit(self, slot: int, fds: array[int], size: int) -> Iterator[tuple[int, int]]:
        """Sends from `slot` on; gives the slots of those that took less than `size` bytes. What the kernel did not even look
        at, being out of memory, took nothing."""
        count, begun = len(fds), 0
        self._sockets[slot : slot + count] = fds
        self._sq_tail[0] = (self._sq_tail[0] + count) % _WORD
        while begun < count and (more := self._call(_ENTER, self._fd, count - begun, 0, 0, 0, 0)) > 0:
            begun += more
        self._sq_tail[0] = self._sq_head[0]  # or it would be sent later
        yield from self._results(begun, size)
        yield from ((at, 0) for at in range(slot + begun, slot + count))

    def _results(self, count: int, size: int) -> Iterator[tuple[int, int]]:
        head = self._cq_head[0]
        while (ready := (self._cq_tail[0] - head) % _WORD) < count:
            # never yet seen, as no send waits for anything
            if self._call(_ENTER, self._fd, 0, count - ready, _GETEVENTS, 0, 0) < 0 and ctypes.get_errno() != errno.EINTR:
                raise OSError(ctypes.get_errno(), "io_uring_enter")
        first = head % len(self._taken)  # there are as many results as sends, so these do not wrap around either
        taken, slots = self._taken[first : first + count].tolist(), self._numbers[first : first + count].tolist()
        self._cq_head[0] = (head + count) % _WORD
        if taken.count(size) < count:
            yield from ((slot, max(0, sent)) for slot, sent in zip(slots, taken, strict=True) if sent != size)

    def _call(self, number: int, *arguments: int) -> int:
        result: int = self._syscall(*map(ctypes.c_long, (number, *arguments)))
        return result

    def close(self) -> None:
        """From now on no socket takes anything."""
        os.close(self._fd)
        self._fd = -1
