"""Keys that make anonymous answers unlinkable once they are destroyed.

While a poll is open, an answer is stored under HMAC(key, person): one answer each, changeable. When the poll closes, the
key goes, and with it every way from an answer back to a person. Keys are files of their own, outside the database, so that
no backup of the database, no write-ahead log and no dump has one.
"""

from __future__ import annotations

import hmac
import os
import secrets
import threading
from pathlib import Path
from typing import Final

from server.durable import sync_folder

KEY_BYTES: Final = 32


class Vault:
    """Keys by name (a poll's id, or `survey`), of one node alone. Neighbour: `keys`, where several share them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: dict[str, bytes] = {}
        self._destroyed: set[str] = set()  # never made or read again, whoever asks while or after they are destroyed
        self._lock = threading.RLock()  # keys are made and destroyed in threads while others are asked for them

    def ensure(self, name: str) -> None:
        """Creates the key if it is missing; it is on the disk when this returns. A destroyed one stays destroyed."""
        if name in self._keys:
            return
        with self._lock:
            if name not in self._destroyed and self._load(name) is None:
                key = secrets.token_bytes(KEY_BYTES)
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _write_durably(self._directory / f"{name}.key", key)
                self._keys[name] = key

    def voter(self, name: str, person_id: str) -> str:
        """The name under which a person answers. Raises `KeyError` once the key is destroyed."""
        key = self._load(name)
        if key is None:
            raise KeyError(name)
        return voter_of(key, person_id)

    def contents(self) -> list[tuple[str, bytes]]:
        """All that there are."""
        names = sorted(path.stem for path in self._directory.glob("*.key"))
        return [(name, key) for name in names if (key := self._load(name)) is not None]

    def holds(self, name: str) -> bool:
        return self._load(name) is not None

    def destroy(self, name: str) -> None:
        """Overwrites and removes the key; harmless if it is gone."""
        with self._lock:
            self._destroyed.add(name)
            self._keys.pop(name, None)
            path = self._directory / f"{name}.key"
            if path.exists():
                with path.open("r+b") as file:
                    file.write(bytes(KEY_BYTES))
                    file.flush()
                    os.fsync(file.fileno())
                path.unlink()
                sync_folder(self._directory)

    def _load(self, name: str) -> bytes | None:
        if name in self._keys:
            return self._keys[name]
        with self._lock:
            path = self._directory / f"{name}.key"
            if name in self._destroyed or not path.exists() or len(key := path.read_bytes()) != KEY_BYTES:
                return None
            self._keys[name] = key
            return key


def voter_of(key: bytes, person_id: str) -> str:
    """The name under which a person answers as long as the key is there."""
    return hmac.digest(key, person_id.encode(), "sha256").hex()


def _write_durably(path: Path, key: bytes) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_folder(path.parent)
