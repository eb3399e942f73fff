"""Somebody is erased while they are connected to two nodes: both let go of them, and neither keeps what they did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from server.privacy.erasing import Departure, erase
from tests.server.cluster.pair import pair
from tests.server.running import until

S1 = "session/s1"


async def test_both_nodes_forget_who_was_erased(tmp_path: Path, postgres_place: str, redis_url: str) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await nodes.go_live()
        here, there = await nodes.a.client("anna", (S1,)), await nodes.b.client("anna", (S1,))
        moderators = [await node.client("mona", (S1,)) for node in (nodes.a, nodes.b)]
        await here.do(S1, {"type": "question.ask", "text": "Annas fråga"})
        for mona in moderators:
            await mona.event("question.asked")
        services = nodes.a.services
        await erase(services.database, services.keys, [Departure("anna", "gone-1", "Anna Ek")], datetime.now(UTC))
        assert [await here.closed(), await there.closed()] == [4401, 4401]
        for mona in moderators:
            left = await mona.until(lambda f: f["type"] == "snapshot" and "gone-1" in str(f))
            assert left["state"]["questions"]["s1-q1"]["text"] == "" and "Anna" not in str(left)
        for node in (nodes.a, nodes.b):
            await until(lambda node=node: not node.services.presence.people("s1").get("anna"))  # type: ignore[misc]
            assert "anna" not in str(node.services.streams.room("s1"))
