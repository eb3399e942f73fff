"""ICE-TCP: frames in, frames out, and nothing unbounded."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest
from aioice import stun

from live import tcp
from live.limits import Limits
from live.peer import Peer
from live.tcp import MAX_UNSENT, TcpPort
from tests.live.conftest import until
from tests.live.test_forwarder import Stage, stage


class Line:
    """A stage behind a real TCP port."""

    def __init__(self, s: Stage, listener: TcpPort, port: int) -> None:
        self.stage, self.listener, self.port = s, listener, port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)


@contextlib.asynccontextmanager
async def line(
    pass_on: Callable[[bytes, int, bytes], bool] = lambda *_: False,
    proxies: tuple[str, ...] = (),
    limits: Limits = Limits(),  # noqa: B008 (frozen)
) -> AsyncIterator[Line]:
    async with stage() as s:
        listener = TcpPort(s.forwarder.entrance.on_check, pass_on, proxies, limits)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        await listener.start(("127.0.0.1",), port)
        try:
            yield Line(s, listener, port)
        finally:
            await listener.close()


def frame(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data


def check_of(s: Stage) -> bytes:
    """A check that admits, taken from the stage's endpoint."""
    taken: list[bytes] = []
    s.endpoint.receive = lambda data, address: taken.append(data)  # type: ignore[method-assign]
    s.check(s.admit(), None)
    return taken[0]


async def test_a_check_in_pieces_is_answered_in_a_frame() -> None:
    async with line() as at:
        reader, writer = await at.connect()
        for octet in frame(check_of(at.stage)):
            writer.write(bytes([octet]))
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        response = stun.parse_message(await reader.readexactly(length))
        assert response.message_class is stun.Class.RESPONSE
        assert response.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")
        writer.close()


async def test_a_frame_too_long_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CHECK_TIMEOUT", 1000.0)
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(b"\xff\xff")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_a_stranger_is_shown_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CHECK_TIMEOUT", 0.05)
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(frame(b"\x80" * 100) + frame(b"") + frame(b"\x16" * 20))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        assert at.listener.connections == 0
        writer.close()


@pytest.mark.parametrize("limit", ["tcp_strangers_per_host", "tcp_strangers", "tcp_connections"])
async def test_of_too_many_strangers_the_oldest_makes_room(limit: str) -> None:
    async with line(limits=Limits(**{limit: 2})) as at:
        lines = [await at.connect() for _ in range(3)]
        with contextlib.suppress(ConnectionError):
            assert await lines[0][0].read() == b""
        await until(lambda: (at.listener.connections, at.listener.refused) == (2, 1))
        reader, writer = lines[2]
        writer.write(frame(check_of(at.stage)))  # the newest is still served
        await reader.readexactly(2)
        for _, writer in lines:
            writer.close()


async def test_when_all_that_there_can_be_are_peers_nobody_is_closed() -> None:
    async with line(limits=Limits(tcp_connections=1)) as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        await reader.readexactly(2)
        other_reader, other = await at.connect()
        with contextlib.suppress(ConnectionError):
            assert await other_reader.read() == b""
        assert (at.listener.connections, at.listener.refused) == (1, 1)
        for each in (writer, other):
            each.close()


async def test_a_stranger_may_not_talk_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CHECK_TIMEOUT", 1000.0)
    async with line() as at:
        reader, writer = await at.connect()
        with contextlib.suppress(ConnectionError):
            writer.write(frame(b"") * 10_000)  # RFC 4571: nothing, twenty thousand octets long
            assert await reader.read() == b""
        await until(lambda: not at.listener.connections)
        writer.close()


async def test_a_connection_whose_peer_has_ended_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        await reader.readexactly(2)
        (connection,) = at.listener._connections
        monkeypatch.setattr(tcp, "CHECK_TIMEOUT", 0.05)
        assert connection._deadline
        connection._deadline.cancel()
        connection._end_if_stranger()  # as its timer does, which begins anew with it
        at.stage.forwarder.remove_label("r", "anna", senders_only=False)
        assert connection.is_stranger
        with contextlib.suppress(ConnectionError):
            await reader.read()
        assert not at.listener.connections
        writer.close()


async def test_many_frames_are_taken_in_batches_and_in_order() -> None:
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        await reader.readexactly(2)
        (connection,) = at.listener._connections
        taken: list[bytes] = []
        turns: list[int] = []
        connection.endpoint.receive = lambda data, address: taken.append(data)  # type: ignore[method-assign]
        asyncio.get_running_loop().call_soon(lambda: turns.append(len(taken)))
        connection.data_received(b"".join(frame(n.to_bytes(2, "big")) for n in range(1000)))
        assert len(taken) == tcp.BATCH
        await until(lambda: len(taken) == 1000)
        assert taken == [n.to_bytes(2, "big") for n in range(1000)]
        assert turns == [tcp.BATCH]  # others had their turn in between
        writer.write(frame(b"more"))
        await until(lambda: taken[-1] == b"more")
        writer.close()


async def test_a_slow_reader_loses_packets_and_costs_no_memory() -> None:
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        await reader.readexactly(2)
        (connection,) = at.listener._connections
        with pytest.raises(BlockingIOError):
            for _ in range(100_000):
                connection.endpoint.sendto(bytes(1200), None)
        assert connection._transport is not None
        assert connection._transport.get_write_buffer_size() < MAX_UNSENT + 2048
        writer.transport.abort()


async def test_a_connection_that_breaks_takes_its_address_with_it() -> None:
    async with line() as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        await reader.readexactly(2)
        (connection,) = at.listener._connections
        (peer,) = connection.endpoint.nominated.values()
        assert isinstance(peer, Peer)
        writer.transport.abort()
        await until(lambda: not at.listener._connections)
        assert peer.endpoint is None and not connection.endpoint.checked


LINE = b"PROXY TCP4 192.0.2.%d 198.51.100.1 40000 443\r\n"


async def test_behind_a_proxy_it_is_the_clients_address_that_counts() -> None:
    async with line(proxies=("127.0.0.0/8",)) as at:
        reader, writer = await at.connect()
        for octet in LINE % 7 + frame(check_of(at.stage)):
            writer.write(bytes([octet]))
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        response = stun.parse_message(await reader.readexactly(length))
        assert response.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.7", 40000)
        writer.close()


async def test_a_proxy_may_speak_for_itself() -> None:
    async with line(proxies=("127.0.0.1",)) as at:
        reader, writer = await at.connect()
        writer.write(frame(check_of(at.stage)))
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        response = stun.parse_message(await reader.readexactly(length))
        assert response.attributes["XOR-MAPPED-ADDRESS"] == writer.get_extra_info("sockname")
        writer.close()


@pytest.mark.parametrize("proxies", [(), ("192.0.2.0/24", "::1")])
async def test_nobody_else_is_believed_whom_they_speak_for(proxies: tuple[str, ...]) -> None:
    async with line(proxies=proxies) as at:
        reader, writer = await at.connect()
        writer.write(LINE % 7 + frame(check_of(at.stage)))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_nonsense_from_a_proxy_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tcp, "CHECK_TIMEOUT", 1000.0)
    async with line(proxies=("127.0.0.1",)) as at:
        reader, writer = await at.connect()
        writer.write(b"PROXY TCP4 nobody\r\n" + frame(check_of(at.stage)))
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()


async def test_behind_one_proxy_only_the_strangers_of_one_host_make_room_for_one_another() -> None:
    async with line(proxies=("127.0.0.1",), limits=Limits(tcp_strangers_per_host=2)) as at:
        lines = [await at.connect() for _ in range(6)]  # that have said nothing yet: all from one machine
        await until(lambda: at.listener.connections == 6)
        for (_, writer), host in zip(lines, (1, 1, 1, 2, 2, 3), strict=True):
            writer.write(LINE % host)
            named = [f"192.0.2.{host}"]
            await until(lambda named=named: {each.host for each in at.listener._connections} >= set(named))  # type: ignore[misc]
        await until(lambda: (at.listener.connections, at.listener.refused) == (5, 1))
        hosts = sorted(each.host for each in at.listener._connections)
        assert hosts == ["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3"]
        with contextlib.suppress(ConnectionError):
            assert await lines[0][0].read() == b""  # the oldest of the three
        for _, writer in lines:
            writer.close()


async def test_a_connection_that_is_passed_on_takes_the_proxys_line_with_it() -> None:
    given: list[bytes] = []
    async with line(proxies=("127.0.0.1",), pass_on=lambda _frame, _fd, beginning: given.append(beginning) or True) as at:  # type: ignore[func-returns-value]
        _, writer = await at.connect()
        said = LINE % 7 + frame(check_of(at.stage))
        writer.write(said)
        await until(lambda: given == [said])
        writer.close()
