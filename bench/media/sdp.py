"""The clients' SDP: what a browser offers of codecs, feedback and header extensions, and what they need of the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

VIDEO, AUDIO = 0, 1  # the streams' numbers, and their m-lines'
KINDS: Final = ("video", "audio")
H264, RTX, OPUS = 102, 103, 111  # payload types
TRANSPORT_CC: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
AUDIO_LEVEL: Final = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
MID: Final = "urn:ietf:params:rtp-hdrext:sdes:mid"
EXTENSIONS: Final = {
    MID: 1,
    TRANSPORT_CC: 2,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": 3,
    AUDIO_LEVEL: 4,
}
_CODECS: Final = {
    "video": f"""a=rtpmap:{H264} H264/90000
a=fmtp:{H264} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f
a=rtcp-fb:{H264} goog-remb
a=rtcp-fb:{H264} transport-cc
a=rtcp-fb:{H264} ccm fir
a=rtcp-fb:{H264} nack
a=rtcp-fb:{H264} nack pli
a=rtpmap:{RTX} rtx/90000
a=fmtp:{RTX} apt={H264}""".splitlines(),
    "audio": f"""a=rtpmap:{OPUS} opus/48000/2
a=rtcp-fb:{OPUS} transport-cc
a=fmtp:{OPUS} minptime=10;useinbandfec=1""".splitlines(),
}
_FORMATS: Final = {"video": f"{H264} {RTX}", "audio": f"{OPUS}"}
_OURS: Final = (
    "a=ice-",
    "a=fingerprint:",
    "a=setup:",
    "a=candidate:",
    "a=end-of-candidates",
    "a=ssrc",
    "a=msid",
    "a=rid",
    "c=",
)
_DIRECTIONS: Final = ("a=sendonly", "a=recvonly", "a=sendrecv", "a=inactive")


@dataclass(frozen=True)
class Local:
    """Our side: of ICE, DTLS (`fingerprint`: SHA-256) and the network."""

    ufrag: str
    password: str
    fingerprint: str
    address: str
    port: int


@dataclass
class Remote:
    """The server's side. `ssrcs` and `payload_types` by stream, `extensions`: agreed ones, by stream."""

    ufrag: str = ""
    password: str = ""
    setup: str = ""
    fingerprints: list[tuple[str, str]] = field(default_factory=list)
    addresses: list[tuple[str, int]] = field(default_factory=list)  # UDP
    ssrcs: dict[int, int] = field(default_factory=dict)
    payload_types: dict[int, int] = field(default_factory=dict)
    extensions: dict[int, dict[str, int]] = field(default_factory=dict)


def offer(local: Local, *, sends: bool) -> str:
    """Video and sound, all sent or all received."""
    return offer_of([(kind, sends) for kind in KINDS], local)


def offer_of(m_lines: Sequence[tuple[str, bool]], local: Local) -> str:
    """m-lines by kind, each sent or received; their mids are numbers from 0 on."""
    mids = " ".join(map(str, range(len(m_lines))))
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0", f"a=group:BUNDLE {mids}", "a=extmap-allow-mixed"]
    lines.append("a=msid-semantic: WMS")
    for mid, (kind, sends) in enumerate(m_lines):
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF {_FORMATS[kind]}", f"a=mid:{mid}", *_transport(local, "actpass")]
        lines += ["a=sendonly" if sends else "a=recvonly", "a=rtcp-mux", "a=rtcp-rsize"]
        lines += [f"a=extmap:{number} {uri}" for uri, number in EXTENSIONS.items() if kind == "audio" or uri != AUDIO_LEVEL]
        lines += _CODECS[kind]
        if sends:
            lines += [f"a=msid:bench {kind}", f"a=ssrc:{ssrc(mid)} cname:bench", f"a=ssrc:{ssrc(mid)} msid:bench {kind}"]
    return "\r\n".join(lines) + "\r\n"


def ssrc(stream: int) -> int:
    """The publisher's."""
    return 0x1000 + stream


def answer(text: str, local: Local) -> str:
    """Takes everything that an offer of Janus sends, as it is offered."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(_OURS):
            continue
        if line.startswith(_DIRECTIONS):
            lines += [*_transport(local, "active"), "a=recvonly"]
        else:
            lines.append(line)
    return "\r\n".join(lines) + "\r\n"


def _transport(local: Local, setup: str) -> list[str]:
    return [
        "c=IN IP4 0.0.0.0",
        f"a=ice-ufrag:{local.ufrag}",
        f"a=ice-pwd:{local.password}",
        f"a=fingerprint:sha-256 {local.fingerprint}",
        f"a=setup:{setup}",
        f"a=candidate:1 1 udp 2130706431 {local.address} {local.port} typ host",
        "a=end-of-candidates",
    ]


def read(text: str) -> Remote:
    """What an answer, or an offer of Janus, says. One m-line of each kind; the first transport counts for all."""
    remote, stream = Remote(), -1
    for line in text.splitlines():
        name, _, value = line.removeprefix("a=").partition(":")
        words = value.split()
        if line.startswith("m="):
            words = line[2:].split()
            stream = KINDS.index(words[0])
            remote.payload_types[stream] = int(words[3])
            remote.extensions[stream] = {}
        elif name == "ice-ufrag":
            remote.ufrag = value
        elif name == "ice-pwd":
            remote.password = value
        elif name == "setup":
            remote.setup = value
        elif name == "fingerprint" and (words[0], words[1]) not in remote.fingerprints:
            remote.fingerprints.append((words[0], words[1]))
        elif name == "candidate" and words[2].lower() == "udp" and words[1] == "1" and ":" not in words[4]:
            remote.addresses.append((words[4], int(words[5])))
        elif name == "ssrc":
            remote.ssrcs.setdefault(stream, int(words[0]))
        elif name == "ssrc-group" and words[0] == "FID":
            remote.ssrcs[stream] = int(words[1])
        elif name == "extmap":
            remote.extensions[stream][words[1]] = int(words[0].partition("/")[0])
    return remote
