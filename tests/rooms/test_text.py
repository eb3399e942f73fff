"""What people may write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rooms.errors import Refused
from rooms.text import check_text, is_showable


@pytest.mark.parametrize(
    "text", ["", "   ", "\n", "a\x00b", "a\x1b[2Jb", "a\u202eb", "a\u2066b", "a\u200bb", "a\ud800b", "x" * 11]
)
def test_it_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="bad_text"):
        check_text(text, most=10)


def test_it_is_trimmed_and_composed() -> None:
    assert check_text("  A\u030asa ", most=10) == "Åsa"


def test_emoji_joined_by_zero_width_joiners_stay_whole() -> None:
    assert check_text("👩\u200d🚒", most=10) == "👩\u200d🚒"


def test_line_breaks_only_where_they_are_meant() -> None:
    assert check_text("a\r\nb", most=10, lines=True) == "a\nb"
    with pytest.raises(Refused, match="bad_text"):
        check_text("a\nb", most=10)


@given(st.text(max_size=40))
def test_what_passes_can_be_shown_and_passes_again(text: str) -> None:
    try:
        checked = check_text(text, most=20, lines=True)
    except Refused:
        return
    assert is_showable(checked) and len(checked) <= 20
    assert check_text(checked, most=20, lines=True) == checked
