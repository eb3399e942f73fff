"""All commands, and how they are read: by typer."""

from __future__ import annotations

from collections.abc import Sequence

import typer

from server.cli.backup import backup, restore
from server.cli.conference import check, init, run
from server.cli.copy import copy
from server.cli.demo import demo
from server.cli.doctor import doctor
from server.cli.export import export
from server.cli.failure import INTERRUPTED, Failure
from server.cli.people import import_people, links
from server.cli.person import erase_person, export_person


def build_app() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="plenum",
        help="Virtual conferences on your own server. Start with: plenum init DIR, or plenum demo.",
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for command in (init, check, run, links, export, copy, backup, restore, doctor, demo):
        app.command()(command)
    people = typer.Typer(help="Import people.", rich_markup_mode=None)
    people.command("import")(import_people)
    app.add_typer(people, name="people")
    person = typer.Typer(help="Everything about one person: write it out, or erase it.", rich_markup_mode=None)
    person.command("export")(export_person)
    person.command("erase")(erase_person)
    app.add_typer(person, name="person")
    return app


def run_command(arguments: Sequence[str]) -> int:
    """Runs a command and returns its exit status. Raises what it raises, and `Failure` for wrong options and arguments."""
    try:
        result = build_app()(args=list(arguments) or ["--help"], prog_name="plenum", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.TyperException as error:
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        raise Failure(f"{message}; see `plenum --help`") from None
    except typer.Exit as error:
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
