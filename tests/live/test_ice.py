"""ICE-lite: only who knows the password is answered."""

from __future__ import annotations

import struct

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from live import ice

CREDENTIALS = ice.Credentials("ours", "a-password-of-some-length", "theirs")
ADDRESS = ("192.0.2.7", 40000)

# RFC 5769, 2.1: a request with short-term credentials
SAMPLE = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf"
)
SAMPLE_PASSWORD = "VOkJxbRl1RmTxUk/WvJxBt"


def request(
    username: str = "ours:theirs",
    password: str = CREDENTIALS.password,
    *,
    nominate: bool = False,
    role: str = "ICE-CONTROLLING",
) -> bytes:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = username
    message.attributes["PRIORITY"] = 1
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.attributes[role] = 1
    message.add_message_integrity(password.encode())
    return bytes(message)


def check(data: bytes) -> ice.Check | None:
    return ice.check(data, ADDRESS, lambda ufrag: CREDENTIALS if ufrag == "ours" else None)


def test_rfc_5769_request_is_authenticated() -> None:
    known = ice.Credentials("evtj", SAMPLE_PASSWORD, "h6vY")
    found = ice.check(SAMPLE, ADDRESS, lambda ufrag: known if ufrag == "evtj" else None)
    assert found is not None and not found.succeeded  # the sample's client says that it is the controlled one
    assert stun.parse_message(found.response).attributes["ERROR-CODE"][0] == 487


@pytest.mark.parametrize("position", range(len(SAMPLE)))
def test_rfc_5769_request_with_any_octet_changed_is_not_answered(position: int) -> None:
    changed = bytearray(SAMPLE)
    changed[position] ^= 0x20
    known = ice.Credentials("evtj", SAMPLE_PASSWORD, "h6vY")
    assert ice.check(bytes(changed), ADDRESS, lambda ufrag: known) is None


@given(st.integers(0, len(SAMPLE) - 1))
def test_rfc_5769_request_cut_short_is_not_answered(length: int) -> None:
    known = ice.Credentials("evtj", SAMPLE_PASSWORD, "h6vY")
    assert ice.check(SAMPLE[:length], ADDRESS, lambda ufrag: known) is None


def test_the_answer_tells_the_address_and_is_authenticated() -> None:
    found = check(request(nominate=True))
    assert found is not None and found.succeeded and found.nominates and found.ufrag == "ours"
    response = stun.parse_message(found.response)
    assert response.message_class is stun.Class.RESPONSE
    assert response.attributes["XOR-MAPPED-ADDRESS"] == ADDRESS
    assert response.check_message_integrity(CREDENTIALS.password.encode())


def test_a_check_without_use_candidate_nominates_nothing() -> None:
    found = check(request())
    assert found is not None and found.succeeded and not found.nominates


@pytest.mark.parametrize(
    "data",
    [
        request(password="wrong"),
        request("ours:somebody"),
        request("nobody:theirs"),
        request("ours"),
        request(""),
        b"",
        b"\x00",
        b"\x00\x01\x00\x00" + bytes(16),
    ],
)
def test_a_stranger_gets_no_answer(data: bytes) -> None:
    assert check(data) is None


def test_a_request_without_fingerprint_gets_no_answer() -> None:
    message = stun.parse_message(request())
    del message.attributes["FINGERPRINT"]
    assert check(bytes(message)) is None


def test_a_request_without_integrity_gets_no_answer() -> None:
    message = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    message.attributes["USERNAME"] = "ours:theirs"
    message.add_fingerprint()
    assert check(bytes(message)) is None


def test_a_controlled_client_is_told_of_the_conflict() -> None:
    found = check(request(role="ICE-CONTROLLED"))
    assert found is not None and not found.succeeded and not found.nominates
    assert stun.parse_message(found.response).attributes["ERROR-CODE"][0] == 487


def test_an_attribute_of_wrong_length_gets_no_answer() -> None:
    data = bytearray(request())
    at = data.index(struct.pack("!HH", 0x0024, 4))
    data[at + 3] = 2
    assert check(bytes(data)) is None


@given(st.binary(max_size=200))
def test_any_bytes_get_no_answer(data: bytes) -> None:
    assert check(data) is None
    assert check(b"\x00\x01" + struct.pack("!H", len(data)) + b"\x21\x12\xa4\x42" + bytes(12) + data) is None


@given(st.binary(max_size=60), st.integers(0, 90))
def test_a_request_with_bytes_put_in_gets_no_answer_or_the_right_one(data: bytes, position: int) -> None:
    good = request()
    changed = good[:position] + data + good[position:]
    found = check(changed)
    assert found is None or changed == good


def test_an_ipv6_zone_is_not_told() -> None:
    found = ice.check(request(), ("fe80::1%eth0", 5, 0, 2), lambda _: CREDENTIALS)
    assert found is not None
    assert stun.parse_message(found.response).attributes["XOR-MAPPED-ADDRESS"] == ("fe80::1", 5)


def test_candidates_prefer_udp_and_keep_the_order() -> None:
    lines = ice.candidates(("127.0.0.1", "2001:db8::1"), 8001, 8001)
    assert [line.split()[2] for line in lines] == ["udp", "udp", "tcp", "tcp"]
    priorities = [int(line.split()[3]) for line in lines]
    assert priorities == sorted(priorities, reverse=True) and len(set(priorities)) == 4
    assert lines[3].endswith("2001:db8::1 8001 typ host tcptype passive")


def test_the_node_is_told_behind_a_plus_and_stays_over_a_restart() -> None:
    before = ice.make_credentials("theirs", 3, "b")
    after = ice.renew(before, "later")
    for credentials, remote in ((before, "theirs"), (after, "later")):
        assert ice.worker_of(credentials.ufrag) == 3 and credentials.ufrag.endswith("+b")
        assert credentials.remote_ufrag == remote
    assert before.ufrag != after.ufrag and before.password != after.password
    assert "+" not in ice.make_credentials("theirs").ufrag
