"""How `plenum run` reads its orders by itself, and when it leaves that to the command line's library."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.cli.running import Orders, plain_orders


@pytest.mark.parametrize(
    ("line", "orders"),
    [
        ("run", Orders(Path())),
        ("run -C spring", Orders(Path("spring"))),
        ("run --directory spring --port 8080", Orders(Path("spring"), 8080)),
        ("run --host 0.0.0.0 --port 1 -C spring", Orders(Path("spring"), 1, "0.0.0.0")),
    ],
)
def test_plain_orders_are_read(line: str, orders: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLENUM_DIRECTORY", raising=False)
    assert plain_orders(line.split()) == orders


@pytest.mark.parametrize(
    "line",
    [
        "",
        "check",
        "demo --port 8080",
        "run --help",
        "run -C",
        "run spring",
        "run -C spring --port=8080",
        "run --port 0",
        "run --port 65536",
        "run --port 8080 --port 8081",
        "run --port eighty",
        "run --port ²",
        "run --port 99999999999999999999",
        "run --port 0000655350",
        "run --host --port",
        "run --colour blue",
    ],
)
def test_everything_else_is_left_to_the_library(line: str) -> None:
    assert plain_orders(line.split()) is None


def test_an_empty_value_is_left_to_the_library() -> None:
    assert plain_orders(["run", "--host", ""]) is None


def test_the_directory_is_the_environments_where_no_option_says_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLENUM_DIRECTORY", "autumn")
    assert plain_orders(["run"]) == Orders(Path("autumn"))
    assert plain_orders(["run", "-C", "spring"]) == Orders(Path("spring"))


def test_what_both_read_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library's way, by an option in a form that only it takes."""
    from server.cli import commands, conference

    told: list[Orders] = []
    monkeypatch.setattr(conference, "run_conference", told.append)
    commands.run_command(["run", "--directory=spring", "--port=8080", "--host=::1"])
    assert told == [plain_orders(["run", "--directory", "spring", "--port", "8080", "--host", "::1"])]
