"""What Prometheus reads: all of it, in its format, about nobody, and for the operator alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from live.control import (
    EngineDown,
    MediaRefused,
    PortStatistics,
    RoomStatistics,
    SlotStatistics,
    TapStatistics,
    TrackStatistics,
    WorkerStatistics,
)
from server import metrics
from server.door import COUNTED
from tests.fakes import FakeEngine
from tests.server.running import Running, running, until
from tests.server.test_trouble import FINE

TOKEN = "a-token-of-the-operators"
OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"

CAMERA = TrackStatistics(
    mid="1",
    layer="h",
    use="camera",
    codec="H264",
    packets=9000,
    bytes=9_000_000,
    bitrate_bps=1_200_000,
    lost=3,
    recovered=2,
    bad=0,
    jitter_ms=4.0,
    height=720,
    key_frames=7,
    nacks=5,
    plis=4,
    loudness=0.0,
)
SIRI = replace(
    FINE,
    peer_id="p1",
    label="siri",
    sent_bps=0,
    received_bps=1_300_000,
    loss_up=0.02,
    rtt_ms=80.0,
    estimate_bps=0,
    tracks=(CAMERA, replace(CAMERA, layer="l", key_frames=6, nacks=0, plis=1)),
)
ANNA = replace(
    FINE, peer_id="p2", label="anna", nacks=11, plis=2, resent=10, slots={"video0": "h", "video1": "", "audio0": "full"}
)
BO = replace(
    ANNA,
    peer_id="p3",
    label="bo",
    transport="tcp",
    rtt_ms=500.0,
    loss_down=0.2,
    estimate_bps=200_000,
    dropped=3,
    slots={"video0": "l"},
)
COMING = replace(FINE, peer_id="p4", label="mona", transport="", up=False, rtt_ms=0.0, sent_bps=0, slots={"video0": ""})
FED = SlotStatistics("siri", 3, 0, 0, 1, 0)
SLOTS = {"video0": FED, "video1": replace(FED, source=""), "audio0": FED}


def worker(*peers: object, pid: int = 71, cpu_s: float = 12.5, name: str = "0") -> WorkerStatistics:
    """One that carries session s1 with these peers, and somebody's device check."""
    there = {peer.peer_id: peer for peer in peers if isinstance(peer, type(FINE))}
    room = RoomStatistics(SLOTS, there, {"s1-r1": TapStatistics("H264", 2)})
    check = RoomStatistics({}, {"c": replace(FINE, peer_id="c", label="bo")}, {})
    return WorkerStatistics(
        pid, cpu_s, len(there) + 1, PortStatistics(1000, 50, 2, 1), {"s1": room, "check-bo": check}, name, tasks=9
    )


class Counting(FakeEngine):
    """Says what it is told to say."""

    def __init__(self) -> None:
        super().__init__()
        self.workers: tuple[WorkerStatistics, ...] = (worker(SIRI, ANNA, BO, COMING),)

    async def statistics(self) -> tuple[WorkerStatistics, ...]:
        if not self.is_up:
            raise MediaRefused("media_unavailable")
        return self.workers


class Scraped:
    """One scrape, read by Prometheus's own parser."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = list(text_string_to_metric_families(text))
        self._samples = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families
            for sample in family.samples
        }
        assert len(self._samples) == sum(len(family.samples) for family in self.families), "a series is there twice"

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._samples.get((f"plenum_{name}", frozenset(labels.items())))

    def of(self, name: str, **labels: str) -> dict[str, float]:
        """The values of a session's metric by its other label, or by bound."""
        return {
            value: found
            for (metric, pairs), found in self._samples.items()
            if metric == f"plenum_{name}" and dict(pairs).items() >= labels.items()
            for key, value in pairs
            if key not in labels and key != "session"
        }


@asynccontextmanager
async def watched(directory: Path, engine: FakeEngine) -> AsyncIterator[Running]:
    async with running(directory, engine=engine, metrics_token=TOKEN) as run:
        await until(lambda: run.services.seats.engine_is_up)
        yield run


async def scrape(run: Running) -> Scraped:
    async with await run.browser() as prometheus:
        answer = await prometheus.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    return Scraped(answer.text)


async def test_workers_are_told_by_their_names(tmp_path: Path) -> None:
    engine = Counting()
    engine.workers += (worker(pid=72, cpu_s=1.0, name="1"),)
    async with watched(tmp_path, engine) as run:
        found = await scrape(run)
        assert found("media_up") == 1
        assert found.of("media_worker_up") == {"0": 1, "1": 1}
        assert found.of("media_worker_cpu_seconds_total") == {"0": 12.5, "1": 1.0}
        assert found.of("media_worker_peers") == {"0": 5, "1": 1}
        assert found.of("media_worker_rooms") == {"0": 2, "1": 2}
        assert found.of("media_worker_tasks") == {"0": 9, "1": 9}
        for name, value in (
            ("datagrams_total", 1000),
            ("stranger_datagrams_total", 50),
            ("tcp_connections", 2),
            ("tcp_refused_total", 1),
        ):
            assert found(f"media_worker_{name}", worker="0") == value, name
        engine.workers = engine.workers[1:]
        assert (await scrape(run)).of("media_worker_up") == {"0": 0, "1": 1}


async def test_a_session_is_told_over_all_of_its_peers_and_workers(tmp_path: Path) -> None:
    engine = Counting()
    new = replace(FINE, peer_id="p5", rtt_ms=0.0, sent_bps=0)  # nothing has come back from it yet
    engine.workers = (worker(SIRI, ANNA), worker(BO, COMING, new, pid=72, name="1"))
    async with watched(tmp_path, engine) as run:
        found = await scrape(run)
    assert found.of("media_peers", session="s1") == {"udp": 3, "tcp": 1, "none": 1}
    assert found("media_sent_bits_per_second", session="s1") == 1_800_000
    assert found("media_received_bits_per_second", session="s1") == 1_300_000
    assert found.of("media_pictures", session="s1") == {"h": 1, "l": 1, "none": 1}
    up = found.of("media_loss_ratio_bucket", session="s1", direction="up")
    assert up == {"0.0": 0, "0.01": 0, "0.03": 1, "0.1": 1, "0.3": 1, "+Inf": 1}
    down = found.of("media_loss_ratio_bucket", session="s1", direction="down")
    assert down == {"0.0": 1, "0.01": 1, "0.03": 1, "0.1": 1, "0.3": 2, "+Inf": 2}
    assert found("media_loss_ratio_gsum", session="s1", direction="down") == 0.2
    round_trips = found.of("media_round_trip_seconds_bucket", session="s1")
    assert round_trips == {"0.05": 1, "0.1": 2, "0.2": 2, "0.4": 2, "0.8": 3, "+Inf": 3}
    assert found("media_round_trip_seconds_gcount", session="s1") == 3
    estimates = found.of("media_estimate_bits_per_second_bucket", session="s1")
    assert estimates["100000"] == 0
    assert estimates["250000"] == 1
    assert estimates["+Inf"] == 3


async def test_counts_of_a_session(tmp_path: Path) -> None:
    async with watched(tmp_path, Counting()) as run:
        found = await scrape(run)
    assert found("media_key_frames_total", session="s1") == 13
    assert found.of("media_nacks_total", session="s1") == {"received": 22, "sent": 5}
    assert found.of("media_plis_total", session="s1") == {"received": 4, "sent": 5}
    assert found("media_resent_packets_total", session="s1") == 20
    assert found.of("media_dropped_packets_total", session="s1") == {"peer": 3, "recorder": 2}


async def test_counts_stay_when_those_go_who_counted(tmp_path: Path) -> None:
    engine = Counting()
    async with watched(tmp_path, engine) as run:

        async def nacks(*workers: WorkerStatistics) -> float | None:
            engine.workers = workers
            return (await scrape(run))("media_nacks_total", session="s1", direction="received")

        assert await nacks(worker(SIRI, ANNA, BO)) == 22
        assert await nacks(worker(SIRI, ANNA)) == 22  # Bo is gone, and no request was taken back
        assert await nacks(worker(replace(ANNA, nacks=15))) == 26
        assert await nacks() == 26
        engine.is_up = False
        assert await nacks() == 26
        engine.is_up = True
        assert await nacks(worker(replace(ANNA, nacks=2), pid=99)) == 28  # a new worker begins at nothing
        assert await nacks(worker(replace(ANNA, nacks=1), pid=99)) == 29  # as would whoever counts anew


async def test_a_silent_engine_is_told_and_counted_on_from_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hanging(Counting):
        hangs = False

        async def statistics(self) -> tuple[WorkerStatistics, ...]:
            if self.hangs:
                await asyncio.Event().wait()
            return await super().statistics()

    engine = Hanging()
    async with watched(tmp_path, engine) as run:
        await scrape(run)
        monkeypatch.setattr(metrics, "PATIENCE_SECONDS", 0.01)
        engine.hangs = True
        found = await scrape(run)
        assert (found("media_up"), found("media_worker_up", worker="0"), found("database_saves")) == (0, 0, 1)
        monkeypatch.undo()
        engine.hangs = False
        assert (await scrape(run))("media_nacks_total", session="s1", direction="received") == 22


async def test_without_the_engine_the_rest_is_told(tmp_path: Path) -> None:
    engine = Counting()
    async with watched(tmp_path, engine) as run:
        engine.is_up = False
        await run.client("anna")
        await run.services.presence.stop()  # or it saves something in between
        run.services.database.saves = False  # as a full disk makes it
        found = await scrape(run)
        assert (found("media_up"), found("connections"), found("seats"), found("database_saves")) == (0, 1, 0, 0)
        assert found("media_peers", session="s1", transport="udp") is None
        assert "process_cpu_seconds_total" in found.text
        engine.is_up = True
        engine.notify(EngineDown())  # it answers, and has just said that it will not for long
        await until(lambda: not run.services.seats.engine_is_up)
        assert (await scrape(run))("media_up") == 0


async def test_seats_are_counted(tmp_path: Path) -> None:
    async with watched(tmp_path, FakeEngine()) as run:
        await run.go_live()
        async with await run.browser("anna") as anna:
            assert (await anna.post("/media/s1", json={"sdp": "v=0\r\n", "uses": {"0": "audio"}})).status_code == 201
        assert (await scrape(run))("seats") == 1


async def test_labels_name_nobody_and_are_few_whatever_publishers_call_their_layers(tmp_path: Path) -> None:
    engine = Counting()
    odd = [replace(ANNA, peer_id=f"o{n}", slots={"video0": f'"layer\n{n}'}, transport=f"t{n}") for n in range(50)]
    engine.workers = (worker(SIRI, ANNA, BO, COMING, *odd),)
    async with watched(tmp_path, engine) as run:
        found = await scrape(run)
        assert found.of("media_pictures", session="s1")["other"] == 50
        assert found.of("media_peers", session="s1")["other"] == 50
        values = {value for family in found.families for sample in family.samples for value in sample.labels.values()}
        bounds = {value for value in values if re.fullmatch(r"[0-9.]+|\+Inf", value)}
        words = {"s1", "up", "down", "udp", "tcp", "none", "other", "h", "l", "received", "sent", "peer", "recorder"}
        assert values - bounds == words | set(COUNTED)
        for secret in (TOKEN, "check-", "siri", "anna", "Anna"):
            assert secret not in found.text


async def test_every_metric_is_documented_and_no_other(tmp_path: Path) -> None:
    async with watched(tmp_path, Counting()) as run:
        found = await scrape(run)
    names = {re.sub("_(gcount|gsum)$", "", family.name) for family in found.families if family.name.startswith("plenum_")}
    counters = {family.name for family in found.families if family.type == "counter"}
    documented = set(re.findall(r"^\| `(plenum_\w+)`", OPERATIONS.read_text(), re.MULTILINE))
    assert documented == {f"{name}_total" if name in counters else name for name in names}


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \xe5\xe4\xf6",
    ],
)
async def test_without_the_token_nothing_is_told(tmp_path: Path, authorization: str | None) -> None:
    headers = [] if authorization is None else [(b"Authorization", authorization.encode("latin-1"))]
    async with watched(tmp_path, Counting()) as run, await run.browser("mona") as mona:  # to moderators neither
        answer = await mona.get("/metrics", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert "plenum_" not in answer.text


async def test_without_the_setting_there_is_no_such_address(tmp_path: Path) -> None:
    async with running(tmp_path) as run, await run.browser("mona") as mona:
        for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {TOKEN}"}):
            answer = await mona.get("/metrics", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_two_scrapes_at_once_count_once(tmp_path: Path) -> None:
    async with watched(tmp_path, Counting()) as run:
        found = await asyncio.gather(*(scrape(run) for _ in range(5)))
    assert {each("media_nacks_total", session="s1", direction="received") for each in found} == {22}
