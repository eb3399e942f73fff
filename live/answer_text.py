"""The text of an answer (SDP). Pure. ICE-lite, all candidates at once (RFC 8829, RFC 8839). Neighbour: `answer` decides what
it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from live.agreement import Receiving, Sending, Sent
from live.answer import PROGRAMME, SOUND, Plan
from live.sdp import OfferedCodec, Section

_FEEDBACK: Final = ("nack", "nack pli", "ccm fir")


@dataclass(frozen=True, slots=True)
class Local:
    """Our side of the answer. A candidate is the text after "a=candidate:" (RFC 8839, 5.1)."""

    ufrag: str
    password: str
    fingerprint: str  # SHA-256
    candidates: tuple[str, ...]


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
