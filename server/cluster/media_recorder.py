"""Recordings with several nodes: each is made where its room's media is, as taps are plain RTP on the loopback, into storage
that all nodes share. So whichever node is asked for the file has it, and another node goes on in it when the room moves.
Neighbours: `server/recorder.py`, which makes them; `media_engine`, which knows where.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from live.control import MediaRefused
from server.cluster.media_engine import ClusterEngine
from server.cluster.media_wire import Record
from server.recorder import Recorder, RecorderFailed
from server.settings import Settings

PATIENCE_SECONDS: Final = 30.0  # for a room that is moving, and a file that is being finished where it was
PAUSE_SECONDS: Final = 0.5

_log = structlog.get_logger("recorder")


class ClusterRecorder(Recorder):
    """Whoever asks it to start or stop a recording may be on any node. `on_recording(recording_id, is_here)`: this node
    makes it, or no longer."""

    def __init__(self, settings: Settings, engine: ClusterEngine) -> None:
        super().__init__(settings, engine)
        self._engine = engine
        self.on_recording: Callable[[str, bool], None] = lambda recording_id, is_here: None
        engine.on_record = self._record
        engine.on_finish_record = self.finish

    async def start(self, session_id: str, room: str, recording_id: str) -> None:
        """Harmless if it is being recorded already. Raises `MediaRefused` where no node can within a while."""
        give_up_at = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        while True:
            try:
                await self._engine.record(session_id, room, recording_id)
                return
            except MediaRefused as refusal:
                if asyncio.get_running_loop().time() > give_up_at:
                    raise
                _log.info("recording waits", recording=recording_id, reason=str(refusal))
            await asyncio.sleep(PAUSE_SECONDS)

    async def stop(self, recording_id: str) -> float:
        await self._engine.finish_record(recording_id)
        return await super().stop(recording_id)

    async def finish(self, recording_id: str) -> bool:
        was_here = await super().finish(recording_id)
        if was_here:
            self.on_recording(recording_id, False)
        return was_here

    async def retap(self, rooms: tuple[str, ...] | None = None) -> None:
        """What is another node's by now ends here, so that it can go on there."""
        for recording_id, room in self.recorded.items():
            if (rooms is None or room in rooms) and not self._engine.is_here(room):
                await self.finish(recording_id)
        await super().retap(rooms)

    async def _record(self, call: Record) -> None:
        try:
            await super().start(call.session_id, call.room, call.recording_id)
            self.on_recording(call.recording_id, True)
        except (RecorderFailed, OSError, TimeoutError) as error:
            raise MediaRefused("media_unavailable", f"not recorded: {error!r}") from error
