"""What a person takes along: a ZIP file with a page to read in any browser, and the same in full as JSON."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from rooms import messages as m
from server.i18n import Translator
from server.person import Person
from server.privacy.person_record import PersonData
from server.templates import Templates

JSON: Final = "everything.json"
PAGE: Final = "everything.html"


def archive(data: PersonData, tr: Translator) -> bytes:
    """The ZIP file; the page is in `tr`'s language."""
    at = data.made_at.astimezone(ZoneInfo(data.time_zone)).timetuple()[:6]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in ((PAGE, page(data, tr)), (JSON, to_json(data))):
            file.writestr(zipfile.ZipInfo(name, at), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def to_json(data: PersonData) -> bytes:
    return msgspec.json.format(msgspec.json.encode(data), indent=2)


def page(data: PersonData, tr: Translator) -> str:
    """HTML that needs nothing else."""
    context = {
        "_": tr.markup,
        "ngettext": tr.nmarkup,
        "tr": tr,
        "lang": tr.lang,
        "zone": ZoneInfo(data.time_zone),
        "data": data,
        "titles": data.titles,
        "known": list(known(data.person, tr)),
    }
    return Templates().render("person_data.html", context)


def known(person: Person, tr: Translator) -> list[tuple[str, str]]:
    """What is in the register of participants, by what it is called; what is not known is left out."""
    _: Callable[[str], str] = tr.gettext
    rows = [
        (_("Name"), person.name),
        (_("E-mail"), person.email),
        (_("Job title"), person.title),
        (_("Municipality"), ", ".join(filter(None, [_place(person), person.county]))),
        (_("Country"), tr.country(person.country)),
        (_("Population of the municipality"), tr.number(person.population) if person.population else ""),
        (_("Group by population"), _size(person.size_band, _)),
        (_("In office since"), str(person.year_appointed or "")),
        (_("Role at the conference"), ", ".join(_role(role, _) for role in person.roles)),
    ]
    return [row for row in rows if row[1]]


def _place(person: Person) -> str:
    return f"{person.municipality} ({person.municipality_code})" if person.municipality_code else person.municipality


def _size(band: str, _: Callable[[str], str]) -> str:
    match band:
        case "smallest":
            return _("The smallest quarter")
        case "smaller":
            return _("The next smallest quarter")
        case "larger":
            return _("The next largest quarter")
        case "largest":
            return _("The largest quarter")
    return ""


def _role(role: m.Role, _: Callable[[str], str]) -> str:
    match role:
        case "attendee":
            return _("participant")
        case "speaker":
            return _("speaker")
        case "moderator":
            return _("moderator")
        case "board":
            return _("board")
        case "organiser":
            return _("organiser")
