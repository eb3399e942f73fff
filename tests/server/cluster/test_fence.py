"""A node that slept does nothing that was sent to it before: whoever sent it has gone elsewhere and on."""

from __future__ import annotations

from pathlib import Path

from server.cluster.fence import ASLEEP_SECONDS, DOUBT_SECONDS
from server.hub import CLOSE_RESTART
from tests.server.cluster.pair import fence_of, several
from tests.server.running import running

S1 = "session/s1"


async def test_a_command_that_waited_while_its_node_slept_is_not_carried_out_and_nobody_else_is_sent_away(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with running(tmp_path, **several(postgres_place, redis_url)) as run:
        clock = fence_of(run)
        await run.go_live()
        mona, anna = [await run.client(who, ("conference", S1)) for who in ("mona", "anna")]
        await mona.do(S1, {"type": "poll.draft", "title": "Ska vi?", "options": ["Ja", "Nej"], "anonymous": False})
        await mona.do(S1, {"type": "poll.open", "poll_id": "s1-p1"})
        command = {"type": "poll.answer", "poll_id": "s1-p1", "option": 1}
        clock.now += ASLEEP_SECONDS + 1
        await anna.send({"type": "do", "id": 1, "stream": S1, "command": command})
        assert await anna.closed() == CLOSE_RESTART
        assert not [frame for frame in anna.frames if frame["type"] in ("ack", "refused")]
        again = await run.client("anna", (S1,), anna.name)  # nothing can have waited on a connection that is new
        assert (await again.heard("mine"))["answers"] == {}
        assert (await again.do(S1, command, 1))["type"] == "ack"
        clock.now += DOUBT_SECONDS  # hers was silent, so nothing waited
        assert (await mona.do(S1, {"type": "poll.close", "poll_id": "s1-p1"}))["type"] == "ack"
