"""SDP fragments: what RFC 8840 and RFC 9725 show is read, everything else refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.control import IceParameters
from server import sdp_fragment
from server.sdp_fragment import Fragment, read

CREDENTIALS = ["a=ice-ufrag:ysXw", "a=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k"]
BUNDLED = ["a=ice-options:trickle ice2", "a=group:BUNDLE 0 1", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0", *CREDENTIALS]
CANDIDATES = [  # as Chromium writes them
    "a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag ysXw network-id 1",
    "a=candidate:473322822 1 tcp 1518280447 2001:db8::1 9 typ host tcptype active generation 0",
    "a=candidate:842163049 1 udp 1677729535 4a1c9a0e.local 61765 typ srflx raddr 0.0.0.0 rport 0",
]


def text(*lines: str, end: str = "\r\n") -> str:
    return "".join(line + end for line in lines)


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_fragments_with_and_without_an_m_line_are_read(end: str) -> None:
    assert read(text(*CREDENTIALS, end=end)) == Fragment("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k")
    whole = read(text(*BUNDLED, *CANDIDATES, "a=end-of-candidates", end=end))
    assert whole == Fragment("ysXw", "vw5LmwG4y/e6dPP/zAP9Gp5k", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "0")
    assert read(text(*CREDENTIALS, end=end).removesuffix(end)) == read(text(*CREDENTIALS))


def test_every_m_line_of_a_bundle_may_say_the_same() -> None:
    second = ["m=video 0 UDP/TLS/RTP/SAVPF 96", "a=mid:1", "a=bundle-only", *CREDENTIALS]
    assert read(text(*BUNDLED, *second)).mid == "0"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        CREDENTIALS[:1],
        CREDENTIALS[1:],
        [*CREDENTIALS, "a=ice-ufrag:other"],
        [*CREDENTIALS, "a=ice-pwd:" + "x" * 22],
        ["a=ice-ufrag:abc", CREDENTIALS[1]],
        [CREDENTIALS[0], "a=ice-pwd:" + "x" * 21],
        ["a=ice-ufrag:" + "x" * 257, CREDENTIALS[1]],
        ["a=ice-ufrag:yä§w", CREDENTIALS[1]],
        ["a=ice-ufrag:ys:w", CREDENTIALS[1]],
        ["v=0", *CREDENTIALS],
        [*CREDENTIALS, ""],
        ["", *CREDENTIALS],
        [*CREDENTIALS, "a=candidate:1 1 udp 1 192.0.2.1"],
        [*CREDENTIALS, "a=candidate:1 1 udp x 192.0.2.1 9 typ host"],
        [*CREDENTIALS, "a=candidate:1 1 udp 1 192.0.2.1 9 typ host  "],
        [*CREDENTIALS, "m=audio"],
        [*CREDENTIALS, "a=mid:"],
        [*CREDENTIALS, "a=x:\x00"],
        [*CREDENTIALS, "a=x:\u2028a=ice-lite"],
        [*CREDENTIALS, "a=x:\rm=audio 9 X 0"],
        [*CREDENTIALS, *["a=ice-lite"] * 300],
        [*CREDENTIALS, "a=x:" + "x" * 20_000],
    ],
)
def test_anything_else_is_refused(lines: list[str]) -> None:
    with pytest.raises(ValueError):
        read(text(*lines))


@given(st.text(max_size=300) | st.lists(st.sampled_from([*BUNDLED, *CANDIDATES, "\r", "\x85", "a=mid:9"])).map("\n".join))
def test_whatever_the_text_it_is_read_or_refused(content: str) -> None:
    try:
        fragment = read(content)
    except ValueError:
        return
    assert fragment.ufrag in content and fragment.media.isprintable() and fragment.mid.isprintable()


def test_the_answer_is_a_fragment_for_the_same_m_line() -> None:
    asked = read(text(*BUNDLED))
    answer = sdp_fragment.write(IceParameters("ours", "p" * 32, ("1 1 udp 1 192.0.2.9 8001 typ host",)), asked)
    assert read(answer) == Fragment("ours", "p" * 32, asked.media, asked.mid)
    assert "a=candidate:1 1 udp 1 192.0.2.9 8001 typ host\r\n" in answer and answer.startswith("a=ice-lite\r\n")
