"""Settings: from the environment (`PLENUM_*`), checked once at the start. Each is documented in `docs/operations.md`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any


class SettingsError(Exception):
    """A setting cannot be used. The message is one clear line for the operator."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything that differs between two installations. Paths are absolute after `from_environment`."""

    directory: Path = field(default_factory=Path.cwd)  # conference.toml and people.csv live here
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # as browsers see it; empty: http://localhost:PORT
    public_addresses: str = ""  # announced to browsers for media, comma-separated; empty: loopback and this machine's own
    media_port: int = 8001  # UDP and TCP; 0: any free one
    secret: str = ""  # signs cookies; empty: kept in data/secret.key
    heartbeat_seconds: float = 15.0  # how often presence is written down
    stage_grace_seconds: float = 20.0  # after losing the connection, until somebody is taken off the stage
    connections_per_person: int = 8
    messages_per_second: float = 20.0  # per connection, sustained; bursts of five seconds' worth
    outbox_bytes: int = 1 << 20  # a connection that lets more pile up is closed with "resync"
    log_level: str = "info"

    @property
    def data(self) -> Path:
        """The journal, keys and recordings."""
        return self.directory / "data"

    @property
    def database(self) -> Path:
        return self.data / "plenum.db"

    @property
    def recordings(self) -> Path:
        return self.data / "recordings"

    @property
    def media_hosts(self) -> tuple[str, ...]:
        """The addresses to announce to browsers; empty: the engine finds this machine's own."""
        return tuple(host.strip() for host in self.public_addresses.split(",") if host.strip())

    @property
    def url(self) -> str:
        """The public address without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """Reads `PLENUM_NAME` for every field. Unknown `PLENUM_` variables and unreadable values raise `SettingsError`."""
        known = {f"PLENUM_{f.name.upper()}": f for f in fields(cls)}
        values: dict[str, Any] = {}
        for name, text in environment.items():
            if not name.startswith("PLENUM_"):
                continue
            if name not in known:
                raise SettingsError(f"{name} is not a setting; known are {', '.join(sorted(known))}")
            values[known[name].name] = _convert(name, known[name].type, text)
        values |= {key: value for key, value in overrides.items() if value is not None}
        if "directory" in values:
            values["directory"] = Path(values["directory"]).resolve()
        return cls(**values)


def _convert(name: str, kind: object, text: str) -> object:
    convert: dict[object, Any] = {"int": int, "float": float, "str": str, "Path": Path}
    try:
        return convert[kind](text)
    except ValueError:
        raise SettingsError(f"{name} must be {kind}, not {text!r}") from None
