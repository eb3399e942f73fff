"""What a client sends: layers told apart, retransmissions put in their place, feedback that lets it adapt."""

from __future__ import annotations

from live import rtcp
from live.agreement import Receiving, Sending
from live.outlet import Outlet
from live.rtp import MID, REPAIRED_RID, RID, TRANSPORT_CC, RtpPacket
from live.switchboard import Switchboard
from live.uplink import Uplink
from tests.live.sources import DELTA, KEY, Receiver

IDS = {MID: 1, RID: 2, REPAIRED_RID: 3, TRANSPORT_CC: 4}
CAMERA = Sending("5", "camera", "H264", 102, (), IDS, rtx_payload_type=103, rids=("q", "f"), feedback="transport-cc")
NAMED = Sending("6", "screen", "H264", 102, (700,), {}, rtx_payload_type=103, rtx_ssrcs={701: 700}, feedback="goog-remb")


class Client:
    """A client that sends by hand, and what it was told."""

    def __init__(self, *sendings: Sending, most: int = 16) -> None:
        self.board = Switchboard("room", lambda notification: None)
        self.told: list[rtcp.RtcpPacket] = []
        self.up = Uplink(self, "anna", self.board, sendings, most, lambda data: self.told.extend(rtcp.parse(data)))
        self.now = 10.0
        self._number = 0

    def send(
        self, ssrc: int, sequence: int, payload: bytes, payload_type: int = 102, numbered: bool = False, **names: str
    ) -> None:
        """`names`: mid, rid, repaired."""
        uris = {"mid": MID, "rid": RID, "repaired": REPAIRED_RID}
        extensions = tuple((IDS[uris[name]], value.encode()) for name, value in names.items())
        if numbered:
            self._number += 1
            extensions += ((IDS[TRANSPORT_CC], self._number.to_bytes(2, "big")),)
        packet = RtpPacket(payload_type, sequence, 3000 * sequence, ssrc, payload, True, extensions=extensions)
        if self.up.may_come(ssrc.to_bytes(4, "big")):
            self.up.receive(bytes(packet), self.now)

    def watch(self, slot_name: str) -> Receiver:
        viewer, slot = Receiver(), self.board.slots[slot_name]
        slot.join(Outlet(viewer, Receiving("0", slot_name, {"H264": 99}), *slot.ssrcs), self.now)
        return viewer

    def feeds(self, slot_name: str) -> bool:
        return self.board.slots[slot_name].source is not None

    @property
    def layers(self) -> dict[str, int]:
        return {track.rid: track.ssrc for track in self.up.tracks}

    def of(self, kind: type[rtcp.RtcpPacket]) -> list[rtcp.RtcpPacket]:
        return [packet for packet in self.told if isinstance(packet, kind)]


def test_layers_are_told_apart_by_their_rid_and_then_by_their_ssrc() -> None:
    client = Client(CAMERA)
    for ssrc, rid in ((11, "q"), (12, "f")):
        client.send(ssrc, 1, KEY["H264"], mid="5", rid=rid)
        client.send(ssrc, 2, DELTA["H264"])
    assert client.layers == {"q": 11, "f": 12}
    (source,) = client.board.sources
    assert {track.reception.packets for track in source.tracks} == {2}


def test_a_source_without_a_known_rid_or_mid_is_not_forwarded() -> None:
    client = Client(CAMERA, NAMED)
    client.send(11, 1, KEY["H264"], mid="5", rid="x")
    client.send(12, 1, KEY["H264"], mid="5")
    client.send(13, 1, KEY["H264"])
    client.send(14, 1, KEY["H264"], mid="9", rid="q")
    assert client.layers == {} and not client.board.sources


def test_a_layer_that_starts_anew_takes_the_place_of_the_old_one() -> None:
    client = Client(CAMERA)
    viewer = client.watch("video0")
    client.send(11, 1, KEY["H264"], mid="5", rid="q")
    client.send(21, 9000, KEY["H264"], mid="5", rid="q")
    client.send(11, 2, DELTA["H264"])
    assert client.layers == {"q": 21} and len(client.board.sources) == 1
    assert len(viewer.packets) == 2
    assert (viewer.sequences[1] - viewer.sequences[0]) & 0xFFFF == 1


def test_what_was_lost_comes_back_as_a_retransmission_named_by_its_rid() -> None:
    client = Client(CAMERA)
    viewer = client.watch("video0")
    client.send(11, 1, KEY["H264"], mid="5", rid="q")
    client.send(11, 3, DELTA["H264"])
    client.send(90, 500, b"\0\2" + DELTA["H264"], 103, mid="5", repaired="q")
    client.send(90, 501, b"\0\2" + DELTA["H264"], 103)  # once more: it is there now
    client.send(90, 502, b"", 103)  # padding, to test the bandwidth
    (track,) = client.up.tracks
    assert [(number - viewer.sequences[0]) & 0xFFFF for number in viewer.sequences] == [0, 2, 1]
    assert (track.reception.recovered, track.reception.lost) == (1, 0)
    assert (
        track.reception.report_block(11, client.now).fraction_lost == 128
    )  # of two since the first report: the way is as it is


def test_a_repair_flow_named_in_the_offer_needs_no_extensions() -> None:
    client = Client(CAMERA, NAMED)
    viewer = client.watch("screen0")
    client.send(700, 1, KEY["H264"])
    client.send(700, 3, DELTA["H264"])
    client.send(701, 1, b"\0\2" + DELTA["H264"], 103)
    assert len(viewer.packets) == 3


def test_arrivals_are_told_by_transport_wide_number() -> None:
    client = Client(CAMERA)
    for n in range(5):
        client.send(11, n, DELTA["H264"], numbered=True, mid="5", rid="q")
        client.now += 0.001
    client.up.tick(client.now + 0.1)
    client.up.report(client.now + 0.2)
    feedback = [packet for packet in client.told if isinstance(packet, rtcp.TransportFeedback)]
    assert sum(arrival is not None for packet in feedback for arrival in packet.arrivals) == 5
    assert {packet.media for packet in feedback} == {11}
    assert not client.of(rtcp.Remb)


def test_arrivals_are_told_about_a_source_that_is_still_there() -> None:
    """libwebrtc throws feedback away whose media SSRC it does not send any more."""
    client = Client(CAMERA)
    client.send(11, 1, KEY["H264"], mid="5", rid="q", numbered=True)
    client.send(12, 1, KEY["H264"], mid="5", rid="f", numbered=True)
    client.up.tick(client.now)
    client.up.end_sources((11,), client.now)
    client.now += 0.2
    client.send(12, 2, DELTA["H264"], numbered=True)
    client.up.tick(client.now)
    told = [packet for packet in client.told if isinstance(packet, rtcp.TransportFeedback)]
    assert (told[0].media, told[-1].media) == (11, 12)


def test_a_publisher_with_nothing_better_is_told_a_bitrate() -> None:
    client = Client(NAMED)
    client.send(700, 1, KEY["H264"])
    client.up.tick(client.now + 0.1)
    assert client.of(rtcp.Remb) and not client.of(rtcp.TransportFeedback)


def test_who_says_goodbye_to_a_source_frees_its_slot_at_once() -> None:
    client = Client(NAMED)
    client.send(700, 1, KEY["H264"])
    assert client.feeds("screen0")
    client.up.end_sources((700, 4711), client.now)
    assert not client.feeds("screen0")
    client.send(700, 2, KEY["H264"])
    assert client.feeds("screen0")


def test_no_more_than_so_many_sources_are_kept() -> None:
    client = Client(CAMERA, most=4)
    for ssrc in range(1, 100):
        client.send(ssrc, 1, KEY["H264"])
    client.send(200, 1, KEY["H264"], mid="5", rid="q")
    assert client.layers == {}


def test_nothing_stays_of_who_left() -> None:
    client = Client(CAMERA, NAMED)
    viewer = client.watch("video0")
    client.send(11, 1, KEY["H264"], mid="5", rid="q")
    client.send(700, 1, KEY["H264"])
    client.up.leave(client.now)
    assert client.board.sources == [] and client.up.tracks == []
    assert all(slot.source is None for slot in client.board.slots.values())
    assert client.board.slots["video0"].shows(client.board.slots["video0"].outlets[viewer]) == ""
