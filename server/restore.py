"""Restoring a conference from a backup into an empty place, which may be on another machine and have another database.

Everything is read and compared before anything is written. Files are all there, durably, before a database elsewhere is
filled: after that only `conference.toml` gets its name. Without it no command takes the place for a conference, so one that
was restored by half cannot be started. Neighbours: `archive`, `backup`.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

from server import copying
from server.archive import DATABASE, ArchiveError, File, Manifest, Reader, opened
from server.database import opened as database_at
from server.database.schema import REVISIONS
from server.durable import sync_folder
from server.settings import Settings
from server.starter import PROGRAMME

KNOWN: Final = frozenset(REVISIONS)
PART: Final = f"{PROGRAMME}.part"
OF_THE_SYSTEM: Final = frozenset({"lost+found"})  # of an empty disk


def check(archive: Path) -> Manifest:
    """What is in a backup, once all of it has been read and compared. Raises `ArchiveError`, or `OSError`."""
    with opened(archive) as reader:
        return _checked(reader)


async def restore(archive: Path, settings: Settings) -> Manifest:
    """Restores into `settings.directory`, which must be empty or missing, and into the database of the settings, which must
    be empty, too. Leaves nothing behind if it fails. Raises `ArchiveError`, `OSError` or `DatabaseFailure`."""
    with opened(archive) as reader:
        manifest = _checked(reader)
        if (found := first_file(settings.directory)) is not None:
            raise ArchiveError(f"{found} is there already: a backup is only restored into an empty place")
        made: list[Path] = []
        try:
            await asyncio.to_thread(_extract, reader, settings, made)
            await _fill(settings)
            await asyncio.to_thread(_name_programme, settings, made)
        except BaseException:
            for path in reversed(made):
                with contextlib.suppress(OSError):
                    path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
            raise
    return manifest


def first_file(directory: Path) -> Path | None:
    """Anything but empty folders."""
    if not directory.exists():
        return None
    paths = (path for path in sorted(directory.rglob("*")) if path.name not in OF_THE_SYSTEM)
    return next((path for path in paths if path.is_symlink() or not path.is_dir()), None)


def _checked(reader: Reader) -> Manifest:
    manifest = reader.manifest
    if manifest.schema not in KNOWN:
        raise ArchiveError("the backup's database is newer than this Plenum: update Plenum first")
    names = {file.name for file in manifest.files}
    for name in (DATABASE, PROGRAMME):
        if name not in names:
            raise ArchiveError(f"the backup has no {name}: it was not made by plenum backup")
    return manifest


def _extract(reader: Reader, settings: Settings, made: list[Path]) -> None:
    """Everything; the programme under another name for now."""
    for folder in (settings.directory, settings.data):
        _make(folder, made)
    if any(file.name.startswith("recordings/") for file in reader.manifest.files):
        _make(settings.recordings, made)
    for file in reader.manifest.files:
        path = _place(settings, file)
        made += [path] if file.name != DATABASE else [path, *_neighbours(path)]
        reader.extract(file, path)
    for folder in (settings.recordings, settings.data, settings.directory):
        if folder.is_dir():
            sync_folder(folder)


def _name_programme(settings: Settings, made: list[Path]) -> None:
    path = settings.directory / PROGRAMME
    made.append(path)
    (settings.directory / PART).rename(path)
    sync_folder(settings.directory)


def _place(settings: Settings, file: File) -> Path:
    """The names are those of `archive.NAMES`: no path leads out of the place."""
    is_data = file.name == DATABASE or file.name.startswith("recordings/")
    return (settings.data if is_data else settings.directory) / (PART if file.name == PROGRAMME else file.name)


async def _fill(settings: Settings) -> None:
    """Brings the database up to date, and moves it to where the settings want it."""
    path = settings.data / DATABASE
    async with database_at(path) as found:
        if not isinstance(settings.database, Path):
            async with database_at(settings.database) as goal:
                await copying.copy(found, goal)
    if not isinstance(settings.database, Path):
        for each in (path, *_neighbours(path)):
            each.unlink(missing_ok=True)


def _neighbours(path: Path) -> tuple[Path, ...]:
    """SQLite's own, while it is open."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def _make(folder: Path, made: list[Path]) -> None:
    for each in reversed([folder, *folder.parents]):
        if not each.exists():
            made.append(each)
            each.mkdir(mode=0o700)
