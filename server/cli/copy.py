"""`plenum copy`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from server.cli.failure import Failure
from server.cli.opening import opened_at
from server.shown import shown


def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The database that has the conference.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="An empty one; an SQLite file is made if it is missing.")],
) -> None:
    """Copy a conference from SQLite to PostgreSQL, or back.

    FROM and TO are a conference's directory, an SQLite file, or postgresql://USER@HOST/NAME (passwords are best kept in
    ~/.pgpass). Stop the server first: what happens after the copy has begun is not in it. Everything is compared before the
    copy counts. Recordings, keys/ and secret.key are files in data/, and stay where they are.

    Example: plenum copy spring-conference postgresql://plenum@localhost/plenum
    """
    origin, goal = _place(source), _place(target)
    if isinstance(origin, Path) and not origin.is_file():
        raise Failure(f"there is no database {shown(str(origin))}")
    counts = asyncio.run(_copy(origin, goal))
    for name, count in counts.items():
        typer.echo(f"{name:<16}{count:>10,}")
    typer.echo(f"{sum(counts.values()):,} rows are copied and compared.")


def _place(text: str) -> Path | str:
    """What `Database` takes."""
    if text.startswith(("postgresql://", "postgres://")):
        return text
    path = Path(text)
    return path / "data" / "plenum.db" if path.is_dir() else path


async def _copy(origin: Path | str, goal: Path | str) -> dict[str, int]:
    from server import copying  # late, as everything that needs the database

    async with opened_at(origin) as source, opened_at(goal) as target:
        return await copying.copy(source, target)
