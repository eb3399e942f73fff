"""What an operator's programs see: `/healthz` says what is wrong, `/readyz` whether to send people here."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette

from live.control import EngineDown, EngineUp
from server.serve import DrainingServer
from tests.fakes import FakeEngine
from tests.server.running import Running, running, until


async def ready(run: Running) -> tuple[int, list[str]]:
    async with await run.browser() as balancer:
        answer = await balancer.get("/readyz")
    body = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert body["ready"] == (answer.status_code == 200)
    return answer.status_code, body["missing"]


async def test_nobody_is_sent_here_without_the_media_engine(tmp_path: Path) -> None:
    engine = FakeEngine()
    async with running(tmp_path, engine=engine) as run:
        await until(lambda: run.services.seats.engine_is_up)
        assert await ready(run) == (200, [])
        engine.notify(EngineDown())
        await until(lambda: not run.services.seats.engine_is_up)
        assert await ready(run) == (503, ["media"])
        async with await run.browser() as operator:  # but nothing is to be restarted
            assert (await operator.get("/healthz")).status_code == 200
        engine.notify(EngineUp(1, 1))
        await until(lambda: run.services.seats.engine_is_up)
        assert await ready(run) == (200, [])


async def test_without_the_database_it_is_neither_healthy_nor_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(tmp_path) as run:
        await until(lambda: run.services.seats.engine_is_up)

        async def fail(work: object) -> object:
            raise OSError("the disk is gone")

        monkeypatch.setattr(run.services.database, "read", fail)
        assert await ready(run) == (503, ["database"])
        async with await run.browser() as operator:
            answer = await operator.get("/healthz")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        monkeypatch.undo()


async def test_what_does_not_answer_does_not_work_and_whoever_asks_hears_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Load balancers wait for a few seconds and then know nothing."""
    async with running(tmp_path) as run:
        await until(lambda: run.services.seats.engine_is_up)

        async def hang(*_: object) -> None:
            await asyncio.Event().wait()

        monkeypatch.setattr("server.health.PATIENCE_SECONDS", 0.1)
        monkeypatch.setattr(run.services.media, "statistics", hang)
        assert (await ready(run))[1][-1] == "media"
        monkeypatch.setattr(run.services.database, "read", hang)
        assert await ready(run) == (503, ["database", "media"])
        monkeypatch.undo()
        assert await ready(run) == (200, [])


async def test_who_is_about_to_end_is_healthy_and_not_ready(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        await until(lambda: run.services.seats.engine_is_up)
        run.services.draining.set()
        assert await ready(run) == (503, ["not_draining"])
        async with await run.browser("anna") as anna:
            assert (await anna.get("/healthz")).json()["status"] == "ok"
            assert (await anna.get("/lobby")).status_code == 200  # who comes all the same is let in


def server(seconds: float) -> tuple[DrainingServer, asyncio.Event]:
    draining = asyncio.Event()
    return DrainingServer(uvicorn.Config(Starlette(), log_config=None), draining, seconds, nothing), draining


async def nothing() -> None:
    """What there is to end."""


async def test_a_signal_drains_and_ends_when_the_time_is_up() -> None:
    serving, draining = server(3600)
    serving.handle_exit(signal.SIGTERM, None)
    assert draining.is_set() and not await serving.on_tick(1)
    serving, draining = server(1e-9)
    serving.handle_exit(signal.SIGTERM, None)
    assert draining.is_set() and await serving.on_tick(1)


async def test_the_second_signal_ends_at_once() -> None:
    serving, _ = server(3600)
    serving.handle_exit(signal.SIGTERM, None)
    serving.handle_exit(signal.SIGTERM, None)
    assert await serving.on_tick(1)


async def test_without_a_time_for_it_the_first_does() -> None:
    serving, draining = server(0)
    serving.handle_exit(signal.SIGINT, None)
    assert draining.is_set() and await serving.on_tick(1)
