"""`plenum people` and `plenum links`: who takes part, and how each gets in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

import msgspec
import typer
from msgspec.structs import asdict

from rooms import messages as m
from server.cli.failure import Failure
from server.cli.opening import opened, settings_of
from server.cli.workspace import HERE, Directory, console, home_country
from server.municipalities import read_tables
from server.people_file import PeopleFileError, PeopleTable, read_people
from server.person import Import, Person, plan_import
from server.secret import read_secret
from server.settings import Settings
from server.shown import shown

# What needs the database is imported where it is used: SQLAlchemy takes longer than most commands.
if TYPE_CHECKING:
    from server.links import Link
    from server.people import People

MOST_SHOWN: Final = 400  # rows of each kind in the table of changes; a whole association is shown, ten thousand are not


def import_people(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV with headings: namn, e-post, kommun, ... or name, email, ...")
    ],
    directory: Directory = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Add and change people from a CSV file.

    Nothing is imported unless all rows are good. People are recognised by their e-mail address. Whoever is missing from
    the file stays.

    Example: plenum people import people.csv --dry-run
    """
    settings = settings_of(directory)
    table = _read(file, directory)
    for heading in table.ignored:
        typer.echo(f"the column {heading} is not used", err=True)
    plan = asyncio.run(_import(settings, table, dry_run=dry_run))
    _show_changes(plan)
    typer.echo(_summary(plan, dry_run=dry_run))


def links(
    directory: Directory = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for a mail merge.")] = False,
    role: Annotated[str | None, typer.Option(metavar="ROLE", help="Only people with this role.")] = None,
    revoke: Annotated[str | None, typer.Option(metavar="EMAIL", help="Withdraw this person's link instead.")] = None,
) -> None:
    """Print everybody's personal link; make missing ones.

    A link stays the same however often it is printed, until it is withdrawn with --revoke; the next `plenum links` then
    makes a new one. Whoever has somebody's link takes part in their name, so send each to its owner only.

    Example: plenum links --role speaker --json
    """
    if role is not None and role not in get_args(m.Role):
        raise Failure(f"there is no role {shown(role)}; roles are {', '.join(get_args(m.Role))}")
    settings = settings_of(directory)
    if revoke is not None:
        typer.echo(asyncio.run(_revoke(settings, revoke)))
        return
    found = asyncio.run(_links(settings, role))
    if not found:
        who = f"nobody has the role {role}" if role else "there is nobody yet"
        raise Failure(f"{who}; people come with `plenum people import FILE`")
    rows = [_link_row(settings, person, link) for person, link in found]
    if as_json:
        typer.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    widths = {key: max(len(row[key]) for row in rows) for key in ("name", "email")}
    for row in rows:
        typer.echo(f"{row['name']:{widths['name']}}  {row['email']:{widths['email']}}  {row['url']}")


def _read(file: Path, directory: Path) -> PeopleTable:
    try:
        return read_people(file, read_tables(), country=home_country(directory), year=datetime.now(UTC).year)
    except PeopleFileError as error:
        for problem in error.problems:
            typer.echo(
                f"{file}, row {problem.row}: {problem.reason}" if problem.row else f"{file}: {problem.reason}", err=True
            )
        count = len({problem.row for problem in error.problems})
        raise Failure(f"nothing was imported: {count} {'row is' if count == 1 else 'rows are'} bad") from None


async def _import(settings: Settings, table: PeopleTable, *, dry_run: bool) -> Import:
    if dry_run and not settings.has_database:
        return plan_import([], table.people)
    from server.people import People

    async with opened(settings) as database:
        people = People(database)
        await people.load()
        plan = plan_import(people.all(), table.people)
        if not dry_run:
            await people.apply(plan)
        return plan


def _show_changes(plan: Import) -> None:
    if plan.is_empty:
        return
    from rich.table import Table  # late: most commands print no table
    from rich.text import Text

    table = Table("", "name", "e-mail", "what", box=None, pad_edge=False)
    for person in plan.added[:MOST_SHOWN]:
        table.add_row("new", Text(person.name), Text(person.email), Text(_about(person)))
    for before, after in plan.changed[:MOST_SHOWN]:
        table.add_row("changed", Text(before.name), Text(before.email), Text("; ".join(_differences(before, after))))
    console().print(table)
    hidden = sum(max(0, len(kind) - MOST_SHOWN) for kind in (plan.added, plan.changed))
    if hidden:
        typer.echo(f"... and {hidden} more")


def _about(person: Person) -> str:
    place = f"{person.municipality} ({person.county})" if person.municipality else ""
    return ", ".join(filter(None, [place, person.title, str(person.year_appointed or ""), " + ".join(person.roles)]))


def _differences(before: Person, after: Person) -> Iterable[str]:
    old, new = asdict(before), asdict(after)
    for field in ("name", "municipality", "county", "population", "title", "year_appointed", "roles"):
        if old[field] != new[field]:
            yield f"{field.replace('_', ' ')}: {_cell(old[field])} → {_cell(new[field])}"


def _cell(value: Any) -> str:
    return " + ".join(value) if isinstance(value, tuple) else "–" if value in ("", None) else str(value)


def _summary(plan: Import, *, dry_run: bool) -> str:
    counts = f"{len(plan.added)} new, {len(plan.changed)} changed, {len(plan.unchanged)} unchanged"
    stay = f" {len(plan.missing)} who are not in the file stay as they are." if plan.missing else ""
    return f"{counts}.{stay}{' Nothing was saved: this was a dry run.' if dry_run else ''}"


async def _links(settings: Settings, role: str | None) -> list[tuple[Person, Link]]:
    from server.links import Links
    from server.people import People

    async with opened(settings) as database:
        people = People(database)
        await people.load()
        wanted = [person for person in people.all() if role is None or role in person.roles]
        issued = await Links(database, read_secret(settings)).ensure_all(person.id for person in wanted)
        return [(person, issued[person.id]) for person in wanted]


async def _revoke(settings: Settings, email: str) -> str:
    from server.links import Links
    from server.people import People

    async with opened(settings) as database:
        person = await with_email(People(database), email)
        if await Links(database, read_secret(settings)).revoke(person.id):
            return f"{person.name}'s link is withdrawn and they are signed out. `plenum links` makes a new one."
        return f"{person.name} has no link in force."


async def with_email(people: People, email: str) -> Person:
    await people.load()
    person = people.with_email(email)
    if person is None:
        raise Failure(f"nobody has the e-mail address {shown(email)}")
    return person


def _link_row(settings: Settings, person: Person, link: Link) -> dict[str, Any]:
    url = f"{settings.url}/join/{link.token}"
    return {"name": person.name, "email": person.email, "roles": list(person.roles), "url": url}
