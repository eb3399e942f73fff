"""`plenum doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from server.cli.failure import describe
from server.cli.opening import quiet, settings_of
from server.cli.workspace import HERE, Directory
from server.settings import Settings

if TYPE_CHECKING:
    from server.database.schema import Standing
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
    findings = [*examine(settings), asyncio.run(check_database(settings))]
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


async def check_database(settings: Settings) -> Finding:
    """That it can be used; one that is not there yet is not made, an older one not changed."""
    from server.doctor import Finding

    if not settings.has_database:
        return Finding("database", "ok", "none yet: the first start makes it")
    from server.database import Database  # late: it takes longer than most commands

    quiet()
    try:
        return _standing("PostgreSQL" if settings.database_url else "SQLite", await Database(settings.database).look())
    except Exception as error:  # told as any command would tell it
        remedy = (
            "check PLENUM_DATABASE_URL, and that PostgreSQL runs"
            if settings.database_url
            else "restore a backup, or mend the disk"
        )
        return Finding("database", "error", describe(error) or repr(error), remedy)


def _standing(kind: str, found: Standing) -> Finding:
    """What follows from a database's version."""
    from server.doctor import Finding

    if not found.revision:
        return Finding("database", "ok", f"{kind}: nothing in it yet, the first start makes the tables")
    if found.behind is None:
        remedy = "update Plenum, or restore a backup of this version's"
        return Finding("database", "error", f"{kind}: newer than this Plenum (it is {found.revision})", remedy)
    if found.behind:
        steps = "1 step" if found.behind == 1 else f"{found.behind} steps"
        remedy = "back it up with the Plenum that made it; then the next start, or any other command, brings it up to date"
        return Finding("database", "warning", f"{kind}: older than this Plenum by {steps} (it is {found.revision})", remedy)
    return Finding("database", "ok", f"{kind} can be used")
