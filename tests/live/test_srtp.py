"""SRTP without pylibsrtp's detours: the same packets as through its methods, and the same errors."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pylibsrtp import Error, Policy, Session

from live.rtp import RtpPacket
from live.srtp import LONGEST, TRAILER, Srtp, address_of, function_address, transforms
from tests.live.keys import PROFILES, sessions

REPORT = b"\x80\xc8\x00\x06" + bytes(24)


def both(profile: int) -> tuple[Srtp, Session, Session]:
    """Ours of the one side, and pylibsrtp's sessions of the other: (ours, incoming there, outgoing there)."""
    (ours_out, theirs_in), (theirs_out, ours_in) = sessions(profile), sessions(profile, seed=9)
    return transforms(ours_in, ours_out), theirs_in, theirs_out


def packet(sequence: int = 1, payload: bytes = b"payload") -> bytes:
    return bytes(RtpPacket(96, sequence, 1000, 4711, payload))


@pytest.mark.parametrize("profile", PROFILES)
@given(payload=st.binary(max_size=1300))
@settings(max_examples=30, deadline=None)
def test_what_one_side_protects_the_other_reads(profile: int, payload: bytes) -> None:
    ours, theirs_in, theirs_out = both(profile)
    plain = packet(payload=payload)
    assert theirs_in.unprotect(ours.protect(plain)) == plain
    assert ours.unprotect(theirs_out.protect(plain)) == plain
    assert theirs_in.unprotect_rtcp(ours.protect_rtcp(REPORT)) == REPORT
    assert ours.unprotect_rtcp(theirs_out.protect_rtcp(REPORT)) == REPORT


@pytest.mark.parametrize("profile", PROFILES)
def test_the_octets_are_those_of_pylibsrtp(profile: int) -> None:
    (mine, _), (reference, _) = sessions(profile), sessions(profile)
    ours = transforms(mine, mine)
    for sequence in range(1, 20):
        assert ours.protect(packet(sequence)) == reference.protect(packet(sequence))


def test_a_packet_longer_than_pylibsrtp_takes_goes_through() -> None:
    ours, _, _ = both(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    (_, incoming) = sessions(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    long = packet(payload=bytes(1450))
    assert transforms(incoming, incoming).unprotect(ours.protect(long)) == long


def test_a_packet_too_long_for_the_buffer_is_refused() -> None:
    ours, _, _ = both(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    ours.protect(packet(1, bytes(LONGEST - TRAILER - 12)))
    with pytest.raises(ValueError, match="too long"):
        ours.protect(packet(2, bytes(LONGEST - TRAILER - 11)))
    with pytest.raises(ValueError, match="too long"):
        ours.unprotect(bytes(LONGEST + 1))


@pytest.mark.parametrize("octets", [b"", b"\x80", bytes(11), bytes(12), b"\xff" * 300])
def test_garbage_is_an_error_of_pylibsrtp(octets: bytes) -> None:
    ours, _, _ = both(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    with pytest.raises(Error):
        ours.unprotect(octets)
    with pytest.raises(Error):
        ours.unprotect_rtcp(octets)


def test_a_changed_octet_is_an_error() -> None:
    ours, _, theirs_out = both(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    sent = bytearray(theirs_out.protect(packet()))
    sent[-1] ^= 1
    with pytest.raises(Error):
        ours.unprotect(bytes(sent))


def test_the_addresses_for_the_helper_are_real_ones() -> None:
    first, second = sessions(Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    assert function_address("srtp_protect") and address_of(first) and address_of(first) != address_of(second)
