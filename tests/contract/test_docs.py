"""What is documented is what is there, and the other way round."""

from __future__ import annotations

import os
import re
import typing
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import msgspec
import pytest

from rooms import messages as m
from rooms.errors import REFUSALS
from server.privacy.terms import Terms
from server.settings import SECRETS, Settings
from server.settings_sources import CONFIG

ROOT = Path(__file__).resolve().parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()

MESSAGES = {
    "Commands": m.Command,
    "Events": m.Event,
    "Frames from the client": m.ClientFrame,
    "Frames from the server": m.ServerFrame,
}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of docs/protocol.md, without its head."""
    section = re.split(r"^## ", PROTOCOL.partition(f"\n## {heading}\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def tag(message: type[msgspec.Struct]) -> str:
    return str(message.__struct_config__.tag)


@pytest.mark.parametrize("heading", MESSAGES)
def test_every_message_is_documented_with_its_fields_and_no_other(heading: str) -> None:
    column = 1 if heading == "Commands" else 0
    documented = {row[column].strip("`"): set(re.findall(r"`(\w+)`", row[column + 1])) for row in rows(heading)}
    declared = {tag(message): set(message.__struct_fields__) for message in typing.get_args(MESSAGES[heading])}
    assert documented.keys() == declared.keys()
    for name, names in declared.items():
        assert names <= documented[name], f"{name}: {names - documented[name]} not documented"


def test_every_event_is_documented_with_who_hears_it() -> None:
    words = {"everyone": "everyone", "staff": "moderators and board", "moderators": "moderators"}
    for row in rows("Events"):
        event = next(e for e in typing.get_args(m.Event) if tag(e) == row[0].strip("`"))
        try:
            audience = event.audience.fget(None)  # a constant: the event itself is not looked at
        except AttributeError:  # it depends on the content
            assert row[-1] not in words.values() and row[-1]
        else:
            assert row[-1] == words[audience]


def test_every_refusal_is_documented_with_its_sentence() -> None:
    documented = {row[0].strip("`"): row[1] for row in rows("Refusals")}
    assert documented == REFUSALS


def test_every_setting_is_documented() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    documented = set(re.findall(r"`(PLENUM_\w+)`", text))
    files = {name for name in documented if name.endswith("_FILE")}
    assert documented - files == {CONFIG, *(f"PLENUM_{field.name.upper()}" for field in fields(Settings))}
    assert files <= {f"PLENUM_{name.upper()}_FILE" for name in SECRETS}
    assert all(f"`PLENUM_{name.upper()}`" in text.partition("Secrets (")[2].partition(")")[0] for name in SECRETS)


def test_the_record_of_processing_has_every_term_with_its_default() -> None:
    text = (ROOT / "docs" / "privacy.md").read_text()
    for field in fields(Terms):
        name = field.name.upper().removeprefix("KEEP")
        row = next(line for line in text.splitlines() if line.startswith("|") and f"{name}`" in line)
        assert f"{field.default} days" in row, field.name


def test_every_dependency_is_justified() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = project["dependencies"] + [name for group in project["optional-dependencies"].values() for name in group]
    names = {re.split(r"[\[<>=; ]", line)[0] for line in declared}
    browser = msgspec.json.decode((ROOT / "web" / "package.json").read_bytes())
    names |= {*browser["dependencies"], *browser["devDependencies"]}
    names |= {re.split(r"[<>=]", line)[0] for line in (ROOT / "bench/grouping/requirements.in").read_text().split()}
    documented = set(re.findall(r"^\| `([^`]+)`", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE))
    assert documented == names


SUFFIXES = {
    *(".py", ".c", ".h", ".md", ".js", ".mjs", ".html", ".css", ".toml", ".lock", ".json", ".po", ".yml", ".conf", ""),
}
NOT_OURS = ("node_modules", "data", "screenshots")  # nor what begins with a dot


def own_files() -> Iterator[Path]:
    """Without a look into what others wrote, which is many times as much."""
    for folder, inner, names in os.walk(ROOT):
        inner[:] = [name for name in inner if not name.startswith(".") and name not in NOT_OURS]
        yield from (Path(folder, name) for name in names if name != ".git")  # of a worktree: it says where the repository is


def test_no_document_or_source_knows_where_it_was_written() -> None:
    looked_at = [path for path in own_files() if path.suffix in SUFFIXES and path.is_file() and path != Path(__file__)]
    assert {ROOT / "README.md", ROOT / "server/app.py", ROOT / "web/static/page.js"} <= {*looked_at}
    for path in looked_at:
        text = path.read_text(errors="replace")
        assert "../shared" not in text and "/work/" not in text, path
