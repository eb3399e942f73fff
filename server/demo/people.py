"""The demonstration's people: invented, but spread over real municipalities as a national association's members are.

The same number of attendees always gives the same people. Neighbour: `programme`, in which some of them speak.
"""

from __future__ import annotations

import csv
import io
import itertools
import random
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import Struct

from server.municipalities import Municipalities, Municipality

_SEED: Final = 2035
_LARGE_TOWN: Final = 80_000  # inhabitants; the titles differ there
_BOARD_EVERY: Final = 17  # of the attendees one in so many is on the board, at most `_BOARD_MOST`
_BOARD_MOST: Final = 6

_HEADINGS: Final = ("namn", "e-post", "kommun", "titel", "tillträdesår", "roller")

_FIRST_NAMES: Final = [
    "Agneta",
    "Alva",
    "Anders",
    "Anette",
    "Anna",
    "Arvid",
    "Axel",
    "Barbro",
    "Bengt",
    "Birgitta",
    "Björn",
    "Britta",
    "Camilla",
    "Carina",
    "Cecilia",
    "Christer",
    "Dag",
    "Ebba",
    "Einar",
    "Elin",
    "Elisabet",
    "Emil",
    "Emma",
    "Erik",
    "Eva",
    "Fredrik",
    "Frida",
    "Gunilla",
    "Gunnar",
    "Göran",
    "Hanna",
    "Hans",
    "Helena",
    "Henrik",
    "Håkan",
    "Ida",
    "Inger",
    "Ingrid",
    "Jan",
    "Jenny",
    "Jesper",
    "Johan",
    "Jonas",
    "Karin",
    "Katarina",
    "Kerstin",
    "Kjell",
    "Kristina",
    "Lars",
    "Leif",
    "Lena",
    "Linda",
    "Lotta",
    "Magnus",
    "Malin",
    "Margareta",
    "Maria",
    "Marie",
    "Martin",
    "Mats",
    "Mikael",
    "Monika",
    "Nils",
    "Olof",
    "Patrik",
    "Per",
    "Pia",
    "Roger",
    "Rolf",
    "Sara",
    "Sofia",
    "Staffan",
    "Stefan",
    "Sten",
    "Susanne",
    "Sven",
    "Therese",
    "Thomas",
    "Tove",
    "Ulf",
    "Ulrika",
    "Yvonne",
    "Åke",
    "Åsa",
    "Örjan",
]
_SURNAMES: Final = [
    "Alvelid",
    "Asklöf",
    "Backsten",
    "Björkelid",
    "Bodéus",
    "Brännhult",
    "Dahlquister",
    "Edenfors",
    "Ekhammar",
    "Elfvestad",
    "Fjällrot",
    "Forsenius",
    "Granhage",
    "Grönvik",
    "Hagelind",
    "Hallenius",
    "Hedmarker",
    "Holmkvarn",
    "Högestad",
    "Idehult",
    "Kallvik",
    "Klintbo",
    "Kornlid",
    "Kvarnäng",
    "Lillhage",
    "Lindeskär",
    "Ljungvall",
    "Lövhammar",
    "Malmsäter",
    "Mossling",
    "Norrlid",
    "Nyhamre",
    "Oxelgård",
    "Palmryd",
    "Rosenhage",
    "Rydvall",
    "Sandmark",
    "Skogenius",
    "Solmyr",
    "Stenlöv",
    "Strandell",
    "Sundvall",
    "Svedhem",
    "Tallroth",
    "Tingvall",
    "Vallhov",
    "Västerlid",
    "Wikmarker",
    "Åbergius",
    "Ängslid",
    "Österhage",
    "Övralid",
]


class Cast(Struct, frozen=True):
    """Somebody with a part: `municipality` is a code, empty for guests."""

    name: str
    email: str
    municipality: str
    title: str
    year_appointed: int | None
    roles: str


# Simulated: whoever is seen and heard, and whoever leads the day.
SPEAKER: Final = Cast(
    "Helena Övralid", "helena.ovralid@forelasare.example", "", "Professor i offentlig ledning", None, "föreläsare"
)
LEADER: Final = Cast(
    "Staffan Lindeskär", "staffan.lindeskar@orebro.example", "1880", "Kommundirektör", 2015, "deltagare, moderator"
)
# For whoever tries the demonstration: the three links, and a speaker for other software (WHIP).
VISITOR: Final = Cast("Anna Kvarnäng", "anna.kvarnang@knivsta.example", "0330", "Kommundirektör", 2024, "deltagare")
VISITING_MODERATOR: Final = Cast(
    "Maria Tallroth", "maria.tallroth@habo.example", "0305", "Kommundirektör", 2019, "deltagare, moderator"
)
VISITING_BOARD: Final = Cast(
    "Erik Norrlid", "erik.norrlid@overtornea.example", "2518", "Kommunchef", 2012, "deltagare, styrelse"
)
GUEST: Final = Cast("Tove Hallenius", "tove.hallenius@forelasare.example", "", "Utredare", None, "föreläsare")

CAST: Final = (SPEAKER, LEADER, VISITOR, VISITING_MODERATOR, VISITING_BOARD, GUEST)
MOST: Final = len(_FIRST_NAMES) * len(_SURNAMES) - len(CAST)  # names do not repeat


def attendees(count: int, municipalities: Municipalities, year: int) -> list[Cast]:
    """`count` invented people, at most `MOST`. The first from every municipality leads it; the next are deputies."""
    chance = random.Random(_SEED)
    taken = {one.name for one in CAST}
    names = [f"{first} {last}" for first, last in itertools.product(_FIRST_NAMES, _SURNAMES)]
    chance.shuffle(names)
    free = itertools.islice((name for name in names if name not in taken), count)
    return [
        _attendee(name, place, index, is_deputy=lap > 0, year=year, chance=chance)
        for index, (name, (lap, place)) in enumerate(zip(free, _places(municipalities, chance), strict=False))
    ]


def table(people: Iterable[Cast]) -> bytes:
    """A file as an association's register gives it: semicolons, UTF-8 with a byte order mark."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    writer.writerow(_HEADINGS)
    for one in people:
        writer.writerow((one.name, one.email, one.municipality, one.title, one.year_appointed or "", one.roles))
    return text.getvalue().encode("utf-8-sig")


def _places(municipalities: Municipalities, chance: random.Random) -> Iterator[tuple[int, Municipality]]:
    """Sweden's municipalities in random order, over and over, with the number of the lap."""
    swedish = [one for one in municipalities.all() if one.country == "se"]
    for lap in itertools.count():
        for place in chance.sample(swedish, len(swedish)):
            yield lap, place


def _attendee(name: str, place: Municipality, index: int, *, is_deputy: bool, year: int, chance: random.Random) -> Cast:
    title = "Stadsdirektör" if place.population > _LARGE_TOWN else chance.choice(("Kommundirektör", "Kommunchef"))
    if is_deputy:
        title = f"Biträdande {title.lower()}"
    is_board = index % _BOARD_EVERY == 0 and index // _BOARD_EVERY < _BOARD_MOST
    appointed = year - min(int(chance.expovariate(1 / 5)), 20)  # most are new in the role, some have been there for long
    email = f"{_plain(name).replace(' ', '.')}@{_plain(place.name).replace(' ', '-')}.example"
    return Cast(name, email, place.code, title, appointed, "deltagare, styrelse" if is_board else "deltagare")


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.lower())
    return "".join(letter for letter in letters if letter.isascii() and (letter.isalpha() or letter in " -"))
