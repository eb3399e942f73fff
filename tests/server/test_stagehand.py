"""Whoever is gone leaves the stage; what cannot be done is not tried for ever. `test_reactions` has the usual course."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec.structs import replace

from rooms import messages as m
from rooms.errors import Refused
from server.bus import MemoryBus
from server.stagehand import Stagehand
from server.streams import Streams
from tests.server.running import Running, running, until


class CountedStreams(Streams):
    """Streams that count what they are asked, and refuse with what is in `refusals` first."""

    tried = 0
    refusals: tuple[Refused, ...] = ()

    async def handle(self, *command: Any) -> Any:
        self.tried += 1
        if self.refusals:
            refusal, *rest = self.refusals
            self.refusals = tuple(rest)
            raise refusal
        return await super().handle(*command)


async def stage_without_page(run: Running) -> tuple[CountedStreams, Stagehand]:
    """Siri is on stage in s1, and her page is not there."""
    await run.go_live()
    siri = run.services.people.actor(next(p for p in run.services.people.all() if p.id == "siri"))
    await run.services.streams.handle(m.session_stream("s1"), siri, m.StageEnter())
    streams = CountedStreams(run.services.journal, MemoryBus(), run.services.now)
    await streams.load()
    return streams, Stagehand(streams, run.services.presence, run.services.seats, grace=0.05)


async def test_a_session_that_left_the_programme_is_not_tried_again(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        streams, stagehand = await stage_without_page(run)
        programme = streams.conference.programme
        assert programme is not None
        shorter = replace(programme, sessions=programme.sessions[1:])
        await streams.handle(m.CONFERENCE, m.SYSTEM, m.ProgrammePublish(shorter))
        streams.tried = 0
        stagehand.look_everywhere()
        assert stagehand.waiting == 1
        await until(lambda: streams.tried == 1 and stagehand.waiting == 0)
        assert "siri" in streams.room("s1").stage


async def test_a_disk_that_takes_nothing_now_is_asked_again(tmp_path: Path) -> None:
    async with running(tmp_path) as run:
        streams, stagehand = await stage_without_page(run)
        streams.refusals = (Refused("read_only"), Refused("try_again"))
        stagehand.look("s1")
        await until(lambda: "siri" not in streams.room("s1").stage and stagehand.waiting == 0)
        assert streams.tried == 3
