"""Media through two whole nodes: whoever is let in by one is served, ended and found by the other."""

from __future__ import annotations

from pathlib import Path

from live.control import SlotsChanged
from rooms import messages as m
from server.cluster.media_engine import ClusterEngine
from server.cluster.media_wire import lease_of
from tests.fakes import FakeEngine
from tests.server.cluster.pair import Pair, pair
from tests.server.running import Running, until
from tests.server.test_ice_patch import ANY, FRAGMENT
from tests.server.test_whip import S1, bearer

OFFER = {"sdp": "v=0\r\n", "uses": {}}


async def carry(nodes: Pair) -> None:
    """Redis has had its time to hear of who holds what."""
    for node in nodes:
        media = engine_of(node)
        await until(lambda media=media: media._here.has_been_up)  # type: ignore[misc]
        await media._keeper.renew()
    link = engine_of(nodes.a)._calls._link
    await link.client.hset(link.key("media", "state"), "calm", "0")


def engine_of(node: Running) -> ClusterEngine:
    media = node.services.media
    assert isinstance(media, ClusterEngine)
    return media


async def test_a_seat_is_found_from_every_node_and_ends_with_its_session_wherever_that_is_ended(
    tmp_path: Path, postgres_place: str, redis_url: str
) -> None:
    async with pair(tmp_path, postgres_place, redis_url) as nodes:
        await carry(nodes)
        await nodes.go_live()
        async with (
            await nodes.a.browser("anna") as here,
            await nodes.b.browser("anna") as moved,
            await nodes.b.browser() as software,
        ):
            answered = await here.post("/media/s1", json=OFFER)
            assert answered.status_code == 201
            location = answered.headers["Location"]
            peer_id = location.rpartition("/")[2]
            await until(lambda: peer_id in nodes.b.services.seats._seats)
            assert (nodes.a.services.seats.count, nodes.b.services.seats.count) == (1, 0)
            shown = await moved.patch(
                location, json={"heights": {"video0": 360}}, headers={"Content-Type": "application/json"}
            )
            assert shown.status_code == 204
            restarted = await moved.patch(location, content=FRAGMENT, headers=ANY)
            assert restarted.status_code == 200
            assert (
                await here.patch(location, content=FRAGMENT, headers=ANY | {"If-Match": restarted.headers["ETag"]})
            ).status_code in (200, 204)
            token = await bearer(nodes.b, "siri", "whip")
            assert (await software.post("/whip/plenum", content="v=0\r\n", headers=token)).status_code == 201
            await until(lambda: nodes.a.services.seats.publishes_externally("s1", "siri"))
            home = nodes.a if lease_of(peer_id) == engine_of(nodes.a)._keeper.lease.id else nodes.b
            local = engine_of(home)._local
            assert isinstance(local, FakeEngine)
            assert set(local.peers.values()) == {("s1", "anna"), ("s1", "siri")}
            local.notify(SlotsChanged("s1", {"video0": "siri"}))
            fed = m.SlotsSignal(S1, {"video0": "siri"}, {})
            for node in nodes:  # what its pages are told
                await until(lambda hub=node.services.hub: fed in hub._signals.get(S1, {}).values())  # type: ignore[misc]
            mona = nodes.b.services.people.actor(next(p for p in nodes.b.services.people.all() if "moderator" in p.roles))
            await nodes.b.services.streams.handle(m.CONFERENCE, mona, m.SessionEnd("s1"))
            await until(lambda: not local.peers and not any(node.services.seats._seats for node in nodes))
