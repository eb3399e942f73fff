"""Why a database cannot be used at all."""

from __future__ import annotations


class DatabaseFailure(Exception):
    """The database cannot be used. The message is one clear line for the operator, without passwords."""
