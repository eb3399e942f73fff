"""What an offer gets: which m-lines may send, which receive slots they become, and the answer's text. Pure.

ICE-lite, BUNDLE, rtcp-mux, DTLS passive (RFC 8829, RFC 8839, RFC 9143, RFC 5763). Neighbours: `sdp` reads the offer,
`peer` carries out the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Literal

from live.codecs import Codec
from live.control import AUDIO_SLOTS, SCREEN_SLOTS, VIDEO_SLOTS, MediaRefused, Use
from live.rtp import AUDIO_LEVEL, MID
from live.sdp import FINGERPRINT_LENGTHS, Offer, OfferedCodec, Section, parse_offer

Sent = Literal["microphone", "camera", "screen"]
PROGRAMME: Final = "programme"  # screen, else the active speaker
SOUND: Final = "sound"  # the loudest publisher as one stream

_KIND: Final[dict[Use, str]] = {
    "microphone": "audio",
    "camera": "video",
    "screen": "video",
    "audio": "audio",
    "video": "video",
    "screen_slot": "video",
    "programme": "video",
}
_SLOTS: Final[dict[Use, tuple[str, ...]]] = {
    "audio": tuple(f"audio{n}" for n in range(AUDIO_SLOTS)),
    "video": tuple(f"video{n}" for n in range(VIDEO_SLOTS)),
    "screen_slot": tuple(f"screen{n}" for n in range(SCREEN_SLOTS)),
    "programme": (PROGRAMME,),
}
_FEEDBACK: Final = ("nack", "nack pli", "ccm fir", "goog-remb")
_EXTENSIONS: Final = {"audio": (MID, AUDIO_LEVEL), "video": (MID,)}  # understood from publishers
_PROTOCOLS: Final = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")


@dataclass(frozen=True, slots=True)
class Sending:
    """An m-line the peer may send on."""

    mid: str
    use: Sent
    codec: Codec
    payload_type: int
    ssrcs: tuple[int, ...]
    extensions: dict[str, int]


@dataclass(frozen=True, slots=True)
class Receiving:
    """An m-line that is a receive slot; with the payload type the peer wants for each codec it can decode."""

    mid: str
    slot: str
    payload_types: dict[Codec, int]


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed. `fingerprints`: of the peer's certificate, at least one strong enough to verify."""

    offer: Offer
    remote_ufrag: str
    fingerprints: tuple[tuple[str, str], ...]
    sendings: tuple[Sending, ...]
    receivings: tuple[Receiving, ...]
    bundle: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the answer. A candidate is the text after "a=candidate:" (RFC 8839, 5.1)."""

    ufrag: str
    password: str
    fingerprint: str  # SHA-256
    candidates: tuple[str, ...]


def plan(offer_text: str, uses: dict[str, Use] | None, *, may_send: bool, may_receive: bool) -> Plan:
    """Decides what an offer gets. Raises `MediaRefused` with `bad_offer`."""
    try:
        offer = parse_offer(offer_text)
    except ValueError as error:
        raise MediaRefused("bad_offer", str(error)) from None
    if unknown := set(uses or ()) - {section.mid for section in offer.sections}:
        raise MediaRefused("bad_offer", f"no m-line has the mid {sorted(unknown)[0][:40]!r}")
    usable = [section for section in offer.sections if _usable(section, offer)]
    if not usable:
        raise MediaRefused("bad_offer", "no m-line can be bundled over DTLS and rtcp-mux")
    ufrag, fingerprints = _transport(usable[0])
    free = {use: list(names) for use, names in _SLOTS.items()}
    sendings: list[Sending] = []
    receivings: list[Receiving] = []
    chosen = _default_uses(usable) if uses is None else uses
    for section in usable:
        use = chosen.get(section.mid)
        if use is None or _KIND[use] != section.kind:
            continue
        if use == "microphone" or use == "camera" or use == "screen":
            if may_send and (sending := _sending(section, use)):
                sendings.append(sending)
        elif may_receive and (receiving := _receiving(section, _slot_names(use, free, is_sound=_is_sound(uses, usable)))):
            receivings.append(receiving)
    if not sendings and not receivings:
        raise MediaRefused("bad_offer", "nothing that is offered can be sent or received here")
    return Plan(offer, ufrag, fingerprints, tuple(sendings), tuple(receivings), tuple(s.mid for s in usable))


def _usable(section: Section, offer: Offer) -> bool:
    bundled = section.mid in offer.bundle if offer.bundle is not None else section is offer.sections[0]
    return (
        bundled
        and section.kind in ("audio", "video")
        and section.protocol in _PROTOCOLS
        and section.rtcp_mux
        and bool(section.port or offer.bundle)  # bundle-only m-lines have port 0 (RFC 9143, 6)
        and bool(section.codecs)
    )


def _transport(section: Section) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What the bundle's first m-line says of ICE and DTLS counts for all (RFC 9143, 7)."""
    if not section.ufrag:
        raise MediaRefused("bad_offer", "no ICE credentials")
    fingerprints = tuple(pair for pair in section.fingerprints if pair[0] in FINGERPRINT_LENGTHS)
    if not fingerprints:
        raise MediaRefused("bad_offer", "no fingerprint by SHA-256 or better")
    if section.setup not in ("actpass", "active"):
        raise MediaRefused("bad_offer", "the offerer must be able to be the DTLS client")
    return section.ufrag, fingerprints


def _default_uses(sections: Iterable[Section]) -> dict[str, Use]:
    """WHIP (RFC 9725) and WHEP: sending audio is a microphone, sending video a camera; the first received video is the
    programme, received audio the audio slots in order."""
    uses: dict[str, Use] = {}
    for section in sections:
        if section.direction in ("sendonly", "sendrecv"):
            use: Use = "microphone" if section.kind == "audio" else "camera"
        else:
            use = "audio" if section.kind == "audio" else "programme"
        uses[section.mid] = use
    return uses


def _is_sound(uses: dict[str, Use] | None, sections: list[Section]) -> bool:
    """A player with one audio m-line hears the loudest publisher in it, whoever that is."""
    return uses is None and sum(s.kind == "audio" and s.direction == "recvonly" for s in sections) == 1


def _slot_names(use: Use, free: dict[Use, list[str]], *, is_sound: bool) -> str:
    if use == "audio" and is_sound:
        return SOUND
    return free[use].pop(0) if free[use] else ""


def _sending(section: Section, use: Sent) -> Sending | None:
    if section.direction not in ("sendonly", "sendrecv") or not (found := _choose(section)):
        return None
    codec, offered = found[0]
    extensions = {uri: section.extensions[uri] for uri in _EXTENSIONS[section.kind] if uri in section.extensions}
    return Sending(section.mid, use, codec, offered.payload_type, section.ssrcs, extensions)


def _receiving(section: Section, slot: str) -> Receiving | None:
    if not slot or section.direction not in ("recvonly", "sendrecv") or not (found := _choose(section)):
        return None
    return Receiving(section.mid, slot, {codec: offered.payload_type for codec, offered in found})


def _choose(section: Section) -> list[tuple[Codec, OfferedCodec]]:
    """The codecs that are forwarded, best first: H.264 constrained baseline in packetization mode 1 (recorded and
    streamed without transcoding), then VP8; Opus for audio. One payload type each."""
    if section.kind == "audio":
        opus = [c for c in section.codecs if c.name.lower() == "opus" and c.clock == 48_000]
        return [("opus", opus[0])] if opus else []
    h264 = sorted((c for c in section.codecs if c.name.upper() == "H264" and c.clock == 90_000), key=_h264_rank)
    vp8 = [c for c in section.codecs if c.name.upper() == "VP8" and c.clock == 90_000]
    found: list[tuple[Codec, OfferedCodec]] = []
    if h264 and _h264_rank(h264[0]) < 100:
        found.append(("H264", h264[0]))
    if vp8:
        found.append(("VP8", vp8[0]))
    return found


def _h264_rank(codec: OfferedCodec) -> int:
    """Lower is better; 100 and more: not in packetization mode 1."""
    profile = codec.parameters.get("profile-level-id", "420010").lower()
    rank = 0 if profile.startswith("42e0") else 1 if profile.startswith("42") else 2 if profile.startswith("4d") else 3
    return rank if codec.parameters.get("packetization-mode") == "1" else rank + 100


def answer_text(plan: Plan, local: Local, ssrc_of: Callable[[str], int]) -> str:
    """Returns the answer. `ssrc_of` gives a slot's SSRC by its name."""
    sendings = {sending.mid: sending for sending in plan.sendings}
    receivings = {receiving.mid: receiving for receiving in plan.receivings}
    lines = ["v=0", "o=- 1 1 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines += [f"a=group:BUNDLE {' '.join(plan.bundle)}", "a=ice-lite", "a=msid-semantic: WMS *"]
    if plan.offer.extmap_allow_mixed:
        lines.append("a=extmap-allow-mixed")
    for section in plan.offer.sections:
        if section.mid not in plan.bundle:
            formats = " ".join(section.formats)
            lines += [f"m={section.kind} 0 {section.protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{section.mid}"]
            continue
        sending, receiving = sendings.get(section.mid), receivings.get(section.mid)
        lines += _section_lines(section, sending, receiving, local)
        if receiving:
            lines += _source_lines(receiving.slot, ssrc_of(receiving.slot))
    return "\r\n".join(lines) + "\r\n"


def _section_lines(section: Section, sending: Sending | None, receiving: Receiving | None, local: Local) -> list[str]:
    direction = "recvonly" if sending else "sendonly" if receiving else "inactive"
    wanted = {sending.payload_type} if sending else set(receiving.payload_types.values()) if receiving else set()
    codecs = [offered for _, offered in _choose(section) if offered.payload_type in wanted] or [section.codecs[0]]
    formats = " ".join(str(codec.payload_type) for codec in codecs)
    lines = [f"m={section.kind} 9 {section.protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{section.mid}"]
    lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}", f"a=fingerprint:sha-256 {local.fingerprint}"]
    lines += ["a=setup:passive", f"a={direction}", "a=rtcp-mux", "a=rtcp-rsize"]
    for uri, number in (sending.extensions if sending else {}).items():
        lines.append(f"a=extmap:{number} {uri}")
    for codec in codecs:
        lines += _codec_lines(codec)
    # Candidates stand in every m-line: some clients read only the one they take the transport from.
    return lines + [f"a=candidate:{candidate}" for candidate in local.candidates] + ["a=end-of-candidates"]


def _codec_lines(codec: OfferedCodec) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock}{channels}"]
    if codec.name.lower() == "opus":
        lines.append(f"a=fmtp:{codec.payload_type} minptime=10;useinbandfec=1")
    elif codec.format:
        lines.append(f"a=fmtp:{codec.payload_type} {codec.format}")
    lines += [f"a=rtcp-fb:{codec.payload_type} {value}" for value in codec.feedback if value in _FEEDBACK]
    return lines


def _source_lines(slot: str, ssrc: int) -> list[str]:
    """Programme and sound are one stream, which a player keeps in step; every other slot stands alone."""
    stream = "plenum" if slot in (PROGRAMME, SOUND) else slot
    return [f"a=msid:{stream} {slot}", f"a=ssrc:{ssrc} cname:plenum", f"a=ssrc:{ssrc} msid:{stream} {slot}"]
