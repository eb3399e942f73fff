"""Questions between nodes about media: what comes back is an answer, or a refusal that passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
import pytest

from live.control import MediaRefused, RoomReport
from server.cluster import media_wire as wire
from server.cluster.media_calls import Calls


class Link:
    """One node's way to Redis. Whatever it asks is answered at once with `answer`."""

    def __init__(self, answer: object) -> None:
        self._answer = msgspec.msgpack.encode(answer)
        self._listeners: dict[str, Callable[[bytes], None]] = {}

    def on(self, channel: str, listener: Callable[[bytes], None]) -> None:
        self._listeners[channel] = listener

    async def publish(self, channel: str, message: bytes) -> int:
        request = msgspec.msgpack.decode(message, type=wire.Request)
        result = wire.Result(request.id, msgspec.Raw(self._answer))
        self._listeners[f"media:to:{request.sender}"](msgspec.msgpack.encode(result))
        return 1


async def ask(answer: object) -> RoomReport:
    calls = Calls(cast(Any, Link(answer)), "a", cast(Any, None), lambda told: None)
    return await calls.ask("b.1", wire.LookAt("s1"), RoomReport)


async def test_an_answer_comes_back() -> None:
    assert await ask(RoomReport("b", ())) == RoomReport("b", ())


async def test_an_answer_of_another_release_that_cannot_be_read_is_a_refusal_that_passes() -> None:
    with pytest.raises(MediaRefused, match="another release") as refused:
        await ask({"something": "else"})
    assert refused.value.code == "media_unavailable"
