"""`plenum backup` and `plenum restore`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from server.cli.failure import Failure
from server.cli.opening import opened, quiet, settings_of
from server.cli.workspace import HERE, Directory
from server.settings import Settings
from server.settings_sources import PREFIX

if TYPE_CHECKING:
    from server.archive import Manifest

_UNITS: Final = ("bytes", "KiB", "MiB", "GiB")


def backup(
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR_OR_FILE", help="A folder, or the name of a new file.", show_default=False)
    ],
    directory: Directory = HERE,
    keep: Annotated[
        int | None, typer.Option(min=1, help="Remove all but the last so many of this conference in the folder.")
    ] = None,
) -> None:
    """Write everything that there is of a conference into one file, while it runs or not.

    Its database, finished recordings, conference.toml, people.csv and plenum.toml, as they were in one moment. Not in it, so
    that it opens nothing and tells no secret: the server's secret.key, other secrets, who answered what in secret ballots,
    and ballots that are open. It has personal data: keep it where only those can read it who may.

    Example: plenum backup -C spring-conference --to backups --keep 14
    """
    settings = settings_of(directory)
    if keep is not None and not to.is_dir():
        raise Failure("--keep needs a folder that exists after --to")
    if not settings.has_database:
        raise Failure("there is nothing to back up: the conference has never run")
    with _naming(to):
        path, manifest = asyncio.run(_back_up(settings, to))
    typer.echo(f"wrote {path}: {_size(path.stat().st_size)}, {_contents(manifest)}")
    _tell(manifest.left_out)
    if keep is not None:
        from server.backup import remove_older

        for older in remove_older(to, settings.directory, keep):
            typer.echo(f"removed {older}")


def restore(
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="What plenum backup wrote.", show_default=False)],
    directory: Annotated[
        Path | None,
        typer.Option(
            "--directory", "-C", metavar="DIR", envvar=f"{PREFIX}DIRECTORY", help="Where to: empty, or not there yet."
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Read and compare everything, and restore nothing.")] = False,
) -> None:
    """Restore a conference from a backup into an empty place.

    Everything is compared with its checksums before anything is written. With PLENUM_DATABASE_URL set, the database goes
    there, whatever it was. Personal links go on working; who was signed in follows theirs once more, unless data/secret.key
    or PLENUM_SECRET is what it was.

    Example: plenum restore backups/spring-conference-20260325T020000Z.plenum.tar -C spring-conference
    """
    from server.restore import check as checked  # late, as everything that needs the database

    if check:
        manifest = checked(archive)
        typer.echo(f"{archive} is whole: {_contents(manifest)}, of {manifest.made_at}")
    elif directory is None:
        raise Failure("-C DIR says where to restore to; --check only compares")
    else:
        settings = Settings.from_environment(directory=directory)
        with _naming(directory):
            manifest = asyncio.run(_restore(archive, settings))
        kind = "PostgreSQL" if settings.database_url else "SQLite"
        typer.echo(f"restored {directory} as it was at {manifest.made_at}: {_contents(manifest)}, in {kind}")
    _tell(manifest.left_out)


@contextmanager
def _naming(place: Path) -> Iterator[None]:
    """What the disk says, with the place where it says so."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = place
        raise


async def _back_up(settings: Settings, to: Path) -> tuple[Path, Manifest]:
    from server.backup import back_up, place

    at = datetime.now(UTC)
    path = place(to, settings.directory, at)
    async with opened(settings) as database:
        return path, await back_up(database, settings, path, at)


async def _restore(archive: Path, settings: Settings) -> Manifest:
    from server.restore import restore

    quiet()
    return await restore(archive, settings)


def _contents(manifest: Manifest) -> str:
    recordings = sum(file.name.endswith(".mp4") for file in manifest.files)
    return f"{sum(manifest.rows.values()):,} rows, {recordings} recording{'' if recordings == 1 else 's'}"


def _tell(left_out: Iterable[str]) -> None:
    for line in left_out:
        typer.echo(f"not in it: {line}")


def _size(count: float) -> str:
    unit = 0
    while count >= 1024 and unit + 1 < len(_UNITS):
        count, unit = count / 1024, unit + 1
    return f"{count:,.0f} {_UNITS[unit]}" if unit == 0 else f"{count:,.1f} {_UNITS[unit]}"
