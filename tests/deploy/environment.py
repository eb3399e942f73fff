"""`python -m tests.deploy.environment` brings the last part of .env.example up to date: Plenum's own settings, each with
what docs/operations.md says of it. What docker-compose.yml decides, and what is asked for further up, is left out."""

from __future__ import annotations

import re
import textwrap
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from server.settings import SECRETS, Settings

ROOT: Final = Path(__file__).resolve().parents[2]
EXAMPLE: Final = ROOT / ".env.example"
HEADING: Final = "# --- Plenum's other settings"
VARIABLE: Final = re.compile(r"^#?([A-Z][A-Z_]+)=(.*)$", re.MULTILINE)


def compose() -> dict[str, Any]:
    """docker-compose.yml, with its anchors followed."""
    found: dict[str, Any] = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text())
    return found


def decided() -> dict[str, str]:
    """The settings that docker-compose.yml gives a node, by variable."""
    found: dict[str, str] = compose()["services"]["node-1"]["environment"]
    return found


def meanings() -> dict[str, tuple[str, str]]:
    """What docs/operations.md says: by variable the default and the meaning, in plain text."""
    rows = re.findall(
        r"^\| `(PLENUM_\w+)` \| (.*?) \| (.*?) \|$", (ROOT / "docs" / "operations.md").read_text(), re.MULTILINE
    )
    return {name: (_plain(default), _plain(meaning.replace(" | ", ". Beyond it: "))) for name, default, meaning in rows}


def _plain(text: str) -> str:
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text).replace("`", "")


def _shown(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def settings_part() -> str:
    """What belongs under the heading."""
    known, given = meanings(), decided()
    parts = []
    for field in fields(Settings):
        name = f"PLENUM_{field.name.upper()}"
        if name in given:
            continue
        default, meaning = known[name]
        value = "" if field.name in SECRETS else _shown(field.default)
        note = "" if value != "" else f" Default: {default}."
        lines = textwrap.wrap(f"{meaning}.{note}", 118)
        parts.append("\n".join([*(f"# {line}" for line in lines), f"#{name}={value}"]))
    return "\n\n".join(parts) + "\n"


def asked_for() -> str:
    """What stands before the heading, with it."""
    text = EXAMPLE.read_text()
    end = text.index("\n", text.index(HEADING))
    return text[: end + 1]


def expected() -> str:
    return f"{asked_for()}\n{settings_part()}"


if __name__ == "__main__":
    EXAMPLE.write_text(expected())
