"""What an offer gets: which m-lines may send, and which receive slots they become. Pure.

BUNDLE, rtcp-mux, DTLS passive (RFC 8829, RFC 9143, RFC 5763). Neighbours: `sdp` reads the offer, `answer_text` writes the
answer, `peer` carries out the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
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
from live.control import AUDIO_SLOTS, SCREEN_SLOTS, VIDEO_SLOTS, MediaRefused, RoomKind, Use
from live.sdp import FINGERPRINT_LENGTHS, Offer, Section, parse_offer

__all__ = [
    "PROGRAMME",
    "SOUND",
    "Abilities",
    "Plan",
    "Receiving",
    "Sending",
    "Sent",
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


def plan(
    offer_text: str,
    uses: dict[str, Use] | None,
    *,
    may_send: bool,
    may_receive: bool,
    kind: RoomKind = "stage",
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
    free = _slots(kind)
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


def _slots(kind: RoomKind) -> dict[Use, list[str]]:
    """The receive slots of a room, by use."""
    return {
        "audio": [f"audio{n}" for n in range(AUDIO_SLOTS)],
        "video": [f"video{n}" for n in range(VIDEO_SLOTS[kind])],
        "screen_slot": [f"screen{n}" for n in range(SCREEN_SLOTS)],
        "programme": [PROGRAMME],
    }


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
