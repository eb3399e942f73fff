"""The command line: `plenum`, or `python -m server`. Errors are one line on standard error and exit status 2."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Final, NoReturn

import typer

from server.cli.backup import backup, restore
from server.cli.conference import check, init, run
from server.cli.copy import copy
from server.cli.demo import demo
from server.cli.doctor import doctor
from server.cli.export import export
from server.cli.failure import describe
from server.cli.people import import_people, links
from server.cli.person import erase_person, export_person

FAILED: Final = 2
INTERRUPTED: Final = 130  # as a shell tells of SIGINT


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


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs a command and exits."""
    sys.exit(_run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    try:
        result = build_app()(args=list(arguments) or ["--help"], prog_name="plenum", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except typer.TyperException as error:  # wrong options and arguments
        message = error.format_message().replace("Value error, ", "").rstrip(".")
        return _fail(f"{message}; see `plenum --help`")
    except typer.Exit as error:
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader went away (`| head`); nothing more is to be flushed
        return 0
    except Exception as error:
        if os.environ.get("PLENUM_LOG_LEVEL", "").lower() == "debug":
            traceback.print_exc()
        line = describe(error)
        return _fail(line or f"unexpected error: {error!r}; PLENUM_LOG_LEVEL=debug shows where")


def _fail(line: str) -> int:
    typer.echo(f"plenum: {' '.join(line.split())}", err=True)
    return FAILED


if __name__ == "__main__":
    main()
