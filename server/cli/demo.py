"""`plenum demo`: a living conference on this machine. The conference itself is in `server/demo/`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port of the pages.")] = 8000,
    attendees: Annotated[int, typer.Option(min=0, max=2000, help="How many simulated attendees take part.")] = 120,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Do not open a browser.")] = False,
    links_json: Annotated[
        Path | None, typer.Option("--links-json", metavar="FILE", help="Also write the links to this file.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-C", metavar="DIR", help="Keep the conference here; else it is thrown away."),
    ] = None,
) -> None:
    """Run a simulated conference that is held today.

    A speaker sends sound and picture, attendees come and go, ask and answer. Ctrl-C stops everything.

    Example: plenum demo --attendees 40 --port 8080
    """
    from server.demo.run import run_demo  # late: the media libraries take a while, and no other command needs them

    run_demo(port=port, attendees=attendees, open_browser=not no_browser, links_json=links_json, directory=directory)
