"""Who feeds which slot."""

from __future__ import annotations

from typing import Any

from live.answer import Sent
from live.codecs import Codec
from live.control import VIDEO_SLOTS, ActiveSpeaker, Notification, RoomKind, SlotsChanged
from live.switchboard import Switchboard
from tests.live.sources import Publisher, Receiver


class Hall:
    """A switchboard, its publishers, a clock of its own and what was told."""

    def __init__(self, kind: RoomKind = "stage") -> None:
        self.told: list[Notification] = []
        self.board = Switchboard("room", self.told.append, kind=kind)
        self.now = 100.0
        self.sources: list[tuple[Publisher, int | None]] = []

    def enter(self, label: str, use: Sent = "camera", level: int | None = None, codec: Codec = "H264") -> Publisher:
        publisher = Publisher(
            label,
            use,
            "opus" if use in ("microphone", "screen_sound") else codec,
            on_start=lambda track: self.board.arrange(self.now),
        )
        self.board.add_source(publisher.source)
        self.sources.append((publisher, level))
        publisher.send(self.now, key=True, level=level)
        return publisher

    def leave(self, publisher: Publisher) -> None:
        self.sources = [(each, level) for each, level in self.sources if each is not publisher]
        self.board.forget_track(publisher.track, self.now)
        self.board.remove_source(publisher.source, self.now)

    def louder(self, publisher: Publisher, level: int) -> None:
        self.sources = [(each, level if each is publisher else before) for each, before in self.sources]

    def run(self, seconds: float) -> None:
        """Everybody sends key frames and sound, for so long."""
        for _ in range(round(seconds * 10)):
            self.now += 0.1
            for publisher, level in self.sources:
                for _ in range(5 if publisher.track.is_audio else 1):
                    publisher.send(self.now, key=True, level=level)
            self.board.tick(self.now)

    @property
    def slots(self) -> dict[str, str]:
        changes = [told for told in self.told if isinstance(told, SlotsChanged)]
        return {name: label for name, label in changes[-1].slots.items() if label}

    def watch(self, slot: str) -> Receiver:
        viewer = Receiver()
        self.board.join(slot, viewer.outlet(self.board.slots[slot]), self.now)
        return viewer


def test_one_speaker_is_in_the_first_slots_and_the_programme() -> None:
    hall = Hall()
    hall.enter("anna")
    hall.enter("anna", "microphone", 30)
    assert hall.slots == dict.fromkeys(("audio0", "video0", "programme", "sound"), "anna")


def test_the_first_picture_arrives_without_waiting_for_a_second_key_frame() -> None:
    hall = Hall()
    viewer = hall.watch("programme")
    anna = hall.enter("anna")
    assert len(viewer.packets) == 1 and not anna.asked


def test_the_codec_of_each_picture_is_told_and_told_again_when_it_changes() -> None:
    hall = Hall()
    anna = hall.enter("anna")
    hall.enter("anna", "microphone", 30)
    hall.leave(anna)
    hall.enter("anna", codec="VP8")
    told = [each.codecs for each in hall.told if isinstance(each, SlotsChanged)]
    h264, vp8 = {"video0": "H264", "programme": "H264"}, {"video0": "VP8", "programme": "VP8"}
    assert told == [h264, h264, {}, vp8]


def test_cameras_fill_the_slots_in_order_and_keep_them() -> None:
    hall = Hall()
    cameras = [hall.enter(label) for label in ("a", "b", "c", "d", "e")]
    assert [hall.slots[f"video{n}"] for n in range(4)] == ["a", "b", "c", "d"]
    hall.leave(cameras[1])
    hall.run(0.2)
    assert [hall.slots[f"video{n}"] for n in range(4)] == ["a", "e", "c", "d"]


def test_the_active_speaker_is_kept_in_sight() -> None:
    hall = Hall()
    for label in ("a", "b", "c", "d", "e"):
        hall.enter(label)
    silent, talker = hall.enter("a", "microphone", 30), hall.enter("e", "microphone", 127)
    hall.run(1)
    hall.louder(silent, 127)
    hall.louder(talker, 25)
    hall.run(2)
    assert hall.slots["video0"] == "a"  # spoke a moment ago
    assert "e" in {hall.slots[f"video{n}"] for n in range(4)}
    assert hall.slots["programme"] == hall.slots["sound"] == "e"


def test_more_than_three_voices_are_the_loudest_three() -> None:
    hall = Hall()
    voices = [hall.enter(label, "microphone", level) for label, level in (("a", 60), ("b", 50), ("c", 40), ("d", 90))]
    hall.run(1)
    assert {hall.slots[f"audio{n}"] for n in range(3)} == {"a", "b", "c"}
    hall.louder(voices[3], 20)
    hall.run(1)
    assert {hall.slots[f"audio{n}"] for n in range(3)} == {"b", "c", "d"}


def test_the_sound_of_a_shared_screen_competes_for_a_place_like_a_voice() -> None:
    hall = Hall()
    for label, level in (("a", 60), ("b", 50), ("c", 40)):
        hall.enter(label, "microphone", level)
    hall.enter("c", "screen_sound", 30)
    hall.run(1)
    assert sorted(hall.slots[f"audio{n}"] for n in range(3)) == ["b", "c", "c"]
    assert hall.slots["sound"] == "c"


def test_the_newest_screen_is_shown_and_is_the_programme() -> None:
    hall = Hall()
    hall.enter("anna")
    hall.enter("bo", "screen")
    newest = hall.enter("cecilia", "screen")
    assert hall.slots["screen0"] == hall.slots["programme"] == "cecilia"
    hall.leave(newest)
    hall.run(0.1)
    assert hall.slots["screen0"] == hall.slots["programme"] == "bo"


def test_the_programme_stays_on_the_last_speaker_in_silence() -> None:
    hall = Hall()
    hall.enter("a")
    hall.enter("b")
    voice = hall.enter("b", "microphone", 25)
    hall.run(1)
    hall.louder(voice, 127)
    hall.run(4)
    assert hall.slots["programme"] == "b"
    assert [told.label for told in hall.told if isinstance(told, ActiveSpeaker)] == ["b", ""]


def test_who_falls_silent_on_the_wire_frees_the_slot_and_gets_it_back() -> None:
    hall = Hall()
    anna = hall.enter("anna")
    hall.sources.clear()
    hall.run(3)
    assert hall.slots == {}
    hall.sources.append((anna, None))
    hall.run(0.1)
    assert hall.slots["video0"] == "anna"


def test_a_change_is_told_once() -> None:
    hall = Hall()
    hall.enter("anna")
    before = len(hall.told)
    hall.run(3)
    assert len(hall.told) == before


def test_a_viewer_of_the_programme_sees_one_stream_over_many_changes() -> None:
    hall = Hall()
    viewer = hall.watch("programme")
    hall.enter("anna")
    hall.run(0.5)
    screen = hall.enter("bo", "screen", codec="VP8")
    hall.run(0.5)
    hall.leave(screen)
    hall.run(0.5)
    assert len({packet.ssrc for packet in viewer.packets}) == 1
    assert [(b - a) & 0xFFFF for a, b in zip(viewer.sequences, viewer.sequences[1:], strict=False)] == [1] * (
        len(viewer.packets) - 1
    )
    assert {packet.payload_type for packet in viewer.packets} == {102, 96}


def test_reports_are_made_of_what_flows() -> None:
    hall = Hall()
    viewer = Receiver()
    outlets = {name: viewer.outlet(hall.board.slots[name]) for name in ("video0", "video1", "programme")}
    for name, outlet in outlets.items():
        hall.board.join(name, outlet, hall.now)
    hall.enter("anna")
    reports = hall.board.reports(hall.now)
    assert [name for name, outlet in outlets.items() if reports.of(name, outlet)] == ["video0", "programme"]


def test_nothing_is_left_when_everybody_left() -> None:
    hall = Hall()
    publishers = [hall.enter(label) for label in "abcdef"]
    viewer: Any = hall.watch("video0")
    for publisher in publishers:
        hall.leave(publisher)
    hall.board.leave(viewer)
    assert hall.board.sources == [] and hall.slots == {}
    assert all(slot.source is None and not slot.outlets for slot in hall.board.slots.values())


def test_in_a_circle_twelve_are_all_seen_and_the_loudest_three_are_heard() -> None:
    circle = Hall("circle")
    people = [f"person{n}" for n in range(VIDEO_SLOTS["circle"])]
    for number, label in enumerate(people):
        circle.enter(label)
        circle.enter(label, "microphone", 90 - number)
    circle.run(1)
    assert {circle.slots[f"video{n}"] for n in range(12)} == set(people)
    assert {circle.slots[f"audio{n}"] for n in range(3)} == {"person9", "person10", "person11"}
