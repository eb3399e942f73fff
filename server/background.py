"""What goes on all the time beside the requests, and must not end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Final

import structlog

from rooms.errors import Refused
from server.lanes import name_of
from server.privacy.forgetting import Forgetting
from server.reactions import Reactions
from server.recorder import Recorder
from server.services import Services, report_bug

REFRESH_SECONDS: Final = 2.0
END_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 1.0  # before background work that failed begins again

Work = Callable[[], Coroutine[Any, Any, None]]

_log = structlog.get_logger("plenum")


def start(works: Iterable[Work], stack: AsyncExitStack) -> None:
    """Starts what goes on all the time; the stack ends it."""
    stack.push_async_callback(end, [asyncio.create_task(keep_going(work)) for work in works])


async def end(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancels background tasks and waits for their end, but not for ever: one that hangs on a database which says nothing
    does nothing more."""
    for task in tasks:
        task.cancel()
    _, hanging = await asyncio.wait(tasks, timeout=END_SECONDS)
    if hanging:
        _log.warning("background work does not end", tasks=len(hanging))


async def keep_going(work: Work) -> None:
    """Background work that must not end: what goes wrong is reported, and it begins again."""
    while True:
        try:
            await work()
        except Refused as refusal:  # the database is away, and says so itself
            _log.warning("background work waits", code=refusal.code)
        except Exception:
            report_bug("background", name_of(work))
        await asyncio.sleep(PAUSE_SECONDS)


async def follow_other_processes(services: Services, forgetting: Forgetting) -> None:
    """`plenum people import`, `plenum links` and `plenum person erase` work on the same database while the server runs:
    whose link was withdrawn or whose roles changed is disconnected, and their sound and picture ends; who was erased is
    forgotten."""
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        changed = [await services.people.refresh(), await services.links.refresh()]
        if any(changed):
            for person_id in services.hub.recheck():
                await services.seats.end_person(person_id)
        await forgetting.look()


async def tell_deaths(recorder: Recorder, reactions: Reactions) -> None:
    """Recorders that end by themselves."""
    async for death in recorder.deaths():
        reactions.recorder_died(death.session_id, death.recording_id, death.reason)
