"""For how long personal data are kept, in days after the conference's end; docs/privacy.md says why. Part of `Settings`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LONGEST: Final = 36_500

TERM_RANGES: Final[Mapping[str, tuple[float, float]]] = {
    f"keep_{kind}_days": (1, LONGEST)
    for kind in ("attendance", "answers", "questions", "notes", "comments", "recordings", "people")
}


@dataclass(frozen=True, kw_only=True)
class Terms:
    keep_attendance_days: int = 90
    keep_answers_days: int = 90
    keep_questions_days: int = 365
    keep_notes_days: int = 90
    keep_comments_days: int = 365
    keep_recordings_days: int = 14  # after each was made
    keep_people_days: int = 365
