"""One participant's connection to the media of their room (or of the plenary), as their browser has it: offers and shakes
hands; from then on `native.c` sends, counts and tells for it."""

from __future__ import annotations

import ctypes
import json
import socket
from typing import Final

from pylibsrtp import Session

from bench.breakouts import native, stream
from bench.media.client import Client
from bench.media.sdp import TRANSPORT_CC, offer_of, read
from live.native import pack_address
from live.srtp import address_of

AUDIO_SLOTS: Final = 3
VIDEO_SLOTS: Final = 12
CIRCLE: Final = [("video", True), ("audio", True), *[("audio", False)] * AUDIO_SLOTS, *[("video", False)] * VIDEO_SLOTS]
PLENARY: Final = [("audio", False)] * AUDIO_SLOTS + [("video", False)] * 4
USES: Final = {
    ("video", True): "camera",
    ("audio", True): "microphone",
    ("video", False): "video",
    ("audio", False): "audio",
}


class Member:
    """Of the person with `number`. `sends`: it is for a breakout room, and sends `streams` (video, audio). `raw` is what
    `native.c` knows."""

    def __init__(
        self, number: int, client: Client, raw: native.RawMember, streams: ctypes.Array[native.Stream], *, sends: bool
    ) -> None:
        self.number, self.client, self.raw = number, client, raw
        self.room = ""  # where it is; "": in the plenary, or nowhere yet
        self.peer_id = ""  # the server's name for it
        self._streams = streams
        raw.person = -1
        raw.address[:] = socket.inet_aton(client.local.address)
        lines = CIRCLE if sends else PLENARY
        self.offer = json.dumps(
            {"sdp": offer_of(lines, client.local), "uses": {str(mid): USES[line] for mid, line in enumerate(lines)}}
        ).encode()

    @property
    def slots(self) -> list[native.Slot]:
        return list(self.raw.slots[: self.raw.slots_used])

    async def connect(self, answer: str) -> None:
        """Shakes hands; from then on it sends. Raises `ConnectionError`, or `TimeoutError`."""
        agreed_of: dict[str, tuple[int, dict[str, int]]] = {}
        for section in answer.replace("\r\n", "\n").split("\nm=")[1:]:
            kind, lines = section.partition(" ")[0], section.split("\n")
            agreed = {line.split()[1]: int(line[9:].split()[0]) for line in lines if line.startswith("a=extmap:")}
            if "a=recvonly" in lines:
                agreed_of[kind] = next(int(line[6:]) for line in lines if line.startswith("a=mid:")), agreed
            else:
                self._take_slot(kind, lines, agreed)
        client = self.client
        await client.connect(read(answer))
        self.begin(agreed_of, client.address, client.tx, client.rx, client.check)

    def begin(
        self,
        agreed_of: dict[str, tuple[int, dict[str, int]]],
        server: tuple[str, int],
        outgoing: Session,
        incoming: Session,
        check: bytes = b"",
    ) -> None:
        """Sends the kinds that are agreed on (m-line and header extensions), protected by `outgoing`."""
        raw, begins = self.raw, stream.begins(self.number)
        for kind, (mid, agreed) in agreed_of.items():
            stream.prepare(self._streams[native.KINDS.index(kind)], kind, mid, self.number, agreed, begins)
            raw.person = self.number
        raw.server[:] = pack_address(server)
        raw.check_length = len(check)
        ctypes.memmove(raw.check, check, len(check))
        raw.outgoing, raw.incoming = address_of(outgoing), address_of(incoming)
        raw.is_up = 1

    def retire(self) -> None:
        """Sends and counts no more."""
        self.raw.is_up = 0

    def _take_slot(self, kind: str, lines: list[str], agreed: dict[str, int]) -> None:
        raw = self.raw
        raw.transport.id = agreed.get(TRANSPORT_CC, raw.transport.id)
        groups = [line.split() for line in lines if line.startswith("a=ssrc-group:FID")]
        found = [int(group[1]) for group in groups] or [int(line[7:].split()[0]) for line in lines if line[:7] == "a=ssrc:"]
        if found:
            slot = raw.slots[raw.slots_used]
            slot.ssrc, slot.kind, slot.source = found[0], native.KINDS.index(kind), -1
            raw.slots_used += 1
