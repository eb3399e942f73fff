"""What authenticated peers may say, without a network: whatever it is, nothing raises, grows or takes long, and nothing of
it is at the others' cost. The same attacks on a real worker: `test_hostile_strangers` and on."""

from __future__ import annotations

import struct
import zlib

import pytest
from aioice import stun

from live import ice, rtcp
from live.answer import plan
from live.arrivals import KEPT, MAX_TOLD, Arrivals
from live.control import MediaRefused
from live.limits import Limits
from live.reception import MAX_FRESH, Missing
from live.rtp import MID
from live.transport_cc import TransportFeedback
from tests.live.sources import Publisher
from tests.live.test_ice import ADDRESS, SAMPLE_PASSWORD, request
from tests.live.test_sdp import CHROMIUM
from tests.live.test_steering import Room

# --- feedback at the others' cost ---


def asks(room: Room, ssrc: int, *commands: int) -> None:
    for command in commands:
        room.viewer.take_full_intra(ssrc, command, room.now)


def test_a_repeated_fir_is_the_same_request() -> None:
    """RFC 5104, 4.3.1.2: a new request has another command number."""
    room, anna = Room(), Publisher("anna")
    room.enter(anna)
    room.run(1)
    ssrc, left = room.board.slots["video0"].ssrc, room.board.key_frame_budget._left
    before = anna.key_frames_asked
    asks(room, ssrc, *[7] * 20)
    assert anna.key_frames_asked == before + 1
    assert room.board.key_frame_budget._left > left - 1.5
    room.run(1)
    asks(room, ssrc, 8)
    assert anna.key_frames_asked == before + 2


def test_a_fir_that_was_refused_may_be_repeated() -> None:
    room, anna = Room(), Publisher("anna")
    room.enter(anna)
    room.run(1)
    asks(room, room.board.slots["video0"].ssrc, *range(1, 20))
    before = anna.key_frames_asked
    room.run(5)
    asks(room, room.board.slots["video0"].ssrc, 19)
    assert anna.key_frames_asked == before + 1


def test_key_frames_that_can_come_of_nothing_cost_the_room_nothing() -> None:
    """Asked for of a sound, of a slot that nobody feeds, of a slot that the viewer has not, of no slot at all."""
    room = Room()
    room.enter(Publisher("anna"))
    room.enter(Publisher("anna", "microphone", "opus"))
    room.run(1)
    left = room.board.key_frame_budget._left
    for name in ("audio0", "video1", "screen0"):
        for _ in range(50):
            room.viewer.take_key_frame_request(room.board.slots[name].ssrc, room.now)
    room.viewer.take_key_frame_request(12345, room.now)
    assert room.board.key_frame_budget._left == left


def test_numbers_that_are_not_kept_cost_the_room_nothing_and_those_that_are_no_more_than_the_budget() -> None:
    room = Room()
    room.enter(Publisher("anna"))
    room.run(3)
    ssrc, sent = room.board.slots["video0"].ssrc, len(room.got)
    known = {packet.sequence for packet in room.got}
    unknown = tuple(number for number in range(65536) if number not in known)
    room.board.resend_budget.take(0, room.now)
    left = room.board.resend_budget._left
    for begin in range(0, len(unknown), 1000):
        room.viewer.take_nack(rtcp.Nack(1, ssrc, unknown[begin : begin + 1000]), room.now)
    assert len(room.got) == sent and room.board.resend_budget._left == left
    room.viewer.take_nack(rtcp.Nack(1, ssrc, tuple(sorted(known)) * 100), room.now)
    assert 0 < len(room.got) - sent <= Limits().resent
    assert room.board.resend_budget._left == left - (len(room.got) - sent)


def test_another_viewers_slot_is_not_resent() -> None:
    room = Room()
    room.enter(Publisher("anna"))
    room.run(1)
    left = room.board.resend_budget._left
    for name in ("video2", "programme"):  # not among the viewer's
        room.viewer.take_nack(rtcp.Nack(1, room.board.slots[name].ssrc, tuple(range(1000))), room.now)
    assert room.viewer.resent == 0 and room.board.resend_budget._left == left


# --- what is said in few octets and costs many steps ---


def test_a_datagram_that_names_too_much_is_not_read() -> None:
    """Every packet that feedback names is work: 24 octets of it may name 2,048, and there is room for 79 such in one."""
    everything_lost = struct.pack("!BBHIIHHI", 0x8F, 205, 5, 1, 2, 0, 2048, 0) + struct.pack("!HH", 0x1FFF & 2048, 0)
    assert isinstance(rtcp.parse(everything_lost)[0], TransportFeedback)
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(everything_lost * 2)
    all_numbers = rtcp.Nack(1, 2, tuple(range(0, 17 * 60)))
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(bytes(all_numbers) * 3)
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(bytes(rtcp.PictureLoss(1, 2)) * (rtcp.MAX_PACKETS + 1))
    with pytest.raises(ValueError, match="too much"):
        rtcp.parse(b"\x80\xcc\x00\x00" * 400)  # of no known type


def test_a_publisher_that_skips_numbers_is_not_told_of_them_all() -> None:
    arrivals = Arrivals(1, 2)
    sequence = told = feedbacks = 0
    for packet in range(3000):  # 300 ms
        sequence = sequence + 2047 & 0xFFFF
        if arrivals.arrived(sequence, packet / 10_000):
            for feedback in arrivals.feedback(packet / 10_000):
                feedbacks += 1
                told += len(feedback.arrivals)
    assert feedbacks <= 8 * (KEPT // MAX_TOLD + 2) and told <= 8 * (KEPT + MAX_TOLD)


def test_a_publisher_that_skips_numbers_is_not_asked_for_them_all() -> None:
    missing, newest, outages = Missing(), 0, 0
    for n in range(1000):
        outages += missing.note(newest + 1, newest + 99, 1 + n / 1000) is None
        newest += 99
        assert len(missing) <= 2 * MAX_FRESH
    assert outages > 980


# --- what an offer puts into every packet ---


def test_a_long_mid_is_in_no_packet() -> None:
    """A mid of 256 octets once made the packets of everybody in the room unsendable."""
    longer = CHROMIUM.replace("a=mid:6\n", f"a=mid:{'m' * 40}\n").replace(" 6 ", f" {'m' * 40} ")
    assert longer.count("m" * 40) == 2
    agreed = plan(longer, {"m" * 40: "video", "7": "video"}, may_send=False, may_receive=True)
    assert [MID in receiving.extensions for receiving in agreed.receivings] == [False, True]
    with pytest.raises(MediaRefused, match="mid is no token"):
        plan(longer.replace("m" * 40, "m" * 65), None, may_send=False, may_receive=True)


# --- what somebody on the way may add to a check ---


def test_nothing_after_the_integrity_counts() -> None:
    """The fingerprint is no secret: who has seen a check could have it nominate an address (RFC 8489, 14.5)."""
    known = ice.Credentials("ours", "a-password-of-some-length", "theirs")
    check = request(nominate=False)[:-8] + struct.pack("!HH", 0x0025, 0)  # USE-CANDIDATE
    check = check[:2] + struct.pack("!H", len(check) - 20 + 8) + check[4:]
    check += struct.pack("!HHI", 0x8028, 4, zlib.crc32(check) ^ 0x5354554E)
    found = ice.check(check, ("192.0.2.1", 5), lambda ufrag: known)
    assert found is not None and found.succeeded and not found.nominates


# RFC 5769, 2.2 and 2.3: responses, to an address of IPv4 and one of IPv6.
RESPONSES = {
    ("192.0.2.1", 32853): "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96",
    (
        "2001:db8:1234:5678:11:2233:4455:6677",
        32853,
    ): "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c",
}


@pytest.mark.parametrize("address", RESPONSES, ids=["IPv4", "IPv6"])
def test_the_responses_of_rfc_5769_are_ours_and_get_no_answer(address: tuple[str, int]) -> None:
    known, data = ice.Credentials("evtj", SAMPLE_PASSWORD, "h6vY"), bytes.fromhex(RESPONSES[address])
    assert ice.check(data, ADDRESS, lambda ufrag: known) is None
    theirs = stun.parse_message(data)
    assert theirs.check_message_integrity(SAMPLE_PASSWORD.encode())
    request = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, theirs.transaction_id)
    request.attributes["USERNAME"] = "evtj:h6vY"
    request.add_message_integrity(SAMPLE_PASSWORD.encode())
    found = ice.check(bytes(request), address, lambda ufrag: known)
    mapped = 4 + (8 if "." in address[0] else 20)
    assert found is not None and found.response[20 : 20 + mapped] == data[36 : 36 + mapped]  # theirs says SOFTWARE first
