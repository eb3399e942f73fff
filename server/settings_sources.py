"""Where settings come from: `PLENUM_*` variables, a `plenum.toml`, and files that hold one secret each. What they mean is
`settings`'s to say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from server.shown import shown
from server.toml_lines import Lines

PREFIX: Final = "PLENUM_"
CONFIG: Final = "PLENUM_CONFIG"
FILE_NAME: Final = "plenum.toml"
MOST_SECRET_BYTES: Final = 65_536

Kinds = Mapping[str, str]  # by setting: "int", "float", "str" or "Path"

_WORDS: Final = {"int": "a whole number", "float": "a number", "str": 'a text in "quotation marks"'}


class SettingsError(Exception):
    """A setting cannot be used. The message is one clear line for the operator."""


@dataclass(frozen=True)
class SettingsFile:
    """What a file sets, and where each setting stands in it."""

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]

    def blame(self, error: SettingsError, overridden: set[str]) -> SettingsError:
        """The same complaint; with file and line if it is about something that is set here."""
        for name, line in self.lines.items():
            if name not in overridden and re.search(rf"\b{PREFIX}{name.upper()}\b", str(error)):
                return SettingsError(f"{self.path}:{line}: {error}")
        return error


def from_environment(environment: Mapping[str, str], kinds: Kinds, secrets: frozenset[str]) -> dict[str, Any]:
    """What `PLENUM_NAME` and, of `secrets`, `PLENUM_NAME_FILE` say. An unknown `PLENUM_` variable raises `SettingsError`."""
    known = {f"{PREFIX}{name.upper()}": name for name in kinds}
    files = {f"{PREFIX}{name.upper()}_FILE": name for name in secrets}
    values: dict[str, Any] = {}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable == CONFIG:
            continue
        if variable in known:
            values[known[variable]] = _convert(variable, kinds[known[variable]], text)
        elif variable not in files:
            names = ", ".join(sorted([*known, CONFIG]))
            raise SettingsError(f"{variable} is not a setting; known are {names}; secrets also as _FILE")
        elif f"{PREFIX}{files[variable].upper()}" in environment:
            raise SettingsError(f"{variable} and {PREFIX}{files[variable].upper()} are both set: take one")
        else:
            values[files[variable]] = read_secret_file(variable, Path(text))
    return values


def read_file(path: Path, kinds: Kinds, secrets: frozenset[str]) -> SettingsFile:
    """What a file says. What is in it and is no setting, or cannot be read, raises `SettingsError` with its line."""
    try:
        text = path.read_text(encoding="utf-8")
        found = tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None
    places = Lines(text)
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, value in found.items():
        here = f"{path}:{places.of((key,))}: "
        name = key.removesuffix("_file") if key.removesuffix("_file") in secrets else key
        if name in values:
            raise SettingsError(f"{here}{name} and {name}_file are both set: take one")
        values[name] = _from_toml(here, key, name, value, kinds, path)
        lines[name] = places.of((key,))
    return SettingsFile(path, values, lines)


def read_secret_file(name: str, path: Path) -> str:
    """A secret as a file holds it, without the line's end that editors put there. What is in it is not told."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_SECRET_BYTES + 1)
        text = content.decode()
    except OSError as error:
        raise SettingsError(f"{name}: {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name}: {path} is no text") from None
    if len(content) > MOST_SECRET_BYTES or not text.strip():
        raise SettingsError(f"{name}: {path} is {'empty' if not text.strip() else 'too long'}")
    return text.rstrip("\r\n")


def _from_toml(here: str, key: str, name: str, value: object, kinds: Kinds, path: Path) -> object:
    if name not in kinds or name == "directory":
        why = "is where this file is: set it with -C" if name == "directory" else "is not a setting; known are "
        known = "" if name == "directory" else ", ".join(sorted(set(kinds) - {"directory"}))
        raise SettingsError(f"{here}{shown(key)} {why}{known}")
    if key != name:  # a secret's file, beside this one unless it says otherwise
        if not isinstance(value, str):
            raise SettingsError(f"{here}{key} must be {_WORDS['str']}")
        return read_secret_file(f"{here}{key}", path.parent / value)
    kind = kinds[name]
    fits = {"int": int, "float": (int, float), "str": str}[kind]
    if not isinstance(value, fits) or isinstance(value, bool):  # type: ignore[arg-type]
        raise SettingsError(f"{here}{name} must be {_WORDS[kind]}")
    return float(value) if kind == "float" else value  # type: ignore[arg-type]


def _convert(name: str, kind: str, text: str) -> object:
    convert: dict[str, Any] = {"int": int, "float": float, "str": str, "Path": Path}
    try:
        return convert[kind](text)
    except ValueError:
        raise SettingsError(f"{name} must be {_WORDS.get(kind, kind)}, not {text!r}") from None
