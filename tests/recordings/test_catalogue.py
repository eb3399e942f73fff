from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import boxes
from recordings.catalogue import Busy, Catalogue, probe
from tests.recordings.media import Simulation, decoded, programme


@pytest.mark.parametrize("recording_id", ["", ".", "..", "../x", "a/b", "a\\b", "a.mp4", "a\n", "a\0", "å", "x" * 65])
def test_what_is_no_id_has_no_path(tmp_path: Path, recording_id: str) -> None:
    with pytest.raises(ValueError):
        Catalogue(tmp_path).path(recording_id)


@given(st.text(max_size=80))
def test_no_text_leads_out_of_the_directory(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert Catalogue(Path("/recordings")).path(text).parent == Path("/recordings")


def test_entries_are_the_recordings_and_nothing_else(tmp_path: Path) -> None:
    for name in ("s1-r2.mp4", "s1-r1.mp4", "notes.txt", "not an id.mp4"):
        (tmp_path / name).write_bytes(b"12345")
    (tmp_path / "folder.mp4").mkdir()
    assert [(entry.recording_id, entry.size) for entry in Catalogue(tmp_path).entries()] == [("s1-r1", 5), ("s1-r2", 5)]
    assert Catalogue(tmp_path / "none").entries() == []


def test_a_recording_cut_off_anywhere_is_recovered(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    whole = Simulation(catalogue.path("whole"))
    whole.play(programme(3.0))
    whole.kill()
    data = catalogue.path("whole").read_bytes()
    path = catalogue.path("cut")
    for cut in range(len(data), 34_500, -len(data) // 12):
        path.write_bytes(data[:cut])
        with path.open("rb") as file:
            layout = boxes.scan(file)
        if not layout.fragments:
            assert catalogue.recover("cut") is None
            continue
        assert probe(path) is not None, "it plays as it is"
        seconds = catalogue.recover("cut")
        assert seconds == pytest.approx(probe(path) or 0, abs=0.05)
        assert len(decoded(path)) == sum(each.times[boxes.VIDEO_TRACK][1] for each in layout.fragments) / 3000
        assert catalogue.recover("cut") == seconds, "harmless when repeated"


def test_recovery_of_what_never_began(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    assert catalogue.recover("never") is None
    for number, data in enumerate([b"", b"\0\0\0", b"not a film at all"]):
        catalogue.path(f"r{number}").write_bytes(data)
        assert catalogue.recover(f"r{number}") is None
        assert probe(catalogue.path(f"r{number}")) is None


def test_a_recording_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)
    simulation = Simulation(catalogue.path("r1"))
    with pytest.raises(Busy):
        catalogue.recover("r1")
    simulation.kill()
    assert probe(tmp_path / "missing.mp4") is None
