"""One client of a server: ICE checks (RFC 8445, the server being lite), DTLS and SRTP by aiortc, over a socket that is
shared with others."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
from typing import Any, Final

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsParameters
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsTransport

from bench.media.sdp import Local, Remote
from live import rtcp
from live.dtls import sha256_fingerprint

PATIENCE: Final = 60.0  # seconds: the machine may be slow, and the server busy
CHECK_INTERVAL: Final = 0.2


class Wire:
    """A UDP socket that sends from any local address."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for option in (33, 32):  # SO_RCVBUFFORCE, SO_SNDBUFFORCE: beyond the system's limit, for root
            with contextlib.suppress(PermissionError):
                self.socket.setsockopt(socket.SOL_SOCKET, option, 128 << 20)
        self.socket.setsockopt(socket.SOL_SOCKET, 35, 1)  # SO_TIMESTAMPNS
        self.socket.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
        self.socket.bind(("0.0.0.0", 0))
        self.port: int = self.socket.getsockname()[1]

    def send(self, data: bytes, source: bytes, to: tuple[str, int]) -> None:
        """`source`: four octets."""
        info = (socket.IPPROTO_IP, 8, struct.pack("=i4s4x", 0, source))
        with contextlib.suppress(BlockingIOError):  # lost, as on any network
            self.socket.sendmsg([data], [info], 0, to)


class Client:
    """`connect` once the server has said where it is. `receive` is given each datagram that the client shall see."""

    role = "controlling"  # what aiortc asks of an ICE transport, with _recv and _send

    def __init__(self, wire: Wire, address: str, certificate: RTCCertificate) -> None:
        self._wire, self._source, self._certificate = wire, socket.inet_aton(address), certificate
        self.local = Local(secrets.token_hex(4), secrets.token_hex(16), sha256_fingerprint(certificate), address, wire.port)
        self._records: asyncio.Queue[bytes] = asyncio.Queue(64)  # DTLS; dropped when full, it comes again
        self._checked = asyncio.Event()
        self.address = ("", 0)
        self._password = b""
        self.check = b""  # a binding request that finds the path, and consents
        self._dtls: RTCDtlsTransport | None = None
        self.tx: Any = None  # pylibsrtp.Session
        self.rx: Any = None
        self.profile = ""

    async def connect(self, remote: Remote) -> None:
        """Checks the path and shakes hands. Raises `ConnectionError`, or `TimeoutError` after a minute."""
        self.address, self._password = remote.addresses[0], remote.password.encode()
        self.check = self._make_check(remote)
        async with asyncio.timeout(PATIENCE):
            while not self._checked.is_set():
                self.keep_alive()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._checked.wait(), CHECK_INTERVAL)
            await self._shake_hands(remote)

    async def _shake_hands(self, remote: Remote) -> None:
        self._dtls = dtls = RTCDtlsTransport(self, [self._certificate])  # type: ignore[arg-type]
        dtls._set_role("server" if remote.setup == "active" else "client")
        prints = [RTCDtlsFingerprint(algorithm.lower(), value) for algorithm, value in remote.fingerprints]
        await dtls.start(RTCDtlsParameters(prints))
        if dtls.state != "connected":
            raise ConnectionError("DTLS failed")
        self.tx, self.rx = dtls._tx_srtp, dtls._rx_srtp
        assert dtls._ssl is not None
        self.profile = dtls._ssl.get_selected_srtp_profile().decode()

    def _make_check(self, remote: Remote) -> bytes:
        """One binding request serves for all checks: consent too is only asked for again."""
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{remote.ufrag}:{self.local.ufrag}"
        request.attributes["PRIORITY"] = 1845501695
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity(self._password)
        request.add_fingerprint()
        return bytes(request)

    def keep_alive(self) -> None:
        """Sends a check: the first ones find the path, later ones consent (RFC 7675)."""
        self.send(self.check)

    def send(self, data: bytes) -> None:
        self._wire.send(data, self._source, self.address)

    def receive(self, data: bytes) -> None:
        """Takes STUN or DTLS."""
        if data[0] < 4:
            self._take_stun(data)
        elif 19 < data[0] < 64 and not self._records.full():
            self._records.put_nowait(data)

    def _take_stun(self, data: bytes) -> None:
        try:
            message = stun.parse_message(data)
        except ValueError:
            return
        if message.message_class == stun.Class.RESPONSE:
            self._checked.set()
        elif message.message_class == stun.Class.REQUEST and self.check:  # Janus asks, although it is lite
            response = stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, message.transaction_id)
            response.attributes["XOR-MAPPED-ADDRESS"] = self.address
            response.add_message_integrity(self.local.password.encode())
            response.add_fingerprint()
            self.send(bytes(response))

    def send_rtcp(self, *packets: rtcp.RtcpPacket) -> None:
        self.send(self.tx.protect_rtcp(b"".join(map(bytes, packets))))

    async def close(self) -> None:
        """Ends the pump of the DTLS session."""
        if self._dtls is not None:
            await self._dtls.stop()

    async def _recv(self) -> bytes:
        return await self._records.get()

    async def _send(self, data: bytes) -> None:
        self.send(data)
