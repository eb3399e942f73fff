"""`GET /metrics`: what Prometheus reads (its text format 0.0.4), for whoever brings the operator's token. Without a token in
the settings the address does not exist. Neighbour: `media_metrics`, what the media engine counts."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from live.control import MediaRefused, WorkerStatistics
from server.media_metrics import Totals, room_families, rooms_of, worker_families
from server.services import Services
from server.settings import Settings

PATH: Final = "/metrics"
PATIENCE_SECONDS: Final = 3.0  # for the engine: Prometheus gives up after ten by default, and would have nothing at all


def routes(settings: Settings) -> list[Route]:
    return [Route(PATH, Metrics(settings.metrics_token).scrape)] if settings.metrics_token else []


class Metrics:
    """The metrics of one application."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._registry = CollectorRegistry(auto_describe=False)
        self._media = _Media(self._registry)
        self._server = _Families(self._registry)
        self._turn = asyncio.Lock()  # scrapes, one after another: counts of the engine are taken in their order
        ProcessCollector(registry=self._registry)

    async def scrape(self, request: Request) -> Response:
        """GET /metrics. 401 without the token."""
        self._check(request)
        services: Services = request.state.services
        async with self._turn:
            self._media.take(services, await _statistics(services))
            self._server.families = _server_families(services)
            text = generate_latest(self._registry)
        return Response(text, headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def _check(self, request: Request) -> None:
        """RFC 6750, 2.1 and 3."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
            raise HTTPException(401, headers={"WWW-Authenticate": "Bearer"})


class _Families(Collector):
    """Hands on what was found for this scrape: asking the engine takes an await, which collectors cannot."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.families: Sequence[Metric] = ()
        registry.register(self)

    def collect(self) -> Iterable[Metric]:
        return self.families


class _Media(_Families):
    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self._totals = Totals()
        self._names: dict[str, None] = {}  # of workers so far, in order

    def take(self, services: Services, workers: Sequence[WorkerStatistics] | None) -> None:
        """`workers` None: the engine does not answer, and its counts stand where they stood."""
        up = workers is not None and services.seats.engine_is_up
        programme = services.streams.conference.programme
        rooms = rooms_of(workers or (), [plan.id for plan in programme.sessions] if programme else ())
        if workers is not None:
            self._names |= dict.fromkeys(worker.name for worker in workers)
            self._totals.take(rooms)
        self.families = (
            GaugeMetricFamily("plenum_media_up", "Whether the media engine is up and answers.", int(up)),
            *worker_families(workers or (), self._names),
            *room_families(rooms),
            *self._totals.families(),
        )


async def _statistics(services: Services) -> Sequence[WorkerStatistics] | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await services.media.statistics()
    except (MediaRefused, TimeoutError):
        return None


def _node_families(services: Services) -> list[Metric]:
    """Of one node alone too: there is nobody that it does not hear."""
    nodes = services.cluster.nodes if services.cluster is not None else None
    living, is_well = (len(nodes.living), nodes.is_well) if nodes is not None else (1, True)
    return [
        GaugeMetricFamily("plenum_nodes", "Nodes that live.", living),
        GaugeMetricFamily("plenum_redis_up", "Whether nodes hear each other.", int(is_well)),
        CounterMetricFamily("plenum_stream_gaps", "Gaps closed from the database.", services.streams.gaps),
    ]


def _refusals(services: Services) -> Metric:
    family = CounterMetricFamily("plenum_refusals", "Requests and connections refused, by limit.", labels=["limit"])
    for limit, count in sorted(services.door.refusals.items()):
        family.add_metric([limit], count)
    return family


def _server_families(services: Services) -> tuple[Metric, ...]:
    return (
        GaugeMetricFamily("plenum_connections", "Open WebSocket connections.", services.hub.count),
        GaugeMetricFamily("plenum_tasks", "Tasks of the web process's event loop.", len(asyncio.all_tasks())),
        _refusals(services),
        GaugeMetricFamily("plenum_seats", "Media seats that people hold.", services.seats.count),
        *_node_families(services),
        GaugeMetricFamily("plenum_database_saves", "Whether the last write was saved.", int(services.database.saves)),
    )
