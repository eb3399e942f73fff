"""What tests of commands share: how one runs, and what it said."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

Plenum = Callable[..., "Result"]


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


class Result(Struct):
    status: int
    out: str
    err: str


def complaint(result: Result) -> str:
    """The one line with which a command failed."""
    assert result.status == 2
    *details, last, end = result.err.split("\n")
    assert end == ""
    assert last.startswith("plenum: ")
    assert "Traceback" not in result.err
    assert not details, details
    return last


def change(path: str, old: str, new: str) -> None:
    text = Path(path).read_text(encoding="utf-8")
    assert old in text
    Path(path).write_text(text.replace(old, new), encoding="utf-8")


def urls(result: Result) -> dict[str, str]:
    return {row["email"].partition("@")[0]: row["url"] for row in json.loads(result.out)}
