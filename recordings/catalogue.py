"""Which recordings there are. A recording is one file, named by its id; nothing else is kept about it here."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Final

from msgspec import Struct

from recordings import boxes
from recordings.cmaf import Busy, finish, open_locked

ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Entry(Struct, frozen=True):
    """A recording's file. `size` is in bytes, `modified_at` in Unix seconds."""

    recording_id: str
    size: int
    modified_at: float


class Catalogue:
    """The recordings in `directory`, which need not exist yet. Blocking: call it from a thread where that matters."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, recording_id: str) -> Path:
        """Where a recording lies or will lie. Raises `ValueError` for what is no id, so that no path can be smuggled in."""
        if not ID.fullmatch(recording_id):
            raise ValueError("not a recording's id")
        return self._directory / f"{recording_id}.mp4"

    def entries(self) -> list[Entry]:
        """All recordings, also those being written, by id."""
        found = []
        for path in self._directory.glob("*.mp4"):
            if ID.fullmatch(path.stem) and path.is_file():
                status = path.stat()
                found.append(Entry(path.stem, status.st_size, status.st_mtime))
        return sorted(found, key=lambda entry: entry.recording_id)

    def recover(self, recording_id: str) -> float | None:
        """Finishes a recording whose recorder was killed: cuts off the half-written end, adds the index. Harmless for one
        that is finished. Returns its duration in seconds, None where there is nothing that plays. Raises `Busy` while a
        recorder still writes."""
        path = self.path(recording_id)
        if not path.is_file():
            return None
        with open_locked(path) as file:
            duration = finish(file) or None
            if duration and boxes.pictures_in(boxes.read_head(file)) == "VP8":
                remux(path, self._webm(recording_id))
        return duration

    def playable(self, recording_id: str) -> Path:
        """What browsers are given: the recording, of one in VP8 its WebM, which more of them play. It may not exist."""
        webm = self._webm(recording_id)
        return webm if webm.is_file() else self.path(recording_id)

    def delete(self, recording_id: str) -> bool:
        """Removes a recording's files; whether there were any. Raises `Busy` while a recorder still writes."""
        path = self.path(recording_id)
        if path.is_file():
            with open_locked(path):
                pass
        found = [each for each in (path, self._webm(recording_id), path.with_suffix(".part")) if each.is_file()]
        for each in found:
            each.unlink(missing_ok=True)
        return bool(found)

    def _webm(self, recording_id: str) -> Path:
        return self.path(recording_id).with_suffix(".webm")


def remux(source: Path, target: Path) -> None:
    """The same pictures and sounds as WebM: nothing is encoded. Takes the place of an older one when it is whole; where it
    cannot be written (the disk is full), there is none, and the recording is what it was."""
    import av  # late: a server that has no such recording to put right never needs FFmpeg

    part = target.with_suffix(".part")
    try:
        with av.open(str(source)) as reads, av.open(str(part), "w", format="webm") as writes:
            streams = {stream.index: writes.add_stream_from_template(stream) for stream in reads.streams}
            for packet in reads.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    writes.mux(packet)
        part.replace(target)
    except (av.FFmpegError, OSError):
        for each in (part, target):
            with contextlib.suppress(OSError):
                each.unlink(missing_ok=True)


def probe(path: Path) -> float | None:
    """The duration in seconds as a player sees it; None where it cannot open the file."""
    import av  # late, as in `remux`

    try:
        with av.open(str(path)) as container:
            return container.duration / av.time_base if container.duration else None
    except (av.FFmpegError, OSError):
        return None


__all__ = ["ID", "Busy", "Catalogue", "Entry", "probe"]
