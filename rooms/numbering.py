"""Ids of things that are created in a session: unique over the conference, and the same in every replay."""

from __future__ import annotations

from collections.abc import Mapping


def next_id(session_id: str, letter: str, existing: Mapping[str, object]) -> str:
    """`SESSION-pN` with the first number after all existing ones."""
    prefix = f"{session_id}-{letter}"
    return f"{prefix}{max((int(key[len(prefix) :]) for key in existing), default=0) + 1}"
