"""Backing up a conference, while it runs or not: one file with its database, its finished recordings and its files.

The database is one moment of it (`copying`, into an SQLite file, whatever it comes from), without the voters of secret
ballots (`sealing`). What is finished in that moment is finished on the disk, so recordings are read after it. Never in it:
keys of ballots, the server's secret and other secrets (docs/decisions/0012). Neighbours: `archive`, `restore`.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from recordings.catalogue import Catalogue
from rooms import messages as m
from server import copying
from server.archive import DATABASE, Manifest, Writer
from server.database import Database, opened
from server.database.schema import HEAD
from server.durable import sync_folder
from server.journal import Journal
from server.report_facts import project
from server.sealing import SEALED
from server.settings import SECRETS, Settings
from server.settings_sources import FILE_NAME
from server.starter import PEOPLE, PROGRAMME
from server.toml_lines import Lines

ENDING: Final = ".plenum.tar"
WORK: Final = ".plenum-backup-"  # folders beside a backup while it is being made


def place(target: Path, directory: Path, at: datetime) -> Path:
    """Where a backup goes: `target` itself, or, if that is a folder, a file in it, named like
    `spring-conference-20260325T090000Z.plenum.tar`. Raises `FileExistsError` if that is taken."""
    path = target / f"{_slug(directory)}-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}{ENDING}" if target.is_dir() else target
    if path.exists():
        raise FileExistsError(errno.EEXIST, "is there already; nothing was overwritten", str(path))
    return path


async def back_up(source: Database, settings: Settings, path: Path, at: datetime) -> Manifest:
    """Writes a backup to `path`. Under its name there is a whole backup or none, whatever happens. Raises `OSError`, or what
    the database raises."""
    with _workplace(path.parent) as work:
        async with opened(work / DATABASE) as snapshot:
            rows = await copying.copy(source, snapshot, SEALED)
            conference, sessions = await project(Journal(snapshot))
        name = conference.programme.name if conference.programme else settings.directory.name
        draft = Manifest(name, _time(at), HEAD, (), rows, tuple(_open_ballots(conference, sessions)))
        manifest = await asyncio.to_thread(_write, work, settings, draft, sessions)
        _publish(work / ENDING, path)
    return manifest


def remove_older(folder: Path, directory: Path, keep: int) -> list[Path]:
    """Removes all but the last `keep` backups of one conference, by their names; returns which. Whatever else is there is
    left alone."""
    ours = re.compile(re.escape(_slug(directory)) + r"-\d{8}T\d{6}Z" + re.escape(ENDING))
    found = sorted(path for path in folder.iterdir() if ours.fullmatch(path.name))
    older = found[: max(len(found) - keep, 0)]
    for path in older:
        path.unlink()
    return older


def _write(work: Path, settings: Settings, draft: Manifest, sessions: dict[str, m.RoomState]) -> Manifest:
    """The archive, durably, beside the snapshot of the database that goes into it."""
    left_out = list(draft.left_out)
    with os.fdopen(os.open(work / ENDING, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        writer = Writer(file)
        with (work / DATABASE).open("rb") as database:
            writer.add(DATABASE, database)
        for name, path in _files(settings, work, left_out):
            with path.open("rb") as found:
                writer.add(name, found)
        for name, path in _recordings(settings, sessions, left_out):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as found:  # its time was up meanwhile
                writer.add(name, found)
        manifest = Manifest(draft.conference, draft.made_at, draft.schema, tuple(writer.files), draft.rows, tuple(left_out))
        writer.finish(manifest)
        file.flush()
        os.fsync(file.fileno())
    return manifest


def _files(settings: Settings, work: Path, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """The conference's own files, where they are."""
    for name in (PROGRAMME, PEOPLE):
        if (settings.directory / name).is_file():
            yield name, settings.directory / name
    path = settings.directory / FILE_NAME
    if not path.is_file():
        return
    text, hidden = without_secrets(path.read_text(encoding="utf-8", errors="replace"))
    left_out += [f"{name} in {FILE_NAME}: secrets are to be set again" for name in hidden]
    if text is None:
        left_out.append(f"{FILE_NAME}: the secrets in it could not be told from the rest")
        return
    (work / FILE_NAME).write_text(text, encoding="utf-8")
    yield FILE_NAME, work / FILE_NAME


def without_secrets(text: str) -> tuple[str | None, tuple[str, ...]]:
    """A `plenum.toml` with comments where secrets and the address of the database were, and their names; None if that cannot
    be done. Paths of files with secrets stay: without them the start says what is missing."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return None, ()
    hidden = tuple(name for name in found if name in SECRETS or name == "database_url_file")
    lines = text.split("\n")
    places = Lines(text)
    for name in hidden:
        lines[places.of((name,)) - 1] = f"# {name}: left out of the backup"
    changed = "\n".join(lines)
    try:
        is_right = tomllib.loads(changed) == {name: value for name, value in found.items() if name not in hidden}
    except tomllib.TOMLDecodeError:
        is_right = False
    tells = any(found[name] and str(found[name]) in changed for name in hidden)
    return (changed if is_right and not tells else None), hidden


def _recordings(settings: Settings, sessions: dict[str, m.RoomState], left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Those that were finished in the moment of the snapshot: nobody writes to them any more."""
    catalogue = Catalogue(settings.recordings)
    for recording in (one for room in sessions.values() for one in room.recordings.values()):
        path = catalogue.path(recording.id)
        if recording.status in ("running", "stopped"):
            left_out.append(f"recording {recording.id}: it is still being made")
        elif not path.is_file():
            if recording.status == "available":
                left_out.append(f"recording {recording.id}: its file is not there")
        else:
            for each in {path, catalogue.playable(recording.id)}:
                yield f"recordings/{each.name}", each


def _open_ballots(conference: m.ConferenceState, sessions: dict[str, m.RoomState]) -> Iterator[str]:
    for poll in (one for room in sessions.values() for one in room.polls.values()):
        if poll.anonymous and poll.phase == "open":
            yield f"answers to poll {poll.id}: it is open and secret, and would be voted on again after a restore"
    if conference.survey.phase == "open":
        yield "who gave which answer to the evaluation: it is open, and after a restore all could answer once more"


@contextmanager
def _workplace(folder: Path) -> Iterator[Path]:
    """A folder of one's own in `folder`, for the owner's eyes only. What earlier backups left that were killed goes."""
    with ExitStack() as stack:
        with _locked(folder):  # nobody takes the new one for a left one before it is locked
            for left in folder.glob(f"{WORK}*"):
                with contextlib.suppress(OSError), _locked(left, fcntl.LOCK_NB):
                    shutil.rmtree(left, ignore_errors=True)
            work = Path(tempfile.mkdtemp(prefix=WORK, dir=folder))
            stack.enter_context(_locked(work))
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        yield work


@contextmanager
def _locked(folder: Path, how: int = 0) -> Iterator[None]:
    """With `LOCK_NB`, raises `BlockingIOError` while somebody else has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | how)
        yield
    finally:
        os.close(descriptor)


def _publish(made: Path, path: Path) -> None:
    made.rename(path)
    sync_folder(path.parent)


def _slug(directory: Path) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", directory.name).strip("-") or "conference"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
