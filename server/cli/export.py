"""`plenum export`."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from server.cli.failure import Failure
from server.cli.opening import opened, settings_of
from server.cli.workspace import HERE, Directory
from server.settings import Settings

if TYPE_CHECKING:
    from server.export import Table


class What(StrEnum):
    ATTENDANCE = "attendance"
    ANSWERS = "answers"
    QUESTIONS = "questions"


class Form(StrEnum):
    CSV = "csv"
    JSON = "json"


def export(
    what: Annotated[What, typer.Argument(help="Which table.")],
    directory: Directory = HERE,
    form: Annotated[Form, typer.Option("--format", help="csv opens in Excel.")] = Form.CSV,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Instead of standard output.")
    ] = None,
    semicolons: Annotated[
        bool, typer.Option("--semicolons", help="Semicolons, as Excel in Nordic languages wants.")
    ] = False,
) -> None:
    """Write attendance, answers or questions as a table.

    Works while the conference runs and long after. Anonymous polls are counts, never rows.

    Example: plenum export attendance --format csv --output attendance.csv
    """
    from server import export as tables  # late: no other command needs it, and it takes a while

    table = asyncio.run(_read(settings_of(directory), what))
    text = tables.to_json(table) + "\n" if form is Form.JSON else tables.to_csv(table, ";" if semicolons else ",")
    data = text.encode()  # whatever the terminal's encoding is
    if output is not None:
        output.write_bytes(data)
        typer.echo(f"wrote {len(table)} rows to {output}", err=True)
    else:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


async def _read(settings: Settings, what: What) -> Table:
    from server.export import rows

    if not settings.has_database:
        raise Failure("nothing has happened yet: the conference has never run")
    async with opened(settings) as database:
        return await rows(database, what.value)
