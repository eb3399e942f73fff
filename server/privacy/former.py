"""Who is gone: ids that stand where an erased person's stood. They are random, and nothing leads back from them."""

from __future__ import annotations

import secrets
from typing import Final

PREFIX: Final = "gone-"  # pages show such ids as "Former participant" (web/static/views/live-page.js)
FORMER: Final = "(former participant)"  # in tables, which are in English


def new_former() -> str:
    return f"{PREFIX}{secrets.token_hex(8)}"


def is_former(person_id: str) -> bool:
    return person_id.startswith(PREFIX)
