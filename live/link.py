"""A connection between two workers on this machine: a Unix socket that keeps messages apart (SOCK_SEQPACKET), under a name
of the abstract kind, so that nothing is left in the file system. Only processes of the same user are spoken to.

What is sent in one wake-up goes out as one message. If the other end does not keep up, media is dropped and counted beyond
`MAX_MEDIA_BEHIND`; messages wait, and beyond `MAX_BEHIND` the connection is given up: it is made anew, and begins with
what holds then.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Final

BATCH: Final = 64  # messages read per wake-up
LARGEST: Final = 32 * 1024  # octets of a message, from which on it does not wait any longer; one more frame fits
LONGEST: Final = LARGEST + (1 << 17)
MAX_MEDIA_BEHIND: Final = 1 << 20  # octets: a second of a full house
MAX_BEHIND: Final = 4 << 20
BUFFER: Final = 4 << 20  # of the kernel's, which gives less where it must
BACKLOG: Final = 64
MAX_FILES: Final = 4  # beside one message
_CREDENTIALS: Final = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Link:
    """One end. `on_data(link, octets)` for each message that comes, `on_close(link)` when the other end is gone."""

    def __init__(
        self, sock: socket.socket, on_data: Callable[[Link, bytes], None], on_close: Callable[[Link], None]
    ) -> None:
        self._socket, self._on_data, self._on_close = sock, on_data, on_close
        self._loop = asyncio.get_running_loop()
        self._batch: list[bytes] = []
        self._length = 0
        self._waiting: deque[bytes] = deque()
        self._behind = 0  # octets that wait
        self.is_closed = False
        self._files: deque[int] = deque()
        self.sent = self.received = self.dropped = self.bad = 0
        sock.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        self._loop.add_reader(sock, self._read)

    def send(self, frame: bytes) -> None:
        """A message, which arrives unless the connection ends."""
        if self._behind > MAX_BEHIND:
            self.close()
        elif not self.is_closed:
            self._add(frame)

    def send_media(self, frame: bytes) -> None:
        """A packet, which may be dropped."""
        if self._behind > MAX_MEDIA_BEHIND or self.is_closed:
            self.dropped += 1
        else:
            self.sent += 1
            self._add(frame)

    def _add(self, frame: bytes) -> None:
        if not self._batch:
            self._loop.call_soon(self.flush)
        self._batch.append(frame)
        self._length += len(frame)
        if self._length > LARGEST:
            self.flush()

    def flush(self) -> None:
        """Sends what has been gathered."""
        if not self._batch or self.is_closed:
            return
        data, self._batch, self._length = b"".join(self._batch), [], 0
        if self._waiting or not self._try(data):
            self._wait(data)

    def _wait(self, data: bytes) -> None:
        if self.is_closed:
            return
        if not self._waiting:
            self._loop.add_writer(self._socket, self._drain)
        self._waiting.append(data)
        self._behind += len(data)

    def _drain(self) -> None:
        while self._waiting and self._try(self._waiting[0]):
            self._behind -= len(self._waiting.popleft())
        if not self._waiting and not self.is_closed:
            self._loop.remove_writer(self._socket)

    def _try(self, data: bytes) -> bool:
        """Returns False if it has to wait."""
        try:
            self._socket.send(data)
        except BlockingIOError:
            return False
        except OSError:
            self.close()
        return not self.is_closed

    def _read(self) -> None:
        for _ in range(BATCH):
            try:
                data, files, _, _ = socket.recv_fds(self._socket, LONGEST, MAX_FILES)
                self._files.extend(files)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.close()
                return
            self._on_data(self, data)
            self._drop_files()
            if self.is_closed:
                return

    def take_file(self) -> int | None:
        """A descriptor that came beside the message, for the taker to close; None: there is none."""
        return self._files.popleft() if self._files else None

    def _drop_files(self) -> None:
        while (fd := self.take_file()) is not None:
            os.close(fd)

    def close(self) -> None:
        """Ends it; `on_close` is called once."""
        if self.is_closed:
            return
        self.is_closed = True
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._socket.close()
        self._drop_files()
        self._waiting.clear()
        self._batch.clear()
        self._on_close(self)


class LinkPort:
    """Where other workers come in. `on_link(socket)` for each that does. Raises `OSError` if the name is taken."""

    def __init__(self, name: str, index: int, on_link: Callable[[socket.socket], None]) -> None:
        self._on_link = on_link
        self._socket = _open()
        try:
            self._socket.bind(_address(name, index))
            self._socket.listen(BACKLOG)
        except OSError:
            self._socket.close()
            raise
        asyncio.get_running_loop().add_reader(self._socket, self._accept)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            sock, _ = self._socket.accept()
            if is_ours(sock):
                self._on_link(sock)
            else:
                sock.close()

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()


def connect(name: str, index: int) -> socket.socket | None:
    """A connection to a worker; None if it is not there (yet)."""
    sock = _open()
    try:
        sock.connect(_address(name, index))  # on this machine: at once, or refused
        if is_ours(sock):
            return sock
    except OSError:
        pass
    sock.close()
    return None


def _open() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sock.setblocking(False)
    return sock


def _address(name: str, index: int) -> str:
    return f"\0plenum-{name}-{index}"


def is_ours(sock: socket.socket) -> bool:
    """Whether a process of this user's is at the other end, as the kernel says."""
    return _credentials(sock)[1] == os.getuid()


def pid_of(sock: socket.socket) -> int:
    """The process at the other end; 0: it is none that we can see."""
    return _credentials(sock)[0]


def _credentials(sock: socket.socket) -> tuple[int, int, int]:
    pid, uid, gid = _CREDENTIALS.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return pid, uid, gid
