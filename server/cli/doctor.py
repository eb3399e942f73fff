"""`plenum doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from server.cli.failure import describe
from server.cli.opening import opened, settings_of
from server.cli.workspace import HERE, Directory
from server.settings import Settings

if TYPE_CHECKING:
    from server.doctor import Finding


def doctor(
    directory: Directory = HERE,
    json: Annotated[bool, typer.Option("--json", help="For programs: one JSON object.")] = False,
) -> None:
    """Say what keeps the conference from working on this machine, and what to do about it.

    Ports, TLS, clock, disk, the media's ways, TURN, the database and Redis. Exit status 1 if something does not work;
    warnings do not count.

    Example: plenum doctor -C spring-conference
    """
    from server.doctor import examine  # late: no other command needs it, and it takes a while

    settings = settings_of(directory)
    findings = [*examine(settings), asyncio.run(_database(settings))]
    if settings.redis_url:
        from server.cluster.check import check_redis  # late: only where there are several nodes

        findings.append(asyncio.run(check_redis(settings.redis_url)))
    broken = any(one.level == "error" for one in findings)
    if json:
        typer.echo(msgspec.json.encode({"works": not broken, "findings": findings}).decode())
    else:
        for one in findings:
            typer.echo(f"{one.level:<8} {one.check:<9} {one.found}")
            if one.remedy:
                typer.echo(f"{'':<18} -> {one.remedy}")
    if broken:
        raise typer.Exit(1)


async def _database(settings: Settings) -> Finding:
    """That it can be opened; one that is not there yet is not made."""
    from server.doctor import Finding

    kind = "PostgreSQL" if settings.database_url else "SQLite"
    if not settings.has_database:
        return Finding("database", "ok", "none yet: the first start makes it")
    try:
        async with opened(settings):
            pass
    except Exception as error:  # told as any command would tell it
        remedy = (
            "check PLENUM_DATABASE_URL, and that PostgreSQL runs"
            if settings.database_url
            else "restore a backup, or mend the disk"
        )
        return Finding("database", "error", describe(error) or repr(error), remedy)
    return Finding("database", "ok", f"{kind} can be used")
