"""A backup's file: what is whole is read, and whatever else it may be is refused in words."""

from __future__ import annotations

import io
import re
import tarfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from server.archive import CHUNK, FORMAT, MANIFEST, ArchiveError, Manifest, Writer, opened
from server.database.schema import HEAD

CONTENTS: Final = {"plenum.db": b"d" * 5000, "conference.toml": b'name = "V\xc3\xa5r"', "recordings/s1-r1.mp4": bytes(900)}
LARGE: Final = 96 * CHUNK


def write(path: Path, contents: dict[str, bytes], change: Callable[[Manifest], Manifest] = lambda same: same) -> Path:
    source = path.with_suffix(".source")
    with path.open("wb") as file:
        writer = Writer(file)
        for name, content in contents.items():
            source.write_bytes(content)
            with source.open("rb") as found:
                writer.add(name, found)
        writer.finish(change(Manifest("Vår", "2026-03-25T09:00:00Z", HEAD, tuple(writer.files), {"events": 7})))
    return path


def extracted(path: Path, folder: Path) -> dict[str, bytes]:
    found = {}
    folder.mkdir()
    with opened(path) as reader:
        for number, file in enumerate(reader.manifest.files):
            reader.extract(file, folder / str(number))
            found[file.name] = (folder / str(number)).read_bytes()
    return found


def refusal(path: Path) -> str:
    with pytest.raises(ArchiveError) as refused, opened(path):
        pass
    told = str(refused.value)
    assert "\n" not in told and told.startswith(str(path))
    return told


def test_what_goes_in_comes_out_for_its_owner_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", CONTENTS)
    assert extracted(path, tmp_path / "out") == CONTENTS
    assert {each.stat().st_mode & 0o777 for each in (tmp_path / "out").iterdir()} == {0o600}


def test_what_is_there_already_is_not_overwritten(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", CONTENTS)
    for name in ("file", "link"):
        (tmp_path / "file").write_text("mine")
        if name == "link":
            (tmp_path / "link").symlink_to(tmp_path / "new")
        with opened(path) as reader, pytest.raises(FileExistsError):
            reader.extract(reader.manifest.files[0], tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine" and not (tmp_path / "new").exists()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_or_a_missing_end_is_noticed_or_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    whole = write(folder / "a.tar", CONTENTS)
    content = bytearray(whole.read_bytes())
    where = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[where] ^= data.draw(st.integers(1, 255))
    else:
        del content[where:]
    damaged = folder / "b.tar"
    damaged.write_bytes(content)
    try:
        assert extracted(damaged, folder / "out") == CONTENTS
    except ArchiveError as refused:
        assert str(damaged) in str(refused)


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "recordings/../x.mp4", "recordings/a/b.mp4", "data/keys/s1-p1.key", "secret.key", "plenum.db\n", ""],
)
def test_names_that_no_backup_has_are_refused(tmp_path: Path, name: str) -> None:
    told = refusal(write(tmp_path / "a.tar", {**CONTENTS, name: b"x"}))
    assert "not made by plenum backup" in told or "damaged" in told


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_only_plain_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("plenum.db")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)
    assert "no plain file" in refusal(path)


def test_nothing_may_be_twice_or_unlisted_or_after_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", CONTENTS)
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("people.csv"), io.BytesIO())
    assert "follows the end" in refusal(path)
    assert "list of contents" in refusal(write(tmp_path / "b.tar", CONTENTS, lambda all: replace(all, files=all.files[1:])))
    more = {"files": ()}
    assert "list of contents" in refusal(write(tmp_path / "c.tar", CONTENTS, lambda all: replace(all, **more)))
    missing = write(tmp_path / "d.tar", {"plenum.db": b"x"}, lambda all: replace(all, files=(*all.files, *all.files)))
    assert "damaged or missing" in refusal(missing)
    with tarfile.open(tmp_path / "e.tar", "w") as tar:
        for _ in range(2):
            tar.addfile(tarfile.TarInfo("plenum.db"), io.BytesIO())
    assert "not twice" in refusal(tmp_path / "e.tar")


def test_a_newer_format_is_told_from_damage(tmp_path: Path) -> None:
    newer = write(tmp_path / "a.tar", CONTENTS, lambda all: replace(all, format=FORMAT + 1))
    assert "newer Plenum" in refusal(newer)
    later = tmp_path / "b.tar"  # whatever else it says
    content = newer.read_bytes()
    later.write_bytes(re.sub(rb'"conference"', b'"conferensX"', content))
    assert "damaged" in refusal(later)


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"\x1f\x8b" + bytes(2000)])
def test_other_files_are_no_backups(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert refusal(tmp_path / "x")


def test_the_end_is_the_manifest_and_no_more_memory_is_taken_for_more(tmp_path: Path) -> None:
    source, path = tmp_path / "large", tmp_path / "a.tar"
    with source.open("wb") as file:
        file.truncate(LARGE)
    tracemalloc.start()
    try:
        with path.open("wb") as file, source.open("rb") as found:
            writer = Writer(file)
            writer.add("recordings/s1-r1.mp4", found)
            writer.finish(Manifest("x", "", HEAD, tuple(writer.files), {}))
        with opened(path) as reader:
            reader.extract(reader.manifest.files[0], tmp_path / "out")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (tmp_path / "out").stat().st_size == LARGE
    assert peak < 8 * CHUNK
    with tarfile.open(path) as tar:
        assert tar.getnames()[-1] == MANIFEST
