"""A client by hand: it speaks ICE, DTLS and SRTP as far as it is told to, and sends whatever it is given in between."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import struct
from collections.abc import Callable, Sequence
from typing import Any, Final

from aioice import stun
from aiortc import RTCCertificate, RTCDtlsParameters
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsTransport
from pylibsrtp import Error as SrtpError
from pylibsrtp._binding import ffi, lib

from live import rtcp
from live.dtls import sha256_fingerprint
from live.rtp import AUDIO_LEVEL, MID, TRANSPORT_CC, RtpPacket
from live.srtp import TRAILER, Srtp, transforms

CERTIFICATE: Final = RTCCertificate.generateCertificate()
IDS: Final = {MID: 1, TRANSPORT_CC: 2, AUDIO_LEVEL: 4}
H264, RTX, OPUS, RED = 102, 103, 111, 63
KEY: Final = b"\x67\x42\xe0\x1f"  # what begins a key frame of H.264
CODECS: Final = {
    "video": f"""a=rtpmap:{H264} H264/90000
a=fmtp:{H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:{H264} goog-remb
a=rtcp-fb:{H264} transport-cc
a=rtcp-fb:{H264} ccm fir
a=rtcp-fb:{H264} nack
a=rtcp-fb:{H264} nack pli
a=rtpmap:{RTX} rtx/90000
a=fmtp:{RTX} apt={H264}""",
    "audio": f"""a=rtpmap:{RED} red/48000/2
a=fmtp:{RED} {OPUS}/{OPUS}
a=rtpmap:{OPUS} opus/48000/2
a=fmtp:{OPUS} minptime=10;useinbandfec=1""",
}
FORMATS: Final = {"video": f"{H264} {RTX}", "audio": f"{RED} {OPUS}"}


class Raw:
    """`heard`: how many datagrams, and octets, came of each kind ("stun", "dtls", "rtp", "rtcp"). `on_rtp` gets each RTP
    packet out of SRTP. `connect` to a port first; over TCP (`is_tcp`) datagrams travel in frames."""

    role = "controlling"  # what aiortc asks of an ICE transport, with _recv and _send

    def __init__(self, *, is_tcp: bool = False, certificate: RTCCertificate = CERTIFICATE) -> None:
        self.is_tcp, self.certificate = is_tcp, certificate
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self.remote_ufrag = self.remote_password = self.remote_fingerprint = ""
        self.ssrcs: list[int] = []  # of the answer, in order: those of the slots
        self.peer_id = ""
        self.heard: dict[str, list[int]] = {kind: [0, 0] for kind in ("stun", "dtls", "rtp", "rtcp")}
        self.on_rtp: Callable[[bytes], object] = lambda packet: None
        self.reports: list[rtcp.RtcpPacket] = []
        self.srtp: Srtp | None = None
        self.changed = asyncio.Event()
        self._records: asyncio.Queue[bytes] = asyncio.Queue(256)
        self._dtls: RTCDtlsTransport | None = None
        self._datagrams: asyncio.DatagramTransport | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    # --- the network ---

    async def connect(self, port: int, local: str = "127.0.0.1") -> Raw:
        if self.is_tcp:
            reader, self._writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(local, 0))
            self._reading = asyncio.create_task(self._read_frames(reader))
        else:
            loop = asyncio.get_running_loop()
            self._datagrams, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), (local, 0))
            self._to = ("127.0.0.1", port)
        return self

    def send(self, *datagrams: bytes) -> None:
        for data in datagrams:
            if self._writer is not None:
                self._writer.write(struct.pack("!H", len(data)) + data)
            elif self._datagrams is not None:
                self._datagrams.sendto(data, self._to)

    def write(self, octets: bytes) -> None:
        """Over TCP, without a frame."""
        assert self._writer is not None
        self._writer.write(octets)

    async def _read_frames(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                self.receive(await reader.readexactly(length))
        self.changed.set()

    @property
    def is_cut_off(self) -> bool:
        """The server has ended the TCP connection."""
        return self._reading is not None and self._reading.done()

    def receive(self, data: bytes) -> None:
        kind = "stun" if data[0] < 4 else "dtls" if data[0] < 64 else "rtcp" if 192 <= data[1] <= 223 else "rtp"
        count = self.heard[kind]
        count[0] += 1
        count[1] += len(data)
        if kind == "dtls" and not self._records.full():
            self._records.put_nowait(data)
        elif self.srtp is not None and kind in ("rtp", "rtcp"):
            with contextlib.suppress(SrtpError, ValueError):
                if kind == "rtp":
                    self.on_rtp(self.srtp.unprotect(data))
                else:
                    self.reports = [*self.reports[-999:], *rtcp.parse(self.srtp.unprotect_rtcp(data))]
        self.changed.set()

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    # --- offer and answer ---

    def offer(self, *lines: tuple[str, str], numbered: bool = False) -> str:
        """`lines`: kind and direction of each m-line, whose mid is its number. `numbered`: with transport-wide numbers."""
        text = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
        text += [f"a=group:BUNDLE {' '.join(str(mid) for mid in range(len(lines)))}", f"a=ice-ufrag:{self.ufrag}"]
        text += [f"a=ice-pwd:{self.password}", f"a=fingerprint:sha-256 {sha256_fingerprint(self.certificate)}"]
        text.append("a=setup:active")
        for mid, (kind, direction) in enumerate(lines):
            text += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {FORMATS[kind]}", f"a=mid:{mid}", f"a={direction}", "a=rtcp-mux"]
            text += [f"a=extmap:{n} {uri}" for uri, n in IDS.items() if numbered or uri != TRANSPORT_CC]
            text += CODECS[kind].splitlines()
        return "\r\n".join(text) + "\r\n"

    def accept(self, answer: str) -> None:
        def of(name: str) -> list[str]:
            return [line.partition(":")[2] for line in answer.splitlines() if line.startswith(f"a={name}:")]

        self.remote_ufrag, self.remote_password = of("ice-ufrag")[0], of("ice-pwd")[0]
        self.remote_fingerprint = of("fingerprint")[0].split()[1]
        repairs = {group.split()[2] for group in of("ssrc-group")}
        named = dict.fromkeys(line.split()[0] for line in of("ssrc"))
        self.ssrcs = [int(ssrc) for ssrc in named if ssrc not in repairs]

    # --- ICE and DTLS ---

    def check(self, *, nominate: bool = True, password: str = "", ufrag: str = "") -> bytes:
        request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST)
        request.attributes["USERNAME"] = f"{ufrag or self.remote_ufrag}:{self.ufrag}"
        request.attributes["PRIORITY"] = 1845501695
        request.attributes["ICE-CONTROLLING"] = secrets.randbits(64)
        if nominate:
            request.attributes["USE-CANDIDATE"] = None
        request.add_message_integrity((password or self.remote_password).encode())
        return bytes(request)

    async def pass_ice(self, *, nominate: bool = True) -> None:
        before = self.heard["stun"][0]
        async with asyncio.timeout(60):
            while self.heard["stun"][0] == before:
                self.send(self.check(nominate=nominate))
                with contextlib.suppress(TimeoutError):
                    await self.until(lambda: self.heard["stun"][0] > before, 0.5)

    async def shake_hands(self) -> None:
        self._dtls = dtls = RTCDtlsTransport(self, [self.certificate])  # type: ignore[arg-type]
        dtls._set_role("client")
        async with asyncio.timeout(60):
            await dtls.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", self.remote_fingerprint)]))
        if dtls.state != "connected":
            raise ConnectionError("DTLS failed")
        self.srtp = transforms(dtls._rx_srtp, dtls._tx_srtp)

    async def _recv(self) -> bytes:
        return await self._records.get()

    async def _send(self, data: bytes) -> None:
        self.send(data)

    async def close(self) -> None:
        if self._dtls is not None:
            await self._dtls.stop()
        if self._datagrams is not None:
            self._datagrams.close()
        if self._writer is not None:
            self._writer.transport.abort()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    # --- packets ---

    def rtp(
        self, ssrc: int, sequence: int, payload: bytes = KEY, payload_type: int = H264, mid: str = "0", **more: Any
    ) -> bytes:
        """In SRTP. `more`: fields of `RtpPacket`."""
        more.setdefault("extensions", ((IDS[MID], mid.encode()),))
        return self.protected(
            bytes(RtpPacket(payload_type, sequence & 0xFFFF, 3000 * sequence & 0xFFFFFFFF, ssrc, payload, **more))
        )

    def protected(self, packet: bytes) -> bytes:
        assert self.srtp is not None
        return self.srtp.protect(packet)

    def protected_at_any_length(self, packet: bytes) -> bytes:
        assert self.srtp is not None
        size, buffer = ffi.new("int *", len(packet)), ffi.new("char[]", packet.ljust(len(packet) + TRAILER, b"\0"))
        assert lib.srtp_protect(self.srtp.outgoing._srtp[0], buffer, size) == lib.srtp_err_status_ok
        found: bytes = ffi.buffer(buffer, size[0])[:]
        return found

    def feedback(self, *packets: rtcp.RtcpPacket | bytes) -> bytes:
        """In SRTCP."""
        assert self.srtp is not None
        return self.srtp.protect_rtcp(b"".join(map(bytes, packets)))

    def requests(self, kind: type[rtcp.RtcpPacket]) -> Sequence[rtcp.RtcpPacket]:
        """What came of that kind."""
        return [report for report in self.reports if isinstance(report, kind)]


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, raw: Raw) -> None:
        self._raw = raw

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._raw.receive(data)
