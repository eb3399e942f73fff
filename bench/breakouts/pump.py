"""The thread in which all members send and receive."""

from __future__ import annotations

import asyncio
import contextlib
import select
import threading
import time
from typing import Final

from bench.breakouts.member import Member

PACE: Final = 0.002  # seconds: what falls due within it leaves together
FEEDBACK: Final = 0.1
CONSENT: Final = 5.0


class Pump:
    """`add` as they come."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._poll = select.epoll()
        self._members: dict[int, Member] = {}  # by descriptor
        self._stopping = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._guarded)
        self._thread.start()

    def add(self, member: Member) -> None:
        self._members[member.wire.socket.fileno()] = member
        self._poll.register(member.wire.socket, select.EPOLLIN)

    def check(self) -> None:
        """Raises what went wrong."""
        if self._error is not None:
            raise self._error

    async def stop(self) -> None:
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)
        self._poll.close()

    def _guarded(self) -> None:
        try:
            self._run()
        except BaseException as error:  # told by `check`
            self._error = error

    def _run(self) -> None:
        told: dict[int, list[float]] = {}
        while not self._stopping.is_set():
            now = time.monotonic()
            for fd, member in list(self._members.items()):
                if not member.is_up:
                    continue
                member.send_due(now)
                due = told.setdefault(fd, [now + FEEDBACK, now + 1, now + CONSENT])
                for which, (every, tell) in enumerate(
                    ((FEEDBACK, member.give_feedback), (1.0, member.report), (CONSENT, member.client.keep_alive))
                ):
                    if due[which] <= now:
                        due[which] = now + every
                        tell()
            for fd, _ in self._poll.poll(max(0.0, now + PACE - time.monotonic()), len(self._members) or 1):
                with contextlib.suppress(KeyError):
                    self._members[fd].read(self._loop)
