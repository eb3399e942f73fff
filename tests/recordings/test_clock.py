from __future__ import annotations

import pytest

from recordings.clock import MediaClock, align


def placed(rate: int, offset: float, ntp: float | None) -> MediaClock:
    return MediaClock(rate, offset, ntp)


def test_the_first_arrival_is_the_anchor() -> None:
    clock = MediaClock(90_000)
    assert clock.place(900_000, 2.5) == pytest.approx(2.5)
    assert clock.place(990_000, 3.9) == pytest.approx(3.5), "the network's delay does not move it"


def test_a_jump_is_a_new_beginning_and_forgets_the_report() -> None:
    clock = MediaClock(48_000)
    clock.place(0, 0.0)
    clock.report(1000.0, 0)
    assert clock.place(48_000 * 500, 1.0) == pytest.approx(1.0) and clock.ntp is None
    assert clock.place(48_000 * 501, 2.0) == pytest.approx(2.0)


def test_reports_move_the_picture_to_the_sound() -> None:
    picture, sound = placed(90_000, 0.3, 1000.0), placed(48_000, 0.1, 1000.0)
    assert align(picture, sound) == pytest.approx(-0.2)
    assert picture.offset == pytest.approx(0.1) and sound.offset == 0.1
    assert align(picture, sound) == pytest.approx(0.0)


@pytest.mark.parametrize("ntp", [None, 0.0, 5000.0])
def test_without_believable_reports_arrival_decides(ntp: float | None) -> None:
    picture = placed(90_000, 0.3, ntp)
    assert align(picture, placed(48_000, 0.1, 1000.0)) == 0.0 and picture.offset == 0.3
