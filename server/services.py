"""What handlers are handed: built once by `server/app.py`, found in the lifespan state as `request.state.services`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog

from live.control import MediaEngine
from server.ballots import Ballots
from server.breakouts.composing import Composer
from server.bus import MemoryBus
from server.database import Database
from server.door import Door
from server.guesses import Guesses
from server.hub import Hub
from server.i18n import Translations
from server.identity import Identity
from server.journal import Journal
from server.keys import Keys
from server.links import Links
from server.notes.service import Notes
from server.paces import Paces
from server.people import People
from server.presence import Presence
from server.readings import Readings
from server.recorder import Recorder
from server.seats import Seats
from server.settings import Settings
from server.streams import Streams
from server.templates import Templates

if TYPE_CHECKING:
    from server.cluster.cluster import Cluster

_log = structlog.get_logger("plenum")


def report_bug(place: str, detail: str) -> str:
    """Logs the exception being handled under a new reference, and returns that: all that a user gets to see."""
    reference = secrets.token_hex(4)
    _log.exception("unexpected error", reference=reference, place=place, detail=detail)
    return reference


@dataclass(frozen=True)
class Services:
    """One running server."""

    settings: Settings
    now: Callable[[], datetime]  # aware, UTC
    database: Database
    journal: Journal
    bus: MemoryBus
    cluster: Cluster | None  # None: this is the only node
    people: People
    links: Links
    identity: Identity
    streams: Streams
    ballots: Ballots
    keys: Keys
    presence: Presence
    notes: Notes
    hub: Hub
    media: MediaEngine
    composer: Composer  # of groups for breakout rooms
    seats: Seats
    recorder: Recorder
    translations: Translations
    door: Door
    guesses: Guesses
    forms_of_person: Paces
    forms_of_address: Paces  # of whoever is not signed in
    breakout_commands: Paces  # of participants
    readings: Readings
    draining: asyncio.Event  # set: newcomers shall go elsewhere, this process is about to end
    leaving: asyncio.Event = field(default_factory=asyncio.Event)  # set: nobody is let in any more
    templates: Templates = field(default_factory=Templates)
    epoch: str = field(default_factory=lambda: secrets.token_hex(4))  # this process, told to every page

    @property
    def is_cut_off(self) -> bool:
        """Whether the other nodes go on without this one, which cannot reach Redis."""
        return self.cluster is not None and self.cluster.alone.is_so

    @staticmethod
    def report_bug(place: str, detail: str) -> str:
        return report_bug(place, detail)
