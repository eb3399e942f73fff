"""A backup's file: an uncompressed tar of known names, whose last member says what must be in it, with checksums.

It is written in one go, in memory that does not grow with it, and read by no more trust than any file deserves: regular
members only, of names that a backup can have, each as long and with the SHA-256 that the manifest says. The checksums find
damage; whoever can change the file can change them too. Neighbours: `backup`, which writes one, and `restore`.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import msgspec
from msgspec import Struct

from server.shown import shown

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = "plenum.db"
NAMES: Final = re.compile(
    r"conference\.toml|people\.csv|plenum\.toml|plenum\.db|recordings/[A-Za-z0-9_-]{1,64}\.(?:mp4|webm)"
)
MOST_MANIFEST: Final = 64 << 20  # bytes; a file is a hundred of them
CHUNK: Final = 1 << 20

_DAMAGED: Final = (tarfile.TarError, ValueError, EOFError, OverflowError, OSError)  # what `tarfile` says to rubbish


class ArchiveError(Exception):
    """A backup cannot be read. The message is one clear line."""


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup: its size in bytes, and its SHA-256 in hex."""

    name: str
    size: int
    sha256: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a backup. `schema`: the revision of its database. `left_out`: what is not in it, and why, in words."""

    conference: str
    made_at: str  # RFC 3339; everything that was acknowledged before is in it
    schema: str
    files: tuple[File, ...]
    rows: dict[str, int]  # by table
    left_out: tuple[str, ...] = ()
    format: int = FORMAT


class _Format(Struct):
    """All that may be asked of a manifest before it is known how to read it."""

    format: int


class Writer:
    """`add` files, then `finish`. What cannot be written raises `OSError`."""

    def __init__(self, file: BinaryIO) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self.files: list[File] = []

    def add(self, name: str, source: BinaryIO) -> None:
        """As much of a regular file as there is now."""
        status = os.fstat(source.fileno())
        reader = _Hashing(source)
        self._tar.addfile(_member(name, status.st_size, int(status.st_mtime)), reader)
        self.files.append(File(name, status.st_size, reader.digest.hexdigest()))

    def finish(self, manifest: Manifest) -> None:
        """The last word, which vouches for itself in a line of its own."""
        body = msgspec.json.encode(manifest)
        text = body + b"\n" + hashlib.sha256(body).hexdigest().encode() + b"\n"
        self._tar.addfile(_member(MANIFEST, len(text), 0), io.BytesIO(text))
        self._tar.close()


class Reader:
    """A backup that was found to be whole."""

    def __init__(self, tar: tarfile.TarFile, members: dict[str, tarfile.TarInfo], manifest: Manifest) -> None:
        self._tar = tar
        self._members = members
        self.manifest = manifest

    def extract(self, file: File, target: Path) -> None:
        """Writes one file, which must not be there yet, durably, and for its owner only. Raises `ArchiveError` if it is not
        what it was a moment ago."""
        member = self._members[file.name]
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            digest = hashlib.sha256()
            for chunk in _chunks(self._tar, member):
                digest.update(chunk)
                out.write(chunk)
            out.flush()
            os.fsync(out.fileno())
        os.utime(target, (member.mtime, member.mtime))
        if digest.hexdigest() != file.sha256:
            raise ArchiveError(f"{file.name} in the backup has changed while it was read")


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Reads all of a backup once, and compares. Raises `ArchiveError`, or `OSError` if there is no such file."""
    with ExitStack() as stack:
        file = stack.enter_context(path.open("rb"))
        try:
            tar = stack.enter_context(tarfile.open(fileobj=file, mode="r:"))
            members, found, manifest = _read(tar)
            _compare(found, manifest)
        except ArchiveError as error:
            raise ArchiveError(f"{path}: {error}") from None
        except _DAMAGED as error:
            raise ArchiveError(f"{path} is no backup of Plenum's, or it is damaged ({error})") from None
        yield Reader(tar, members, manifest)


def _read(tar: tarfile.TarFile) -> tuple[dict[str, tarfile.TarInfo], tuple[File, ...], Manifest]:
    members: dict[str, tarfile.TarInfo] = {}
    found: list[File] = []
    manifest: Manifest | None = None
    for member in tar:
        name = member.name
        if manifest is not None:
            raise ArchiveError("something follows the end of the backup")
        if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse() or member.size < 0:
            raise ArchiveError(f"{shown(name)} is no plain file: this was not made by plenum backup")
        if name == MANIFEST:
            manifest = _manifest(tar, member)
        elif not NAMES.fullmatch(name) or name in members:
            raise ArchiveError(f"{shown(name)} is not in a backup, or not twice: this was not made by plenum backup")
        else:
            members[name] = member
            found.append(_summed(tar, member))
    if manifest is None:
        raise ArchiveError("the backup is not whole: its end is missing")
    return members, tuple(found), manifest


def _summed(tar: tarfile.TarFile, member: tarfile.TarInfo) -> File:
    digest = hashlib.sha256()
    for chunk in _chunks(tar, member):
        digest.update(chunk)
    return File(member.name, member.size, digest.hexdigest())


def _manifest(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Manifest:
    if member.size > MOST_MANIFEST:
        raise ArchiveError("the backup's list of contents is too long")
    body, _, rest = b"".join(_chunks(tar, member)).partition(b"\n")
    if rest != hashlib.sha256(body).hexdigest().encode() + b"\n":
        raise ArchiveError("the backup's list of contents is damaged")
    try:
        if msgspec.json.decode(body, type=_Format).format > FORMAT:
            raise ArchiveError("the backup was made by a newer Plenum: update this one first")
        return msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as error:
        raise ArchiveError(f"the backup's list of contents cannot be read ({error})") from None


def _compare(found: tuple[File, ...], manifest: Manifest) -> None:
    there = {file.name: file for file in found}
    for file in manifest.files:
        if there.pop(file.name, None) != file:
            raise ArchiveError(f"{shown(file.name)} is damaged or missing; nothing was restored")
    if there:
        raise ArchiveError(f"{shown(next(iter(there)))} is not in the backup's list of contents")


def _chunks(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[bytes]:
    source = tar.extractfile(member)
    assert source is not None, "a regular file"
    left = member.size
    while left:
        chunk = source.read(min(CHUNK, left))
        if not chunk:
            raise ArchiveError("the backup is not whole: its end is missing")
        left -= len(chunk)
        yield chunk


def _member(name: str, size: int, modified_at: int) -> tarfile.TarInfo:
    """Nothing of the machine it comes from: no owner, no path."""
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = size, modified_at, 0o600
    return member


class _Hashing:
    """A file that is summed while it is read."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self.digest.update(data)
        return data
