"""The connection between two workers: in order and whole, bounded when the other end is slow, ended when it is gone."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import sys

import pytest

from live import link as module
from live.link import MAX_BEHIND, MAX_MEDIA_BEHIND, Link, LinkPort, connect
from tests.live.conftest import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sockets of this kind are Linux's")


class End:
    """A link and what came by it."""

    def __init__(self, sock: socket.socket) -> None:
        self.heard: list[bytes] = []
        self.ends = 0
        self.link = Link(sock, lambda link, data: self.heard.append(data), self._end)

    def _end(self, link: Link) -> None:
        self.ends += 1


def pair() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


async def test_what_is_sent_in_one_wake_up_comes_as_one_message() -> None:
    left, right = map(End, pair())
    left.link.send(b"one")
    left.link.send_media(b"two")
    assert right.heard == []
    await until(lambda: right.heard)
    right.link.send(b"three")
    await until(lambda: left.heard)
    assert (right.heard, left.heard) == ([b"onetwo"], [b"three"])
    left.link.close()
    await until(lambda: right.ends)
    assert (left.ends, right.ends) == (1, 1)
    left.link.close()
    assert left.ends == 1


async def test_a_slow_reader_loses_media_and_no_message() -> None:
    ours, theirs = pair()
    left = End(ours)
    packet = b"\1" * 1000
    for _ in range(40_000):
        left.link.send_media(packet)
    assert left.link.dropped and left.link._behind <= MAX_MEDIA_BEHIND + 2 * module.LARGEST
    left.link.send(b"message")
    right = End(theirs)
    await until(lambda: right.heard and right.heard[-1].endswith(b"message"))
    assert sum(map(len, right.heard)) == left.link.sent * len(packet) + len(b"message")
    await until(lambda: not left.link._behind)
    left.link.send_media(packet)
    await until(lambda: right.heard[-1] == packet)
    left.link.close()
    right.link.close()


async def test_nothing_overtakes_what_waits() -> None:
    ours, theirs = pair()
    theirs.setblocking(False)
    left, heard = End(ours), []
    while not left.link._behind:
        left.link.send_media(b"\1" * 1000)
        left.link.flush()
    for _ in range(100):  # room for more, of which the link has not heard yet
        heard.append(theirs.recv(module.LONGEST))
    left.link.send(b"last")
    left.link.flush()
    right = End(theirs)
    await until(lambda: right.heard and right.heard[-1] == b"last")
    assert all(data[:1] == b"\1" for data in [*heard, *right.heard[:-1]])
    assert sum(map(len, [*heard, *right.heard])) == left.link.sent * 1000 + len(b"last")
    left.link.close()
    right.link.close()


async def test_who_does_not_read_at_all_is_given_up() -> None:
    ours, theirs = pair()
    left = End(ours)
    for _ in range(100 * MAX_BEHIND // 50_000):
        left.link.send(b"\1" * 50_000)
    assert left.ends == 1
    theirs.close()


async def test_workers_find_each_other_by_name() -> None:
    name = secrets.token_hex(8)
    came: list[socket.socket] = []
    assert connect(name, 3) is None
    port = LinkPort(name, 3, came.append)
    with pytest.raises(OSError, match="in use"):
        LinkPort(name, 3, came.append)
    sock = connect(name, 3)
    assert sock is not None and connect(name, 4) is None
    await until(lambda: came)
    left, right = End(sock), End(came[0])
    left.link.send(b"hello")
    await until(lambda: right.heard == [b"hello"])
    port.close()
    assert connect(name, 3) is None
    left.link.close()
    await until(lambda: right.ends)


async def test_processes_of_others_are_not_spoken_to(monkeypatch: pytest.MonkeyPatch) -> None:
    name = secrets.token_hex(8)
    came: list[socket.socket] = []
    port = LinkPort(name, 0, came.append)
    own = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    assert connect(name, 0) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.setblocking(False)
        stranger.connect(f"\0plenum-{name}-0")
        heard = asyncio.Event()
        asyncio.get_running_loop().add_reader(stranger, heard.set)
        await asyncio.wait_for(heard.wait(), 60)
        asyncio.get_running_loop().remove_reader(stranger)
        assert stranger.recv(10) == b"" and came == []
    port.close()
