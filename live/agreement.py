"""What is agreed on one m-line: codec, retransmission, simulcast, header extensions and feedback. Pure.

Neighbours: `sdp` reads the m-line, `answer` decides about all of them, `answer_text` writes the answer.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from live.codecs import Codec
from live.rtp import ABS_SEND_TIME, AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, MID, REPAIRED_RID, RID, TRANSPORT_CC
from live.sdp import OfferedCodec, Section

Sent = Literal["microphone", "camera", "screen", "screen_sound"]
Feedback = Literal["transport-cc", "goog-remb", ""]

MAX_LAYERS: Final = 3
MAX_MID: Final = 16  # octets, in every packet: what a one-byte header extension carries (RFC 8285, 4.2)
# Best first: what is recorded and streamed without transcoding, then what every browser has.
VIDEO_CODECS: Final[tuple[Codec, ...]] = ("H264", "VP8", "VP9", "AV1")
_EXTENSIONS: Final[dict[str, tuple[str, ...]]] = {
    "audio": (MID, AUDIO_LEVEL, TRANSPORT_CC, ABS_SEND_TIME),
    "video": (MID, RID, REPAIRED_RID, TRANSPORT_CC, ABS_SEND_TIME, DEPENDENCY_DESCRIPTOR),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What the engine does beyond forwarding: `rtx` and `transport_cc` from publishers ("in") and towards viewers ("out").
    What is not done must not be agreed on: a client would wait for it."""

    simulcast: bool = True
    rtx_in: bool = True
    rtx_out: bool = True
    transport_cc_in: bool = True
    transport_cc_out: bool = True
    red: bool = True


@dataclass(frozen=True, slots=True)
class Sending:
    """An m-line the peer may send on. With `rids` it sends several encodings (simulcast), in the offer's order. A payload
    type 0 means: not agreed. `rtx_ssrcs`: the source that each repair flow repairs. `extensions`: ids by URI."""

    mid: str
    use: Sent
    codec: Codec
    payload_type: int
    ssrcs: tuple[int, ...]
    extensions: dict[str, int]
    red_payload_type: int = 0
    rtx_payload_type: int = 0
    rids: tuple[str, ...] = ()
    rtx_ssrcs: dict[int, int] = field(default_factory=dict)
    feedback: Feedback = ""


@dataclass(frozen=True, slots=True)
class Receiving:
    """An m-line that is a receive slot; with the payload type the peer wants for each codec it can decode, and for each of
    those that has one the payload type of its retransmissions. `red_payload_type` 0: no RED. `is_mixed`: packets may have
    two-byte header extensions (values of more than 16 octets need them) where others have one-byte ones."""

    mid: str
    slot: str
    payload_types: dict[Codec, int]
    red_payload_type: int = 0
    rtx: dict[int, int] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    feedback: Feedback = ""
    is_mixed: bool = False


def agree_sending(
    section: Section, use: Sent, abilities: Abilities, video_codecs: Collection[Codec] | None = None
) -> Sending | None:
    """What a publisher's m-line gets; None if nothing on it can be forwarded. `video_codecs`: what everybody in the room
    can decode; one of them if it is offered, else the best that is (who cannot see it is told by the caller)."""
    if section.direction not in ("sendonly", "sendrecv") or not (found := choose(section)):
        return None
    common = [pair for pair in found if video_codecs is None or section.kind == "audio" or pair[0] in video_codecs]
    codec, offered = (common or found)[0]
    feedback = _feedback(section, [offered], transport_cc=abilities.transport_cc_in)
    rtx = rtx_of(section).get(offered.payload_type, 0) if abilities.rtx_in else 0
    return Sending(
        mid=section.mid,
        use=use,
        codec=codec,
        payload_type=offered.payload_type,
        ssrcs=section.ssrcs,
        extensions=_extensions(section, feedback, {codec}),
        red_payload_type=red_of(section, offered) if abilities.red else 0,
        rtx_payload_type=rtx,
        rids=_layers(section, offered.payload_type) if abilities.simulcast else (),
        rtx_ssrcs=dict(section.repairs) if rtx else {},
        feedback=feedback,
    )


def agree_receiving(section: Section, slot: str, abilities: Abilities) -> Receiving | None:
    """What a receive slot's m-line gets; None if the peer can decode nothing that is forwarded."""
    if not slot or section.direction not in ("recvonly", "sendrecv") or not (found := choose(section)):
        return None
    offered = [codec for _, codec in found]
    feedback = _feedback(section, offered, transport_cc=abilities.transport_cc_out)
    rtx = rtx_of(section) if abilities.rtx_out else {}
    extensions = _extensions(section, feedback, {codec for codec, _ in found})
    return Receiving(
        mid=section.mid,
        slot=slot,
        payload_types={codec: offered.payload_type for codec, offered in found},
        red_payload_type=red_of(section, offered[0]) if abilities.red else 0,
        rtx={codec.payload_type: rtx[codec.payload_type] for codec in offered if codec.payload_type in rtx},
        extensions={uri: number for uri, number in extensions.items() if uri not in (RID, REPAIRED_RID)},
        feedback=feedback,
        is_mixed=section.extmap_allow_mixed,
    )


def decodable(receiving: Receiving, codec: Codec) -> bool:
    """True if what comes in `codec` can be shown to this viewer."""
    return codec in receiving.payload_types


def viewable(sections: Iterable[Section]) -> tuple[Codec, ...]:
    """The video codecs that every one of these m-lines can receive, best first; () if one can receive nothing we forward.
    All if there are none: who asks for no pictures lacks none."""
    asked = [dict(choose(each)) for each in sections if each.kind == "video" and each.direction in ("recvonly", "sendrecv")]
    return tuple(codec for codec in VIDEO_CODECS if all(codec in each for each in asked))


def common_codecs(receivings: Iterable[Receiving]) -> tuple[Codec, ...]:
    """The video codecs that all these viewers can decode, best first; all if there is nobody. Audio slots are no matter."""
    pictures = [each for each in receivings if "opus" not in each.payload_types]
    return tuple(codec for codec in VIDEO_CODECS if all(decodable(each, codec) for each in pictures))


def choose(section: Section) -> list[tuple[Codec, OfferedCodec]]:
    """The codecs that are forwarded, best first, one payload type each. H.264: constrained baseline if offered, always in
    packetization mode 1. VP9 and AV1: profile 0, which is what every decoder of theirs has."""
    if section.kind == "audio":
        opus = _named(section, "OPUS", 48_000)
        return [("opus", opus[0])] if opus else []
    offers: dict[Codec, list[OfferedCodec]] = {
        "H264": sorted(filter(_is_mode_1, _named(section, "H264")), key=_h264_rank),
        "VP8": _named(section, "VP8"),
        "VP9": [codec for codec in _named(section, "VP9") if codec.parameters.get("profile-id", "0") == "0"],
        "AV1": [codec for codec in _named(section, "AV1") if codec.parameters.get("profile", "0") == "0"],
    }
    return [(codec, offers[codec][0]) for codec in VIDEO_CODECS if offers[codec]]


def _named(section: Section, name: str, clock: int = 90_000) -> list[OfferedCodec]:
    return [codec for codec in section.codecs if codec.name.upper() == name and codec.clock == clock]


def _is_mode_1(codec: OfferedCodec) -> bool:
    return codec.parameters.get("packetization-mode") == "1"


def _h264_rank(codec: OfferedCodec) -> int:
    """Lower is better: constrained baseline, baseline, main, others (RFC 6184, 8.1)."""
    profile = codec.parameters.get("profile-level-id", "420010").lower()
    if profile.startswith("42"):
        return 0 if _is_constrained(profile) else 1
    return 2 if profile.startswith("4d") else 3


def _is_constrained(profile: str) -> bool:
    """constraint_set1_flag, which makes baseline constrained (RFC 6184, table 5): "42e0" and "42c0" alike."""
    return len(profile) == 6 and profile[2] in "4567cdef"


def rtx_of(section: Section) -> dict[int, int]:
    """The payload type of retransmissions for each payload type that has one (RFC 4588, 8.6)."""
    found: dict[int, int] = {}
    for codec in section.codecs:
        apt = codec.parameters.get("apt", "")
        if codec.name.lower() == "rtx" and apt.isascii() and apt.isdigit() and len(apt) <= 3:
            found.setdefault(int(apt), codec.payload_type)
    return found


def red_of(section: Section, opus: OfferedCodec) -> int:
    """The payload type of RED (RFC 2198) that carries this Opus alone; 0: none."""
    for codec in _named(section, "RED", 48_000) if section.kind == "audio" else ():
        if set(codec.format.split("/")) == {str(opus.payload_type)}:
            return codec.payload_type
    return 0


def _layers(section: Section, payload_type: int) -> tuple[str, ...]:
    """The rids to take, at most three, of those that may be sent with this payload type; () if there is but one."""
    usable = {rid.id for rid in section.rids if rid.direction == "send"}
    usable -= {rid.id for rid in section.rids if rid.payload_types and payload_type not in rid.payload_types}
    taken = tuple(name for name in section.simulcast if name in usable)[:MAX_LAYERS]
    return taken if len(taken) > 1 else ()


def _feedback(section: Section, codecs: list[OfferedCodec], *, transport_cc: bool) -> Feedback:
    """How bandwidth is told: one way only, as a client that has two takes the lower of them."""
    if transport_cc and TRANSPORT_CC in section.extensions and all("transport-cc" in codec.feedback for codec in codecs):
        return "transport-cc"
    return "goog-remb" if any("goog-remb" in codec.feedback for codec in codecs) else ""


def _extensions(section: Section, feedback: Feedback, codecs: Collection[Codec]) -> dict[str, int]:
    """The header extensions understood on this m-line. Each way of estimating bandwidth has its own. Dependency descriptors
    are for AV1 alone: the payloads of the others say what they need, and a viewer that has none loses nothing."""
    left_out = {TRANSPORT_CC if feedback != "transport-cc" else ABS_SEND_TIME}
    if not section.simulcast:
        left_out |= {RID, REPAIRED_RID}
    if "AV1" not in codecs:
        left_out.add(DEPENDENCY_DESCRIPTOR)
    if len(section.mid) > MAX_MID:
        left_out.add(MID)
    wanted = (uri for uri in _EXTENSIONS[section.kind] if uri not in left_out)
    return {uri: section.extensions[uri] for uri in wanted if uri in section.extensions}
