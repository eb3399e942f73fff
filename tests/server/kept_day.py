"""A day that is worth keeping, and a backup of it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rooms import messages as m
from server.archive import Manifest
from server.backup import back_up
from server.database import Database
from server.settings import Settings
from server.tables import answers
from tests.server.board_day import FULL_DAY, at, conference_file, write_events, write_full_day, write_rows

NOW: Final = datetime(2026, 3, 25, 13, tzinfo=UTC)
ROOM: Final = "rule-of-law"
FILMS: Final = {"rule-of-law-r1.mp4": os.urandom(300_000), "rule-of-law-r1.webm": b"webm", "rule-of-law-r2.mp4": b"film"}
S1: Final = "session/s1"
SECRET: Final = "0123456789abcdef" * 2  # so that links are the same, and with them what the pages say of them


async def a_full_day(directory: Path, settings: Settings) -> None:
    """A day with everything in it, two recordings that are finished and one that is being made."""
    write_files(directory)
    database = Database(settings.database)
    await database.open()
    await write_full_day(database, people=40)
    named = {"poll_id": f"{ROOM}-p1", "option": 1}
    secret = [{"poll_id": f"{ROOM}-p2", "voter": f"{number:06}", "option": number // 2} for number in range(5)]
    await write_rows(database, answers, [*({**named, "voter": f"p{number}"} for number in range(9)), *secret])
    for number in (1, 2):
        recording_id = f"{ROOM}-r{number}"
        await write_events(database, f"session/{ROOM}", m.RecordingStarted(recording_id, "m1", at(60)))
        await write_events(database, f"session/{ROOM}", m.RecordingStopped(recording_id, at(70), ""))
        await write_events(database, f"session/{ROOM}", m.RecordingAvailable(recording_id, 600.0))
    await database.close()
    settings.recordings.mkdir(parents=True)
    for name, content in FILMS.items():
        (settings.recordings / name).write_bytes(content)


def write_files(directory: Path) -> None:
    directory.mkdir()
    (directory / "conference.toml").write_text(conference_file(FULL_DAY))
    (directory / "people.csv").write_text("name;email\nAnna Ek;anna@example.org\n")


async def made(settings: Settings, path: Path) -> Manifest:
    database = Database(settings.database)
    await database.open()
    try:
        return await back_up(database, settings, path, NOW)
    finally:
        await database.close()
