"""SDP offers (RFC 8866, RFC 8829) read into typed values: pure. `answer` decides what to do with them.

Whatever the text, `parse_offer` returns an `Offer` or raises `ValueError`.
"""

from __future__ import annotations

import re
from collections.abc import Sized
from dataclasses import dataclass, field
from typing import Final, TypeVar

MAX_OFFER: Final = 128 * 1024  # characters; Chromium needs some 4,000 an m-line
MAX_SECTIONS: Final = 24
MAX_LINES: Final = 6000
MAX_LINE: Final = 2048  # characters
MAX_TOKEN: Final = 64  # characters
MAX_FORMATS: Final = 128  # of an m-line
MAX_OF_A_KIND: Final = 64  # sources, rids, extensions, fingerprints of an m-line, feedback of a codec: a peer keeps them
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/!#$%&'*.^_`{|}~-]{1,64}")  # up to MAX_TOKEN
_RID: Final = re.compile(r"[A-Za-z0-9_-]{1,16}")  # RFC 8851, 10; 16 is what a one-byte header extension carries
_ICE_CHARACTERS: Final = re.compile(r"[A-Za-z0-9+/=_-]{4,256}")  # RFC 8839, 5.4; "=_-" are seen in the field
# What some reader might take for the end of a line.
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
DIRECTIONS: Final = ("sendrecv", "sendonly", "recvonly", "inactive")
FINGERPRINT_LENGTHS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
OF_CODECS: Final = ("rtpmap", "fmtp", "rtcp-fb")  # lines of an m-line

T = TypeVar("T", bound=Sized)


@dataclass(frozen=True, slots=True)
class OfferedCodec:
    """One payload type of an m-line. `format` is the fmtp line, `feedback` the rtcp-fb values."""

    payload_type: int
    name: str  # as written
    clock: int
    channels: int = 1
    format: str = ""
    feedback: tuple[str, ...] = ()

    @property
    def parameters(self) -> dict[str, str]:
        pairs = (part.strip().partition("=") for part in self.format.split(";"))
        return {key.lower(): value for key, _, value in pairs if key}


@dataclass(frozen=True, slots=True)
class Rid:
    """One encoding of an m-line (RFC 8851). `payload_types` empty: any; `restrictions` as written, without "pt"."""

    id: str
    direction: str  # "send" or "recv"
    payload_types: tuple[int, ...] = ()
    restrictions: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """An m-line with its attributes. `port` 0: not offered."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    mid: str
    direction: str
    codecs: tuple[OfferedCodec, ...]
    extensions: dict[str, int]  # ids by URI; those for another direction than the m-line's are left out
    extension_directions: dict[str, str]  # by URI, where one is given (RFC 8285, 5)
    rids: tuple[Rid, ...]
    simulcast: tuple[str, ...]  # the rids it wants to send at once, in its order (RFC 8853)
    ssrcs: tuple[int, ...]  # without repair flows
    repairs: dict[int, int]  # repair flow: the source that it repairs (FID groups, RFC 5576)
    ufrag: str
    password: str
    fingerprints: tuple[tuple[str, str], ...]  # (algorithm, upper-case hexadecimal with colons)
    setup: str
    rtcp_mux: bool
    rtcp_rsize: bool
    extmap_allow_mixed: bool  # one-byte and two-byte headers in one stream (RFC 8285, 6); here or for the whole session


@dataclass(frozen=True, slots=True)
class Offer:
    sections: tuple[Section, ...]
    bundle: tuple[str, ...] | None  # mids; None: no such group
    extmap_allow_mixed: bool


Known = dict[tuple[tuple[str, ...], ...], tuple[OfferedCodec, ...]]  # of an offer's m-lines, by what they say


@dataclass(slots=True)
class _Block:
    """The lines of the session, or of one m-line, by attribute name."""

    head: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)

    def first(self, name: str, fallback: _Block | None = None) -> str:
        values = self.attributes.get(name) or (fallback.attributes.get(name) if fallback else None) or [""]
        return values[0]

    def every(self, name: str, fallback: _Block | None = None) -> list[str]:
        return self.attributes.get(name) or (fallback.attributes.get(name, []) if fallback else [])


def parse_offer(text: str) -> Offer:
    """Reads an offer. Raises `ValueError` if it is malformed or too large."""
    session, *media = _blocks(text)
    if not media:
        raise ValueError("no m-line")
    known: Known = {}
    sections = tuple(_section(block, session, index, known) for index, block in enumerate(media))
    mids = [section.mid for section in sections]
    if len(set(mids)) != len(mids):
        raise ValueError("two m-lines have the same mid")
    groups = [group.split()[1:] for group in session.every("group") if group.split()[:1] == ["BUNDLE"]]
    named = set(groups[0]) if groups else set()
    bundle = tuple(mid for mid in mids if mid in named) if groups else None
    return Offer(sections, bundle, "extmap-allow-mixed" in session.attributes)


def _blocks(text: str) -> list[_Block]:
    if len(text) > MAX_OFFER:
        raise ValueError("offer is too large")
    lines = text.replace("\r\n", "\n").split("\n")
    if len(lines) > MAX_LINES or lines[0] != "v=0":
        raise ValueError("not a session description")
    blocks = [_Block()]
    for line in lines[1:]:
        if not line:
            continue
        if not 2 <= len(line) <= MAX_LINE or line[1] != "=" or _CONTROL.search(line):
            raise ValueError("a line is not of the form x=value")
        if line[0] == "m":
            blocks.append(_Block(line[2:]))
            if len(blocks) > MAX_SECTIONS + 1:
                raise ValueError("too many m-lines")
        elif line[0] == "a":
            name, _, value = line[2:].partition(":")
            blocks[-1].attributes.setdefault(name, []).append(value)
    return blocks


def _section(block: _Block, session: _Block, index: int, known: Known) -> Section:
    parts = block.head.split()
    if not 4 <= len(parts) <= MAX_FORMATS + 3 or max(map(len, parts)) > MAX_TOKEN:
        raise ValueError("m-line is incomplete, or too long")
    kind, port, protocol, *formats = parts
    mid = block.first("mid") or str(index)
    if not _TOKEN.fullmatch(mid):
        raise ValueError("mid is no token")
    own, general = ([name for name in DIRECTIONS if name in each.attributes] for each in (block, session))
    ufrag, password = block.first("ice-ufrag", session), block.first("ice-pwd", session)
    if ufrag and not (_ICE_CHARACTERS.fullmatch(ufrag) and _ICE_CHARACTERS.fullmatch(password)):
        raise ValueError("ICE credentials are malformed")
    direction = (own or general or ["sendrecv"])[0]
    extensions, extension_directions = _extensions(block.every("extmap", session), direction)
    repairs = _repairs(block)
    return Section(
        kind=kind,
        port=_number(port.partition("/")[0], 65535),
        protocol=protocol,
        formats=tuple(formats),
        mid=mid,
        direction=direction,
        codecs=_codecs(block, formats, known) if kind in ("audio", "video") else (),
        extensions=_few(extensions),
        extension_directions=extension_directions,
        rids=_few(_rids(block.every("rid"))),
        simulcast=_simulcast(block.first("simulcast")),
        ssrcs=_few(tuple(ssrc for ssrc in _ssrcs(block) if ssrc not in repairs)),
        repairs=_few(repairs),
        ufrag=ufrag,
        password=password,
        fingerprints=tuple(_fingerprint(value) for value in _few(block.every("fingerprint", session))),
        setup=block.first("setup", session) or "active",
        rtcp_mux="rtcp-mux" in block.attributes,
        rtcp_rsize="rtcp-rsize" in block.attributes,
        extmap_allow_mixed="extmap-allow-mixed" in block.attributes or "extmap-allow-mixed" in session.attributes,
    )


def _few(found: T) -> T:
    if len(found) > MAX_OF_A_KIND:
        raise ValueError("too many attributes of a kind")
    return found


def _number(text: str, largest: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= largest):
        raise ValueError(f"{text[:20]!r} is not a number up to {largest}")
    return int(text)


def _codecs(block: _Block, formats: list[str], known: Known) -> tuple[OfferedCodec, ...]:
    """A page's receive slots all say the same, in most of the offer's lines: they are read once."""
    said = tuple(formats), *(tuple(block.every(name)) for name in OF_CODECS)
    if said not in known:
        known[said] = _read_codecs(block, formats)
    return known[said]


def _read_codecs(block: _Block, formats: list[str]) -> tuple[OfferedCodec, ...]:
    lines = {name: _by_payload_type(block.every(name)) for name in OF_CODECS}
    codecs = []
    for text in dict.fromkeys(formats):
        payload_type = _number(text, 127)
        mapping = lines["rtpmap"].get(payload_type)
        if mapping is None:  # a static payload type, none of which is forwarded
            continue
        name, clock, *channels = mapping[0].split("/") + ([] if "/" in mapping[0] else [""])
        if not _TOKEN.fullmatch(name):
            raise ValueError("rtpmap is malformed")
        codecs.append(
            OfferedCodec(
                payload_type=payload_type,
                name=name,
                clock=_number(clock, 1_000_000),
                channels=_number(channels[0], 255) if channels else 1,
                format=lines["fmtp"].get(payload_type, [""])[0],
                feedback=tuple(_few(lines["rtcp-fb"].get(payload_type, []))),
            )
        )
    return tuple(codecs)


def _by_payload_type(values: list[str]) -> dict[int, list[str]]:
    """Sorts "96 value" lines by their payload type; "*" (all of them) is left out."""
    found: dict[int, list[str]] = {}
    for value in values:
        number, _, rest = value.partition(" ")
        if number != "*":
            found.setdefault(_number(number, 127), []).append(rest.strip())
    return found


def _extensions(values: list[str], direction: str) -> tuple[dict[str, int], dict[str, str]]:
    """Ids and directions by URI. Left out: what is for the other direction, and the ids from 4096 that ask the answerer to
    find a free one (RFC 8285, 5 and 6)."""
    found: dict[str, int] = {}
    directions: dict[str, str] = {}
    for value in values:
        number, _, rest = value.partition(" ")
        number, _, towards = number.partition("/")
        identifier, uri = _number(number, 4351), rest.split()[:1]
        if not uri or not 0 < identifier < 256 or towards not in ("", "sendrecv", direction):
            continue
        if uri[0] not in found:
            found[uri[0]] = identifier
            if towards:
                directions[uri[0]] = towards
    return found, directions


def _rids(values: list[str]) -> tuple[Rid, ...]:
    """Rids in order. Malformed and repeated ones are left out, as RFC 8851, 6.3, has it."""
    found: dict[str, Rid] = {}
    for value in values:
        name, _, rest = value.partition(" ")
        direction, _, restrictions = rest.strip().partition(" ")
        if not _RID.fullmatch(name) or direction not in ("send", "recv") or name in found:
            continue
        parts = [part.strip() for part in restrictions.split(";") if part.strip()]
        listed = [part[3:].split(",") for part in parts if part.startswith("pt=")]
        payload_types = tuple(_number(text, 127) for text in listed[0]) if listed else ()
        kept = ";".join(part for part in parts if not part.startswith("pt="))
        found[name] = Rid(name, direction, payload_types, kept)
    return tuple(found.values())


def _simulcast(value: str) -> tuple[str, ...]:
    """The rids of "send h;m,m2;~l recv ..." (RFC 8853, 5.1): of alternatives the first; "~" (paused) is ignored."""
    words = value.split()
    listed = [streams for direction, streams in zip(words[::2], words[1::2], strict=False) if direction == "send"]
    names = [stream.split(",")[0].removeprefix("~") for stream in listed[0].split(";")] if listed else []
    return tuple(dict.fromkeys(name for name in names if _RID.fullmatch(name)))


def _ssrcs(block: _Block) -> list[int]:
    named = dict.fromkeys(value.split()[0] for value in block.every("ssrc") if value.split())
    return [_number(text, 0xFFFFFFFF) for text in named]


def _repairs(block: _Block) -> dict[int, int]:
    groups = [value.split()[1:] for value in block.every("ssrc-group") if value.startswith("FID ")]
    pairs = [(_number(g[0], 0xFFFFFFFF), _number(g[1], 0xFFFFFFFF)) for g in groups if len(g) == 2]
    return {repair: source for source, repair in pairs if repair != source}


def _fingerprint(value: str) -> tuple[str, str]:
    algorithm, _, digest = value.partition(" ")
    algorithm, digest = algorithm.lower(), digest.strip().upper()
    length = FINGERPRINT_LENGTHS.get(algorithm)
    if length and not re.fullmatch(rf"([0-9A-F]{{2}}:){{{length - 1}}}[0-9A-F]{{2}}", digest):
        raise ValueError("fingerprint is malformed")
    return algorithm, digest
