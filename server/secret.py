"""The server's secret: signs cookies and derives links' tokens. A file of its own, so that a copy of the database opens
nothing."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Final

from server.settings import Settings, SettingsError

SECRET_BYTES: Final = 32


def read_secret(settings: Settings) -> bytes:
    """`PLENUM_SECRET` if it is set, else the content of data/secret.key, which is made at the first call."""
    if settings.secret:
        if len(settings.secret) < SECRET_BYTES:
            raise SettingsError(f"PLENUM_SECRET must have at least {SECRET_BYTES} characters")
        return settings.secret.encode()
    path = settings.data / "secret.key"
    settings.data.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError), os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(secrets.token_bytes(SECRET_BYTES))
        file.flush()
        os.fsync(file.fileno())
    key = path.read_bytes()
    if len(key) != SECRET_BYTES:
        raise SettingsError(f"{path} is damaged: it must have {SECRET_BYTES} bytes. Remove it to start with a new secret")
    return key
