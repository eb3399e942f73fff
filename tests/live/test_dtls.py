"""DTLS with aiortc on both sides, and the private names of aiortc that `live.dtls` relies on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pylibsrtp
import pytest
from aiortc import RTCCertificate, RTCDtlsParameters
from aiortc.rtcdtlstransport import SRTP_PROFILES, RTCDtlsFingerprint, RTCDtlsTransport
from OpenSSL import SSL

from live.dtls import (
    MAX_WAITING,
    SENT_WINDOW,
    Certificate,
    HandshakeFailed,
    SecureTransport,
    Srtp,
    _Records,
    sha256_fingerprint,
)
from tests.live.conftest import until

RTP = b"\x80\x60" + bytes(10) + b"payload"


class ClientWire:
    """The client's ICE transport: a queue in, our side out."""

    role = "controlling"

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue(100)
        self.server: SecureTransport | None = None

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, data: bytes) -> None:
        assert self.server
        self.server.receive(data)


@contextlib.asynccontextmanager
async def pair(
    announced: str | None = None, ours: RTCCertificate | None = None
) -> AsyncIterator[tuple[SecureTransport, RTCDtlsTransport, Srtp, list[str]]]:
    """Both ends, connected. `announced`: the fingerprint that the offer named, if not the client's own."""
    ours, theirs = ours or Certificate.generateCertificate(), RTCCertificate.generateCertificate()
    wire, ended = ClientWire(), list[str]()
    server = wire.server = SecureTransport(ours, wire.inbox.put_nowait, lambda: ended.append("end"))
    wire_as_any: Any = wire
    client = RTCDtlsTransport(wire_as_any, [theirs])
    client._set_role("client")
    start = asyncio.create_task(client.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", sha256_fingerprint(ours))])))
    try:
        srtp = await server.connect((("sha-256", announced or sha256_fingerprint(theirs)),), 5)
        await start
        yield server, client, srtp, ended
    finally:
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        await client.stop()
        await server.close()
        await asyncio.sleep(0)


async def test_what_one_end_protects_the_other_reads() -> None:
    async with pair() as (_, client, srtp, _):
        assert srtp.unprotect(client._tx_srtp.protect(RTP)) == RTP
        assert client._rx_srtp.unprotect(srtp.protect(RTP)) == RTP
        assert srtp.is_aead is (len(srtp.protect(RTP)) == len(RTP) + 16)  # as long as AES-GCM's tag is
        report = b"\x80\xc9\x00\x01\x00\x00\x00\x01"
        assert srtp.unprotect_rtcp(client._tx_srtp.protect_rtcp(report)) == report


async def test_peers_share_a_certificate_and_its_context_and_nothing_else() -> None:
    ours = Certificate.generateCertificate()
    async with pair(ours=ours) as (_, one, first, _), pair(ours=ours) as (_, other, second, _):
        assert first.unprotect(one._tx_srtp.protect(RTP)) == second.unprotect(other._tx_srtp.protect(RTP)) == RTP
        with pytest.raises(pylibsrtp.Error):
            first.unprotect(other._tx_srtp.protect(RTP))
    with pytest.raises(HandshakeFailed):
        async with pair(":".join(["00"] * 32), ours):
            pass


async def test_no_session_is_kept_to_be_resumed() -> None:
    ours = Certificate.generateCertificate()
    async with pair(ours=ours) as (_, client, _, _):
        assert client._ssl is not None
        context = ours._create_ssl_context(SRTP_PROFILES)
        assert context is ours._create_ssl_context(SRTP_PROFILES)
        assert context.get_session_cache_mode() == SSL.SESS_CACHE_OFF


async def test_a_replay_and_a_wrong_tag_are_refused() -> None:
    async with pair() as (_, client, srtp, _):
        packet = client._tx_srtp.protect(RTP)
        with pytest.raises(pylibsrtp.Error):
            srtp.unprotect(packet[:-1] + bytes([packet[-1] ^ 1]))
        srtp.unprotect(packet)
        with pytest.raises(pylibsrtp.Error):
            srtp.unprotect(packet)


async def test_a_packet_may_be_protected_again_for_a_nack() -> None:
    async with pair() as (_, _client, srtp, _):
        assert srtp.protect(RTP) == srtp.protect(RTP)


async def test_as_many_packets_may_come_late_or_again_as_are_asked_for() -> None:
    def packet(sequence: int) -> bytes:
        return b"\x80\x60" + sequence.to_bytes(2, "big") + bytes(8) + b"payload"

    async with pair() as (_, client, srtp, _):
        for sequence in range(SENT_WINDOW + 1):
            if sequence != 2:
                srtp.protect(packet(sequence))
        assert client._rx_srtp.unprotect(srtp.protect(packet(2))) == packet(2)
        assert srtp.protect(packet(1)) and srtp.protect(packet(SENT_WINDOW))
        with pytest.raises(pylibsrtp.Error):
            srtp.protect(packet(0))


async def test_another_certificate_than_the_offers_is_refused() -> None:
    with pytest.raises(HandshakeFailed):
        async with pair(announced=":".join(["AB"] * 32)):
            pass


async def test_a_silent_client_is_given_up() -> None:
    server = SecureTransport(RTCCertificate.generateCertificate(), lambda data: None, lambda: None)
    with pytest.raises(HandshakeFailed, match="in time"):
        await server.connect((("sha-256", ":".join(["AB"] * 32)),), 0.05)
    await server.close()


async def test_a_goodbye_is_heard() -> None:
    async with pair() as (_, client, _, ended):
        await client.stop()
        await until(lambda: ended)


async def test_waiting_records_are_bounded() -> None:
    records = _Records(lambda data: None)
    for _ in range(10 * MAX_WAITING):
        records.put(b"\x16")
    assert records._waiting.qsize() == MAX_WAITING
    records.close()
    with pytest.raises(ConnectionError):
        await records._recv()


async def test_aiortc_still_keeps_its_sessions_where_they_are_looked_for() -> None:
    async with pair() as (server, client, _, _):
        for transport in (server._dtls, client):
            assert isinstance(transport._rx_srtp, pylibsrtp.Session)
            assert isinstance(transport._tx_srtp, pylibsrtp.Session)
            assert transport._role in ("server", "client")
            assert transport.state == "connected"
            assert callable(transport._set_role)
