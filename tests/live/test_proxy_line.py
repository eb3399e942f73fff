"""What a proxy says before its client does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live import proxy_line

LINE = b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\r\n"


def test_it_names_the_client_and_ends_where_the_client_begins() -> None:
    assert proxy_line.read(LINE + b"\x00\x64frame") == (("192.0.2.7", 40000), len(LINE))
    six = b"PROXY TCP6 2001:DB8::7 2001:db8::1 1 443\r\n"
    assert proxy_line.read(six) == (("2001:db8::7", 1), len(six))
    unknown = b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n"
    assert proxy_line.read(unknown) == (None, len(unknown))


@pytest.mark.parametrize("length", range(1, len(LINE)))
def test_it_may_come_in_pieces(length: int) -> None:
    assert proxy_line.begins(LINE[:length]) and proxy_line.read(LINE[:length]) is None


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 2001:db8::7 2001:db8::1 1 443\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 40000 443\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n",
        b"PROXY TCP4 192.0.2.777 198.51.100.1 1 443\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 443\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 40000 443\r\n",
        b"PROXY " + b"x" * proxy_line.LONGEST,
    ],
)
def test_nonsense_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        proxy_line.read(line)


@given(st.binary(max_size=200))
def test_anything_is_read_refused_or_waited_for(data: bytes) -> None:
    for beginning in (b"", b"PROXY ", b"PROXY TCP4 "):
        try:
            found = proxy_line.read(beginning + data)
        except ValueError:
            continue
        assert found is not None or len(beginning + data) < proxy_line.LONGEST


def test_no_frame_of_a_client_begins_like_it() -> None:
    assert not proxy_line.begins(b"") and not proxy_line.begins(b"\x00\x64\x00\x01")
