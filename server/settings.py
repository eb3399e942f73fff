"""Settings: from the environment (`PLENUM_*`) and `plenum.toml`, checked once at the start. Each is documented in
`docs/operations.md`. Neighbour: `settings_sources`, which reads them."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from server.clients import Proxies
from server.limits import LIMIT_RANGES, Limits
from server.privacy.terms import TERM_RANGES, Terms
from server.settings_sources import CONFIG, FILE_NAME, SettingsError, from_environment, read_file

__all__ = ["Settings", "SettingsError"]

METRICS_TOKEN_LENGTH: Final = 16  # at least
TURN_SECRET_LENGTH: Final = 16  # likewise
MOST_WORKERS: Final = 64
LOG_LEVELS: Final = ("debug", "info", "warning", "error")
IO_URING: Final = ("auto", "off")
NODE_NAME: Final = "[a-z0-9]{0,16}"  # ends up in ICE user names (RFC 8839, 5.4)
SECRETS: Final = frozenset(
    {"secret", "database_url", "redis_url", "turn_secret", "metrics_token"}
)  # may be in a file of their own

# The least and the most that work, ends included. Heartbeats: `RECONNECT_GRACE` must cover several of them.
RANGES: Final[Mapping[str, tuple[float, float]]] = {
    **LIMIT_RANGES,
    **TERM_RANGES,
    "port": (1, 65_535),
    "media_port": (0, 65_535),
    "media_workers": (0, MOST_WORKERS),
    "media_public_tcp_port": (0, 65_535),
    "media_seats": (0, 1_000_000),
    "media_keep_seconds": (0, 600),
    "heartbeat_seconds": (0.1, 20),
    "stage_grace_seconds": (0, 3600),
    "drain_seconds": (0, 3600),
}


@dataclass(frozen=True, kw_only=True)
class Settings(Limits, Terms):
    """Everything that differs between two installations. Paths are absolute after `from_environment`."""

    directory: Path = field(default_factory=Path.cwd)  # conference.toml and people.csv live here
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str = ""  # as browsers see it; empty: http://localhost:PORT
    public_addresses: str = ""  # announced to browsers for media, comma-separated; empty: loopback and this machine's own
    media_port: int = 8001  # UDP and TCP of the first media worker, the others' follow; 0: any free ones
    media_workers: int = 0  # processes; 0: as many as there are processors
    media_public_tcp_port: int = 0  # where browsers find the media's TCP port, if a proxy stands before it; 0: where it is
    node_name: str = ""  # by which such a proxy tells several nodes' TCP connections apart
    trusted_proxies: str = ""  # addresses and networks that are believed whom they speak for, comma-separated
    media_seats: int = 0  # live connections that this node takes; 0: as many as its workers do
    media_keep_seconds: float = 0.0  # that media goes on by itself if the server is killed, until another one is there
    database_url: str = field(default="", repr=False)  # postgresql://USER:PASSWORD@HOST/NAME; empty: SQLite in data/
    redis_url: str = field(default="", repr=False)  # redis://:PASSWORD@HOST:PORT/NUMBER; empty: this is the only node
    turn_urls: str = ""  # turn: and turns: addresses for clients, comma-separated (RFC 7065)
    turn_secret: str = field(default="", repr=False)  # shared with the TURN server (coturn: static-auth-secret)
    secret: str = field(default="", repr=False)  # signs cookies; empty: kept in data/secret.key
    heartbeat_seconds: float = 15.0  # how often presence is written down
    stage_grace_seconds: float = 20.0  # after losing the connection, until somebody is taken off the stage
    drain_seconds: float = 0.0  # from SIGTERM, while /readyz says no, until everybody is told to come back
    io_uring: str = "auto"  # "auto": for broadcasts where the system offers it; or "off"
    log_level: str = "info"
    metrics_token: str = field(default="", repr=False)  # lets Prometheus read /metrics; empty: nobody

    @property
    def data(self) -> Path:
        """The journal, keys and recordings."""
        return self.directory / "data"

    @property
    def database(self) -> Path | str:
        """Where the database is: a file, or an address with a password in it."""
        return self.database_url or self.data / "plenum.db"

    @property
    def has_database(self) -> bool:
        """False as long as there is no file yet. PostgreSQL is there, or using it says that it is not."""
        return not isinstance(self.database, Path) or self.database.exists()

    @property
    def recordings(self) -> Path:
        return self.data / "recordings"

    @property
    def media_hosts(self) -> tuple[str, ...]:
        """The addresses to announce to browsers; empty: the engine finds this machine's own."""
        return tuple(host.strip() for host in self.public_addresses.split(",") if host.strip())

    @property
    def proxies(self) -> tuple[str, ...]:
        return tuple(each.strip() for each in self.trusted_proxies.split(",") if each.strip())

    @property
    def turn_servers(self) -> tuple[str, ...]:
        return tuple(url.strip() for url in self.turn_urls.split(",") if url.strip())

    @property
    def url(self) -> str:
        """The public address without a trailing slash."""
        return (self.public_url or f"http://localhost:{self.port}").rstrip("/")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
        """Reads `PLENUM_NAME` for every field, then `plenum.toml` in the directory, or the file that `PLENUM_CONFIG` names,
        for what is still missing. What is unknown, and values that cannot be read, raise `SettingsError`."""
        kinds = {f.name: str(f.type) for f in fields(cls)}
        values = from_environment(environment, kinds, SECRETS)
        values |= {key: value for key, value in overrides.items() if value is not None}
        directory = Path(values.get("directory", Path.cwd())).resolve()
        named = environment.get(CONFIG)
        path = Path(named) if named else directory / FILE_NAME
        if not named and not path.exists():
            settings = cls(**values | {"directory": directory})
            settings.check()
            return settings
        file = read_file(path, kinds, SECRETS)
        settings = cls(**{**file.values, **values, "directory": directory})
        try:
            settings.check()
        except SettingsError as error:
            raise file.blame(error, set(values)) from None
        return settings

    def check(self) -> None:
        """Raises `SettingsError` for the first value with which the server could not do its work."""
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if not least <= value <= most:  # not a number is neither
                raise SettingsError(f"PLENUM_{name.upper()} must be from {least:,} to {most:,}, not {value}")
        if self.media_port + self.media_workers > 65_536:
            raise SettingsError(f"PLENUM_MEDIA_PORT leaves no ports for {self.media_workers} workers: take a lower one")
        if self.log_level.lower() not in LOG_LEVELS:
            raise SettingsError(f"PLENUM_LOG_LEVEL must be one of {', '.join(LOG_LEVELS)}, not {self.log_level!r}")
        if self.io_uring not in IO_URING:
            raise SettingsError(f"PLENUM_IO_URING must be one of {', '.join(IO_URING)}, not {self.io_uring!r}")
        _check_metrics_token(self.metrics_token)
        _check_database_url(self.database_url)
        _check_redis_url(self)
        if not self.host.strip():
            raise SettingsError("PLENUM_HOST is empty; 127.0.0.1 listens on this machine only, 0.0.0.0 on all its addresses")
        for address in self.media_hosts:
            _check_address(address)
        for network in self.proxies:
            _check_network(network)
        if not re.fullmatch(NODE_NAME, self.node_name):
            raise SettingsError(f"PLENUM_NODE_NAME takes at most 16 of a-z and 0-9, not {self.node_name!r}")
        for server in self.turn_servers:
            _check_turn_url(server)
        _check_turn_secret(self.turn_secret, wanted=bool(self.turn_servers))
        _check_public_url(self.public_url)


def _check_metrics_token(text: str) -> None:
    """As `Authorization` can carry it (RFC 6750, 2.1). What it is, is not told: this ends up in logs."""
    fits = re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", text) and len(text) >= METRICS_TOKEN_LENGTH
    if text and not fits:
        raise SettingsError(
            f"PLENUM_METRICS_TOKEN must be at least {METRICS_TOKEN_LENGTH} of A-Z a-z 0-9 and -._~+/ (openssl rand -hex 24)"
        )


def _check_database_url(text: str) -> None:
    """The rest of it is PostgreSQL's to read. It has a password, so it is not told."""
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise SettingsError("PLENUM_DATABASE_URL must be postgresql://USER:PASSWORD@HOST/NAME; leave it out to use SQLite")


def _check_redis_url(settings: Settings) -> None:
    """Several nodes need one database and one secret. It has a password, so it is not told."""
    if not settings.redis_url:
        return
    if not settings.redis_url.startswith(("redis://", "rediss://")):
        raise SettingsError("PLENUM_REDIS_URL must be redis://:PASSWORD@HOST:PORT/NUMBER, or rediss:// with TLS")
    if not re.fullmatch(r"/?\d*", urlsplit(settings.redis_url).path):
        raise SettingsError("PLENUM_REDIS_URL must end with the number of a database, as in redis://HOST:PORT/0")
    if not settings.database_url:
        raise SettingsError(
            "PLENUM_REDIS_URL is for several nodes, which need one database between them: set PLENUM_DATABASE_URL"
        )
    if not settings.secret:
        raise SettingsError(
            "PLENUM_REDIS_URL is for several nodes, which need one secret between them, or links and cookies of one would "
            "not be known to the others: set PLENUM_SECRET to the same on all (openssl rand -hex 32)"
        )


def _check_address(text: str) -> None:
    """An address that browsers can be sent to. Names are not announced: every browser would have to look them up."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise SettingsError(
            f"PLENUM_PUBLIC_ADDRESSES takes IP addresses, comma-separated: {text!r} is none (a host name will not do)"
        ) from None
    if address.is_unspecified or address.is_multicast or getattr(address, "scope_id", None):
        raise SettingsError(f"PLENUM_PUBLIC_ADDRESSES: nobody can be sent to {text}; name the address that browsers reach")


def _check_network(text: str) -> None:
    """With an end that is not all zeros it could mean a machine or a network: then it is asked. Everybody is not taken."""
    try:
        Proxies(text)
    except ValueError as error:
        raise SettingsError(
            f"PLENUM_TRUSTED_PROXIES takes addresses and networks as 10.0.0.7 or 10.0.0.0/24, comma-separated: {error}"
        ) from None


def _check_turn_url(text: str) -> None:
    """RFC 7065, 3.1. TURN over TLS is over TCP: no browser speaks it over DTLS."""
    found = re.fullmatch(r"(turns?):(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?", text)
    if not found or not 0 < int(found[3] or 1) < 65_536 or (found[1] == "turns" and found[4] == "udp"):
        examples = "turn:turn.example.org:3478?transport=tcp or turns:turn.example.org:443"
        raise SettingsError(f"PLENUM_TURN_URLS takes addresses as {examples}, comma-separated, not {text!r}")


def _check_turn_secret(text: str, *, wanted: bool) -> None:
    """What it is, is not told: this ends up in logs."""
    if wanted and not (len(text) >= TURN_SECRET_LENGTH and text.isascii() and text.isprintable()):
        raise SettingsError(
            f"PLENUM_TURN_SECRET must have at least {TURN_SECRET_LENGTH} printable characters, the same as the TURN server's"
        )
    if text and not wanted:
        raise SettingsError("PLENUM_TURN_SECRET is set, but PLENUM_TURN_URLS names no TURN server")


def _check_public_url(text: str) -> None:
    if not text:
        return
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port, no such address
        fits = False
    if not fits or not text.isprintable() or parts.path not in ("", "/") or parts.query or parts.fragment or "@" in text:
        example = "https://conference.example.org"
        raise SettingsError(f"PLENUM_PUBLIC_URL must be the pages' address without a path, as {example}, not {text!r}")
