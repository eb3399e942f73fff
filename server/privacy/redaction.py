"""Redacting the journal: the one exception to "append only" (docs/decisions/0011). Pure.

Order, number and time of every entry stay, and so does what happened; only who it was goes, and what they wrote. It works on
any JSON, not on the messages there are today: an id is replaced wherever it stands, so a new event needs nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

_decoder: Final = msgspec.json.Decoder()
_encoder: Final = msgspec.json.Encoder()


class Redaction:
    """`ids`: what stands for whom. `texts`: whose questions lose their text; None: everybody's, and so does what breakout
    rooms brought home. `names`: speakers of that name leave the programmes of the past. `points`: breakout rooms lose
    theirs."""

    def __init__(
        self,
        ids: Mapping[str, str],
        *,
        texts: Collection[str] | None = (),
        names: Collection[str] = (),
        points: bool = False,
    ) -> None:
        self._ids = ids
        self._texts = texts
        self._points = points
        words = "|".join(re.escape(name) for name in names if name.strip())
        self._names = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def actor(self, person_id: str) -> str:
        return self._ids.get(person_id, person_id)

    def cause(self, cause: str | None) -> str | None:
        """ "person/client/id"; nobody will send that command again."""
        return None if cause is not None and cause.partition("/")[0] in self._ids else cause

    def body(self, body: bytes) -> bytes:
        """An event without them. The same bytes if there is nothing of theirs in it."""
        before = _decoder.decode(body)
        after = self._redact(before)
        return body if after == before else _encoder.encode(after)

    def _redact(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._ids.get(value, value)
        if isinstance(value, list):
            return [self._redact(each) for each in value]
        if isinstance(value, dict):
            found = {self._ids.get(key, key): self._redact(each) for key, each in value.items()}
            if "text" in value and (self._texts is None or value.get("author_id") in self._texts):
                found["text"] = ""
            if self._texts is None and "question_id" in value and "points" in value:  # what points were put together under
                found["title"] = ""
            if self._points and "points" in value and "in_touch" in value:
                found["points"] = []
            if self._names is not None and isinstance(speakers := found.get("speakers"), list):
                found["speakers"] = [each for each in speakers if not self._names.search(each)]
            return found
        return value
