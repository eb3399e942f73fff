"""The composition root: everything is built here from `Settings`, started and stopped in one place."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, TypedDict

import structlog
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from live.control import MediaEngine
from live.engine import EmbeddedEngine
from rooms import messages as m
from server import api, board, contacts, health, metrics, pages, whip
from server.background import Work, follow_other_processes, start, tell_deaths
from server.ballots import Ballots
from server.breakouts import api as breakouts_api
from server.breakouts.composing import Composer
from server.breakouts.keeper import Keeper
from server.bus import MemoryBus
from server.database import Database
from server.door import Door
from server.errors import exception_handlers
from server.guesses import Guesses
from server.hand_over import hand_over
from server.hub import Hub
from server.i18n import Translations
from server.identity import Identity
from server.journal import Journal
from server.keys import open_keys
from server.leftovers import free_leftovers
from server.links import Links
from server.notes import api as notes_api
from server.notes.service import open_notes
from server.notes.telling import Telling
from server.paces import Paces
from server.people import People
from server.presence import Presence
from server.privacy.forgetting import Forgetting
from server.privacy.retention import Retention
from server.programme_file import load as load_programme
from server.reactions import Reactions
from server.readings import Readings
from server.recorder import Recorder
from server.ring import Ring, open_ring
from server.seats import Seats
from server.secret import read_secret
from server.security import middleware
from server.services import Services, report_bug
from server.settings import Settings
from server.signals import Tallies
from server.socket import BREAKOUT_COMMANDS_AT_ONCE, BREAKOUT_COMMANDS_PER_SECOND, Endpoint
from server.stagehand import Stagehand
from server.start import embedded_engine
from server.streams import Streams
from server.taking_over import take_over

if TYPE_CHECKING:
    from server.cluster.cluster import Cluster

FORMS_AT_ONCE: Final = 20
FORMS_OF_ADDRESS: Final = 20  # times as many from an address as of a person

_log = structlog.get_logger("plenum")

Clock = Callable[[], datetime]


class State(TypedDict):
    services: Services


def utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    settings: Settings,
    *,
    now: Clock = utc_now,
    engine: MediaEngine | None = None,
    draining: asyncio.Event | None = None,
) -> Starlette:
    """The whole application. `engine`: another media engine behind the same interface; the embedded one by default.
    `draining` is set when newcomers shall go elsewhere."""

    door = Door(settings)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        async with run_services(settings, now, engine, draining or asyncio.Event(), door) as services:
            yield {"services": services}

    app = Starlette(
        routes=[
            *pages.routes,
            *api.routes,
            *breakouts_api.routes,
            *health.routes,
            *board.routes,
            *notes_api.routes,
            *contacts.routes,
            *whip.routes,
            *metrics.routes(settings),
            WebSocketRoute("/socket", Endpoint()),
        ],
        middleware=middleware(settings, door),
        exception_handlers=exception_handlers,
        lifespan=lifespan,
    )
    app.state.door = door  # for the server under us (`guarded_http`)
    return app


@contextlib.asynccontextmanager
async def run_services(
    settings: Settings, now: Clock, engine: MediaEngine | None, draining: asyncio.Event, door: Door
) -> AsyncIterator[Services]:
    """Builds, loads and starts everything; on the way out stops it in the opposite order."""
    programme = load_programme(settings.directory / "conference.toml")
    async with AsyncExitStack() as stack:
        media = engine or start_engine(settings, stack)
        services = await load_services(settings, now, media, draining, door, stack)
        reactions, stagehand, keeper = connect(services, stack)
        if isinstance(media, EmbeddedEngine):
            await media.wait_until_up()
        if services.cluster is not None:
            start((*services.cluster.work(services.streams), partial(hand_over, services)), stack)
            services.cluster.begin(stack)
            await services.cluster.find_others(services.hub)
        await services.streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(programme))
        if isinstance(media, EmbeddedEngine) and media.adopted is not None:
            await take_over(services, media.adopted)
        reactions.catch_up(recordings=services.cluster is None)
        stagehand.look_everywhere()
        services.presence.start()
        stack.push_async_callback(services.presence.stop)
        stack.callback(stagehand.stop)
        stack.push_async_callback(reactions.stop)
        start(background(services, reactions, keeper), stack)
        yield services
        services.hub.close_all()
        await services.streams.drain()
        await reactions.drain()


async def load_services(
    settings: Settings, now: Clock, media: MediaEngine, draining: asyncio.Event, door: Door, stack: AsyncExitStack
) -> Services:
    """Opens the database and builds what handlers are handed, each with what the last run has left."""
    database = Database(settings.database)
    await database.open()
    stack.push_async_callback(database.close)
    secret = read_secret(settings)
    people, links = People(database), Links(database, secret, now)
    hub = Hub(settings.outbox_bytes, people.name_of, start_ring(settings, stack))
    cluster = open_cluster(settings, stack)
    bus, journal = cluster.bus if cluster else MemoryBus(), Journal(database)
    streams = Streams(journal, bus, now)
    keys = await open_keys(database, settings.data / "keys", secret, several=cluster is not None)
    ballots = Ballots(database, keys, several=cluster is not None)
    for part in (people, links, streams, ballots):
        await part.load()
    presence = Presence(database, now, settings.heartbeat_seconds)
    media, recorder = carry(settings, media, cluster)
    stack.push_async_callback(recorder.close)
    return Services(
        settings=settings,
        now=now,
        database=database,
        journal=journal,
        bus=bus,
        cluster=cluster,
        people=people,
        links=links,
        identity=Identity(secret, links, people, secure=settings.url.startswith("https:")),
        streams=streams,
        ballots=ballots,
        keys=keys,
        presence=presence,
        composer=Composer(streams, people, presence, now),
        notes=open_notes(database, now),
        hub=hub,
        media=media,
        seats=Seats(media, streams, hub, settings),
        recorder=recorder,
        translations=Translations(lambda: languages_of(streams)),
        draining=draining,
        door=door,
        guesses=Guesses(settings),
        forms_of_person=Paces(settings.forms_per_second, FORMS_AT_ONCE),
        forms_of_address=Paces(settings.forms_per_second * FORMS_OF_ADDRESS, FORMS_AT_ONCE * FORMS_OF_ADDRESS),
        breakout_commands=Paces(BREAKOUT_COMMANDS_PER_SECOND, BREAKOUT_COMMANDS_AT_ONCE),
        readings=Readings(settings),
    )


def open_cluster(settings: Settings, stack: AsyncExitStack) -> Cluster | None:
    """What makes this a node among several, where it is one."""
    if not settings.redis_url:
        return None
    from server.cluster.cluster import Cluster  # late: most have no use for it, and it takes a while

    cluster = Cluster(settings.redis_url)
    stack.push_async_callback(cluster.close)
    return cluster


def carry(settings: Settings, engine: MediaEngine, cluster: Cluster | None) -> tuple[MediaEngine, Recorder]:
    """The media engine, and who records what it carries: this node's, or all nodes'."""
    if cluster is None:
        return engine, Recorder(settings, engine)
    from server.cluster.media_recorder import ClusterRecorder

    media = cluster.carry(settings, engine)
    return media, ClusterRecorder(settings, media)


def connect(services: Services, stack: AsyncExitStack) -> tuple[Reactions, Stagehand, Keeper]:
    """Who hears of what. The hub is first: nothing is done about an event before everybody has been told."""
    bus, hub, seats, presence, ballots = services.bus, services.hub, services.seats, services.presence, services.ballots
    tallies = Tallies(hub, services.streams, ballots, presence)
    stack.callback(tallies.stop)
    stagehand = Stagehand(services.streams, presence, seats, services.settings.stage_grace_seconds)
    reactions = Reactions(services.streams, ballots, services.recorder, seats, report_bug)
    notes = Telling(hub, services.streams, services.notes.book, report_bug)
    services.notes.book.on_change = notes.changed
    stack.callback(notes.stop)
    keeper = Keeper(services)
    of_notes = notes.heed, services.notes.leaving.heed
    for listener in (hub.deliver, seats.circles.heed, reactions.heed, tallies.heed, ballots.heed, *of_notes, keeper.heed):
        bus.subscribe(listener)
    bus.subscribe_own(reactions.heed_own)
    ballots.on_change = tallies.votes_changed
    presence.on_change = both(tallies.presence_changed, stagehand.look)
    seats.on_change = stagehand.look
    seats.on_reset = reactions.taps_lost
    if services.cluster is not None:
        services.cluster.connect(services, tallies, reactions, stagehand)
        services.cluster.notes.connect(notes)
        keeper.knows_all = stagehand.knows_all
    notes.look()
    return reactions, stagehand, keeper


def background(services: Services, reactions: Reactions, keeper: Keeper) -> tuple[Work, ...]:
    """What goes on all the time."""
    return (
        services.seats.listen,
        partial(follow_other_processes, services, Forgetting(services)),
        keeper.run,
        Retention(services).run,
        partial(tell_deaths, services.recorder, reactions),
        partial(free_leftovers, services.hub),
    )


def start_ring(settings: Settings, stack: AsyncExitStack) -> Ring | None:
    """The fast way to everybody at once, where there is one."""
    if settings.io_uring == "off":
        return None
    ring = open_ring()
    if ring is None:
        _log.info("io_uring is not available; broadcasts take the slower way, through each connection's transport")
    else:
        stack.callback(ring.close)
    return ring


def start_engine(settings: Settings, stack: AsyncExitStack) -> EmbeddedEngine:
    """The embedded media engine, which starts while everything else is loaded."""
    engine = embedded_engine(settings)
    engine.begin()
    stack.push_async_callback(engine.stop)
    return engine


def languages_of(streams: Streams) -> tuple[str, ...]:
    """The conference's languages, first first."""
    programme = streams.conference.programme
    return programme.languages if programme is not None else ()


def both(first: Callable[[str], None], second: Callable[[str], None]) -> Callable[[str], None]:
    """A listener that calls two."""

    def listener(session_id: str) -> None:
        first(session_id)
        second(session_id)

    return listener
