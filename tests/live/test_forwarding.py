"""End to end over the loopback, with aiortc's own peer connection as publisher and viewer: real H.264, VP8 and Opus."""

from __future__ import annotations

import re
from typing import Any

import pytest

from live.control import ActiveSpeaker, PeerDown, PeerUp, SlotsChanged, Use
from live.engine import EmbeddedEngine
from live.limits import Limits
from tests.live.clients import Client, Picture, Tone, all_closed, prefer, publish, watch
from tests.live.conftest import Told

SLOTS: tuple[Use, ...] = ("video", "video", "audio", "screen_slot")


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_a_viewer_sees_and_hears_the_publisher(engine: EmbeddedEngine, codec: str) -> None:
    publisher = await publish(engine, "room", "anna", shade=90, codec=codec)
    viewer = await watch(engine, "room")
    async with all_closed(publisher, viewer):
        await viewer.until_frames("0", 20)
        await viewer.until_frames("1", 20)
        assert abs(viewer.shade("0") - 90) < 8


async def test_a_viewer_that_waits_sees_who_comes(engine: EmbeddedEngine, told: Told) -> None:
    viewer = await watch(engine, "room", uses=SLOTS)
    publisher = await publish(engine, "room", "anna")
    async with all_closed(viewer, publisher):
        await viewer.until_frames("0", 5)
        await told.until(lambda all: any(isinstance(n, ActiveSpeaker) and n.label == "anna" for n in all))
        changes = [n.slots for n in told.all if isinstance(n, SlotsChanged)]
        assert changes[-1]["video0"] == changes[-1]["audio0"] == changes[-1]["programme"] == "anna"


async def asked_for(engine: EmbeddedEngine) -> int:
    """How often publishers were asked for a key frame."""
    workers = await engine.statistics()
    peers = [peer for worker in workers for room in worker.rooms.values() for peer in room.peers.values()]
    return sum(track.plis for peer in peers for track in peer.tracks)


async def test_a_late_viewer_does_not_wait_for_the_encoders_next_key_frame(engine: EmbeddedEngine) -> None:
    publisher = await publish(engine, "room", "anna")
    first = await watch(engine, "room")
    async with all_closed(publisher, first):
        await first.until_frames("0", 30)
        before = await asked_for(engine)
        late = await watch(engine, "room")
        async with all_closed(late):
            await late.until_frames("0", 1)
            assert await asked_for(engine) > before


async def test_two_publishers_fill_two_slots_and_one_leaves(engine: EmbeddedEngine, told: Told) -> None:
    anna = await publish(engine, "room", "anna", shade=40)
    bo = await publish(engine, "room", "bo", shade=200)
    viewer = await watch(engine, "room", uses=SLOTS)
    async with all_closed(viewer, bo):
        async with all_closed(anna):
            await viewer.until_frames("0", 5)
            await viewer.until_frames("1", 5)
            shades = sorted((viewer.shade("0"), viewer.shade("1")))
            assert abs(shades[0] - 40) < 8 and abs(shades[1] - 200) < 8
            bos = max("01", key=viewer.shade)  # whose picture comes first has the first slot
        await told.until(lambda all: any(isinstance(n, PeerDown) and n.label == "anna" for n in all))
        await viewer.until_frames(bos, viewer.frames[bos] + 5)


async def test_the_programme_goes_on_with_whoever_is_left(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "room", "anna", shade=40)
    viewer = await watch(engine, "room")
    async with all_closed(viewer):
        async with all_closed(anna):
            await viewer.until_frames("0", 5)
            bo = await publish(engine, "room", "bo", shade=200)
        async with all_closed(bo):
            await viewer.until(lambda: abs(viewer.shade("0") - 200) < 8)


async def test_one_connection_sends_and_receives_and_does_not_see_itself(engine: EmbeddedEngine, told: Told) -> None:
    speaker = Client()
    speaker.connection.addTransceiver(Tone(), direction="sendonly")
    speaker.connection.addTransceiver(Picture(40), direction="sendonly")
    for kind in ("audio", "video"):
        speaker.connection.addTransceiver(kind, direction="recvonly")
    prefer(speaker.connection, "H264")
    uses: dict[str, Use] = {"0": "microphone", "1": "camera", "2": "audio", "3": "video"}
    admission = await engine.admit("room", "anna", await speaker.offer(), uses, may_send=True, may_receive=True)
    await speaker.accept(admission.answer)
    await speaker.connected()
    viewer = await watch(engine, "room", uses=SLOTS)
    async with all_closed(speaker, viewer):
        await viewer.until_frames("0", 10)
        assert speaker.frames == {}


async def test_rooms_are_apart(engine: EmbeddedEngine) -> None:
    anna = await publish(engine, "one", "anna", shade=40)
    bo = await publish(engine, "two", "bo", shade=200)
    viewers = [await watch(engine, room) for room in ("one", "two")]
    async with all_closed(anna, bo, *viewers):
        for viewer, shade in zip(viewers, (40, 200), strict=True):
            await viewer.until_frames("0", 3)
            assert abs(viewer.shade("0") - shade) < 8


async def test_a_removed_speaker_is_gone(engine: EmbeddedEngine, told: Told) -> None:
    anna = await publish(engine, "room", "anna")
    viewer = await watch(engine, "room", "anna")
    async with all_closed(anna, viewer):
        await viewer.until_frames("0", 3)
        await engine.remove_label("room", "anna", senders_only=True)
        await told.until(lambda all: any(isinstance(n, SlotsChanged) and not any(n.slots.values()) for n in all[3:]))
        downs = [n for n in told.all if isinstance(n, PeerDown)]
        assert [(n.peer_id, n.reason) for n in downs] == [(anna.admission.peer_id if anna.admission else "", "removed")]


async def test_who_is_removed_is_told_at_once(engine: EmbeddedEngine) -> None:
    """By the end of the DTLS session, so that a page can offer again: without it, ICE takes half a minute to give up."""
    publisher = await publish(engine, "room", "anna")
    async with all_closed(publisher):
        await engine.remove_label("room", "anna", senders_only=True)
        await publisher.ended()


async def test_a_certificate_that_the_offer_did_not_name_is_refused(engine: EmbeddedEngine, told: Told) -> None:
    client = Client()
    client.connection.addTransceiver(Picture(40), direction="sendonly")
    offer = re.sub(
        r"(fingerprint:sha-\d+ )([0-9A-F]{2})", lambda m: m[1] + ("00" if m[2] != "00" else "01"), await client.offer()
    )
    admission = await engine.admit("room", "mallory", offer, None, may_send=True, may_receive=False)
    async with all_closed(client):
        await client.accept(admission.answer)
        await told.until(lambda all: any(isinstance(n, PeerDown) and n.reason == "handshake" for n in all))
        assert not any(isinstance(n, PeerUp) for n in told.all)
        (found,) = await engine.statistics()
        assert found.peers == 0


async def test_who_may_not_send_is_not_forwarded(engine: EmbeddedEngine) -> None:
    client = Client()
    client.connection.addTransceiver(Picture(40), direction="sendonly")
    client.connection.addTransceiver("video", direction="recvonly")
    uses: dict[str, Use] = {"0": "camera", "1": "programme"}
    admission = await engine.admit("room", "anna", await client.offer(), uses, may_send=False, may_receive=True)
    await client.accept(admission.answer)
    await client.connected()
    publisher = await publish(engine, "room", "bo", shade=200)
    async with all_closed(client, publisher):
        await client.until_frames("1", 5)
        (found,) = await engine.statistics()
        assert found.rooms["room"].peers[admission.peer_id].tracks == ()


async def test_a_peer_that_vanishes_is_noticed() -> None:
    async with EmbeddedEngine(("127.0.0.1",), limits=Limits(idle=5.0)) as engine:  # longer than a busy machine stops for
        told = Told(engine)
        client = await watch(engine, "room", "anna")
        transport: Any = client.connection.getTransceivers()[0].receiver.transport
        await transport.transport._connection.close()  # the network is gone; no goodbye
        await told.until(lambda all: any(isinstance(n, PeerDown) and n.reason == "silent" for n in all))
        told.reader.cancel()
        await client.close()
