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


def join(one: Running, other: Running) -> None:
    """As when one hears the other again."""
    for joined in cluster_of(one).nodes.on_join:
        joined(cluster_of(other).nodes.id)


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
        here.mute("s1", "b1", "anna", is_muted=True)
        await until(lambda: muted(nodes.b) == [("s1", "b1", "anna")])
        there = nodes.b.services.seats.circles
        there.set_muted("s1", "b1", "anna", is_muted=False)  # as if it had not heard of it
        join(nodes.a, nodes.b)
        await until(lambda: muted(nodes.b) == [("s1", "b1", "anna")])


async def test_a_node_that_was_cut_off_does_not_say_of_anybody_what_another_node_knows_better(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await opened(nodes)
        here, there = (node.services.seats.circles for node in nodes)
        here.mute("s1", "b1", "anna", is_muted=True)
        await until(lambda: muted(nodes.b) == [("s1", "b1", "anna")])
        here.set_muted("s1", "b1", "anna", is_muted=False)  # as if the other had not heard of it
        join(nodes.b, nodes.a)
        there.mute("s1", "b1", "siri", is_muted=True)  # is heard after whatever it said before
        await until(lambda: ("s1", "b1", "siri") in muted(nodes.a))
        assert muted(nodes.a) == [("s1", "b1", "siri")]
