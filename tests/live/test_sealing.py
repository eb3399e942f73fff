"""AES-GCM in the compiled helper does what libsrtp does, octet for octet."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pylibsrtp import Error, Policy, Session

from live.compiled import CompiledDownlink
from live.dtls import SENT_WINDOW
from live.fan import Bursts
from live.inbox import Inbox
from live.limits import Limits
from live.native import LONGEST, Helper, Line, Sealer
from live.port import Endpoint
from live.rtp import HEADER
from live.srtp import Srtp, transforms
from live.switchboard import Switchboard
from tests.live.helper import build, needs_compiler

KEYING = {
    Policy.SRTP_PROFILE_AEAD_AES_128_GCM: bytes(range(28)),
    Policy.SRTP_PROFILE_AEAD_AES_256_GCM: bytes(range(100, 144)),
}
SOURCES = 64  # that a sealer knows
NOBODY: Any = object()  # an owner that nothing comes from

pytestmark = needs_compiler


@pytest.fixture(scope="module")
def helper(tmp_path_factory: pytest.TempPathFactory) -> Helper:
    built = build(tmp_path_factory.mktemp("sealing"))
    if built.sealer(bytes(28)) is None:
        pytest.skip("this processor lacks AVX-512 with VAES: libsrtp encrypts")
    return built


def session(profile: int, kind: int = Policy.SSRC_ANY_OUTBOUND) -> Session:
    policy = Policy(key=KEYING[profile], ssrc_type=kind, srtp_profile=profile)
    policy.allow_repeat_tx, policy.window_size = True, SENT_WINDOW
    return Session(policy)


def reference(profile: int) -> Srtp:
    """libsrtp with the same key."""
    return transforms(session(profile, Policy.SSRC_ANY_INBOUND), session(profile), keying=KEYING[profile])


def sealer_of(helper: Helper, profile: int) -> Sealer:
    sealer = helper.sealer(KEYING[profile])
    assert sealer is not None
    return sealer


def packet(sequence: int, length: int = 0, ssrc: int = 4711, csrcs: int = 0, words: int | None = None) -> bytes:
    """`words` of a header extension, None: no extension. The payload is random, and ever the same."""
    extension = b"" if words is None else b"\xbe\xde" + words.to_bytes(2, "big") + bytes(4 * words)
    head = HEADER.pack(0x80 | (words is not None) << 4 | csrcs, 96, sequence & 0xFFFF, 1000, ssrc)
    return head + bytes(4 * csrcs) + extension + random.Random(sequence).randbytes(length)


lengths = st.one_of(
    st.integers(0, LONGEST - 200), st.sampled_from([0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 257, 272, 511, 512, 513])
)


@pytest.mark.parametrize("profile", KEYING)
@settings(max_examples=80, deadline=None)
@given(shapes=st.lists(st.tuples(lengths, st.integers(0, 15), st.none() | st.integers(0, 20)), min_size=1, max_size=8))
@example(shapes=[(256 * blocks + more, 0, 1) for blocks in range(4) for more in (0, 1, 16, 255)])
@example(shapes=[(length, 0, None) for length in range(300)])
@example(shapes=[(length, 15, words) for length in (0, 300) for words in (44, 45, 46, 110)])  # headers of several rounds
def test_packets_of_all_shapes_are_what_libsrtp_makes_of_them(
    helper: Helper, profile: int, shapes: list[tuple[int, int, int | None]]
) -> None:
    ours, theirs = sealer_of(helper, profile), reference(profile)
    for sequence, (length, csrcs, words) in enumerate(shapes):
        plain = packet(sequence, length, csrcs=csrcs, words=words)
        assert ours.protect(plain) == theirs.protect(plain)


@pytest.mark.parametrize("profile", KEYING)
@settings(max_examples=100, deadline=None)
@given(
    first=st.integers(0, 0xFFFF),
    steps=st.lists(
        st.tuples(
            st.sampled_from((1, 2, 0, -1, -SENT_WINDOW + 1, -SENT_WINDOW, -SENT_WINDOW - 1, 300, 0x4000, 0x7FFF, 0x8000)),
            st.sampled_from((1, 2, 65, 129)),
        ),
        max_size=60,
    ),
)
def test_numbers_go_round_come_late_and_are_refused_as_by_libsrtp(
    helper: Helper, profile: int, first: int, steps: list[tuple[int, int]]
) -> None:
    ours, theirs, sequence = sealer_of(helper, profile), reference(profile), first
    for step, ssrc in steps:
        sequence = sequence + step & 0xFFFF
        plain = packet(sequence, 40, ssrc)
        try:
            expected = theirs.protect(plain)
        except Error:
            with pytest.raises(Error):
                ours.protect(plain)
        else:
            assert ours.protect(plain) == expected


def test_a_thousand_numbers_at_a_time_go_round_many_times(helper: Helper) -> None:
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    ours, theirs = sealer_of(helper, profile), reference(profile)
    for sequence in range(0, 1 << 20, 1000):
        assert ours.protect(packet(sequence, 20)) == theirs.protect(packet(sequence, 20))


@pytest.mark.parametrize(
    "wrong", [b"", bytes(11), packet(1, csrcs=3)[:20], packet(1, words=2)[:14], packet(1, words=2)[:19]]
)
def test_what_ends_within_its_header_is_refused(helper: Helper, wrong: bytes) -> None:
    with pytest.raises(Error):
        sealer_of(helper, Policy.SRTP_PROFILE_AEAD_AES_128_GCM).protect(wrong)


def test_what_is_too_long_is_refused(helper: Helper) -> None:
    sealer = sealer_of(helper, Policy.SRTP_PROFILE_AEAD_AES_128_GCM)
    sealer.protect(bytes(packet(1, LONGEST - 12)))
    with pytest.raises(ValueError, match="long"):
        sealer.protect(packet(2, LONGEST - 11))


def test_more_sources_than_a_client_can_have_are_refused_and_those_that_are_known_go_on(helper: Helper) -> None:
    profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
    ours, theirs = sealer_of(helper, profile), reference(profile)
    for ssrc in range(1, SOURCES + 1):
        assert ours.protect(packet(1, 9, ssrc * 61)) == theirs.protect(packet(1, 9, ssrc * 61))
    with pytest.raises(Error):
        ours.protect(packet(1, 9, 5))
    assert ours.protect(packet(2, 9, 61)) == theirs.protect(packet(2, 9, 61))


@pytest.mark.parametrize("length", [0, 27, 30, 43, 46])
def test_keys_of_other_profiles_are_left_to_libsrtp(helper: Helper, length: int) -> None:
    assert helper.sealer(bytes(length)) is None


def test_bursts_and_single_packets_have_one_count_of_rounds(helper: Helper) -> None:
    """A retransmission from Python, across the numbers' end that the compiled loop passed."""
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    theirs = reference(profile)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        for sock in (server, client):
            sock.bind(("127.0.0.1", 0))
        client.settimeout(60)
        hall = Switchboard("hall", lambda _: None)
        downlink = CompiledDownlink(Bursts(helper), Inbox(helper), NOBODY, "one", hall, (), Limits())
        downlink.secure(reference(profile))
        downlink.aim(Endpoint("udp", server.sendto, lambda *_: None, server.fileno()), client.getsockname())
        for sequence in (0xFFFE, 0xFFFF, 0, 1):
            helper.group([downlink.line]).send([(packet(sequence, 50), 0)], 1.0)
            assert client.recv(2048) == theirs.protect(packet(sequence, 50))
        assert downlink.protect(packet(0xFFFF, 50)) == theirs.protect(packet(0xFFFF, 50))
        assert downlink.protect(packet(2, 50)) == theirs.protect(packet(2, 50))


def test_lines_of_one_group_may_differ_in_who_encrypts(helper: Helper) -> None:
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
    ):
        for sock in (server, client):
            sock.bind(("127.0.0.1", 0))
        client.settimeout(60)
        lines = [Line(), Line()]
        lines[0].secure(sealer_of(helper, profile))
        lines[1].secure(session(profile))
        for line in lines:
            line.aim(server.fileno(), client.getsockname())
        helper.group(lines).send([(packet(7, 1000), 0), (packet(8, 1000), 0)], 1.0)
        received = [client.recv(2048) for _ in range(4)]
        theirs = reference(profile)
        assert received == 2 * [theirs.protect(packet(7, 1000)), theirs.protect(packet(8, 1000))]
