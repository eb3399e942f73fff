"""What goes out to viewers: header extensions as agreed, RED for those who have it, retransmissions."""

from __future__ import annotations

import pytest

from live.agreement import Sending
from live.codecs import Codec, Shift
from live.group import Form, Group, Layout, Numbers, Repair, fan_out, layout
from live.media import Media
from live.outlet import Outlet
from live.rtp import ABS_SEND_TIME, AUDIO_LEVEL, DEPENDENCY_DESCRIPTOR, MID, TRANSPORT_CC, RtpPacket, parse
from live.slot import Slot
from live.source import Source
from live.track import Track
from tests.live.sources import Publisher, Receiver

RED = bytes([0x80 | 111, 0, 0, 5, 111]) + b"older" + b"newest"


def fed(slot: Slot, *outlets: Outlet, codec: Codec = "H264") -> Publisher:
    for outlet in outlets:
        slot.join(outlet, 0.0)
    anna = Publisher("anna", "microphone" if codec == "opus" else "camera", codec)
    slot.want(anna.source, 0.0)
    return anna


def extensions_of(packet: RtpPacket) -> dict[int, bytes]:
    return dict(packet.extensions)


def test_each_viewer_has_its_own_transport_wide_numbers_and_all_else_alike() -> None:
    slot, one, other = Slot("video0"), Receiver("one"), Receiver("other")
    one.next_number, other.next_number = 65535, 7
    anna = fed(slot, *(viewer.outlet(slot, extensions={TRANSPORT_CC: 3}) for viewer in (one, other)))
    for n in range(3):
        anna.send(n / 10, key=n == 0)
    numbers = [[int.from_bytes(extensions_of(packet)[3], "big") for packet in viewer.packets] for viewer in (one, other)]
    assert numbers == [[65535, 0, 1], [7, 8, 9]]
    assert len({id(outlet.group) for outlet in slot.outlets.values()}) == 1
    assert one.sequences == other.sequences
    assert [packet.payload for packet in one.packets] == [packet.payload for packet in other.packets]


def test_what_was_sent_is_noted_under_its_number() -> None:
    slot, viewer = Slot("video0"), Receiver()
    viewer.next_number = 5000
    anna = fed(slot, viewer.outlet(slot, extensions={TRANSPORT_CC: 3}))
    anna.send(1.5, key=True)
    assert viewer.times[5000 & 1023] == 1.5
    assert viewer.sizes[5000 & 1023] == len(bytes(viewer.packets[0])) == viewer.octets


def test_viewers_with_other_agreements_get_other_packets() -> None:
    slot = Slot("audio0")
    plain, rich = Receiver("plain"), Receiver("rich")
    agreed = {TRANSPORT_CC: 5, ABS_SEND_TIME: 2, AUDIO_LEVEL: 1, MID: 4}
    anna = fed(slot, plain.outlet(slot), rich.outlet(slot, extensions=agreed), codec="opus")
    anna.send(1.0, level=30)
    (bare,), (full,) = plain.packets, rich.packets
    assert extensions_of(bare) == {}
    assert extensions_of(full) == {5: b"\0\0", 2: (1 << 18).to_bytes(3, "big"), 4: b"0", 1: bytes([30])}
    assert bare.payload == full.payload and bare.sequence < 65536


def test_a_dependency_descriptor_is_passed_on_and_a_long_one_in_the_long_form() -> None:
    for length in (3, 40):
        descriptor = b"\xc0\x12\x34" + bytes(length - 3)
        media = Media(70_000, 0, 0, b"payload", dependency=descriptor)
        agreed = layout({DEPENDENCY_DESCRIPTOR: 12, TRANSPORT_CC: 3}, "0", mixed=True)
        group = group_of(agreed)
        packet, number_at = group.packet(media, 0.0)
        found = extensions_of(parse(bytes(packet)))
        assert found == {3: b"\0\0", 12: b"\xc0\x12\x36" + bytes(length - 3)}
        assert bytes(packet[number_at : number_at + 2]) == b"\0\0" and packet[number_at - 1] != 0


def test_a_long_descriptor_is_left_out_where_two_byte_elements_were_not_agreed() -> None:
    media = Media(70_000, 0, 0, b"payload", dependency=b"\xc0\x12\x34" + bytes(20))
    packet, _ = group_of(layout({DEPENDENCY_DESCRIPTOR: 12}, "0", mixed=False)).packet(media, 0.0)
    assert extensions_of(parse(bytes(packet))) == {}


def group_of(agreed: Layout) -> Group:
    return Group(4712, Form(96, 0, agreed), Numbers(0, 0, Shift(), 2), 0)


def test_red_goes_to_those_who_need_it_and_the_newest_block_to_the_others() -> None:
    slot, plain, redundant = Slot("audio0"), Receiver("plain"), Receiver("redundant")
    outlets = plain.outlet(slot, {"opus": 100}), redundant.outlet(slot, {"opus": 101}, red_payload_type=63)
    for outlet in outlets:
        slot.join(outlet, 0.0)
        slot.repeat(outlet, has_red=True)
    sending = Sending("0", "microphone", "opus", 111, (), {}, red_payload_type=60)
    track = Track(sending, 4711, lambda packet: None, lambda track: None)
    source = Source(object(), "anna", sending)
    source.add(track)
    slot.want(source, 0.0)
    track.receive(bytes(RtpPacket(60, 1, 0, 4711, RED)), 0.0)
    track.receive(bytes(RtpPacket(111, 2, 960, 4711, b"opus")), 0.02)
    track.receive(bytes(RtpPacket(60, 3, 1920, 4711, b"\xff")), 0.04)
    assert [(packet.payload_type, packet.payload) for packet in plain.packets] == [
        (100, b"newest"),
        (100, b"opus"),
        (100, b""),
    ]
    renamed = bytes([0x80 | 101, 0, 0, 5, 101]) + b"oldernewest"
    assert [(packet.payload_type, packet.payload) for packet in redundant.packets[:2]] == [(63, renamed), (101, b"opus")]
    slot.repeat(outlets[1], has_red=False)
    track.receive(bytes(RtpPacket(60, 4, 2880, 4711, RED)), 0.06)
    assert (redundant.packets[-1].payload_type, redundant.packets[-1].payload) == (101, b"newest")
    assert redundant.sequences == [redundant.sequences[0] + n for n in range(4)]


def test_a_retransmission_has_its_own_source_and_names_the_original() -> None:
    slot, viewer = Slot("video0"), Receiver()
    anna = fed(slot, viewer.outlet(slot, rtx={102: 103}, extensions={TRANSPORT_CC: 3}))
    for n in range(3):
        anna.send(n / 10, key=n == 0)
    lost = viewer.packets[1]
    viewer.packets.clear()
    assert slot.resend(viewer, (lost.sequence, lost.sequence), 1.0) == 2
    first, second = viewer.packets
    assert (first.ssrc, first.payload_type, first.timestamp) == (slot.repair_ssrc, 103, lost.timestamp)
    assert first.payload == lost.sequence.to_bytes(2, "big") + lost.payload
    assert (second.sequence - first.sequence) & 0xFFFF == 1
    assert extensions_of(second)[3] > extensions_of(lost)[3]


def test_padding_is_not_forwarded_and_leaves_no_gap() -> None:
    slot, viewer = Slot("video0"), Receiver()
    anna = fed(slot, viewer.outlet(slot))
    anna.send(0.0, key=True)
    anna.track.receive(bytes(RtpPacket(102, anna.sequence, anna.timestamp, 4711, b"", padding=200)), 0.1)
    anna.sequence += 1
    anna.send(0.2)
    assert [(packet.padding, len(packet.payload)) for packet in viewer.packets] == [(0, 4), (0, 0), (0, 3)]
    assert (viewer.sequences[2] - viewer.sequences[0]) & 0xFFFF == 2


@pytest.mark.parametrize("number_at", [0, 17])
def test_who_cannot_be_sent_to_is_counted_and_the_others_get_it(number_at: int) -> None:
    full, fine = Receiver(), Receiver()
    full.is_full = True
    packet = bytearray(bytes(RtpPacket(96, 1, 2, 3, b"payload", extensions=((3, b"\0\0"),))))
    fan_out(packet, number_at, (full, fine), 0.0)
    assert (full.dropped, fine.dropped, len(fine.packets)) == (1, 0, 1)


def test_repair_numbers_are_those_given() -> None:
    group = group_of(layout({}, "0", mixed=False))
    packet, _ = group.packet(Media(65536 + 9, 5, 0x80, b"x"), 0.0, Repair(97, 99, 1234))
    found = parse(bytes(packet))
    assert (found.payload_type, found.ssrc, found.sequence, found.payload, found.marker) == (97, 99, 1234, b"\0\x09x", True)
