"""Breakout rooms whose people are served by two nodes: what one node is told in the room, everybody in it hears."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

from server.notes.document import EMPTY
from tests.server.cluster.pair import Pair, cluster_of, pair
from tests.server.notes.test_api import STREAM, exchange, open_rooms, write
from tests.server.notes.test_document import Page
from tests.server.running import Running, until


async def opened(nodes: Pair) -> None:
    """Anna and Siri sit in b1, as both nodes know."""
    await open_rooms(nodes.a)
    streams = nodes.b.services.streams
    await until(lambda: streams.breakouts("s1").rooms.keys() == {"b1", "b2"} and streams.context("s1").run.phase == "live")


def muted(node: Running) -> list[tuple[str, str, str]]:
    return node.services.seats.circles.all_muted()


async def test_what_is_written_by_one_node_is_heard_and_read_by_the_other_and_nobody_else_hears_it(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await opened(nodes)
        siri, bo = [await nodes.b.client(who, ("conference", STREAM)) for who in ("siri", "bo")]
        assert (await write(nodes.a, "anna", "Vi börjar med skolan."))[0] == 200
        page = Page()
        page.take(b64decode((await siri.heard("notes", room_id="b1"))["update"]))
        assert str(page.text) == "Vi börjar med skolan."
        page.write(0, "Nej: ")
        assert (await exchange(nodes.b, "siri", page, page.unsent(EMPTY)))[0] == 200
        late = Page()
        assert (await exchange(nodes.a, "anna", late))[0] == 200 and str(late.text) == "Nej: Vi börjar med skolan."
        assert not [frame for frame in bo.frames if frame["type"] == "notes"]


async def test_whose_microphone_is_off_is_known_by_all_nodes_and_by_one_that_joins(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await opened(nodes)
        siri = await nodes.b.client("siri", ("conference", STREAM))
        here = nodes.a.services.seats.circles
        here.mute("s1", "b1", "anna", is_muted=True)
        await siri.heard("breakout_media", muted=["anna"])
        here.mute("s1", "b1", "anna", is_muted=False)
        await siri.heard("breakout_media", muted=[])
        assert muted(nodes.a) == muted(nodes.b) == []
        here.set_muted("s1", "b1", "anna", is_muted=True)  # the other has not heard of it
        for joined in cluster_of(nodes.a).nodes.on_join:
            joined(cluster_of(nodes.b).nodes.id)
        await until(lambda: muted(nodes.b) == [("s1", "b1", "anna")])
