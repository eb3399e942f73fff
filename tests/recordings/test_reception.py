"""A tap's datagrams become a file: simulated time, real H.264 and Opus, decoded again and compared bit by bit."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import av
import numpy
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from live.control import TapFormat
from recordings.catalogue import probe
from tests.recordings.media import (
    FPS,
    SOURCE,
    TAP,
    Datagram,
    Simulation,
    Stream,
    audio,
    decoded,
    heard,
    in_time,
    jitter,
    pictures,
    programme,
    reference,
    sounds,
    video,
)


@pytest.fixture
def simulation(tmp_path: Path) -> Iterator[Simulation]:
    made = Simulation(tmp_path / "s1-r1.mp4")
    yield made
    made.kill()


def test_every_picture_and_sound_sent_is_in_the_file(simulation: Simulation) -> None:
    simulation.play(programme(4.0))
    result = simulation.finish(4.0)
    frames = decoded(simulation.path)
    assert (result.frames, result.sounds, result.lost, result.dropped, result.error) == (120, 200, 0, 0, "")
    assert all((a == b).all() for (_, a), b in zip(frames, reference(pictures(320, 180, 120)), strict=True))
    assert [round(time * FPS) for time, _ in frames] == list(range(120))
    assert probe(simulation.path) == pytest.approx(4.0, abs=0.05) == result.duration
    assert abs(heard(simulation.path)[4800:-4800]).max() > 0.1


def test_who_goes_back_gets_every_packet_again_and_none_twice(simulation: Simulation) -> None:
    """Several fragments between two key frames: the index must not make demuxers read any of them twice."""
    units = pictures(320, 180, 240, 60)
    simulation.play(in_time(video(Stream("video", 11), units), audio(Stream("audio", 22), sounds(400))))
    simulation.finish(8.0)
    with av.open(simulation.path) as container:
        passes = []
        for _ in range(2):
            passes.append(sorted((p.stream.index, p.pts or 0, p.size) for p in container.demux() if p.size))
            container.seek(0)
    assert len(passes[0]) > 240 and passes[0] == passes[1]


@pytest.mark.parametrize("seed", range(5))
def test_loss_and_reordering_leave_only_whole_pictures(simulation: Simulation, seed: int) -> None:
    chance = random.Random(seed)
    units = pictures(320, 180, 240, 30)
    sent = video(Stream("video", 11), units)
    arriving = jitter([d for d in sent if chance.random() > 0.01], chance, 0.08)
    simulation.play(in_time(arriving, audio(Stream("audio", 22), sounds(400))))
    result = simulation.finish(8.2)
    expected = reference(units)
    frames = decoded(simulation.path)
    assert result.lost > 0 and result.dropped > 0
    assert len(frames) == result.frames >= 40
    first = frames[0][0]
    offsets = {round((time - first) * FPS) for time, _ in frames}
    assert len(offsets) == len(frames)
    numbers = [number_of(picture, expected) for _, picture in frames]
    assert numbers == sorted(set(numbers)), "in order, none twice, each exactly as it was sent"


def number_of(picture: NDArray[numpy.uint8], expected: list[NDArray[numpy.uint8]]) -> int:
    matches = [number for number, each in enumerate(expected) if (picture == each).all()]
    assert matches, "a picture that was never sent"
    return matches[0]


def test_reordered_packets_cost_nothing(simulation: Simulation) -> None:
    simulation.play(jitter(programme(3.0), random.Random(1), 0.1))
    result = simulation.finish(3.2)
    assert (result.frames, result.sounds, result.lost, result.dropped) == (90, 150, 0, 0)


def test_a_key_frame_is_asked_for_every_two_seconds_and_at_once_after_a_loss(simulation: Simulation) -> None:
    simulation.play([d for d in programme(6.0) if not (d.kind == "video" and 2.2 <= d.at < 2.25)])
    assert [at for at in simulation.asked if at < 2.2] == pytest.approx([0.1, 2.1], abs=0.15)
    assert [at for at in simulation.asked if 2.2 < at < 3.0], "as soon as the loss is certain"
    assert len([at for at in simulation.asked if at >= 3.0]) <= 2


def test_wrapping_sequence_numbers_and_timestamps(simulation: Simulation) -> None:
    picture = video(Stream("video", 11, 65_500, 2**32 - 90_000), pictures(320, 180, 120))
    simulation.play(in_time(picture, audio(Stream("audio", 22, 65_450, 2**32 - 48_000), sounds(200))))
    result = simulation.finish(4.0)
    assert (result.frames, result.sounds, result.lost, result.dropped) == (120, 200, 0, 0)
    assert [round(time * FPS) for time, _ in decoded(simulation.path)] == list(range(120))


def test_the_picture_size_may_change_at_every_key_frame(simulation: Simulation) -> None:
    stream = Stream("video", 11)
    sizes = [(320, 180), (640, 360), (160, 90), (180, 320)]
    picture = [d for n, (w, h) in enumerate(sizes) for d in video(stream, pictures(w, h, 30), n * 1.0)]
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(200))))
    result = simulation.finish(4.0)
    shapes = [frame.shape for _, frame in decoded(simulation.path)]
    assert result.frames == 120 and len(shapes) == 120
    assert shapes[::30] == [(h * 3 // 2, w) for w, h in sizes]


def test_sound_only_is_shown_with_a_slate(simulation: Simulation) -> None:
    simulation.play(audio(Stream("audio", 22), sounds(200)))
    result = simulation.finish(4.0)
    assert (result.frames, result.sounds) == (0, 200)
    assert len(decoded(simulation.path)) == 1
    assert probe(simulation.path) == pytest.approx(4.0, abs=0.05)


def test_picture_only_is_played_with_silence(simulation: Simulation) -> None:
    simulation.play(video(Stream("video", 11), pictures(320, 180, 120)))
    assert simulation.finish(4.0).frames == 120
    sound = heard(simulation.path)
    assert len(sound) == pytest.approx(4.0 * 48_000, abs=1000) and not sound.any()


def test_picture_that_comes_later_has_its_place(simulation: Simulation) -> None:
    picture = video(Stream("video", 11), pictures(320, 180, 60), 6.0)
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(400))))
    simulation.finish(8.0)
    times = [time for time, _ in decoded(simulation.path)]
    assert times[0] == 0 and times[1] == pytest.approx(6.0, abs=0.02) and len(times) == 61


def test_a_camera_that_is_off_is_replaced_by_the_slate_until_it_is_back(simulation: Simulation) -> None:
    stream = Stream("video", 11)
    before, after = pictures(320, 180, 60), pictures(320, 180, 120, 60)[45:]
    picture = video(stream, before)
    stream.timestamp += 90_000 * 8
    picture += video(stream, after, 10.0)  # goes on in the middle of a group: nothing it refers to is shown any more
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(700))))
    result = simulation.finish(14.0)
    frames = decoded(simulation.path)
    slate = [(time, frame) for time, frame in frames if frame.shape == (540, 640)]
    assert len(slate) == 1 and 2.0 < slate[0][0] < 10.0
    assert result.dropped == 15 and frames[61][0] == pytest.approx(10.5, abs=0.02)
    assert any(at < 11 for at in simulation.asked if at > 10)


def test_silence_between_sounds_keeps_the_time(simulation: Simulation) -> None:
    """Discontinuous transmission and lost packets alike: what follows stays where it was said."""
    sent = [d for d in programme(4.0) if d.kind == "video" or not 1.0 <= d.at < 2.5]
    simulation.play(sent)
    simulation.finish(4.0)
    sound = heard(simulation.path)
    assert len(sound) == pytest.approx(4.0 * 48_000, abs=1000)
    assert abs(sound[round(1.1 * 48_000) : round(2.4 * 48_000)]).max() < 0.01
    assert abs(sound[round(2.6 * 48_000) : round(2.7 * 48_000)]).max() > 0.1


def test_without_pictures_the_slate_comes_again_for_players_to_seek_to(simulation: Simulation) -> None:
    simulation.finish(60.0)
    assert [round(time, -1) for time, _ in decoded(simulation.path)] == [0, 10, 20, 30, 40, 50]


def test_nothing_at_all_still_makes_a_file_that_plays(simulation: Simulation) -> None:
    assert simulation.finish(3.0).duration == pytest.approx(3.0, abs=0.05)
    assert len(decoded(simulation.path)) == 1 and probe(simulation.path) == pytest.approx(3.0, abs=0.05)


def test_sender_reports_align_picture_and_sound(simulation: Simulation) -> None:
    """The picture arrives 300 ms later than the sound it belongs to; the reports say so."""
    picture_stream, sound_stream = Stream("video", 11), Stream("audio", 22)
    reports = [
        d
        for at in (0.5, 1.5, 2.5)
        for d in (picture_stream.report(at, 1000.0 - 0.3, 5000), sound_stream.report(at, 1000.0, 5000))
    ]
    picture = video(picture_stream, pictures(320, 180, 120), 0.3)
    simulation.play(in_time(picture, audio(sound_stream, sounds(200), 0.3), reports))
    simulation.finish(4.3)
    late = [time for time, _ in decoded(simulation.path) if time > 1.0]
    assert all(abs(time * FPS - round(time * FPS)) < 0.02 for time in late), "as sent, less 300 ms"
    times = [time for time, _ in decoded(simulation.path)]
    assert times[-1] == pytest.approx(0.0 + 119 / FPS, abs=0.02)


def test_a_stream_that_jumps_in_time_goes_on_where_it_arrives(simulation: Simulation) -> None:
    stream = Stream("video", 11)
    picture = video(stream, pictures(320, 180, 30))
    stream.timestamp = 3_000_000_000
    picture += video(stream, pictures(320, 180, 30), 1.0)
    simulation.play(in_time(picture, audio(Stream("audio", 22), sounds(100))))
    simulation.finish(2.0)
    assert decoded(simulation.path)[-1][0] == pytest.approx(59 / FPS, abs=0.02)


def test_another_taps_packets_are_heard_only_after_retap(simulation: Simulation) -> None:
    other = ("127.0.0.1", 40_001)
    simulation.play(programme(1.0))
    first = simulation.reception.result(0)
    second = [d._replace(at=d.at + 1.0) for d in programme(1.0)]
    simulation.play(second, other)
    ignored = simulation.reception.result(0)
    assert ignored.frames == first.frames and ignored.foreign == len(second)
    simulation.reception.retap(TAP)
    simulation.play([d._replace(at=d.at + 2.0) for d in programme(1.0)], other)
    result = simulation.finish(3.0)
    assert result.frames == 60 and len(decoded(simulation.path)) == 60


def test_a_codec_that_cannot_be_written_leaves_the_sound(simulation: Simulation) -> None:
    simulation.reception.retap(TapFormat("VP8", 102, 90_000, "opus", 111, 48_000, 2))
    simulation.play(programme(3.0))
    result = simulation.finish(3.0)
    assert (result.frames, result.sounds) == (0, 150) and len(decoded(simulation.path)) == 1


def test_unreadable_parameter_sets_do_not_end_the_recording(simulation: Simulation) -> None:
    stream = Stream("video", 11)
    picture = video(stream, [b"\0\0\0\1\x67\x01\x02\0\0\0\1\x68\xce\0\0\0\1\x65\x88\x80"] * 3)
    picture += video(stream, pictures(320, 180, 30), 0.2)
    simulation.play(picture)
    assert simulation.finish(2.0).frames == 33
    assert probe(simulation.path) == pytest.approx(2.0, abs=0.05)


ARBITRARY = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda kind, seq, ts, ssrc, payload, marker: bytes(
            Stream(kind, ssrc, seq, ts).send(0, [payload, b""][: 1 if marker else 2], 0)[0].data
        ),
        st.sampled_from(["video", "audio"]),
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.integers(1, 3),
        st.binary(max_size=60),
        st.booleans(),
    ),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["video", "audio"]), ARBITRARY, st.floats(0, 2)), max_size=60))
def test_hostile_datagrams_never_crash_and_the_file_plays(tmp_path: Path, datagrams: list[tuple[str, bytes, float]]) -> None:
    path = tmp_path / "hostile.mp4"
    path.unlink(missing_ok=True)
    simulation = Simulation(path)
    simulation.play(in_time([Datagram(at, kind, data) for kind, data, at in datagrams]))  # type: ignore[arg-type]
    assert simulation.finish(2.0).error == ""
    assert probe(path) == pytest.approx(2.0, abs=0.5)


def test_packets_that_complete_no_picture_do_not_pile_up(simulation: Simulation) -> None:
    """FU-A without an end, for ever."""
    stream = Stream("video", 11)
    for number in range(6000):
        datagram = stream.send(number / 1000, [b"\x7c\x85" + bytes(1200), b""], 0)[0]
        simulation.reception.receive("video", datagram.data, SOURCE, number / 1000)
        stream.sequence -= 1
    held = simulation.reception._pictures
    assert sum(map(len, held._fragments or [])) + sum(map(len, held._nals)) <= 4 << 20
    assert simulation.finish(6.0).frames == 0
