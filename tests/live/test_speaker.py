"""Who is speaking."""

from __future__ import annotations

from live.speaker import ActiveSpeaker, loudest


def test_the_first_to_speak_has_the_floor_at_once() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    assert floor.update({"anna": 20.0, "bo": 15.0}, 0.0) is None
    assert floor.update({"anna": 95.0, "bo": 15.0}, 0.1) == "anna"


def test_a_cough_takes_nothing() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0, "bo": 0.0}, 0.0)
    assert floor.update({"anna": 90.0, "bo": 120.0}, 0.1) == "anna"
    assert floor.update({"anna": 90.0, "bo": 0.0}, 0.2) == "anna"
    assert floor.update({"anna": 90.0, "bo": 120.0}, 0.7) == "anna"


def test_who_stays_louder_takes_the_floor() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0, "bo": 0.0}, 0.0)
    for now in (1.0, 1.3):
        assert floor.update({"anna": 90.0, "bo": 100.0}, now) == "anna"
    assert floor.update({"anna": 90.0, "bo": 100.0}, 1.6) == "bo"


def test_who_is_hardly_louder_does_not() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0, "bo": 0.0}, 0.0)
    assert all(floor.update({"anna": 90.0, "bo": 94.0}, now / 10) == "anna" for now in range(1, 50))


def test_an_answer_is_taken_once_the_question_ends() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0}, 0.0)
    floor.update({"anna": 20.0, "bo": 80.0}, 0.5)
    assert floor.update({"anna": 20.0, "bo": 80.0}, 1.2) == "bo"


def test_silence_has_no_speaker_but_a_last_one() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0}, 0.0)
    assert floor.update({"anna": 30.0}, 1.9) == "anna"
    assert floor.update({"anna": 30.0}, 2.1) is None
    assert floor.last == "anna"


def test_who_left_loses_the_floor() -> None:
    floor: ActiveSpeaker[str] = ActiveSpeaker()
    floor.update({"anna": 90.0, "bo": 85.0}, 0.0)
    assert floor.update({"bo": 85.0}, 0.1) == "bo"


def test_the_loudest_keep_their_places_against_small_differences() -> None:
    levels = {"a": 80.0, "b": 80.0, "c": 80.0, "d": 84.0, "e": 10.0}
    assert loudest(levels, {"a", "b", "c"}, 3) == {"a", "b", "c"}
    assert "d" in loudest(levels | {"d": 90.0}, {"a", "b", "c"}, 3)
