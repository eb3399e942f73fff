"""DTLS-SRTP (RFC 5764): aiortc's `RTCDtlsTransport` over a transport of our own, then its SRTP sessions used directly.

Only DTLS records pass through aiortc; SRTP never does. `tests/live/test_dtls.py` pins down the private names used here,
so that an aiortc that moves them fails there, and not on a stage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, cast

from aiortc import RTCCertificate, RTCDtlsParameters
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsTransport, SRTPProtectionProfile
from OpenSSL import SSL
from pylibsrtp import Policy, Session

from live.srtp import Srtp as Srtp
from live.srtp import transforms

KEYING: Final = b"EXTRACTOR-dtls_srtp"
SENT_WINDOW: Final = 256  # packets behind the newest that may still go out, late or as an answer to a NACK without RTX
MAX_WAITING: Final = 32  # records; the newest is dropped when full, DTLS sends again by itself


class HandshakeFailed(Exception):
    """No DTLS session came about: wrong certificate, no common cipher, or too late."""


class Certificate(RTCCertificate):
    """One TLS context for all sessions: it is costly to make, and nothing in it belongs to a peer. No session is ever
    resumed, so every peer shows its certificate."""

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        return self._context


class _Records:
    """What `RTCDtlsTransport` needs of an ICE transport: a role, `_recv` and `_send`."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], object]) -> None:
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING)
        self._deliver = send
        self.closed = False

    def put(self, record: bytes) -> None:
        if not self.closed and not self._waiting.full():
            self._waiting.put_nowait(record)

    def close(self) -> None:
        self.closed = True
        while not self._waiting.empty():
            self._waiting.get_nowait()
        self._waiting.put_nowait(b"")

    async def _recv(self) -> bytes:
        record = await self._waiting.get()
        if not record:
            raise ConnectionError("the peer is gone")
        return record

    async def _send(self, data: bytes) -> None:
        if not self.closed:
            self._deliver(data)


class _Transport(RTCDtlsTransport):
    """What goes out is remembered for fewer packets than aiortc does: shifting its window of 1,024 by one for each packet
    was 7 % of all that a busy worker did."""

    keying = b""  # of what goes out

    def _setup_srtp(self) -> None:
        super()._setup_srtp()
        if self._tx_srtp is None or self._ssl is None:
            return
        chosen = self._ssl.get_selected_srtp_profile()
        profile = next(profile for profile in self._srtp_profiles if profile.openssl_profile == chosen)
        view = self._ssl.export_keying_material(KEYING, 2 * (profile.key_length + profile.salt_length))
        self.keying = profile.get_key_and_salt(view, 1)  # the server's (RFC 5764, 4.2)
        policy = Policy(key=self.keying, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile.libsrtp_profile)
        policy.allow_repeat_tx, policy.window_size = True, SENT_WINDOW
        self._tx_srtp = Session(policy)


class SecureTransport:
    """One peer's DTLS session, we being the server (`a=setup:passive`)."""

    def __init__(self, certificate: RTCCertificate, send: Callable[[bytes], object], on_end: Callable[[], object]) -> None:
        self._records = _Records(send)
        self._dtls = _Transport(cast(Any, self._records), [certificate])
        self._dtls._set_role("server")
        self._on_end = on_end

    def receive(self, record: bytes) -> None:
        """Takes a record from an address that passed ICE."""
        self._records.put(record)

    async def connect(self, fingerprints: tuple[tuple[str, str], ...], seconds: float) -> Srtp:
        """Shakes hands and verifies the certificate. Raises `HandshakeFailed`, after `seconds` at the latest."""
        parameters = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        try:
            async with asyncio.timeout(seconds):
                await self._dtls.start(parameters)
        except (TimeoutError, ConnectionError) as error:
            raise HandshakeFailed("no handshake in time") from error
        except (SSL.Error, ValueError) as error:  # a certificate that cannot be read
            raise HandshakeFailed("the handshake broke off") from error
        if self._dtls.state != "connected":
            raise HandshakeFailed("the handshake or the certificate was wrong")
        self._dtls.on("statechange", self._check_end)
        return transforms(self._dtls._rx_srtp, self._dtls._tx_srtp, keying=self._dtls.keying)

    def _check_end(self) -> None:
        if self._dtls.state == "closed" and not self._records.closed:
            self._on_end()

    async def close(self) -> None:
        """Says goodbye (close_notify) and ends the session's task."""
        await self._dtls.stop()
        self._records.close()
        self._let_go()

    def _let_go(self) -> None:
        """A peer is many objects that know one another, so the collector has to find them, which it does when hundreds have
        gone. OpenSSL's and libsrtp's parts, of which it knows nothing, are most of their memory."""
        self._dtls.remove_all_listeners()
        self._dtls._ssl = None
        del self._dtls._rx_srtp, self._dtls._tx_srtp


def sha256_fingerprint(certificate: RTCCertificate) -> str:
    return next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
