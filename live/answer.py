"""What an offer gets: which m-lines may send, which receive slots they become, and the answer's text. Pure.

ICE-lite, BUNDLE, rtcp-mux, DTLS passive (RFC 8829, RFC 8839, RFC 9143, RFC 5763). Neighbours: `sdp` reads the offer,
`peer` carries out the plan.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from live.agreement import (
    Abilities,
    Receiving,
    Sending,
    Sent,
    agree_receiving,
    agree_sending,
    choose,
    common_codecs,
    decodable,
    viewable,
)
from live.codecs import Codec
from live.control import AUDIO_SLOTS, SCREEN_SLOTS, VIDEO_SLOTS, MediaRefused, Use
from live.sdp import FINGERPRINT_LENGTHS, Offer, OfferedCodec, Section, parse_offer

__all__ = [
    "PROGRAMME",
    "SOUND",
    "Abilities",
    "Local",
    "Plan",
    "Receiving",
    "Sending",
    "Sent",
    "answer_text",
    "common_codecs",
    "decodable",
    "offers_better",
    "plan",
    "viewable",
]

PROGRAMME: Final = "programme"  # screen, else the active speaker
SOUND: Final = "sound"  # the loudest publisher as one stream

_KIND: Final[dict[Use, str]] = {
    "microphone": "audio",
    "camera": "video",
    "screen": "video",
    "screen_sound": "audio",
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
_FEEDBACK: Final = ("nack", "nack pli", "ccm fir")
_PROTOCOLS: Final = ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "TCP/DTLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")


@dataclass(frozen=True, slots=True)
class Plan:
    """What was agreed. `fingerprints`: of the peer's certificate, at least one strong enough to verify."""

    offer: Offer
    remote_ufrag: str
    fingerprints: tuple[tuple[str, str], ...]
    sendings: tuple[Sending, ...]
    receivings: tuple[Receiving, ...]
    bundle: tuple[str, ...]
    is_page: bool = False  # it named its uses, as our own pages do: when it is ended it offers again

    decodes: tuple[Codec, ...] = ()  # what each m-line for pictures can show, agreed on or not (`viewable`)


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the answer. A candidate is the text after "a=candidate:" (RFC 8839, 5.1)."""

    ufrag: str
    password: str
    fingerprint: str  # SHA-256
    candidates: tuple[str, ...]


def plan(
    offer_text: str,
    uses: dict[str, Use] | None,
    *,
    may_send: bool,
    may_receive: bool,
    video_codecs: Collection[Codec] | None = None,
    abilities: Abilities = Abilities(),  # noqa: B008 (frozen)
) -> Plan:
    """Decides what an offer gets. `video_codecs`: what everybody in the room can decode (`common_codecs`), which a publisher
    is held to where it can be. Raises `MediaRefused` with `bad_offer`."""
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
        if use == "microphone" or use == "camera" or use == "screen" or use == "screen_sound":
            if may_send and (sending := agree_sending(section, use, abilities, video_codecs)):
                sendings.append(sending)
            continue
        slot = _slot_names(use, free, is_sound=_is_sound(uses, usable)) if may_receive else ""
        if receiving := agree_receiving(section, slot, abilities):
            receivings.append(receiving)
    if not sendings and not receivings:
        raise MediaRefused("bad_offer", "nothing that is offered can be sent or received here")
    sent = {sending.mid for sending in sendings}
    return Plan(
        offer,
        ufrag,
        fingerprints,
        tuple(sendings),
        tuple(receivings),
        tuple(section.mid for section in usable),
        is_page=uses is not None,
        decodes=viewable(section for section in usable if section.mid not in sent),
    )


def offers_better(plan: Plan, video_codecs: Collection[Codec]) -> bool:
    """True if this publisher sends what not everybody can decode (`common_codecs`) though it has offered what they can."""
    pictures = [each for each in plan.sendings if each.codec != "opus" and each.codec not in video_codecs]
    if not pictures:  # the way it mostly is, and this is asked about everybody when somebody comes
        return False
    sections = {section.mid: section for section in plan.offer.sections}
    return any(codec in video_codecs for each in pictures for codec, _ in choose(sections[each.mid]))


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


def answer_text(plan: Plan, local: Local, sources_of: Callable[[str], tuple[int, int]]) -> str:
    """Returns the answer. `sources_of` gives a slot's SSRC and that of its retransmissions by the slot's name."""
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
        elif sending := sendings.get(section.mid):
            lines += _sending_lines(section, sending, local)
        elif receiving := receivings.get(section.mid):
            lines += _receiving_lines(section, receiving, local)
            lines += _source_lines(receiving, *sources_of(receiving.slot))
        else:
            lines += _head_lines(section, "inactive", local, [section.codecs[0].payload_type])
            lines += _codec_lines(section.codecs[0], "")
    return "\r\n".join(lines) + "\r\n"


def _sending_lines(section: Section, sending: Sending, local: Local) -> list[str]:
    wanted = {sending.payload_type, sending.red_payload_type, sending.rtx_payload_type} - {0}
    agreed = [codec.payload_type for codec in section.codecs if codec.payload_type in wanted]
    agreed.sort(key=lambda payload_type: payload_type != sending.red_payload_type)  # the first is what is sent
    lines = _head_lines(section, "recvonly", local, agreed)
    lines += _extension_lines(section, sending.extensions)
    for codec in _agreed_codecs(section, agreed):
        lines += _codec_lines(codec, sending.feedback, sending.use)
    if sending.rids:
        restrictions = {rid.id: rid.restrictions for rid in section.rids}
        lines += [f"a=rid:{rid} recv {restrictions[rid]}".rstrip() for rid in sending.rids]
        lines.append(f"a=simulcast:recv {';'.join(sending.rids)}")
    return lines


def _receiving_lines(section: Section, receiving: Receiving, local: Local) -> list[str]:
    agreed: list[int] = []
    for payload_type in receiving.payload_types.values():
        agreed += filter(None, (payload_type, receiving.rtx.get(payload_type, 0)))
    agreed += filter(None, (receiving.red_payload_type,))
    lines = _head_lines(section, "sendonly", local, agreed)
    lines += _extension_lines(section, receiving.extensions)
    for codec in _agreed_codecs(section, agreed):
        lines += _codec_lines(codec, receiving.feedback)
    return lines


def _head_lines(section: Section, direction: str, local: Local, payload_types: list[int]) -> list[str]:
    formats = " ".join(map(str, payload_types))
    lines = [f"m={section.kind} 9 {section.protocol} {formats}", "c=IN IP4 0.0.0.0", f"a=mid:{section.mid}"]
    lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}", f"a=fingerprint:sha-256 {local.fingerprint}"]
    lines += ["a=setup:passive", f"a={direction}", "a=rtcp-mux"]
    lines += [f"a={name}" for name, offered in _options(section).items() if offered]
    # Candidates stand in every m-line: some clients read only the one they take the transport from.
    return lines + [f"a=candidate:{candidate}" for candidate in local.candidates] + ["a=end-of-candidates"]


def _options(section: Section) -> dict[str, bool]:
    return {"rtcp-rsize": section.rtcp_rsize, "extmap-allow-mixed": section.extmap_allow_mixed}


def _agreed_codecs(section: Section, payload_types: list[int]) -> list[OfferedCodec]:
    by_payload_type = {codec.payload_type: codec for codec in section.codecs}
    return [by_payload_type[payload_type] for payload_type in payload_types]


_DIRECTIONS: Final = {"sendonly": "/recvonly", "recvonly": "/sendonly", "sendrecv": "/sendrecv"}


def _extension_lines(section: Section, extensions: dict[str, int]) -> list[str]:
    """With a direction where the offer gave one (RFC 8285, 5)."""
    towards = {uri: _DIRECTIONS[direction] for uri, direction in section.extension_directions.items()}
    return [f"a=extmap:{number}{towards.get(uri, '')} {uri}" for uri, number in extensions.items()]


def _codec_lines(codec: OfferedCodec, feedback: str, use: Sent | None = None) -> list[str]:
    channels = f"/{codec.channels}" if codec.channels > 1 else ""
    lines = [f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.clock}{channels}"]
    if format := _format(codec, use):
        lines.append(f"a=fmtp:{codec.payload_type} {format}")
    wanted = (*_FEEDBACK, feedback)
    return lines + [f"a=rtcp-fb:{codec.payload_type} {value}" for value in codec.feedback if value in wanted]


_ECHOED: Final = {
    "h264": ("level-asymmetry-allowed", "packetization-mode", "profile-level-id"),  # RFC 6184, 8.2.2
    "vp9": ("profile-id",),
    "av1": ("profile", "level-idx", "tier"),
    "rtx": ("apt",),
}


def _format(codec: OfferedCodec, use: Sent | None) -> str:
    """The fmtp line. What the offer says of its own abilities (max-fs, sprop-...) is no matter of ours."""
    name = codec.name.lower()
    if name == "opus":  # RFC 7587, 7.1. Shared sound is music as often as not: stereo, and never cut off
        return "minptime=10;useinbandfec=1;" + ("stereo=1" if use == "screen_sound" else "usedtx=1")
    if name == "red":
        return codec.format
    return ";".join(f"{key}={value}" for key, value in codec.parameters.items() if key in _ECHOED.get(name, ()))


def _source_lines(receiving: Receiving, ssrc: int, repair: int) -> list[str]:
    """Programme and sound are one stream, which a player keeps in step; every other slot stands alone."""
    stream = "plenum" if receiving.slot in (PROGRAMME, SOUND) else receiving.slot
    sources = [ssrc, *([repair] if receiving.rtx else [])]
    lines = [f"a=msid:{stream} {receiving.slot}"]
    if receiving.rtx:
        lines.append(f"a=ssrc-group:FID {ssrc} {repair}")
    for source in sources:
        lines += [f"a=ssrc:{source} cname:plenum", f"a=ssrc:{source} msid:{stream} {receiving.slot}"]
    return lines
